package store_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
)

// phone is a device that an application registered.
func phone(id, application int64, info string) wallet.Client {
	c := till(id, fmt.Sprint("phone-", id))
	c.Type, c.CreatedBy, c.Info = wallet.AppClient, application, info
	return c
}

// attached is a client of these projects.
func attached(id int64, projects ...int64) wallet.Client {
	c := till(id, fmt.Sprint("client-", id))
	c.Projects, c.MainProject = projects, 0
	return c
}

func application(id int64) wallet.Client {
	c := till(id, fmt.Sprint("app-", id))
	c.Type = wallet.Application
	return c
}

// found are the numbers of the clients that a filter leaves.
func found(t *testing.T, db *store.DB, f store.ClientFilter) []int64 {
	t.Helper()
	clients, total, err := db.Clients(context.Background(), f)
	if err != nil {
		t.Fatal(err)
	}
	ids := []int64{}
	for _, c := range clients {
		ids = append(ids, c.ID)
	}
	if f.Limit == 0 && total != len(ids) {
		t.Errorf("%+v: %d clients, said to be %d", f, len(ids), total)
	}
	return ids
}

// An operator looks for devices by what they said of themselves: any plain member, alone or
// together, as text. What is nested, long or not text is kept, and not looked for.
func TestClientsAreFoundByTheirInfo(t *testing.T) {
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		seed(t, db)
		long := strings.Repeat("x", 300)
		insert(t, db, application(5),
			phone(11, 5, `{"device_id":"d-1","os":"android","build":42,"rooted":false,"nested":{"os":"inner"},"list":["android"],"none":null,"":"unnamed"}`),
			phone(12, 5, `{"device_id":"d-1","os":"ios","build":"42","rooted":"false"}`),
			phone(13, 5, ` { "device_id" : "ž„“\n" , "os" : "ios" } `),
			phone(14, 5, `{"os":"`+long+`","device_id":"a'b\"c%"}`), phone(15, 5, `{}`), phone(16, 5, ``),
			phone(17, 5, `{"os":"with\u0000zero","device\u0000_id":"x","app_version":"1.0"}`),
		)
		type said = map[string]string
		for _, look := range []struct {
			info said
			want []int64
		}{
			{said{"device_id": "d-1"}, []int64{11, 12}}, {said{"os": "ios"}, []int64{12, 13}},
			{said{"device_id": "d-1", "os": "ios"}, []int64{12}}, {said{"device_id": "d-1", "os": "windows"}, []int64{}},
			{said{"build": "42"}, []int64{11, 12}}, {said{"rooted": "false"}, []int64{11, 12}}, {said{"": "unnamed"}, []int64{11}},
			{said{"device_id": "ž„“\n"}, []int64{13}}, {said{"device_id": `a'b"c%`}, []int64{14}}, {said{"device_id": `a%`}, []int64{}},
			{said{"os": long}, []int64{}}, {said{"os": "inner"}, []int64{}}, {said{"list": `["android"]`}, []int64{}}, {said{"none": "null"}, []int64{}},
			{said{"app_version": "1.0"}, []int64{17}}, {said{"os": "' OR 1=1 --"}, []int64{}},
			{said{"os": "with\x00zero"}, []int64{}}, {said{"os\x00": "ios"}, []int64{}}, {said{"os": "\xff\xfe"}, []int64{}},
		} {
			if got := found(t, db, store.ClientFilter{Info: look.info}); !slices.Equal(got, look.want) {
				t.Errorf("%q finds %v, want %v", look.info, got, look.want)
			}
		}
		// When a device says something else, the old is not found any more.
		update(t, db, func(tx *store.Tx) error {
			return tx.UpdateClient(phone(11, 5, `{"device_id":"d-9","app_version":"2.0"}`))
		})
		if got := found(t, db, store.ClientFilter{Info: said{"os": "android"}}); len(got) != 0 {
			t.Errorf("by what it does not say any more: %v", got)
		}
		if got := found(t, db, store.ClientFilter{Info: said{"device_id": "d-9"}}); !slices.Equal(got, []int64{11}) {
			t.Errorf("by what it says now: %v", got)
		}
	})
}

