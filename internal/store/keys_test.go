package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
)

const day = 24 * time.Hour

// onAClock runs a story on an empty database of each engine, whose business clock it can move.
func onAClock(t *testing.T, story func(t *testing.T, db *store.DB, clock *wallettest.Clock, address string)) {
	t.Helper()
	wallettest.Addresses(t, func(t *testing.T, address string) {
		clock := wallettest.NewClock()
		db := wallettest.Open(t, address, clock)
		seed(t, db)
		story(t, db, clock, address)
	})
}

func insert(t *testing.T, db *store.DB, clients ...wallet.Client) {
	t.Helper()
	update(t, db, func(tx *store.Tx) (err error) {
		for _, c := range clients {
			err = errors.Join(err, tx.InsertClient(c, "key 1", time.Time{}))
		}
		return err
	})
}

// live are the keys of a client that sign now, the newest first.
func live(t *testing.T, db *store.DB, macID string) []string {
	t.Helper()
	c := credential(t, db, macID)
	c.Keys = slices.DeleteFunc(slices.Clone(c.Keys), func(k *store.Key) bool { return !k.Live(db.Now()) })
	return signatures(c)
}

// A key is replaced: the new one signs beside the old one, until that is retired. The old one is
// then gone from the database, seal and all, and what is left of it says when.
func TestKeysOfAClient(t *testing.T) {
	onAClock(t, func(t *testing.T, db *store.DB, clock *wallettest.Clock, address string) {
		insert(t, db, till(1, "till"), till(2, "other"))
		rotate(t, db, 2, "key 2")
		if got := live(t, db, "till"); !slices.Equal(got, made("key 2", "key 1")) {
			t.Errorf("%d keys sign, want key 2 and key 1", len(got))
		}
		clock.Advance(time.Hour)
		retire(t, db, 1)
		if got := live(t, db, "till"); !slices.Equal(got, made("key 2")) {
			t.Errorf("%d keys sign, want key 2", len(got))
		}
		var sealed []byte
		if err := raw(t, address).QueryRow(`SELECT sealed FROM client_keys WHERE client_id = 1 AND number = 1`).Scan(&sealed); err != nil || len(sealed) != 0 {
			t.Errorf("the retired key is sealed as %x, %v: it is to be erased", sealed, err)
		}
		keys, err := db.ClientKeys(context.Background(), 1)
		want := []wallet.ClientKey{
			{Number: 1, CreatedAt: wallettest.Epoch, RetiredAt: wallettest.Epoch.Add(time.Hour)}, {Number: 2, CreatedAt: wallettest.Epoch},
		}
		if diff := cmp.Diff(want, keys); diff != "" || err != nil {
			t.Errorf("the keys (-want +got): %v\n%s", err, diff)
		}
		update(t, db, func(tx *store.Tx) error {
			again, err1 := tx.RetireClientKey(till(1, "till"), 1)
			never, err2 := tx.RetireClientKey(till(1, "till"), 7)
			next, err3 := tx.NextKeyNumber(1)
			if again || never || next != 3 {
				t.Errorf("retired twice: %v; one that never was: %v; the next number: %d", again, never, next)
			}
			return errors.Join(err1, err2, err3)
		})
		var all []string
		err = db.AllClientKeys(context.Background(), func(client int64, key secret.Text) error {
			all = append(all, fmt.Sprint(client, " ", key.Reveal()))
			return nil
		})
		if want := []string{"1 key 2", "2 key 1"}; !slices.Equal(all, want) || err != nil {
			t.Errorf("all keys: %v, %v; want %v", all, err, want)
		}
		enough := errors.New("enough")
		if err := db.AllClientKeys(context.Background(), func(int64, secret.Text) error { return enough }); err != enough {
			t.Errorf("answered %v, want the caller's own error", err)
		}
	})
}

// A key that was made for an hour signs for an hour of the business clock, and not a moment longer,
// though it is in memory; the other one goes on.
func TestAKeyExpires(t *testing.T) {
	onAClock(t, func(t *testing.T, db *store.DB, clock *wallettest.Clock, _ string) {
		insert(t, db, till(1, "till"))
		update(t, db, func(tx *store.Tx) error {
			return tx.AddClientKey(till(1, "till"), 2, "key 2", wallettest.Epoch.Add(time.Hour))
		})
		liveKeys := func() (n int) {
			update(t, db, func(tx *store.Tx) error {
				keys, err := tx.LiveKeys(1)
				n = len(keys)
				return err
			})
			return n
		}
		clock.Advance(time.Hour - time.Microsecond)
		if got := live(t, db, "till"); !slices.Equal(got, made("key 2", "key 1")) || liveKeys() != 2 {
			t.Errorf("a moment before, %d keys sign", len(got))
		}
		clock.Advance(time.Microsecond)
		if got := live(t, db, "till"); !slices.Equal(got, made("key 1")) || liveKeys() != 1 {
			t.Errorf("on the moment, %d keys sign", len(got))
		}
	})
}

