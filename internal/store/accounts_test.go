package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
	"github.com/purserhq/purser/money"
)

// All that can be known of a person comes back as it was. Of a person code the tables show nothing, and it
// finds somebody only when an operator vouches for it: what people say of themselves keeps nobody else from
// saying it.
func TestPersonsComeBackAsTheyWere(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		db := wallettest.Open(t, address, wallettest.NewClock())
		ctx := context.Background()
		ona := wallet.User{
			ID: 1, Type: wallet.Natural, DisplayName: "Ona", Email: "ona@example.com", Phone: "37060000001", Locale: "lt",
			Standing: wallet.RestrictedUser, DateOfBirth: "1990-01-31", Gender: wallet.Female, Level: wallet.Unidentified,
			Address:         wallet.Address{Country: "lt", City: "Vilnius", Street: "Pilies g. 1", PostIndex: "LT-01123"},
			Identity:        wallet.Identity{Name: "Ona", Surname: "Onaitė", Nationality: "lt", Code: "49001311234"},
			Exposures:       []wallet.Exposure{{Name: "Jonas", Relation: "spouse", Positions: []string{"mayor", "member of a party"}}},
			DefaultCurrency: "EUR", CreatedAt: wallettest.Epoch,
		}
		rita := wallet.User{ID: 2, Type: wallet.Natural, DisplayName: "Rita", Standing: wallet.ActiveUser, Level: wallet.Unidentified,
			Identity: ona.Identity, CreatedAt: wallettest.Epoch}
		update(t, db, func(tx *store.Tx) error {
			return errors.Join(tx.InsertUser(ona, nil, nil), tx.InsertUser(rita, nil, nil))
		})
		stands := func(want wallet.User) {
			t.Helper()
			got, err := db.User(ctx, want.ID)
			if diff := cmp.Diff(&want, got, cmp.Comparer(func(a, b wallet.PersonCode) bool { return string(a) == string(b) })); diff != "" || err != nil {
				t.Errorf("user %d differs (-want +got): %v\n%s", want.ID, err, diff)
			}
		}
		finds := func(nationality string, code wallet.PersonCode, want int64) {
			t.Helper()
			got, err := db.UserByCode(ctx, nationality, code)
			if got != want || err != nil {
				t.Errorf("the code of %s finds user %d, %v; want %d", nationality, got, err, want)
			}
		}
		become := func(before, after wallet.User) {
			t.Helper()
			update(t, db, func(tx *store.Tx) error { return tx.UpdateUser(before, after) })
			stands(after)
		}
		stands(ona)
		stands(rita)
		finds("lt", "49001311234", 0)
		for _, level := range []wallet.IdentificationLevel{wallet.SemiIdentified, wallet.Identified, wallet.FullyIdentified} {
			vouched := ona
			vouched.Level = level
			become(ona, vouched)
			finds("lt", "49001311234", 1)
			finds("lv", "49001311234", 0)
			become(vouched, ona)
			finds("lt", "49001311234", 0)
		}
		stands(rita)
		bare := wallet.User{ID: 1, Type: wallet.Natural, DisplayName: "Ona", Standing: wallet.ActiveUser, Level: wallet.Identified, CreatedAt: wallettest.Epoch}
		become(ona, bare)

		// A code that somebody copies into another row does not open there.
		vouched := rita
		vouched.Level = wallet.Identified
		become(rita, vouched)
		if _, err := raw(t, address).Exec(`UPDATE users SET sealed_code = (SELECT sealed_code FROM users WHERE id = 2) WHERE id = 1`); err != nil {
			t.Fatal(err)
		}
		if got, err := db.User(ctx, 1); !errors.Is(err, secret.ErrSeal) {
			t.Errorf("the copied code opens: %v, %v", got, err)
		}
	})
}

// Limits are a set: one for each kind, currency and time, replaced as a whole, and each user's own.
func TestSpendingLimitsAreReplaced(t *testing.T) {
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		seed(t, db)
		eur := func(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "EUR"} }
		want := []wallet.SpendingLimit{
			{Kind: wallet.OrdinaryLimit, Amount: eur(5000)}, {Kind: wallet.OrdinaryLimit, Amount: eur(100000), Within: 30 * 24 * time.Hour},
			{Kind: wallet.OrdinaryLimit, Amount: money.Amount{Minor: 1, Currency: "USD"}}, {Kind: wallet.TemporaryLimit, Amount: eur(0)},
		}
		stand := func(user int64, want []wallet.SpendingLimit) {
			t.Helper()
			got, err := db.SpendingLimits(context.Background(), user)
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("the limits of user %d differ (-want +got): %v\n%s", user, err, diff)
			}
		}
		stand(1, nil)
		backwards := slices.Clone(want)
		slices.Reverse(backwards)
		update(t, db, func(tx *store.Tx) error {
			return errors.Join(tx.SetSpendingLimits(1, backwards), tx.SetSpendingLimits(2, want[:1]))
		})
		stand(1, want)
		update(t, db, func(tx *store.Tx) error { return tx.SetSpendingLimits(1, want[2:3]) })
		stand(1, want[2:3])
		update(t, db, func(tx *store.Tx) error { return tx.SetSpendingLimits(1, nil) })
		stand(1, nil)
		stand(2, want[:1])
		twice := []wallet.SpendingLimit{want[0], {Kind: wallet.OrdinaryLimit, Amount: eur(1)}}
		if err := db.Update(context.Background(), func(tx *store.Tx) error { return tx.SetSpendingLimits(2, twice) }); err == nil {
			t.Error("two limits of one kind, currency and time are stored")
		}
		stand(2, want[:1])
	})
}