// A device says a thousand things. Some can be looked for, and its device_id always.
func TestADeviceThatSaysTooMuchIsStillFound(t *testing.T) {
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		seed(t, db)
		many := []string{}
		for i := range 1000 {
			many = append(many, fmt.Sprintf(`"m%d":%d`, i, i))
		}
		info := func(version string) string {
			return "{" + strings.Join(many[:500], ",") + `,"device_id":"d-1","app_version":"` + version + `",` + strings.Join(many[500:], ",") + "}"
		}
		insert(t, db, application(5))
		for id := int64(11); id <= 20; id++ {
			insert(t, db, phone(id, 5, info("1.0")))
		}
		for _, f := range []map[string]string{{"device_id": "d-1"}, {"app_version": "1.0"}} {
			if got := found(t, db, store.ClientFilter{Info: f}); len(got) != 10 {
				t.Errorf("by %v, %d of 10 such devices are found", f, len(got))
			}
		}
	})
}

// A list is of the clients whose projects are all among those given: one project more, and it is
// somebody else's to see. Without any project, a client is the operator's alone.
func TestClientsWithinProjects(t *testing.T) {
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		seed(t, db)
		gone := attached(6, 1)
		gone.RevokedAt = wallettest.Epoch
		insert(t, db, attached(1, 1), attached(2, 1, 2), attached(3, 2), attached(4), attached(5, 1, 2, 3), gone, application(7), phone(8, 7, ""))
		for _, list := range []struct {
			what   string
			filter store.ClientFilter
			want   []int64
		}{
			{"everybody", store.ClientFilter{}, []int64{1, 2, 3, 4, 5, 7, 8}},
			{"with those that are gone", store.ClientFilter{WithRevoked: true}, []int64{1, 2, 3, 4, 5, 6, 7, 8}},
			{"within 1", store.ClientFilter{Within: []int64{1}}, []int64{1, 7, 8}},
			{"within 1, with those that are gone", store.ClientFilter{Within: []int64{1}, WithRevoked: true}, []int64{1, 6, 7, 8}},
			{"within 1 and 2", store.ClientFilter{Within: []int64{1, 2}}, []int64{1, 2, 3, 7, 8}},
			{"within all", store.ClientFilter{Within: []int64{3, 2, 1, 99}}, []int64{1, 2, 3, 5, 7, 8}},
			{"within nothing", store.ClientFilter{Within: []int64{}}, []int64{}},
			{"within another's", store.ClientFilter{Within: []int64{99}}, []int64{}},
			{"of project 2", store.ClientFilter{ProjectID: 2}, []int64{2, 3, 5}},
			{"of project 2 within 1 and 2", store.ClientFilter{Within: []int64{1, 2}, ProjectID: 2}, []int64{2, 3}},
			{"of project 3 within 1 and 2", store.ClientFilter{Within: []int64{1, 2}, ProjectID: 3}, []int64{}},
			{"applications", store.ClientFilter{Type: wallet.Application}, []int64{7}},
			{"devices of 7", store.ClientFilter{CreatedBy: 7}, []int64{8}},
			{"devices of 7 within 2", store.ClientFilter{CreatedBy: 7, Within: []int64{2}}, []int64{}},
			{"a page", store.ClientFilter{Limit: 2, Offset: 1}, []int64{2, 3}},
			{"a page behind the end", store.ClientFilter{Limit: 2, Offset: 7}, []int64{}},
		} {
			if got := found(t, db, list.filter); !slices.Equal(got, list.want) {
				t.Errorf("%s: %v, want %v", list.what, got, list.want)
			}
		}
		page, total, err := db.Clients(context.Background(), store.ClientFilter{Limit: 1, Within: []int64{1, 2}})
		if err != nil || total != 5 || len(page) != 1 || !slices.Equal(page[0].Projects, []int64{1}) {
			t.Errorf("a page of one: %+v of %d, %v", page, total, err)
		}
	})
}

