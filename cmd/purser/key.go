package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
)

// span is a length of time on the command line: 720h, or 30d.
type span time.Duration

// Set reads one.
func (s *span) Set(text string) error {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseFloat(days, 64)
		if err != nil || n < 0 || n > 100_000 {
			return errors.New("write a number of days, such as 30d")
		}
		*s = span(n * 24 * float64(time.Hour))
		return nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return errors.New("write hours or days, such as 720h or 30d")
	}
	*s = span(d)
	return nil
}

// String is the reverse of Set.
func (s *span) String() string {
	const day = 24 * time.Hour
	if d := time.Duration(*s); d != 0 && d%day == 0 {
		return strconv.Itoa(int(d/day)) + "d"
	}
	return time.Duration(*s).String()
}

// Type names it in the help.
func (*span) Type() string { return "time" }

func (s *span) seconds() int64 { return int64(time.Duration(*s) / time.Second) }

// useAnswer is the last use of a credential in JSON.
type useAnswer struct {
	At      time.Time `json:"at"`
	Address string    `json:"address"`
	Agent   string    `json:"agent"`
}

func useToAnswer(u wallet.Use) *useAnswer {
	if u.At.IsZero() {
		return nil
	}
	return &useAnswer{instant(u.At), u.Address, u.Agent}
}

// cells are a use as it stands in a table: when, from where, by what.
func (u *useAnswer) cells() []string {
	if u == nil {
		return []string{"never", "", ""}
	}
	return []string{stamp(u.At), u.Address, u.Agent}
}

