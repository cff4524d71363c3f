package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
)

// till is a client of project 1 that signs as the MAC id.
func till(id int64, macID string) wallet.Client {
	return wallet.Client{
		ID: id, MACID: macID, Title: "Till", Type: wallet.PrivateClient, Projects: []int64{1}, MainProject: 1,
		Permissions: []wallet.Permission{}, CreatedAt: wallettest.Epoch,
	}
}

func credential(t *testing.T, db *store.DB, macID string) store.Credential {
	t.Helper()
	c, err := db.Credential(context.Background(), macID)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// signatures is what each key of a credential makes of one and the same message; made is what
// these keys make of it.
func signatures(c store.Credential) (all []string) {
	for _, key := range c.Keys {
		sum := key.Sum([]byte("a message"))
		all = append(all, string(sum[:]))
	}
	return all
}

func made(keys ...secret.Text) (all []string) {
	for _, key := range keys {
		sum := secret.NewSigner(key).Sum([]byte("a message"))
		all = append(all, string(sum[:]))
	}
	return all
}

// rotate adds a key to client 1, the till; retire ends one.
func rotate(t *testing.T, db *store.DB, number int, key secret.Text) {
	t.Helper()
	update(t, db, func(tx *store.Tx) error { return tx.AddClientKey(till(1, "till"), number, key, time.Time{}) })
}

func retire(t *testing.T, db *store.DB, number int) {
	t.Helper()
	update(t, db, func(tx *store.Tx) error {
		retired, err := tx.RetireClientKey(till(1, "till"), number)
		if !retired && err == nil {
			err = fmt.Errorf("there is no key %d to retire", number)
		}
		return err
	})
}

func project(t *testing.T, db *store.DB, id int64) *wallet.Project {
	t.Helper()
	p, err := db.Project(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// cost is how many statements some work costs. It is done three times, and the least counts,
// since a server on PostgreSQL also asks twice a second for what others changed.
func cost(db *store.DB, work func(time int)) int64 {
	var costs []int64
	for time := range 3 {
		before := db.Statements()
		work(time)
		costs = append(costs, db.Statements()-before)
	}
	return slices.Min(costs)
}

// Whom a MAC id stands for is read once. After that a signed request costs the database
// nothing, and neither does one that is signed with an id that does not exist.
func TestTheDirectoryIsInMemory(t *testing.T) {
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		seed(t, db)
		update(t, db, func(tx *store.Tx) error {
			return errors.Join(tx.InsertClient(till(1, "till-0"), "key", time.Time{}), tx.InsertClient(till(2, "till-1"), "key", time.Time{}), tx.InsertClient(till(3, "till-2"), "key", time.Time{}))
		})
		for _, story := range []struct {
			what       string
			ask        func(time int)
			cold, warm int64
		}{
			{"a client", func(time int) { credential(t, db, fmt.Sprint("till-", time)) }, 5, 0},
			{"an id that does not exist", func(time int) { credential(t, db, fmt.Sprint("nobody-", time)) }, 0, 0},
			{"a project", func(time int) { project(t, db, int64(1+time)) }, 1, 0},
			{"a project that does not exist", func(time int) { project(t, db, int64(100+time)) }, 1, 1},
		} {
			if n := cost(db, story.ask); n != story.cold {
				t.Errorf("%s for the first time: %d statements, want %d", story.what, n, story.cold)
			}
			if n := cost(db, story.ask); n != story.warm {
				t.Errorf("%s again: %d statements, want %d", story.what, n, story.warm)
			}
		}
		if got := credential(t, db, "till-1"); got.Client.ID != 2 || !slices.Equal(signatures(got), made("key")) {
			t.Errorf("from memory: %+v", got)
		}
		got := credential(t, db, "nobody-1")
		if got.Known || got.Token != nil || got.Client.ID != 0 || !slices.Equal(got.Keys, store.Strangers[:]) {
			t.Errorf("nobody is %+v", got)
		}
	})
}

// As soon as a change is made, the server that made it knows, while other callers ask it for
// the same thing without a pause.
func TestAChangeIsSeenAtOnce(t *testing.T) {
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		seed(t, db)
		if credential(t, db, "till").Known || project(t, db, 9) != nil {
			t.Fatal("there is a till, or a project 9, before they were made")
		}
		update(t, db, func(tx *store.Tx) error {
			return errors.Join(tx.InsertClient(till(1, "till"), "key 0", time.Time{}),
				tx.InsertProject(wallet.Project{ID: 9, Title: "New", OwnerID: 1, WalletID: 1}))
		})
		if !credential(t, db, "till").Known || project(t, db, 9) == nil {
			t.Fatal("a new client, or a new project, is not seen")
		}
		stop := make(chan struct{})
		done := make(chan struct{})
		go func() {
			defer close(done)
			crowd(4, func(int) {
				for {
					select {
					case <-stop:
						return
					default:
						db.Credential(context.Background(), "till")
					}
				}
			})
		}()
		defer func() { close(stop); <-done }()
		for i := 1; i <= 50; i++ {
			key := secret.Text(fmt.Sprint("key ", i))
			before := secret.Text(fmt.Sprint("key ", i-1))
			rotate(t, db, i+1, key)
			if got := signatures(credential(t, db, "till")); !slices.Equal(got, made(key, before)) {
				t.Fatalf("key %d was added, and %d others sign", i, len(got))
			}
			retire(t, db, i)
			if got := signatures(credential(t, db, "till")); !slices.Equal(got, made(key)) {
				t.Fatalf("key %d was retired, and %d others sign", i-1, len(got))
			}
		}
	})
}

