package store_test

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
	"github.com/purserhq/purser/money"
)

func sha(text string) string {
	sum := sha1.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}

// walletsBy are the wallets by contact, numbers only.
func walletsBy(t *testing.T, db *store.DB, kind store.ContactKind, contacts ...string) string {
	t.Helper()
	wallets, err := db.WalletsByContacts(context.Background(), kind, contacts)
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, contact := range slices.Sorted(maps.Keys(wallets)) {
		words = append(words, fmt.Sprintf("%s=%d", contact, wallets[contact].ID))
	}
	return strings.Join(words, " ")
}

func person(id int64, email, phone string) wallet.User {
	return wallet.User{ID: id, Type: wallet.Natural, DisplayName: "Somebody", Email: email, Phone: phone, Locale: "lt", CreatedAt: wallettest.Epoch}
}

// Users had contacts before these were hashed, more than one transaction takes: a new server finds them by their hashes all the same.
func TestContactsOfBeforeAreHashed(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		old := atVersion(t, address, 3)
		const users = 1203
		now := wallettest.Epoch.UnixMicro()
		for id := 1; id <= users; id++ {
			email, phone := fmt.Sprintf("'u%d@example.com'", id), fmt.Sprintf("'3706%07d'", id)
			switch id % 3 {
			case 1:
				email = "NULL"
			case 2:
				phone = "NULL"
			}
			for _, statement := range []string{
				fmt.Sprintf(`INSERT INTO users (id, type, display_name, email, phone, locale, created_at) VALUES (%d, 'natural', 'Ona', %s, %s, 'lt', %d)`, id, email, phone, now),
				fmt.Sprintf(`INSERT INTO wallets (id, owner_id, account_number, description, created_at) VALUES (%d, %d, 'EVP%012d', '', %d)`, id+5000, id, id, now),
			} {
				if _, err := old.Exec(statement); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := old.Close(); err != nil {
			t.Fatal(err)
		}
		db := wallettest.Open(t, address, wallettest.NewClock())
		for _, id := range []int{1, 2, 3, 500, 501, 1001, 1203} {
			email, phone := sha(fmt.Sprintf("u%d@example.com", id)), sha(fmt.Sprintf("3706%07d", id))
			byEmail, byPhone := fmt.Sprintf("%s=%d", email, id+5000), fmt.Sprintf("%s=%d", phone, id+5000)
			switch id % 3 {
			case 1:
				byEmail = ""
			case 2:
				byPhone = ""
			}
			if got := walletsBy(t, db, store.EmailHashes, email); got != byEmail {
				t.Errorf("user %d is found by e-mail as %q", id, got)
			}
			if got := walletsBy(t, db, store.PhoneHashes, phone); got != byPhone {
				t.Errorf("user %d is found by phone as %q", id, got)
			}
		}
		w, err := db.Wallet(context.Background(), 5001)
		if err != nil || w.Inactive {
			t.Errorf("a wallet of before is %+v, %v", w, err)
		}
	})
}

// Whatever becomes of a contact, its hash follows: nobody is found by one that they had.
func TestHashesFollowTheirContacts(t *testing.T) {
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		ona, jonas := person(1, "ona@example.com", "37060000001"), person(2, "", "37060000002")
		update(t, db, func(tx *store.Tx) error {
			return errors.Join(tx.InsertUser(ona, nil, nil), tx.InsertUser(jonas, nil, nil), tx.InsertUser(person(3, "no-wallet@example.com", ""), nil, nil),
				tx.InsertWallet(wallet.Wallet{ID: 11, OwnerID: 1, AccountNumber: "A"}), tx.InsertWallet(wallet.Wallet{ID: 12, OwnerID: 2, AccountNumber: "B"}),
				tx.InsertWallet(wallet.Wallet{ID: 13, OwnerID: 2, AccountNumber: "C"}))
		})
		expect := func(what string, kind store.ContactKind, want string, contacts ...string) {
			t.Helper()
			if got := walletsBy(t, db, kind, contacts...); got != want {
				t.Errorf("%s: %q, want %q", what, got, want)
			}
		}
		expect("by e-mail", store.Emails, "ona@example.com=11", "ona@example.com", "no-wallet@example.com", "nobody@example.com")
		expect("by phone", store.Phones, "37060000001=11 37060000002=12", "37060000001", "37060000002", "37060000003")
		expect("a hash is no contact", store.Emails, "", sha("ona@example.com"))
		expect("a contact is no hash", store.EmailHashes, "", "ona@example.com")
		expect("what no engine can look for", store.Phones, "37060000001=11", "\x00", "\xff", "37060000001")
		expect("nothing", store.Phones, "")
		changed := ona
		changed.Email, changed.Phone = "ona@example.net", ""
		update(t, db, func(tx *store.Tx) error { return tx.UpdateUser(ona, changed) })
		expect("the old address", store.EmailHashes, "", sha("ona@example.com"))
		expect("the new address", store.EmailHashes, sha("ona@example.net")+"=11", sha("ona@example.net"))
		expect("a number that was taken away", store.PhoneHashes, "", sha("37060000001"))
		// A server of before these columns changes an address, and leaves the hash as it was.
		update(t, db, func(tx *store.Tx) error {
			_, err := tx.Exec(`UPDATE users SET email = 'ona@example.org' WHERE id = 1`)
			return err
		})
		expect("a hash that was left behind", store.EmailHashes, "", sha("ona@example.net"))
	})
}

