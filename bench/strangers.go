package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/purserhq/purser/internal/store"
)

// strangeFor is how long strangers ask for what is large.
const strangeFor = 5 * time.Second

// strangers measures what happens to the memory of a server, and to whoever searches as people do, while many who need not
// say who they are ask for what takes very many places to find.
func (b *bench) strangers(ctx context.Context) error {
	for _, scene := range []struct{ count, atOnce int }{{100_000, 64}, {1_000_000, 16}} {
		data, _, err := b.newFolder(ctx, fmt.Sprintf("strangers-%d", scene.count))
		if err != nil {
			return err
		}
		r, err := newRegion()
		if err != nil {
			return err
		}
		nothing := func(context.Context, *store.DB, *region, int) error { return nil }
		if err := b.fillPlaces(ctx, data, r, scene.count, nothing); err != nil {
			return err
		}
		purser, err := startPurser(ctx, b, data, "")
		if err != nil {
			return err
		}
		err = b.strangersAt(ctx, purser, r, scene.count, scene.atOnce)
		purser.kill()
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) strangersAt(ctx context.Context, purser *process, r *region, count, atOnce int) error {
	usual := make([]string, 200)
	for i := range usual {
		lat, lng := r.position().Degrees()
		usual[i] = fmt.Sprintf("/rest/v1/locations?lat=%.6f&lng=%.6f&distance=1000", lat, lng)
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: atOnce + 1}, Timeout: time.Minute}
	for _, scene := range []struct {
		what    string
		atOnce  int
		targets []string
	}{
		{"nobody", 0, nil},
		{"offset behind the end of edits", atOnce, []string{"updated_after=1&limit=1&offset=2000000"}},
		{"offset in the middle of edits", atOnce, []string{fmt.Sprintf("updated_after=1&limit=1&offset=%d", count/2)}},
		{"words, hours and all of the map", atOnce, []string{
			fmt.Sprintf("bbox=-180,-90,180,90&q=k+k+k+k+k+k+k+k+k+k&offset=%d", count/100*9), "bbox=-180,-90,180,90&open_at=now",
			fmt.Sprintf("lat=54&lng=25&distance=20000000&offset=%d", count/100*99), "open_at=now",
		}},
	} {
		m := meanwhile{b: b, client: client, address: purser.address, until: b.now().Add(strangeFor), statuses: map[string]int{}}
		group, gctx := errgroup.WithContext(ctx)
		for worker := range scene.atOnce {
			group.Go(func() error {
				return m.ask(gctx, "/rest/v1/locations?", scene.targets[worker%len(scene.targets):worker%len(scene.targets)+1], true)
			})
		}
		group.Go(func() error { return m.ask(gctx, "", usual, false) })
		most := int64(0)
		group.Go(func() error {
			for m.b.now().Before(m.until) {
				memory, err := purser.memory()
				if err != nil {
					return err
				}
				most = max(most, memory)
				time.Sleep(20 * time.Millisecond)
			}
			return nil
		})
		if err := group.Wait(); err != nil {
			return err
		}
		b.judge(result{
			what:  fmt.Sprintf("%d places, %d strangers at once: %s", count, scene.atOnce, scene.what),
			limit: "–", verdict: informative,
			measured: fmt.Sprintf("memory at most %d MiB, strangers %v, up to %s; a usual search %s", most>>20, m.statuses, worst(m.strange), middling(m.usual)),
		}, nil)
	}
	return nil
}

// meanwhile is what is asked at one time.
type meanwhile struct {
	b       *bench
	client  *http.Client
	address string
	until   time.Time

	turn           sync.Mutex
	statuses       map[string]int
	strange, usual []time.Duration
}

// ask asks one after another until the time is over.
func (m *meanwhile) ask(ctx context.Context, prefix string, targets []string, strange bool) error {
	for i := 0; m.b.now().Before(m.until); i++ {
		began := m.b.now()
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+m.address+prefix+targets[i%len(targets)], nil)
		if err != nil {
			return err
		}
		status := "cut off"
		if answer, err := m.client.Do(request); err == nil {
			_, err = io.Copy(io.Discard, answer.Body)
			if answer.Body.Close(); err == nil {
				status = fmt.Sprint(answer.StatusCode)
			}
		}
		m.turn.Lock()
		if took := m.b.now().Sub(began); strange {
			m.strange, m.statuses[status] = append(m.strange, took), m.statuses[status]+1
		} else {
			m.usual = append(m.usual, took)
		}
		m.turn.Unlock()
	}
	return nil
}

func worst(took []time.Duration) string {
	if len(took) == 0 {
		return "–"
	}
	return slices.Max(took).Round(time.Millisecond).String()
}

func middling(took []time.Duration) string {
	slices.Sort(took)
	at := func(part int) time.Duration { return took[len(took)*part/100].Round(10 * time.Microsecond) }
	return fmt.Sprintf("%s, p99 %s (%d)", at(50), at(99), len(took))
}