// Another server on the same database follows within a second, also where it remembered that
// there was nobody.
func TestAChangeIsSeenByTheOtherServerWithinASecond(t *testing.T) {
	onPostgres(t, func(t *testing.T, address string) {
		all, _ := servers(t, address)
		here, there := all[0], all[1]
		seed(t, here)
		if credential(t, there, "till").Known {
			t.Fatal("there is a till before it was made")
		}
		follows := func(what string, seen func() bool) {
			t.Helper()
			for changed := time.Now(); !seen(); time.Sleep(10 * time.Millisecond) {
				if time.Since(changed) > time.Second {
					t.Fatalf("the other server does not see %s after a second", what)
				}
			}
		}
		update(t, here, func(tx *store.Tx) error { return tx.InsertClient(till(1, "till"), "key", time.Time{}) })
		follows("a new client", func() bool { return credential(t, there, "till").Known })
		rotate(t, here, 2, "second key")
		follows("a new key", func() bool { return len(credential(t, there, "till").Keys) == 2 })
		if project(t, there, 9) != nil {
			t.Fatal("there is a project 9 before it was made")
		}
		update(t, here, func(tx *store.Tx) error {
			return tx.InsertProject(wallet.Project{ID: 9, Title: "New", OwnerID: 1, WalletID: 1})
		})
		follows("a new project", func() bool { return project(t, there, 9) != nil })
		if n := cost(there, func(int) { credential(t, there, "till"); project(t, there, 9) }); n != 0 {
			t.Errorf("once it knows: %d statements, want none", n)
		}
	})
}

// The question what others changed gets stuck in the network: a server must not wait for its
// answer forever, or it would go on accepting a key that was replaced.
func TestTheOtherServerFollowsThoughTheNetworkHangs(t *testing.T) {
	onPostgres(t, func(t *testing.T, address string) {
		network, through := newProxy(t, address)
		here, _ := open(t, address)
		there, _ := open(t, through)
		seed(t, here)
		update(t, here, func(tx *store.Tx) error { return tx.InsertClient(till(1, "till"), "leaked key", time.Time{}) })
		for !credential(t, there, "till").Known {
			time.Sleep(10 * time.Millisecond)
		}
		within(t, 10*time.Second, func() {
			<-network.strike(questionStuck, "FROM changes")
			rotate(t, here, 2, "fresh key")
			retire(t, here, 1)
			for !slices.Equal(signatures(credential(t, there, "till")), made("fresh key")) {
				time.Sleep(10 * time.Millisecond)
			}
		})
	})
}