// A list costs the same few statements, however many clients there are to list.
func TestBudgetOfListingClients(t *testing.T) {
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		seed(t, db)
		insert(t, db, application(5))
		update(t, db, func(tx *store.Tx) error {
			for id := int64(10); id < 610; id++ {
				if err := tx.InsertClient(phone(id, 5, `{"device_id":"d-1"}`), "key", wallettest.Epoch); err != nil {
					return err
				}
			}
			return nil
		})
		if got := cost(db, func(int) { found(t, db, store.ClientFilter{Limit: 200, CreatedBy: 5}) }); got != 4 {
			t.Errorf("a page of 200 clients costs %d statements, its budget is 4", got)
		}
		if got := cost(db, func(int) { found(t, db, store.ClientFilter{CreatedBy: 5}) }); got != 6 {
			t.Errorf("600 clients cost %d statements, their budget is 6", got)
		}
	})
}

// A phone that is registered again is a second client; each is told of the other, as long as that
// works. Another application's client on the same phone is not its business.
func TestSameDevice(t *testing.T) {
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		seed(t, db)
		gone := phone(14, 5, `{"device_id":"d-1"}`)
		gone.RevokedAt = wallettest.Epoch
		byHand := till(18, "by-hand")
		byHand.Info = `{"device_id":"d-1"}`
		insert(t, db, application(5), application(6), phone(11, 5, `{"device_id":"d-1"}`), phone(12, 5, `{"device_id":"d-1","os":"ios"}`),
			phone(13, 5, `{"device_id":"d-1"}`), gone, phone(15, 6, `{"device_id":"d-1"}`), phone(16, 5, `{"device_id":"d-2"}`),
			phone(17, 5, `{"os":"ios"}`), byHand)
		all, _, err := db.Clients(context.Background(), store.ClientFilter{WithRevoked: true})
		if err != nil {
			t.Fatal(err)
		}
		same, err := db.SameDevice(context.Background(), all)
		if err != nil {
			t.Fatal(err)
		}
		want := map[int64][]int64{11: {12, 13}, 12: {11, 13}, 13: {11, 12}, 14: {11, 12, 13}}
		if fmt.Sprint(same) != fmt.Sprint(want) {
			t.Errorf("the same devices are %v, want %v", same, want)
		}
		if none, err := db.SameDevice(context.Background(), nil); len(none) != 0 || err != nil {
			t.Errorf("of nobody: %v, %v", none, err)
		}
	})
}

// Which clients a revocation ends: all that every condition leaves.
func TestWhatARevocationEnds(t *testing.T) {
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		seed(t, db)
		gone := phone(14, 5, `{"app_version":"1.0"}`)
		gone.RevokedAt = wallettest.Epoch
		insert(t, db, till(1, "till"), application(5), application(6), phone(11, 5, `{"app_version":"1.0"}`), phone(12, 5, `{"app_version":"1.1"}`),
			phone(13, 6, `{"app_version":"1.0"}`), gone)
		for _, story := range []struct {
			revocation store.Revocation
			want       []int64
		}{
			{store.Revocation{ClientID: 1}, []int64{1}}, {store.Revocation{ClientID: 5}, []int64{5}}, {store.Revocation{ClientID: 99}, nil},
			{store.Revocation{ClientID: 14}, nil}, {store.Revocation{Application: 5}, []int64{11, 12}}, {store.Revocation{Application: 1}, nil},
			{store.Revocation{AppVersion: "1.0"}, []int64{11, 13}}, {store.Revocation{AppVersion: "1"}, nil},
			{store.Revocation{Application: 5, AppVersion: "1.0"}, []int64{11}}, {store.Revocation{ClientID: 12, AppVersion: "1.0"}, nil},
			{store.Revocation{ClientID: 12, Application: 5, AppVersion: "1.1"}, []int64{12}}, {store.Revocation{ClientID: 13, Application: 5}, nil},
		} {
			update(t, db, func(tx *store.Tx) error {
				got, err := tx.Revocable(story.revocation)
				if !slices.Equal(got, story.want) {
					t.Errorf("%+v ends %v, want %v", story.revocation, got, story.want)
				}
				return err
			})
		}
	})
}

