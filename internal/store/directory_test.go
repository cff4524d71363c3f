package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
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

func credential(t *testing.T, db *store.DB, macID string) *store.Credential {
	t.Helper()
	c, err := db.Credential(context.Background(), macID)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// signatures is what each key of a credential makes of one and the same message; made is what
// these keys make of it.
func signatures(c *store.Credential) (all []string) {
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
			return errors.Join(tx.InsertClient(till(1, "till-0"), "key"), tx.InsertClient(till(2, "till-1"), "key"), tx.InsertClient(till(3, "till-2"), "key"))
		})
		for _, story := range []struct {
			what string
			ask  func(time int)
			cold int64
		}{
			{"a client", func(time int) { credential(t, db, fmt.Sprint("till-", time)) }, 4},
			{"an id that does not exist", func(time int) { credential(t, db, fmt.Sprint("nobody-", time)) }, 2},
			{"a project", func(time int) { project(t, db, int64(1+time)) }, 1},
			{"a project that does not exist", func(time int) { project(t, db, int64(100+time)) }, 1},
		} {
			if n := cost(db, story.ask); n != story.cold {
				t.Errorf("%s for the first time: %d statements, want %d", story.what, n, story.cold)
			}
			if n := cost(db, story.ask); n != 0 {
				t.Errorf("%s again: %d statements, want none", story.what, n)
			}
		}
		if got := credential(t, db, "till-1"); got.Client.ID != 2 || !slices.Equal(signatures(got), made("key")) {
			t.Errorf("from memory: %+v", got)
		}
		if got := credential(t, db, "nobody-1"); got != nil {
			t.Errorf("nobody is %+v", got)
		}
	})
}

// As soon as a change is made, the server that made it knows, while other callers ask it for
// the same thing without a pause.
func TestAChangeIsSeenAtOnce(t *testing.T) {
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		seed(t, db)
		if credential(t, db, "till") != nil || project(t, db, 9) != nil {
			t.Fatal("there is a till, or a project 9, before they were made")
		}
		update(t, db, func(tx *store.Tx) error {
			return errors.Join(tx.InsertClient(till(1, "till"), "key 0"),
				tx.InsertProject(wallet.Project{ID: 9, Title: "New", OwnerID: 1, WalletID: 1}))
		})
		if credential(t, db, "till") == nil || project(t, db, 9) == nil {
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
			update(t, db, func(tx *store.Tx) error { return tx.SetClientKey(1, 1+i%2, key) })
			if got := signatures(credential(t, db, "till")); !slices.Contains(got, made(key)[0]) {
				t.Fatalf("key %d was set, and it is not among the %d keys that sign", i, len(got))
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
		if credential(t, there, "till") != nil {
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
		update(t, here, func(tx *store.Tx) error { return tx.InsertClient(till(1, "till"), "key") })
		follows("a new client", func() bool { return credential(t, there, "till") != nil })
		update(t, here, func(tx *store.Tx) error { return tx.SetClientKey(1, 2, "second key") })
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
		update(t, here, func(tx *store.Tx) error { return tx.InsertClient(till(1, "till"), "leaked key") })
		for credential(t, there, "till") == nil {
			time.Sleep(10 * time.Millisecond)
		}
		within(t, 10*time.Second, func() {
			<-network.strike(questionStuck, "FROM changes")
			update(t, here, func(tx *store.Tx) error { return tx.SetClientKey(1, 1, "fresh key") })
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
