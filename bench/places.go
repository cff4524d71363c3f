package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/purserhq/purser/internal/hours"
	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/walletapi"
)

// The promises about places.
const (
	leastNear    = 0.6
	leastFar     = 0.3
	leastQueries = 50_000
	mostReady    = 3 * time.Second
	mostAtlas    = 600 << 20

	// askedPoints are how many different points the searches are around: people are where places are, and many ask from the same
	// places. strangePoints are so many that most of what is found was not asked for lately.
	askedPoints   = 1000
	strangePoints = 20_000
	// putAtOnce is how many places one transaction writes.
	putAtOnce = 10_000
)

// region is a set of places: most of them in towns, some between them.
type region struct {
	random *rand.Rand
	towns  []wallet.Position
	hours  []*hours.Schedule
}

func newRegion() (*region, error) {
	r := &region{random: rand.New(rand.NewPCG(2026, 11))}
	for range 100 {
		r.towns = append(r.towns, wallet.At(47+14*r.random.Float64(), 5+25*r.random.Float64()))
	}
	for _, text := range []string{
		"Mo-Fr 09:00-18:00", "Mo-Fr 08:00-17:00; Sa 10:00-14:00", "24/7", "Mo-Su 10:00-22:00", "Mo-Fr 09:00-13:00,14:00-18:00; PH off",
		"Mo-Th 12:00-22:00; Fr,Sa 18:00-03:00", "Apr-Sep 08:00-20:00; Oct-Mar 09:00-17:00",
	} {
		schedule, err := hours.Parse(text)
		if err != nil {
			return nil, err
		}
		r.hours = append(r.hours, schedule)
	}
	return r, nil
}

// position is where a place or somebody who looks for one is.
func (r *region) position() wallet.Position {
	if r.random.IntN(10) < 3 {
		return wallet.At(47+14*r.random.Float64(), 5+25*r.random.Float64())
	}
	town := r.towns[r.random.IntN(len(r.towns))]
	lat, lng := town.Degrees()
	angle, far := 2*math.Pi*r.random.Float64(), 0.1*math.Sqrt(r.random.Float64())
	return wallet.At(lat+far*math.Sin(angle), lng+2*far*math.Cos(angle))
}

var placeWords = strings.Fields("Kiosk Store Bakery Café Pharmacy Station Market Garage Books Flowers Pizza Hotel Bank Office Museum")

// place is one of the region.
func (r *region) place(id, project int64, now time.Time) wallet.Location {
	at := r.position()
	word := placeWords[r.random.IntN(len(placeWords))]
	l := wallet.Location{
		ID: id, ProjectID: project, Title: wallet.Text{"en": fmt.Sprintf("%s %d", word, id)}, Position: &at, Status: wallet.Active, Public: true,
		Address: wallet.Text{"en": fmt.Sprintf("%s Street %d, Town %d", placeWords[r.random.IntN(len(placeWords))], 1+r.random.IntN(200), r.random.IntN(100))},
		Hours:   r.hours[r.random.IntN(len(r.hours))], Timezone: "Europe/Vilnius", UpdatedAt: now,
		Services: map[wallet.Service]wallet.Offer{wallet.Pay: {Available: true, Categories: []int64{1 + r.random.Int64N(7)}}},
	}
	if r.random.IntN(3) == 0 {
		l.Services[wallet.CashIn] = wallet.Offer{Available: true, Types: []string{"contact", "bar_code"}}
	}
	return l
}