func TestAnotherKeyEncryptionKeyIsRefused(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		_, closeNow := open(t, address)
		closeNow()
		options := wallettest.StoreOptions(wallettest.NewClock())
		var err error
		if options.Box, err = secret.NewBox(secret.NewKEK()); err != nil {
			t.Fatal(err)
		}
		const sentence = "this key-encryption key is not the one that the database was sealed with: give the old one"
		db, err := store.Open(context.Background(), address, options)
		if err == nil || err.Error() != sentence {
			t.Errorf("opened with %v, %v; want: %s", db, err, sentence)
		}
		_, closeNow = open(t, address) // with the right one it opens as before
		closeNow()
	})
}

// Four servers start at the same moment on a database that is still empty, or whose schema is
// older than they are: one brings it up to date, and the others wait for that.
func TestServersMigrateAtOnce(t *testing.T) {
	for name, goBack := range map[string]string{
		"empty": `DROP SCHEMA public CASCADE; CREATE SCHEMA public`,
		"older": `DELETE FROM goose_db_version WHERE version_id > 0; DO $$ DECLARE name TEXT; BEGIN
			FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE 'goose%' LOOP
				EXECUTE 'DROP TABLE ' || name || ' CASCADE';
			END LOOP; END $$`,
	} {
		t.Run(name, func(t *testing.T) {
			onPostgres(t, func(t *testing.T, address string) {
				if _, err := raw(t, address).Exec(goBack); err != nil {
					t.Fatal(err)
				}
				var numbers gathered[int64]
				within(t, 10*time.Second, func() {
					crowd(4, func(server int) {
						id, err := openAndTakeANumber(address)
						if err != nil {
							t.Errorf("server %d: %v", server, err)
						}
						numbers.add(id)
					})
				})
				slices.Sort(numbers.all)
				if !slices.Equal(numbers.all, []int64{1, 2, 3, 4}) {
					t.Errorf("the four servers took the numbers %v", numbers.all)
				}
				again, _ := open(t, address)
				mustMove(t, again, 1, outside, purse(1), "it works")
				readBooks(t, address).audit(t)
			})
		})
	}
}

func openAndTakeANumber(address string) (id int64, err error) {
	db, err := store.Open(context.Background(), address, wallettest.StoreOptions(wallettest.NewClock()))
	if err != nil {
		return 0, err
	}
	err = db.Update(context.Background(), func(tx *store.Tx) (err error) {
		id, err = tx.NextID(store.UserIDs, 0)
		return err
	})
	return id, errors.Join(err, db.Close())
}

// An address may hold a password: it does not come back in an error.
func TestAddressesThatCannotBeOpened(t *testing.T) {
	for _, address := range []string{
		"", "purser.db", "mysql://purser:hunter2@db/purser", "postgres://purser:hunter2@db:port/purser",
		"postgres://purser:hunter2@/purser?host=/nowhere", "postgres://purser:hunter2@127.0.0.1:1/purser", "sqlite:/nowhere/purser.db",
	} {
		db, err := store.Open(context.Background(), address, wallettest.StoreOptions(wallettest.NewClock()))
		if err == nil {
			t.Errorf("%q opened", address)
			db.Close()
			continue
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: the error shows the password: %v", address, err)
		}
	}
}

