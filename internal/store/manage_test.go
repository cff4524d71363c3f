package store_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
	"github.com/purserhq/purser/money"
)

// An operator looks for somebody by what they remember of them. Capitals do not matter, those of
// Lithuanian neither, on whichever engine; and what means something to SQL means nothing here.
func TestUsersAreFound(t *testing.T) {
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		seed(t, db)
		update(t, db, func(tx *store.Tx) error {
			return errors.Join(
				tx.InsertUser(wallet.User{ID: 3, Type: wallet.Natural, DisplayName: "Žemyna Ąžuolaitė", Email: "zemyna_1@example.com", Phone: "37060012345", CreatedAt: wallettest.Epoch}, nil, nil),
				tx.InsertUser(wallet.User{ID: 4, Type: wallet.Natural, DisplayName: "100 % Žemaitis", CreatedAt: wallettest.Epoch}, []byte("hash"), nil),
			)
		})
		for _, tc := range []struct {
			f     store.UserFilter
			want  []int64
			total int
		}{
			{store.UserFilter{}, []int64{1, 2, 3, 4}, 4},
			{store.UserFilter{Type: wallet.Legal}, []int64{2}, 1},
			{store.UserFilter{Text: "ONA"}, []int64{1}, 1},
			{store.UserFilter{Text: "ona", Type: wallet.Legal}, nil, 0},
			{store.UserFilter{Text: "žem"}, []int64{3, 4}, 2},
			{store.UserFilter{Text: "ŽEMYNA ĄŽ"}, []int64{3}, 1},
			{store.UserFilter{Text: "ZEMYNA_1@"}, []int64{3}, 1},
			{store.UserFilter{Text: "%"}, []int64{4}, 1},
			{store.UserFilter{Text: "_"}, []int64{3}, 1},
			{store.UserFilter{Text: "+370 600"}, []int64{3}, 1},
			{store.UserFilter{Text: "nobody"}, nil, 0},
			{store.UserFilter{Limit: 2, Offset: 1}, []int64{2, 3}, 4},
			{store.UserFilter{Limit: 2, Offset: 9}, nil, 4},
			{store.UserFilter{Limit: 1, Offset: -1}, []int64{1}, 4},
		} {
			users, total, err := db.Users(context.Background(), tc.f)
			var got []int64
			for _, u := range users {
				got = append(got, u.ID)
			}
			if !slices.Equal(got, tc.want) || total != tc.total || err != nil {
				t.Errorf("%+v finds %v of %d, %v; want %v of %d", tc.f, got, total, err, tc.want, tc.total)
			}
		}
		company, err := db.User(context.Background(), 2)
		want := &wallet.User{ID: 2, Type: wallet.Legal, DisplayName: "Onos kepykla", Locale: "lt", CompanyCode: "300100200",
			Administrators: []int64{1}, Standing: wallet.ActiveUser, Level: wallet.Unidentified, CreatedAt: wallettest.Epoch}
		if diff := cmp.Diff(want, company); diff != "" || err != nil {
			t.Errorf("the company differs (-want +got): %v\n%s", err, diff)
		}
		if password, pin, err := db.UserSecrets(context.Background(), 4); !password || pin || err != nil {
			t.Errorf("user 4 has a password: %v, a PIN: %v, %v", password, pin, err)
		}
		if companies, err := db.CompaniesOf(context.Background(), 1); !slices.Equal(companies, []int64{2}) || err != nil {
			t.Errorf("Ona acts for %v, %v", companies, err)
		}
	})
}