// A key expired and nobody retired it. The next one takes its place beside the oldest, and both are
// among the first two, which is how many a signature is tried with.
func TestAnExpiredKeyIsNotInTheWay(t *testing.T) {
	onAClock(t, func(t *testing.T, db *store.DB, clock *wallettest.Clock, _ string) {
		insert(t, db, till(1, "till"))
		for number := 2; number <= 4; number++ {
			update(t, db, func(tx *store.Tx) error {
				return tx.AddClientKey(till(1, "till"), number, secret.Text(fmt.Sprint("key ", number)), db.Now().Add(time.Hour))
			})
			if got := signatures(credential(t, db, "till")); !slices.Equal(got, made(secret.Text(fmt.Sprint("key ", number)), "key 1")) {
				t.Errorf("with key %d there are %d keys, want that one and key 1", number, len(got))
			}
			clock.Advance(time.Hour)
		}
	})
}

// Replaced keys are retired by themselves only when that can hurt nobody: a newer key, which still
// signs, has been in use, has been there for as long as the old one was quiet, and longer than asked.
func TestQuietKeys(t *testing.T) {
	type key struct {
		created, used int // days ago; 0 for never used
		expired       bool
		retired       bool
	}
	const asked = 30
	stories := []struct {
		what string
		keys []key
		want []int
	}{
		{"one key, quiet for a year", []key{{365, 0, false, false}}, nil},
		{"a newer one that nobody ever used", []key{{365, 100, false, false}, {90, 0, false, false}}, nil},
		{"a newer one that is in use", []key{{365, 100, false, false}, {90, 1, false, false}}, []int{1}},
		{"the old one is in use too", []key{{365, 2, false, false}, {90, 1, false, false}}, nil},
		{"the old one was used a day too late", []key{{365, 29, false, false}, {90, 1, false, false}}, nil},
		{"the old one was used a day earlier", []key{{365, 31, false, false}, {90, 1, false, false}}, []int{1}},
		{"the newer one is only a week old", []key{{365, 100, false, false}, {7, 1, false, false}}, nil},
		{"the old one was never used", []key{{365, 0, false, false}, {90, 1, false, false}}, []int{1}},
		{"the newer one was not used lately", []key{{365, 100, false, false}, {90, 60, false, false}}, []int{1}},
		{"the newer one is retired", []key{{365, 100, false, false}, {90, 1, false, true}}, nil},
		{"the newer one has expired", []key{{365, 100, false, false}, {90, 40, true, false}}, nil},
		{"the old one is retired already", []key{{365, 100, false, true}, {90, 1, false, false}}, nil},
		{"the newer one is quiet", []key{{365, 1, false, false}, {90, 60, false, false}}, nil},
	}
	onAClock(t, func(t *testing.T, db *store.DB, clock *wallettest.Clock, address string) {
		behind := raw(t, address)
		number := "?1 ?2 ?3 ?4 ?5 ?6"
		if isPostgres(address) {
			number = "$1 $2 $3 $4 $5 $6"
		}
		now := clock.Now()
		ago := func(days int, there bool) any {
			if !there {
				return nil
			}
			return now.AddDate(0, 0, -days).UnixMicro()
		}
		statement := fmt.Sprintf(`UPDATE client_keys SET created_at = %s, last_used_at = %s, expires_at = %s, retired_at = %s
			WHERE client_id = %s AND number = %s`, toAny(strings.Fields(number))...)
		for i, story := range stories {
			client := till(int64(1+i), fmt.Sprint("till-", i))
			insert(t, db, client)
			for n, k := range story.keys {
				if n > 0 {
					update(t, db, func(tx *store.Tx) error { return tx.AddClientKey(client, n+1, "key 2", time.Time{}) })
				}
				_, err := behind.Exec(statement, ago(k.created, true), ago(k.used, k.used > 0), ago(1, k.expired), ago(50, k.retired), client.ID, n+1)
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		quiet := make([][]int, len(stories))
		update(t, db, func(tx *store.Tx) error {
			endings, err := tx.QuietKeys(now.AddDate(0, 0, -asked))
			for _, e := range endings {
				quiet[e.ClientID-1] = append(quiet[e.ClientID-1], e.Key)
			}
			return err
		})
		for i, story := range stories {
			if !slices.Equal(quiet[i], story.want) {
				t.Errorf("%s: %v would be retired, want %v", story.what, quiet[i], story.want)
			}
		}
	})
}

func toAny[T any](list []T) []any {
	all := make([]any, len(list))
	for i, one := range list {
		all[i] = one
	}
	return all
}

// What ends soon: keys by the business clock and certificates by the wall clock, of clients that are
// still there, those that have ended among them.
func TestWhatExpires(t *testing.T) {
	onAClock(t, func(t *testing.T, db *store.DB, clock *wallettest.Clock, _ string) {
		insert(t, db, till(1, "one"), till(2, "two"), till(3, "gone"))
		at := func(days int) time.Time { return wallettest.Epoch.Add(time.Duration(days) * day) }
		certificate := func(client int64, n byte, days int) wallet.Certificate {
			return wallet.Certificate{Fingerprint: [32]byte{n}, ClientID: client, DER: []byte{n}, NotAfter: at(days)}
		}
		update(t, db, func(tx *store.Tx) error {
			return errors.Join(
				tx.AddClientKey(till(1, "one"), 2, "key 2", at(10)), tx.AddClientKey(till(2, "two"), 2, "key 2", at(9)),
				tx.AddClientKey(till(2, "two"), 3, "key 3", at(11)), tx.AddClientKey(till(3, "gone"), 2, "key 2", at(1)),
				second(tx.InsertCertificate(certificate(1, 1, 20))), second(tx.InsertCertificate(certificate(2, 2, 19))),
				second(tx.InsertCertificate(certificate(1, 3, 21))), second(tx.InsertCertificate(certificate(3, 4, 1))),
				second(tx.InsertCertificate(certificate(1, 5, -1))), second(tx.InsertCertificate(certificate(1, 6, 5))),
				second(tx.RevokeCertificate(1, [32]byte{6}, wallettest.Epoch)),
			)
		})
		update(t, db, func(tx *store.Tx) error { return tx.RevokeClients([]int64{3}, wallettest.Epoch) })
		got, err := db.Expiring(context.Background(), at(10), at(20))
		want := []store.Ending{
			{ClientID: 2, Key: 2, At: at(9)}, {ClientID: 1, Key: 2, At: at(10)},
			{ClientID: 1, Certificate: [32]byte{5}, At: at(-1)}, {ClientID: 2, Certificate: [32]byte{2}, At: at(19)},
			{ClientID: 1, Certificate: [32]byte{1}, At: at(20)},
		}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("what ends (-want +got): %v\n%s", err, diff)
		}
	})
}

// The last use of a key and a certificate is written, once for many requests, whatever the program
// that signed calls itself; an older use never replaces a newer one.
func TestLastUses(t *testing.T) {
	onAClock(t, func(t *testing.T, db *store.DB, clock *wallettest.Clock, _ string) {
		insert(t, db, till(1, "till"))
		update(t, db, func(tx *store.Tx) error {
			return second(tx.InsertCertificate(wallet.Certificate{Fingerprint: [32]byte{1}, ClientID: 1, DER: []byte{1}, NotAfter: wallettest.Epoch}))
		})
		ctx := context.Background()
		for _, agent := range []string{"curl/8", "", strings.Repeat("ž", 100), "x" + strings.Repeat("ž", 100), "caf\xe9 \xff\xfe", strings.Repeat("\x80", 300)} {
			clock.Advance(time.Second)
			use := wallet.Use{At: clock.Now(), Address: "192.0.2.7", Agent: agent}
			key := credential(t, db, "till").Keys[0]
			db.NoteKey(key, wallet.Use{At: use.At, Address: use.Address, Agent: use.Agent})
			db.NoteKey(key, wallet.Use{At: use.At, Address: "within the same second", Agent: use.Agent})
			db.NoteCertificate([32]byte{1}, use)
			if n := cost(db, func(int) {
				if err := db.WriteUses(ctx); err != nil {
					t.Fatalf("%q: %v", agent, err)
				}
			}); n != 0 {
				t.Errorf("with nothing to write, writing costs %d statements", n)
			}
			keys, err1 := db.ClientKeys(ctx, 1)
			certificates, err2 := db.Certificates(ctx, 1)
			if err := errors.Join(err1, err2); err != nil {
				t.Fatal(err)
			}
			got := keys[0].LastUse
			if !got.At.Equal(use.At) || got.Address != use.Address || !utf8.ValidString(got.Agent) || len(got.Agent) > 120 ||
				utf8.ValidString(agent) && !strings.HasPrefix(agent, got.Agent) || got != certificates[0].LastUse {
				t.Errorf("%q: the last use of the key is %+v, of the certificate %+v", agent, got, certificates[0].LastUse)
			}
		}
		last := clock.Now()
		clock.Advance(-time.Hour)
		db.NoteKey(credential(t, db, "till").Keys[0], wallet.Use{At: clock.Now(), Address: "older"})
		if err := db.WriteUses(ctx); err != nil {
			t.Fatal(err)
		}
		if keys, err := db.ClientKeys(ctx, 1); err != nil || !keys[0].LastUse.At.Equal(last) {
			t.Errorf("an older use replaced a newer one: %+v, %v", keys, err)
		}
	})
}

// What was gathered is written when the server stops.
func TestLastUsesSurviveAStop(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		db, closeNow := open(t, address)
		seed(t, db)
		insert(t, db, till(1, "till"))
		db.NoteKey(credential(t, db, "till").Keys[0], wallet.Use{At: wallettest.Epoch, Address: "192.0.2.7"})
		closeNow()
		again, _ := open(t, address)
		if keys, err := again.ClientKeys(context.Background(), 1); err != nil || keys[0].LastUse.Address != "192.0.2.7" {
			t.Errorf("after a restart: %+v, %v", keys, err)
		}
	})
}