// A device is registered, somebody's key is changed, a client is edited, a certificate is pinned:
// each costs the server what it remembers of that very thing, and no other client a statement.
func TestAChangeForgetsOnlyWhatItAltered(t *testing.T) {
	const attempts = 3 // the least counts, since others ask now and then too
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		seed(t, db)
		ctx := context.Background()
		certificate := func(n int) [32]byte { return [32]byte{1, byte(n)} }
		update(t, db, func(tx *store.Tx) (err error) {
			for i := range 3*attempts + 1 {
				err = errors.Join(err, tx.InsertClient(till(int64(1+i), fmt.Sprint("till-", i)), "key", time.Time{}))
			}
			return err
		})
		askFor := func(time int) {
			credential(t, db, fmt.Sprint("till-", time))
			project(t, db, 1)
			if _, err := db.Certificate(ctx, certificate(time)); err != nil {
				t.Fatal(err)
			}
		}
		for _, change := range []struct {
			what string
			make func(tx *store.Tx, of int) error
			// itself is what asking for what was changed costs then, others what asking for the rest does.
			itself, others int64
		}{
			{"nothing", func(*store.Tx, int) error { return nil }, 0, 0},
			{"a new device", func(tx *store.Tx, of int) error {
				return tx.InsertClient(till(int64(100+of), fmt.Sprint("device-", of)), "key", wallettest.Epoch)
			}, 0, 0},
			{"another key", func(tx *store.Tx, of int) error {
				return tx.AddClientKey(till(int64(1+of), fmt.Sprint("till-", of)), 2, "key 2", time.Time{})
			}, 2, 0},
			{"a retired key", func(tx *store.Tx, of int) error {
				return second(tx.RetireClientKey(till(int64(1+of), fmt.Sprint("till-", of)), 1))
			}, 2, 0},
			{"an edited client", func(tx *store.Tx, of int) error { return tx.UpdateClient(till(int64(1+of), "")) }, 3, 0},
			{"a pinned certificate", func(tx *store.Tx, of int) error {
				return second(tx.InsertCertificate(wallet.Certificate{Fingerprint: certificate(of), ClientID: int64(1 + of), DER: []byte{1}, NotAfter: wallettest.Epoch}))
			}, 1, 0},
			{"a revoked certificate", func(tx *store.Tx, of int) error {
				return second(tx.RevokeCertificate(int64(1+of), certificate(of), wallettest.Epoch))
			}, 1, 0},
			{"a revoked client", func(tx *store.Tx, of int) error { return tx.RevokeClients([]int64{int64(1 + of)}, wallettest.Epoch) }, 3, 0},
			{"a new project", func(tx *store.Tx, of int) error {
				return tx.InsertProject(wallet.Project{ID: int64(20 + of), Title: "New", OwnerID: 1, WalletID: 1})
			}, 6, 5 + 1 + 1}, // which can be anybody's: all is forgotten, once
		} {
			var others, itself []int64
			for attempt := range attempts {
				for time := range 3*attempts + 1 {
					askFor(time)
				}
				for of := range 3 {
					update(t, db, func(tx *store.Tx) error { return change.make(tx, 3*attempt+of) })
				}
				before := db.Statements()
				askFor(3 * attempts)
				others = append(others, db.Statements()-before)
				itself = append(itself, cost(db, func(time int) { askFor(3*attempt + time) }))
			}
			if got := slices.Min(others); got < change.others || got > change.others+1 { // one is the look at what others changed
				t.Errorf("%s: asking for another client costs %d statements, want %d", change.what, others, change.others)
			}
			if got := slices.Min(itself); got != change.itself {
				t.Errorf("%s: asking for what it altered costs %d statements, want %d", change.what, itself, change.itself)
			}
		}
	})
}