// keyAnswer is what is known of a key in JSON.
type keyAnswer struct {
	Number    int        `json:"number"`
	Status    string     `json:"status"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt time.Time  `json:"expires_at,omitzero"`
	RetiredAt time.Time  `json:"retired_at,omitzero"`
	LastUse   *useAnswer `json:"last_use,omitempty"`
}

// The statuses of keys and certificates. Those that are good sign and connect.
const (
	statusGood    = "good"
	statusRetired = "retired"
	statusRevoked = "revoked"
	statusExpired = "expired"
)

func keysToAnswer(keys []wallet.ClientKey, now time.Time) []keyAnswer {
	var all []keyAnswer
	for _, k := range keys {
		a := keyAnswer{
			Number: k.Number, Status: statusGood, CreatedAt: instant(k.CreatedAt), ExpiresAt: instant(k.ExpiresAt),
			RetiredAt: instant(k.RetiredAt), LastUse: useToAnswer(k.LastUse),
		}
		switch {
		case !k.RetiredAt.IsZero():
			a.Status = statusRetired
		case !k.Live(now):
			a.Status = statusExpired
		}
		all = append(all, a)
	}
	return all
}

func writeKeys(p *page, keys []keyAnswer) {
	var rows [][]string
	for _, k := range keys {
		rows = append(rows, append([]string{number(k.Number), k.Status, stamp(k.CreatedAt), stamp(k.ExpiresAt), stamp(k.RetiredAt)}, k.LastUse.cells()...))
	}
	p.table([]string{"KEY", "STATUS", "CREATED", "EXPIRES", "RETIRED", "LAST USE", "FROM", "BY"}, rows)
}

// rotation asks for another key.
type rotation struct {
	ID int64 `json:"id"`
	// Lifetime in seconds; 0 is for good.
	Lifetime int64 `json:"lifetime"`
}

func newClientRotate(p *program) *cobra.Command {
	var lifetime span
	command := &cobra.Command{
		Use:   "rotate CLIENT",
		Short: "Give a client another key beside the one it has; it is shown once",
		Long: "Makes the next key of a client. Both sign, so that the client can change over when it likes; then\n" +
			"retire the old one. A client has at most two keys that sign.",
		Args: cobra.ExactArgs(1),
	}
	bind := func(flags *pflag.FlagSet) {
		flags.Var(&lifetime, "lifetime", "how long the new key signs, such as 720h or 90d; 0 is for good")
	}
	return newVerb(p, command, bind, func(v *verb) error {
		id, err := v.id(0, "client")
		if err != nil {
			return err
		}
		made, err := ask[newKeyAnswer](v, "client/rotate", rotation{id, lifetime.seconds()})
		if err != nil {
			return err
		}
		return v.answer(made, func(p *page) {
			p.line("Client %d has a new key. The old one goes on signing.", id)
			v.handOut(p, made)
			for _, k := range made.Client.Keys {
				if k.Status == statusGood && k.Number != made.KeyNumber {
					p.line("")
					p.line("%s", v.proposed(fmt.Sprintf("Once the client signs with it (`purser client show %d` tells), end the old one:", id)))
					p.line("")
					p.line("  %s", v.onData(fmt.Sprintf("purser client retire %d --key %d --apply", id, k.Number)))
				}
			}
		})
	})
}

// retirement ends a key.
type retirement struct {
	ID    int64 `json:"id"`
	Key   int   `json:"key"`
	Apply bool  `json:"apply"`
}

type retiredAnswer struct {
	Applied  bool      `json:"applied"`
	ClientID int64     `json:"client_id"`
	Key      keyAnswer `json:"key"`
	// Others are the keys that go on signing.
	Others []keyAnswer `json:"others"`
}

// rest says which keys go on signing, and how long.
func (a retiredAnswer) rest() string {
	var keys []string
	for _, k := range a.Others {
		text := fmt.Sprintf("key %d", k.Number)
		if !k.ExpiresAt.IsZero() {
			text += ", which expires at " + stamp(k.ExpiresAt)
		}
		keys = append(keys, text)
	}
	return "It goes on signing with " + strings.Join(keys, ", and ") + "."
}

func newClientRetire(p *program) *cobra.Command {
	var r retirement
	command := &cobra.Command{
		Use:     "retire CLIENT",
		Short:   "End a key of a client for good; the other one goes on signing",
		Example: "  purser client retire 7 --key 1 --apply",
		Args:    cobra.ExactArgs(1),
	}
	bind := func(flags *pflag.FlagSet) {
		flags.IntVar(&r.Key, "key", 0, "`number` of the key; `purser client show` lists them")
		applyFlag(flags)
	}
	return newVerb(p, command, bind, func(v *verb) (err error) {
		if r.ID, err = v.id(0, "client"); err != nil {
			return err
		}
		r.Apply = v.applies()
		done, err := ask[retiredAnswer](v, "client/retire", r)
		if err != nil {
			return err
		}
		return v.answer(done, func(p *page) {
			if done.Applied {
				p.line("Key %d of client %d is retired. %s", r.Key, r.ID, done.rest())
				return
			}
			use := done.Key.LastUse.cells()
			p.line("This ends key %d of client %d for good: made %s, last used %s.", r.Key, r.ID, stamp(done.Key.CreatedAt),
				strings.TrimRight(strings.Join(use, " "), " "))
			p.line("%s", done.rest())
			p.line(notDone)
		})
	})
}

// revocation says which clients are to be revoked.
type revocation struct {
	ID          int64  `json:"id"`
	Application int64  `json:"application_id"`
	AppVersion  string `json:"app_version"`
	Apply       bool   `json:"apply"`
}

type revokedAnswer struct {
	Applied bool    `json:"applied"`
	Count   int     `json:"count"`
	Clients []int64 `json:"clients"`
}

func newClientRevoke(p *program) *cobra.Command {
	var r revocation
	command := &cobra.Command{
		Use:   "revoke [CLIENT]",
		Short: "End clients for good, with all their keys, certificates and tokens",
		Long: "Ends one client, all devices of an application, or those of an app version; with several conditions,\n" +
			"those that meet all. There is no way back. Devices of a revoked application stay: revoke them with\n" +
			"--application.",
		Example: "  purser client revoke 7 --apply\n" +
			"  purser client revoke --application 5 --app-version 1.0.3 --apply",
		Args: cobra.MaximumNArgs(1),
	}
	bind := func(flags *pflag.FlagSet) {
		flags.Int64Var(&r.Application, "application", 0, "all devices that this `application` registered")
		flags.StringVar(&r.AppVersion, "app-version", "", "all devices that said they are of this `version`")
		applyFlag(flags)
	}
	return newVerb(p, command, bind, func(v *verb) (err error) {
		if len(v.args) > 0 {
			if r.ID, err = v.id(0, "client"); err != nil {
				return err
			}
		}
		if r.ID == 0 && r.Application == 0 && r.AppVersion == "" {
			return errors.New("name a client, --application or --app-version: not everything at once")
		}
		r.Apply = v.applies()
		done, err := ask[revokedAnswer](v, "client/revoke", r)
		if err != nil {
			return err
		}
		return v.answer(done, func(p *page) {
			switch {
			case done.Count == 0:
				p.line("There is no such client that is not revoked. Nothing was done.")
			case done.Applied:
				p.line("%s revoked: %s", countOf(done.Count, "client was", "clients were"), words(done.Clients))
			default:
				p.line("This revokes %s for good, with all keys, certificates and tokens: %s", countOf(done.Count, "client", "clients"), words(done.Clients))
				p.line(notDone)
			}
		})
	})
}

// countOf is "1 client" or "3 clients".
func countOf(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// endingAnswer is a credential that ends, in JSON: a key by its number, or a certificate by its
// fingerprint.
type endingAnswer struct {
	ClientID    int64     `json:"client_id"`
	Key         int       `json:"key,omitempty"`
	Certificate string    `json:"certificate,omitempty"`
	At          time.Time `json:"at"`
	Expired     bool      `json:"expired"`
}

type endingsAnswer struct {
	Endings []endingAnswer `json:"endings"`
}

// endingQuery asks what ends within that many seconds.
type endingQuery struct {
	Within int64 `json:"within"`
}

func newClientExpiring(p *program) *cobra.Command {
	within := span(30 * 24 * time.Hour)
	command := &cobra.Command{
		Use:   "expiring",
		Short: "List keys and certificates that expire soon, or have",
		Args:  cobra.NoArgs,
	}
	bind := func(flags *pflag.FlagSet) { flags.Var(&within, "within", "how soon, such as 720h or 30d") }
	return newVerb(p, command, bind, func(v *verb) error {
		found, err := ask[endingsAnswer](v, "client/expiring", endingQuery{within.seconds()})
		if err != nil {
			return err
		}
		return v.answer(found, func(p *page) {
			var rows [][]string
			for _, e := range found.Endings {
				what, next := fmt.Sprintf("key %d", e.Key), fmt.Sprintf("purser client rotate %d", e.ClientID)
				if e.Key == 0 {
					what, next = "certificate "+e.Certificate[:16], fmt.Sprintf("purser certificate sign %d --request csr.pem", e.ClientID)
				}
				rows = append(rows, []string{number(e.ClientID), what, stamp(e.At), map[bool]string{true: statusExpired}[e.Expired], v.onData(next)})
			}
			if len(rows) == 0 {
				p.line("Nothing expires within %s.", within.String())
				return
			}
			p.table([]string{"CLIENT", "WHAT", "ENDS", "STATUS", "NEXT"}, rows)
		})
	})
}

// keyVerbs answer the verbs on keys, and on the end of clients.
func keyVerbs(mux *http.ServeMux, s *service.Service) {
	handleVerb(mux, "client/rotate", func(ctx context.Context, c wallet.Caller, r rotation) (newKeyAnswer, error) {
		made, err := s.RotateKey(ctx, c, r.ID, time.Duration(r.Lifetime)*time.Second)
		if err != nil {
			return newKeyAnswer{}, err
		}
		a := newKeyAnswer{MACID: made.MACID, MACKey: made.Key.Reveal(), KeyNumber: made.Number, ExpiresAt: instant(made.ExpiresAt)}
		// The key is made, and must be handed out whatever happens now.
		a.Client.ID = r.ID
		if view, err := s.GetOtherClient(ctx, c, r.ID); err == nil {
			a.Client = clientToAnswer(view.Client)
		}
		if held, err := s.ListCredentials(ctx, c, r.ID); err == nil {
			a.Client.Keys = keysToAnswer(held.Keys, s.BusinessClock())
		}
		return a, nil
	})
	handleVerb(mux, "client/retire", func(ctx context.Context, c wallet.Caller, r retirement) (retiredAnswer, error) {
		return retireKey(ctx, s, c, r)
	})
	handleVerb(mux, "client/revoke", func(ctx context.Context, c wallet.Caller, r revocation) (revokedAnswer, error) {
		clients, err := s.Revoke(ctx, c, store.Revocation{ClientID: r.ID, Application: r.Application, AppVersion: r.AppVersion}, r.Apply)
		return revokedAnswer{Applied: r.Apply && len(clients) > 0, Count: len(clients), Clients: list(clients)}, err
	})
	handleVerb(mux, "client/expiring", func(ctx context.Context, c wallet.Caller, q endingQuery) (endingsAnswer, error) {
		endings, err := s.Expiring(ctx, c, time.Duration(q.Within)*time.Second)
		a := endingsAnswer{Endings: []endingAnswer{}}
		for _, e := range endings {
			ending := endingAnswer{ClientID: e.ClientID, Key: e.Key, At: instant(e.At), Expired: !e.At.After(s.BusinessClock())}
			if e.Key == 0 {
				ending.Certificate, ending.Expired = hex.EncodeToString(e.Certificate[:]), !e.At.After(s.WallClock())
			}
			a.Endings = append(a.Endings, ending)
		}
		return a, err
	})
}

func retireKey(ctx context.Context, s *service.Service, c wallet.Caller, r retirement) (retiredAnswer, error) {
	a := retiredAnswer{ClientID: r.ID, Others: []keyAnswer{}}
	if r.Key <= 0 {
		return a, wallet.FieldError("key", "must be the number of a key; `purser client show %d` lists them", r.ID)
	}
	if _, err := s.GetOtherClient(ctx, c, r.ID); err != nil {
		return a, err
	}
	held, err := s.ListCredentials(ctx, c, r.ID)
	if err != nil {
		return a, err
	}
	keys := keysToAnswer(held.Keys, s.BusinessClock())
	at := slices.IndexFunc(keys, func(k keyAnswer) bool { return k.Number == r.Key && k.Status != statusRetired })
	if at < 0 {
		return a, wallet.Errorf(wallet.NotFound, "client %d has no key %d that is not retired; `purser client show %d` lists its keys.", r.ID, r.Key, r.ID)
	}
	a.Key = keys[at]
	for _, k := range keys {
		if k.Status == statusGood && k.Number != r.Key {
			a.Others = append(a.Others, k)
		}
	}
	if len(a.Others) == 0 {
		return a, wallet.Errorf(wallet.InvalidState, "key %d is the only one of client %d that signs: make the next one with `purser client rotate %d` first, or revoke the client.", r.Key, r.ID, r.ID)
	}
	if !r.Apply {
		return a, nil
	}
	if err := s.RetireKey(ctx, c, r.ID, r.Key); err != nil {
		return a, err
	}
	a.Applied, a.Key.Status = true, statusRetired
	return a, nil
}