// living is what a database holds of each thing that is pruned, by table.
func living(t *testing.T, address string) map[string]int {
	t.Helper()
	db := raw(t, address)
	defer db.Close()
	rows := map[string]int{}
	for _, table := range []string{
		"tokens", "families", "authorization_codes", "prepared_requests", "confirmations", "sign_ins", "attempts", "messages", "users",
	} {
		var n int
		if err := db.QueryRow(`SELECT count(*) FROM ` + table).Scan(&n); err != nil {
			t.Fatal(err)
		}
		rows[table] = n
	}
	return rows
}

// insertPrunable stores one of each thing that ends some day, under a name.
func insertPrunable(tx *store.Tx, name string, user, confirmation int64, now time.Time) error {
	text := func(what string) secret.Text { return secret.Text(what + " of " + name) }
	hour := now.Add(time.Hour)
	family, err := tx.InsertFamily(store.Family{UserID: 1, ClientID: 1, Scopes: []wallet.AskedScope{{Scope: wallet.ScopeBalance}}})
	if err != nil {
		return err
	}
	pair := func(kind string, waits bool) error {
		return tx.InsertPair(store.Pair{
			FamilyID: family, Scopes: []wallet.AskedScope{{Scope: wallet.ScopeBalance}}, Access: text(kind + " access"), Refresh: text(kind + " refresh"),
			Key: text(kind + " key"), ExpiresAt: hour, RefreshExpiresAt: now.Add(48 * time.Hour), Waits: waits,
		})
	}
	stranger := wallet.User{ID: user, Type: wallet.Natural, DisplayName: name, CreatedAt: now}
	return errors.Join(
		pair("used", false), pair("waiting", true),
		tx.InsertCode(text("code"), store.Code{UserID: 1, ClientID: 1, ExpiresAt: now.Add(time.Minute)}),
		tx.PrepareRequest(text("request"), 1, "{}", hour), tx.InsertSignIn(text("cookie"), 1, now),
		tx.InsertUser(stranger, nil, nil), tx.MarkRegistered(user),
		tx.InsertConfirmation(text("handle"), store.Confirmation{ID: confirmation, Purpose: store.ForContact, UserID: user, Contact: name, CreatedAt: now, ExpiresAt: now.Add(15 * time.Minute)}),
		tx.SetAttempts([]byte(name), store.Attempts{Failures: 1, LastAt: now}),
		tx.Tell(wallet.Message{Kind: wallet.PasswordChanged, Email: "ona@example.com"}),
	)
}

// What has served its time goes, and what lives stays. A spent token stays for a week: who brings it again is
// told from who made one up.
func TestPrune(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		clock := wallettest.NewClock()
		db := wallettest.Open(t, address, clock)
		seed(t, db)
		ctx := context.Background()
		prune := func() {
			t.Helper()
			if err := db.Prune(ctx, clock.Now(), 12*time.Hour); err != nil {
				t.Fatal(err)
			}
		}
		holds := func(what string, want map[string]int) {
			t.Helper()
			if diff := cmp.Diff(want, living(t, address)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
		}
		update(t, db, func(tx *store.Tx) error {
			return errors.Join(tx.InsertClient(till(1, "till"), "key", time.Time{}), insertPrunable(tx, "the old", 3, 1, clock.Now()))
		})
		one := map[string]int{
			"tokens": 2, "families": 1, "authorization_codes": 1, "prepared_requests": 1, "confirmations": 1, "sign_ins": 1, "attempts": 1, "messages": 1, "users": 3,
		}
		prune()
		holds("at once", one)
		clock.Advance(23 * time.Hour)
		prune()
		one["prepared_requests"], one["sign_ins"] = 0, 0
		holds("after 23 hours", one)
		clock.Advance(2 * time.Hour)
		prune()
		one["authorization_codes"], one["confirmations"], one["attempts"] = 0, 0, 0
		holds("after 25 hours", one)
		if c := credential(t, db, "used access of the old"); !c.Known {
			t.Error("a token is forgotten whose refresh token still works")
		}

		// A week later: the pair that waited and the user who never confirmed go, the spent pair stays two more days.
		clock.Advance(6*24*time.Hour + time.Hour)
		update(t, db, func(tx *store.Tx) error { return insertPrunable(tx, "the new", 4, 2, clock.Now()) })
		prune()
		holds("after a week", map[string]int{
			"tokens": 3, "families": 2, "authorization_codes": 1, "prepared_requests": 1, "confirmations": 1, "sign_ins": 1, "attempts": 1, "messages": 2, "users": 3,
		})
		clock.Advance(48 * time.Hour)
		prune()
		update(t, db, func(tx *store.Tx) error {
			spent, err1 := tx.PairByRefresh("used refresh of the old")
			fresh, err2 := tx.PairByRefresh("used refresh of the new")
			if spent != nil || fresh == nil {
				t.Errorf("after nine days the old pair is %v, the new one %v", spent, fresh)
			}
			return errors.Join(err1, err2)
		})
		if credential(t, db, "used access of the old").Known || !credential(t, db, "till").Known {
			t.Error("what is pruned is still known, or what lives is not")
		}
		clock.Advance(30 * 24 * time.Hour)
		prune()
		holds("in the end", map[string]int{
			"tokens": 0, "families": 0, "authorization_codes": 0, "prepared_requests": 0, "confirmations": 0, "sign_ins": 0, "attempts": 0, "messages": 0, "users": 2,
		})
	})
}