// A phone is registered at one server, and its first call reaches the other one a moment later. It
// is known there as soon as that server looks, also when it had fallen behind by more changes than
// it can follow one by one.
func TestARegistrationIsKnownAtTheOtherServerAtOnce(t *testing.T) {
	onPostgres(t, func(t *testing.T, address string) {
		all, _ := servers(t, address)
		here, there := all[0], all[1]
		seed(t, here)
		for i, skipped := range []int{0, 0, 1, 4095, 4096, 5000, 0, 20_000, 0} {
			id := fmt.Sprint("phone-", i)
			if credential(t, there, id).Known {
				t.Fatal("a phone is known before it was registered")
			}
			update(t, here, func(tx *store.Tx) error {
				_, err := tx.Exec(`UPDATE changes SET seq = seq + $1`, skipped)
				return errors.Join(err, tx.InsertClient(till(int64(1+i), id), "key", wallettest.Epoch))
			})
			if _, err := there.Refresh(context.Background()); err != nil {
				t.Fatal(err)
			}
			if !credential(t, there, id).Known {
				t.Errorf("after %d other changes: the phone is not known", skipped)
			}
			// What was in memory is replaced too.
			if skipped > 4096 {
				client, err := there.Client(context.Background(), int64(i))
				if err != nil || client.MACID != fmt.Sprint("phone-", i-1) {
					t.Errorf("after %d other changes: client %d is %+v, %v", skipped, i, client, err)
				}
			}
		}
		before := there.Statements()
		crowd(32, func(int) { there.Refresh(context.Background()) })
		if n := there.Statements() - before; n > 32 {
			t.Errorf("32 looks at once cost %d statements", n)
		}
	})
}

// On SQLite there is no other server, and a look costs nothing.
func TestOnSQLiteNothingIsMissed(t *testing.T) {
	db, _ := open(t, "sqlite:"+t.TempDir()+"/purser.db")
	if n := cost(db, func(int) {
		if more, err := db.Refresh(context.Background()); more || err != nil {
			t.Errorf("a look says %v, %v", more, err)
		}
	}); n != 0 {
		t.Errorf("a look costs %d statements", n)
	}
}

// The look at what others changed is cut off together with the request that began it, while others wait
// for its answer: they look for themselves, and know of the device that was just registered.
func TestAFailedLookIsNobodysAnswer(t *testing.T) {
	onPostgres(t, func(t *testing.T, address string) {
		all, _ := servers(t, address)
		here, there := all[0], all[1]
		seed(t, here)
		for i := range 20 {
			id := fmt.Sprint("device-", i)
			update(t, here, func(tx *store.Tx) error { return tx.InsertClient(till(int64(1+i), id), "key", time.Time{}) })
			gone, cancel := context.WithCancel(context.Background())
			var asked sync.WaitGroup
			asked.Go(func() { there.Refresh(gone) })
			asked.Go(cancel)
			asked.Go(func() {
				if _, err := there.Refresh(context.Background()); err != nil {
					t.Error(err)
				}
				if c := credential(t, there, id); !c.Known {
					t.Errorf("%s is not known", id)
				}
			})
			asked.Wait()
		}
	})
}

// Changes are thrown away once nobody needs them any more: whoever follows closely learns of each.
func TestPrunedChangesWereFollowed(t *testing.T) {
	onPostgres(t, func(t *testing.T, address string) {
		all, _ := servers(t, address)
		here, there := all[0], all[1]
		seed(t, here)
		update(t, here, func(tx *store.Tx) error { return tx.InsertClient(till(1, "till"), "key", time.Time{}) })
		if _, err := there.Refresh(context.Background()); err != nil {
			t.Fatal(err)
		}
		// Just before the next pruning: the one that prunes must not take the one before it along.
		if _, err := raw(t, address).Exec(`UPDATE changes SET seq = 4094 + 1024 * 8`); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := there.Refresh(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		if got := credential(t, there, "till"); len(got.Keys) != 1 {
			t.Fatal("the till has no key")
		}
		update(t, here, func(tx *store.Tx) error { return tx.AddClientKey(till(1, "till"), 2, "second", time.Time{}) })
		update(t, here, func(tx *store.Tx) error { return tx.InsertClient(till(2, "other"), "key", time.Time{}) })
		if _, err := there.Refresh(context.Background()); err != nil {
			t.Fatal(err)
		}
		if got := credential(t, there, "till"); len(got.Keys) != 2 {
			t.Error("a change was thrown away before the other server could follow it")
		}
	})
}