// A thousand devices of an application are revoked. Each one's keys are erased and its certificates
// revoked, nobody else's, and every server knows at once.
func TestRevokedClientsAreGone(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		all, _ := servers(t, address)
		here, there := all[0], all[len(all)-1]
		seed(t, here)
		insert(t, here, application(5), till(6, "till"))
		ids := []int64{}
		update(t, here, func(tx *store.Tx) error {
			for id := int64(1000); id < 2000; id++ {
				ids = append(ids[:id-1000], id)
				if err := tx.InsertClient(phone(id, 5, ""), "key 1", wallettest.Epoch); err != nil {
					return err
				}
			}
			return nil
		})
		certificate := func(client int64, n byte) error {
			return here.Update(context.Background(), func(tx *store.Tx) error {
				return second(tx.InsertCertificate(wallet.Certificate{Fingerprint: [32]byte{n}, ClientID: client, AuthorityID: 0, DER: []byte{n}, NotAfter: wallettest.Epoch.Add(day)}))
			})
		}
		if err := certificate(1999, 1); err != nil {
			t.Fatal(err)
		}
		if err := certificate(6, 2); err != nil {
			t.Fatal(err)
		}
		refresh := func() {
			if _, err := there.Refresh(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		refresh()
		for _, id := range []string{"phone-1000", "phone-1999", "till"} {
			if c := credential(t, there, id); !c.Known || c.Client.Revoked() || len(c.Keys) != 1 {
				t.Fatalf("%s is not there before: %+v", id, c)
			}
		}
		update(t, here, func(tx *store.Tx) error { return tx.RevokeClients(ids, wallettest.Epoch) })
		refresh()
		for id, revoked := range map[string]bool{"phone-1000": true, "phone-1500": true, "phone-1999": true, "till": false} {
			for _, db := range all {
				if c := credential(t, db, id); c.Client.Revoked() != revoked {
					t.Errorf("%s is revoked: %v, want %v", id, c.Client.Revoked(), revoked)
				}
			}
		}
		var left string
		must := raw(t, address).QueryRow(`SELECT (SELECT count(*) FROM clients WHERE revoked_at IS NULL) || ' '
			|| (SELECT count(*) FROM client_keys WHERE retired_at IS NULL) || ' ' || (SELECT count(*) FROM client_keys WHERE length(sealed) > 0) || ' '
			|| (SELECT count(*) FROM certificates WHERE revoked_at IS NULL)`).Scan(&left)
		if must != nil || left != "2 2 2 1" {
			t.Errorf("clients, keys, sealed keys and certificates that are left: %s, %v; want those of 5 and 6", left, must)
		}
	})
}