// places measures searches among a hundred thousand places and among a million.
func (b *bench) places(ctx context.Context) error {
	for _, scene := range []struct {
		count  int
		radius float64
		least  float64
	}{{100_000, 1000, leastNear}, {1_000_000, 50_000, leastFar}} {
		if err := b.placesOf(ctx, scene.count, scene.radius, scene.least); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) placesOf(ctx context.Context, count int, radius, least float64) error {
	name := fmt.Sprintf("places-%d", count)
	data, _, err := b.newFolder(ctx, name)
	if err != nil {
		return err
	}
	r, err := newRegion()
	if err != nil {
		return err
	}
	if err := b.fillPlaces(ctx, data, r, count, b.searchInside); err != nil {
		return err
	}
	asked := make([]string, strangePoints)
	for i := range asked {
		lat, lng := r.position().Degrees()
		asked[i] = fmt.Sprintf("/rest/v1/locations?lat=%.6f&lng=%.6f&distance=%.0f", lat, lng, radius)
	}
	return b.searchOverWire(ctx, data, asked, count, radius, least)
}

// fillPlaces writes the places through the store, and does something with them in this process.
func (b *bench) fillPlaces(ctx context.Context, data string, r *region, count int, then func(context.Context, *store.DB, *region, int) error) (err error) {
	text, err := os.ReadFile(filepath.Join(data, "kek"))
	if err != nil {
		return err
	}
	box, err := secret.NewBox(secret.Text(strings.TrimSpace(string(text))))
	if err != nil {
		return err
	}
	db, err := store.Open(ctx, "sqlite:"+filepath.Join(data, "purser.db"), store.Options{Box: box, Now: b.now, Log: slog.Default()})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	began := b.now()
	const project, first = 1221, 10_000
	for done := 0; done < count; done += putAtOnce {
		some := make([]wallet.Location, min(putAtOnce, count-done))
		for i := range some {
			some[i] = r.place(int64(first+done+i), project, b.now())
		}
		if err := db.UpdateWithin(ctx, time.Minute, func(tx *store.Tx) error { return tx.PutLocations(some) }); err != nil {
			return err
		}
	}
	took := b.now().Sub(began)
	b.judge(result{what: fmt.Sprintf("%d places written, by %d in a transaction", count, putAtOnce), limit: "–",
		measured: fmt.Sprintf("%.1f s", took.Seconds()), verdict: informative}, nil)
	return then(ctx, db, r, count)
}

// searchInside counts searches in this process.
func (b *bench) searchInside(ctx context.Context, db *store.DB, r *region, count int) error {
	points := make([]wallet.Position, askedPoints)
	for i := range points {
		points[i] = r.position()
	}
	base := wallet.LocationFilter{PublicOnly: true, Statuses: []wallet.LocationStatus{wallet.Active}, Distance: 50_000, Limit: 20}
	now := b.now()
	openNow, words := base, base
	openNow.OpenAt, words.Words = now, []string{"kiosk"}
	for _, query := range []struct {
		what     string
		f        wallet.LocationFilter
		promised bool
	}{{"50 km", base, count == 100_000}, {"50 km, open now", openNow, false}, {"50 km, with a word", words, false}} {
		var asked, matches atomic.Int64
		began := b.now()
		group, gctx := errgroup.WithContext(ctx)
		for worker := range 2 {
			group.Go(func() error {
				for i := worker; b.now().Sub(began) < 2*time.Second; i++ {
					f := query.f
					f.Near = &points[i%len(points)]
					found, err := db.FindLocations(gctx, f, now)
					if err != nil {
						return err
					}
					asked.Add(1)
					matches.Add(int64(found.Total))
				}
				return nil
			})
		}
		if err := group.Wait(); err != nil {
			return err
		}
		rate := float64(asked.Load()) / b.now().Sub(began).Seconds()
		one := result{
			what:     fmt.Sprintf("searches in process among %d places, %s, %d matches", count, query.what, matches.Load()/max(asked.Load(), 1)),
			measured: fmt.Sprintf("%.0f a second", rate), limit: "–", verdict: informative,
		}
		if query.promised {
			one.limit, one.verdict = fmt.Sprintf("at least %d a second", leastQueries), atLeast(rate, leastQueries)
		}
		b.judge(one, nil)
	}
	return nil
}

// searchOverWire starts the server on the places, and compares it with one that answers as much.
func (b *bench) searchOverWire(ctx context.Context, data string, asked []string, count int, radius, least float64) error {
	began := b.now()
	purser, err := startPurser(ctx, b, data, "")
	if err != nil {
		return err
	}
	defer purser.kill()
	answers := b.now().Sub(began)
	if _, err := fetch(ctx, purser.address, asked[0]); err != nil {
		return err
	}
	ready := b.now().Sub(began)
	b.judge(result{what: fmt.Sprintf("start among %d places to the first answer about places", count), limit: fmt.Sprintf("< %d ms", mostReady.Milliseconds()),
		measured: fmt.Sprintf("%d ms; others after %d ms", ready.Milliseconds(), answers.Milliseconds()), verdict: atMost(float64(ready), float64(mostReady))}, nil)
	mean, err := meanLength(ctx, purser.address, asked[:200])
	if err != nil {
		return err
	}
	bareAddress, err := freeAddress()
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	bare, err := start(ctx, b, bareAddress, "/", self, "-bare", bareAddress, "-bare-answer", fmt.Sprint(mean))
	if err != nil {
		return err
	}
	defer bare.kill()
	strange, err := b.load(ctx, purser.address, asked, 2*turnTime)
	b.judge(result{what: fmt.Sprintf("the same from %d points, which most answers are read for", strangePoints), limit: "–",
		measured: fmt.Sprintf("%.0f a second", strange), verdict: informative}, err)
	ratio, rates, err := b.sideBySidePlaces(ctx, bare.address, purser.address, asked[:askedPoints])
	b.judge(result{
		what:  fmt.Sprintf("throughput of GET /locations among %d places, %.0f km, answers of %d bytes, against a bare handler", count, radius/1000, mean),
		limit: fmt.Sprintf("at least %.2f", least), measured: fmt.Sprintf("%.2f (%s)", ratio, rates), verdict: atLeast(ratio, least),
	}, err)
	memory, err := purser.memory()
	b.judge(result{what: fmt.Sprintf("resident memory after that, %d places", count), limit: fmt.Sprintf("< %d MiB", mostAtlas>>20),
		measured: fmt.Sprintf("%.0f MiB", float64(memory)/(1<<20)), verdict: atMost(float64(memory), mostAtlas)}, err)
	return nil
}

// sideBySidePlaces measures both servers in turns: the median of the ratios of its rounds.
func (b *bench) sideBySidePlaces(ctx context.Context, bare, purser string, asked []string) (float64, string, error) {
	var ratios []float64
	var said []string
	if _, err := b.load(ctx, purser, asked, warmUp); err != nil {
		return 0, "", err
	}
	for range rounds {
		to, err := b.load(ctx, bare, asked, 2*turnTime)
		if err != nil {
			return 0, "", err
		}
		from, err := b.load(ctx, purser, asked, 2*turnTime)
		if err != nil {
			return 0, "", err
		}
		ratios = append(ratios, from/to)
		said = append(said, fmt.Sprintf("%.0f/%.0f", from, to))
	}
	return median(ratios), strings.Join(said, ", "), nil
}

// load asks over keep-alive connections for a while, and returns answers a second.
func (b *bench) load(ctx context.Context, address string, asked []string, long time.Duration) (float64, error) {
	var made, next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	g := newGenerator(address, walletapi.MAC{}, "", b.now)
	began := b.now()
	for range connections {
		group.Go(func() error {
			c, err := g.dial(ctx)
			if err != nil {
				return err
			}
			defer c.Close()
			for b.now().Sub(began) < long {
				target := asked[int(next.Add(1))%len(asked)]
				c.request = append(append(append(append(c.request[:0], "GET "...), target...), " HTTP/1.1\r\nHost: "...), address...)
				c.request = append(c.request, "\r\n\r\n"...)
				if _, err := c.Write(c.request); err != nil {
					return err
				}
				if _, err := c.read(false); err != nil {
					return err
				}
				made.Add(1)
			}
			return nil
		})
	}
	err := group.Wait()
	return float64(made.Load()) / b.now().Sub(began).Seconds(), err
}

// fetch is one answer.
func fetch(ctx context.Context, address, target string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+target, nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && (answer.StatusCode != http.StatusOK || !json.Valid(body)) {
		err = fmt.Errorf("%s: %s %s", target, answer.Status, body)
	}
	return body, err
}

// meanLength is how long answers are.
func meanLength(ctx context.Context, address string, asked []string) (int, error) {
	sum := 0
	for _, target := range asked {
		body, err := fetch(ctx, address, target)
		if err != nil {
			return 0, err
		}
		sum += len(body)
	}
	return sum / len(asked), nil
}