// A company gets another name and another administrator. Projects carry the owner's name, and
// tokens hold which projects their users administer: no server may go on with what it remembers.
func TestWhatServersRememberOfAnOwnerFollows(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		all, _ := servers(t, address)
		seed(t, all[0])
		update(t, all[0], func(tx *store.Tx) error {
			return errors.Join(
				tx.InsertUser(wallet.User{ID: 3, Type: wallet.Natural, DisplayName: "Jonas", CreatedAt: wallettest.Epoch}, nil, nil),
				tx.InsertClient(till(1, "till"), "key", time.Time{}),
				tx.InsertToken(store.Token{
					Token: wallet.Token{UserID: 3, ClientID: 1, Scopes: []wallet.Scope{wallet.ScopeProjects},
						ExpiresAt: wallettest.Epoch.Add(time.Hour)},
					Access: "access", Refresh: "refresh", Key: secret.Text("token key"), RefreshExpiresAt: wallettest.Epoch.Add(time.Hour),
				}),
			)
		})
		follow := func() {
			t.Helper()
			for _, db := range all {
				if _, err := db.Refresh(context.Background()); err != nil {
					t.Fatal(err)
				}
			}
		}
		check := func(name string, administered []int64, wallet int64) {
			t.Helper()
			follow()
			for i, db := range all {
				p := project(t, db, 2)
				if p.OwnerDisplayName != name || p.WalletID != wallet {
					t.Errorf("server %d has project 2 as %+v, want its owner called %s and wallet %d", i, p, name, wallet)
				}
				if c := credential(t, db, "access"); c.Token == nil || !slices.Equal(c.Token.Projects, administered) {
					t.Errorf("server %d has the token %+v, want projects %v", i, c.Token, administered)
				}
			}
		}
		changeCompany := func(change func(u *wallet.User)) {
			t.Helper()
			update(t, all[0], func(tx *store.Tx) error {
				before, err := tx.User(2)
				if err != nil {
					return err
				}
				after := *before
				change(&after)
				return tx.UpdateUser(*before, after)
			})
		}
		check("Onos kepykla", nil, 2)
		changeCompany(func(u *wallet.User) { u.DisplayName = "Kepykla" })
		check("Kepykla", nil, 2)
		changeCompany(func(u *wallet.User) { u.Administrators = []int64{1, 3} })
		check("Kepykla", []int64{2, 3}, 2)
		changeCompany(func(u *wallet.User) { u.Administrators = nil })
		check("Kepykla", nil, 2)
		update(t, all[0], func(tx *store.Tx) error {
			p, err := tx.Project(2)
			if err != nil {
				return err
			}
			p.WalletID = 1
			return tx.UpdateProject(*p)
		})
		check("Kepykla", nil, 1)
	})
}

// What a place becomes is read back as it was written, and lists find it by what it is now.
func TestPlacesAreReplaced(t *testing.T) {
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		seed(t, db)
		place := wallet.Location{
			ID: 1, ProjectID: 2, Title: wallet.Text{"en": "Bakery"}, Address: wallet.Text{"en": "Pilies 1"}, Status: wallet.Active, Public: true,
			UpdatedAt: wallettest.Epoch, Position: &wallet.Position{Lat: 1, Lng: 2},
			Services: map[wallet.Service]wallet.Offer{wallet.Pay: {Available: true, Categories: []int64{1, 2}}, wallet.CashIn: {Available: true}},
		}
		update(t, db, func(tx *store.Tx) error { return tx.InsertLocation(place) })
		place.Title, place.Status, place.Public, place.Position = wallet.Text{"lt": "Kepykla"}, wallet.Inactive, false, nil
		place.UpdatedAt = wallettest.Epoch.Add(time.Second)
		place.Services = map[wallet.Service]wallet.Offer{wallet.Pay: {Available: true, Categories: []int64{2, 3}}}
		place.Prices = []wallet.Price{{Title: wallet.Text{"lt": "Duona"}, Amount: money.Amount{Minor: 250, Currency: "EUR"}}}
		update(t, db, func(tx *store.Tx) error {
			if err := tx.UpdateLocation(place); err != nil {
				return err
			}
			got, err := tx.Location(1)
			if diff := cmp.Diff(&place, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
				t.Errorf("the place differs (-want +got): %v\n%s", err, diff)
			}
			none, err := tx.Location(99)
			if none != nil {
				t.Errorf("a place that does not exist is %v", none)
			}
			return err
		})
		for _, tc := range []struct {
			f    wallet.LocationFilter
			want int
		}{
			{wallet.LocationFilter{Categories: []int64{1}}, 0}, {wallet.LocationFilter{Categories: []int64{3}}, 1},
			{wallet.LocationFilter{Services: []wallet.Service{wallet.CashIn}}, 0}, {wallet.LocationFilter{PublicOnly: true}, 0},
			{wallet.LocationFilter{Statuses: []wallet.LocationStatus{wallet.Inactive}}, 1},
			{wallet.LocationFilter{UpdatedSince: wallettest.Epoch.Add(time.Microsecond)}, 1},
		} {
			if _, total, err := db.Locations(context.Background(), tc.f); total != tc.want || err != nil {
				t.Errorf("%+v finds %d places, %v; want %d", tc.f, total, err, tc.want)
			}
		}
	})
}