// The fingerprint of a certificate is whose it is, once and for all.
func TestACertificateIsOneClients(t *testing.T) {
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		seed(t, db)
		insert(t, db, till(1, "one"), till(2, "two"))
		mine := wallet.Certificate{Fingerprint: [32]byte{7}, ClientID: 1, DER: []byte{1, 2}, NotAfter: wallettest.Epoch.Add(day)}
		ctx := context.Background()
		if c, err := db.Certificate(ctx, mine.Fingerprint); c != nil || err != nil {
			t.Fatalf("before: %v, %v", c, err)
		}
		update(t, db, func(tx *store.Tx) error {
			first, err := tx.InsertCertificate(mine)
			theirs := mine
			theirs.ClientID = 2
			again, err2 := tx.InsertCertificate(theirs)
			stolen, err3 := tx.RevokeCertificate(2, mine.Fingerprint, wallettest.Epoch)
			n, err4 := tx.LiveCertificates(1, wallettest.Epoch)
			later, err5 := tx.LiveCertificates(1, mine.NotAfter)
			if !first || again || stolen || n != 1 || later != 0 {
				t.Errorf("added %v, again %v, revoked by another %v, live %d and later %d", first, again, stolen, n, later)
			}
			for _, err := range []error{err, err2, err3, err4, err5} {
				if err != nil {
					return err
				}
			}
			return nil
		})
		c, err := db.Certificate(ctx, mine.Fingerprint)
		if err != nil || c == nil || c.ClientID != 1 || hex.EncodeToString(c.DER) != "0102" || !c.NotAfter.Equal(mine.NotAfter) || !c.RevokedAt.IsZero() {
			t.Fatalf("it is %+v, %v", c, err)
		}
		update(t, db, func(tx *store.Tx) error { return second(tx.RevokeCertificate(1, mine.Fingerprint, wallettest.Epoch)) })
		if c, err = db.Certificate(ctx, mine.Fingerprint); err != nil || !c.RevokedAt.Equal(wallettest.Epoch) {
			t.Errorf("revoked, it is %+v, %v", c, err)
		}
		update(t, db, func(tx *store.Tx) error {
			again, err := tx.RevokeCertificate(1, mine.Fingerprint, wallettest.Epoch)
			if again {
				t.Error("it was revoked twice")
			}
			return err
		})
	})
}

// How many devices an application registered lately; those that the operator made do not count.
func TestRegistrationsAreCounted(t *testing.T) {
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		seed(t, db)
		insert(t, db, application(5), application(6), phone(10, 5, ""))
		update(t, db, func(tx *store.Tx) (err error) {
			for i := range 3 {
				at := wallettest.Epoch.Add(time.Duration(i) * time.Minute)
				if err := tx.InsertClient(phone(int64(11+i), 5, ""), "key", at); err != nil {
					return err
				}
			}
			return tx.InsertClient(phone(20, 6, ""), "key", wallettest.Epoch)
		})
		for since, want := range map[time.Duration]int{-time.Second: 3, 0: 2, time.Minute: 1, 2 * time.Minute: 0} {
			update(t, db, func(tx *store.Tx) error {
				n, err := tx.Registrations(5, wallettest.Epoch.Add(since))
				if n != want {
					t.Errorf("%d registrations since %v, want %d", n, since, want)
				}
				return err
			})
		}
	})
}

// A page and its total are of one moment, whatever is made and taken away meanwhile.
func TestAListAgreesWithItsTotal(t *testing.T) {
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		seed(t, db)
		insert(t, db, application(5))
		number := int64(1000)
		stop := make(chan struct{})
		var makers sync.WaitGroup
		for _, one := range []func() error{
			func() error { _, err := deal{to: 2, minor: 100}.propose(db); return err },
			func() error {
				number++
				return db.Update(ctx, func(tx *store.Tx) error {
					return errors.Join(tx.InsertWallet(wallet.Wallet{ID: number, OwnerID: 1, AccountNumber: fmt.Sprint("PU", number)}),
						tx.InsertClient(phone(number, 5, "{}"), "key 1", time.Time{}))
				})
			},
		} {
			makers.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					if err := one(); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		f := store.TransactionFilter{Projects: []int64{1}, Limit: 1 << 30}
		for name, list := range map[string]func() (page, total int, err error){
			"transactions": func() (int, int, error) { page, total, err := db.Transactions(ctx, f); return len(page), total, err },
			"payments":     func() (int, int, error) { page, total, err := db.Payments(ctx, f); return len(page), total, err },
			"clients": func() (int, int, error) {
				page, total, err := db.Clients(ctx, store.ClientFilter{})
				return len(page), total, err
			},
			"wallets": func() (int, int, error) {
				page, total, err := db.Wallets(ctx, store.OwnerFilter{})
				return len(page), total, err
			},
		} {
			for range 60 {
				page, total, err := list()
				if err != nil || page != total {
					t.Errorf("%d %s, said to be %d, %v", page, name, total, err)
					break
				}
			}
		}
		close(stop)
		makers.Wait()
	})
}