// A company is found by its code and country, where the two name one company.
func TestCompaniesAreFoundByTheirCode(t *testing.T) {
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		company := func(id int64, code, country string) wallet.User {
			return wallet.User{ID: id, Type: wallet.Legal, DisplayName: "UAB", Locale: "lt", CompanyCode: code, Address: wallet.Address{Country: country}}
		}
		update(t, db, func(tx *store.Tx) error {
			return errors.Join(tx.InsertUser(company(1, "300", ""), nil, nil), tx.InsertUser(company(2, "400", "lt"), nil, nil), tx.InsertUser(company(3, "400", "lv"), nil, nil),
				tx.InsertUser(company(4, "500", ""), nil, nil), tx.InsertUser(company(5, "500", "lt"), nil, nil))
		})
		for _, c := range []struct {
			country, code string
			want          int64
		}{
			{"lt", "300", 1}, {"lv", "300", 1}, {"", "300", 1}, {"lt", "400", 2}, {"lv", "400", 3}, {"ee", "400", 0}, {"", "400", 0},
			{"lt", "500", 0}, {"lv", "500", 4}, {"lt", "600", 0}, {"lt", "\x00", 0}, {"lt", "", 0},
		} {
			if got, err := db.CompanyByCode(context.Background(), c.country, c.code); got != c.want || err != nil {
				t.Errorf("%s in %q is %d, %v, want %d", c.code, c.country, got, err, c.want)
			}
		}
	})
}

// Limits and rates are kept as they are set.
func TestLimitsOfWalletsAndRatesAreKept(t *testing.T) {
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		limits := []wallet.SpendingLimit{
			{Kind: wallet.OrdinaryLimit, Amount: money.Amount{Minor: 100, Currency: "EUR"}, Within: time.Hour},
			{Kind: wallet.TemporaryLimit, Amount: money.Amount{Minor: 0, Currency: "EUR"}},
		}
		update(t, db, func(tx *store.Tx) error {
			return errors.Join(tx.InsertUser(person(1, "", ""), nil, nil), tx.InsertWallet(wallet.Wallet{ID: 11, OwnerID: 1, AccountNumber: "A"}), tx.SetWalletLimits(11, limits))
		})
		if got, err := db.WalletLimits(ctx, 11); !slices.Equal(got, limits) || err != nil {
			t.Errorf("the limits are %v, %v", got, err)
		}
		if got, err := db.WalletLimits(ctx, 12); len(got) != 0 || err != nil {
			t.Errorf("those of another wallet are %v, %v", got, err)
		}
		euro := wallet.Rate{Base: "EUR", Quote: "USD", Text: "1.087512345678", UpdatedAt: wallettest.Epoch}
		back := wallet.Rate{Base: "USD", Quote: "EUR", Text: "0.9", UpdatedAt: wallettest.Epoch}
		update(t, db, func(tx *store.Tx) error { return errors.Join(tx.SetRate(back), tx.SetRate(euro)) })
		euro.Text = "1.1"
		update(t, db, func(tx *store.Tx) error { return tx.SetRate(euro) })
		if got, err := db.Rates(ctx); !slices.Equal(got, wallet.Rates{euro, back}) || err != nil {
			t.Errorf("the rates are %v, %v", got, err)
		}
		update(t, db, func(tx *store.Tx) error { return tx.DropRate(euro) })
		if got, err := db.Rates(ctx); !slices.Equal(got, wallet.Rates{back}) || err != nil {
			t.Errorf("the rates that are left are %v, %v", got, err)
		}
	})
}