// What use cases ask before they give out a number or an address.
func TestWhatIsTaken(t *testing.T) {
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		seed(t, db)
		update(t, db, func(tx *store.Tx) error {
			err := tx.InsertUser(wallet.User{ID: 3, Type: wallet.Natural, DisplayName: "Jonas", Email: "jonas@example.com", Phone: "37060000003",
				CreatedAt: wallettest.Epoch}, nil, nil)
			if err != nil {
				return err
			}
			for of, last := range map[store.Counter]int64{
				store.UserIDs: 3, store.WalletIDs: 2, store.ProjectIDs: 3, store.ClientIDs: 0, store.LocationIDs: 0,
			} {
				for id := int64(0); id <= 4; id++ {
					if taken, err := tx.Taken(of, id); taken != (id > 0 && id <= last) || err != nil {
						t.Errorf("%s %d is taken: %v, %v", of, id, taken, err)
					}
				}
			}
			byEmail, err1 := tx.UserByEmail("jonas@example.com")
			byPhone, err2 := tx.UserByPhone("37060000003")
			nobody, err3 := tx.UserByEmail("ona@example.com")
			if byEmail != 3 || byPhone != 3 || nobody != 0 {
				t.Errorf("the addresses are those of the users %d, %d and %d", byEmail, byPhone, nobody)
			}
			there, err4 := tx.PayCategoryExists(1)
			if there {
				t.Error("there is a pay category")
			}
			return errors.Join(err1, err2, err3, err4)
		})
	})
}

// Lists of an operator: by owner, in pages, with what belongs to each thing, and at the cost of a few
// statements however long they are.
func TestListsOfOwners(t *testing.T) {
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		seed(t, db)
		update(t, db, func(tx *store.Tx) error {
			return tx.InsertWallet(wallet.Wallet{ID: 3, OwnerID: 2, AccountNumber: "PU0003", Description: "Savings"})
		})
		ctx := context.Background()
		wallets, total, err := db.Wallets(ctx, store.OwnerFilter{OwnerID: 2})
		want := []wallet.Wallet{
			{ID: 2, OwnerID: 2, OwnerType: wallet.Legal, OwnerDisplayName: "Onos kepykla", OwnerAdministrators: []int64{1}, Projects: []int64{2, 3}, AccountNumber: "PU0002"},
			{ID: 3, OwnerID: 2, OwnerType: wallet.Legal, OwnerDisplayName: "Onos kepykla", OwnerAdministrators: []int64{1}, AccountNumber: "PU0003", Description: "Savings"},
		}
		if diff := cmp.Diff(want, wallets); diff != "" || total != 2 || err != nil {
			t.Errorf("the company's %d wallets differ (-want +got): %v\n%s", total, err, diff)
		}
		projects, total, err := db.Projects(ctx, store.OwnerFilter{OwnerID: 2, Limit: 1, Offset: 1})
		wantProjects := []wallet.Project{{ID: 3, Title: "Café", OwnerID: 2, OwnerDisplayName: "Onos kepykla", WalletID: 2}}
		if diff := cmp.Diff(wantProjects, projects); diff != "" || total != 2 || err != nil {
			t.Errorf("a page of the company's %d projects differs (-want +got): %v\n%s", total, err, diff)
		}
		for _, tc := range []struct {
			what   string
			budget int64
			read   func() error
		}{
			{"all users", 3, func() error { _, _, err := db.Users(ctx, store.UserFilter{}); return err }},
			{"a page of wallets", 5, func() error { _, _, err := db.Wallets(ctx, store.OwnerFilter{Limit: 100}); return err }},
			{"a page of projects", 3, func() error { _, _, err := db.Projects(ctx, store.OwnerFilter{Limit: 100}); return err }},
			{"no projects at all", 2, func() error { _, _, err := db.Projects(ctx, store.OwnerFilter{OwnerID: 99}); return err }},
		} {
			got := cost(db, func(int) {
				if err := tc.read(); err != nil {
					t.Errorf("%s: %v", tc.what, err)
				}
			})
			if got != tc.budget {
				t.Errorf("%s costs %d statements, its budget is %d", tc.what, got, tc.budget)
			}
		}
		update(t, db, func(tx *store.Tx) error {
			w, err := tx.Wallet(3)
			if err != nil {
				return err
			}
			w.Description = "Rainy days"
			return tx.UpdateWallet(*w)
		})
		if w, err := db.Wallet(ctx, 3); err != nil || w.Description != "Rainy days" {
			t.Errorf("wallet 3 is %+v, %v", w, err)
		}
	})
}