// Whoever registered is kept who has a contact, or something that hangs on them; and so is whoever an
// operator made, for good.
func TestPruneKeepsPeople(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		clock := wallettest.NewClock()
		db := wallettest.Open(t, address, clock)
		seed(t, db)
		names := []string{"made by an operator", "has an e-mail address", "has a phone", "has a wallet", "has a token", "acts for a company", "administers a project", "has a limit", "showed a document", "nothing"}
		update(t, db, func(tx *store.Tx) error {
			for i, name := range names {
				u := wallet.User{ID: int64(10 + i), Type: wallet.Natural, DisplayName: name, CreatedAt: clock.Now()}
				switch name {
				case "has an e-mail address":
					u.Email = "ona@example.com"
				case "has a phone":
					u.Phone = "37060000001"
				}
				if err := tx.InsertUser(u, nil, nil); err != nil {
					return err
				}
				if i > 0 {
					if err := tx.MarkRegistered(u.ID); err != nil {
						return err
					}
				}
			}
			_, err := tx.AddAdministrator(1, 16)
			return errors.Join(err, tx.InsertClient(till(1, "till"), "key", time.Time{}),
				tx.InsertWallet(wallet.Wallet{ID: 9, OwnerID: 13, AccountNumber: "PU0009"}),
				tx.SetConsent(wallet.Consent{UserID: 14, ClientID: 1}),
				tx.InsertUser(wallet.User{ID: 20, Type: wallet.Legal, DisplayName: "Company", Administrators: []int64{15}, CreatedAt: clock.Now()}, nil, nil),
				tx.InsertLocation(wallet.Location{ID: 1, ProjectID: 1, Status: wallet.Active, UpdatedAt: clock.Now()}), second(tx.InsertIdentification(shown(18))),
				tx.SetSpendingLimits(17, []wallet.SpendingLimit{{Kind: wallet.OrdinaryLimit, Amount: money.Amount{Minor: 1, Currency: "EUR"}}}))
		})
		clock.Advance(365 * 24 * time.Hour)
		for range 2 { // for good
			if err := db.Prune(context.Background(), clock.Now(), time.Hour); err != nil {
				t.Fatal(err)
			}
		}
		for i, name := range names {
			u, err := db.User(context.Background(), int64(10+i))
			if (u != nil) != (name != "nothing") || err != nil {
				t.Errorf("who %s is there: %v, %v", name, u != nil, err)
			}
		}
	})
}

// Two who read all ids anew at once forget nothing that comes meanwhile.
func TestTokensThatComeWhileIdsAreReadAreKnown(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		clock := wallettest.NewClock()
		db := wallettest.Open(t, address, clock)
		seed(t, db)
		update(t, db, func(tx *store.Tx) error { return tx.InsertClient(till(1, "till"), "key", time.Time{}) })
		stop := make(chan struct{})
		done := make(chan error, 2)
		for range 2 {
			go func() {
				for {
					select {
					case <-stop:
						done <- nil
						return
					default:
					}
					if err := db.LoadIDs(context.Background()); err != nil {
						done <- err
						return
					}
				}
			}()
		}
		for i := range 50 {
			name := fmt.Sprintf("access %d", i)
			update(t, db, func(tx *store.Tx) error {
				return tx.InsertToken(store.Token{
					Token:  wallet.Token{UserID: 1, ClientID: 1, ExpiresAt: clock.Now().Add(time.Hour)},
					Access: secret.Text(name), Refresh: secret.Text("refresh of " + name), Key: "key", RefreshExpiresAt: clock.Now().Add(time.Hour),
				})
			})
			if !credential(t, db, name).Known {
				t.Errorf("%s is not known", name)
			}
		}
		close(stop)
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		for i := range 50 {
			if name := fmt.Sprintf("access %d", i); !credential(t, db, name).Known {
				t.Errorf("%s is not known afterwards", name)
			}
		}
	})
}
