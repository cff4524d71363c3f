package service

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
)

// WalletQuery names a wallet by one of these: its own number or code, or its owner, whose wallet it then is.
type WalletQuery struct {
	Email, Phone, AccountNumber string
	// Barcode is a wallet code as it was scanned.
	Barcode string
	// Code is a person code, with the state that gave it.
	Code        wallet.PersonCode
	Nationality string
	// CompanyCode is a company's registration code; an empty country is any.
	CompanyCode, Country string
	// UserID and WalletID are 0 for none.
	UserID, WalletID int64
}

// given are the names of what the query names a wallet by.
func (q WalletQuery) given() (names []string) {
	for _, one := range []struct {
		name  string
		there bool
	}{
		{"email", q.Email != ""}, {"phone", q.Phone != ""}, {"account_number", q.AccountNumber != ""}, {"person_code", q.Code != ""},
		{"company_code", q.CompanyCode != ""}, {"barcode", q.Barcode != ""}, {"user_id", q.UserID != 0}, {"wallet_id", q.WalletID != 0},
	} {
		if one.there {
			names = append(names, one.name)
		}
	}
	return names
}

// check refuses a query that names a wallet in several ways, or in none.
func (q WalletQuery) check() error {
	names := q.given()
	refused := wallet.FieldErrors{}
	switch {
	case len(names) == 0:
		refused.Refuse("email", "name the wallet by exactly one of email, phone, account_number, person_code, company_code, barcode and user_id")
	case len(names) > 1:
		for _, name := range names {
			refused.Refuse(name, "is one of %d that are given; name the wallet by one of them", len(names))
		}
	case q.Code != "" && !countryForm.MatchString(q.Nationality):
		refused.Refuse("nationality", "must be two letters, such as lt: person_code[lt]=…, or nationality=lt beside person_code")
	case q.Country != "" && !countryForm.MatchString(q.Country):
		refused.Refuse("company_code", "names a country by two letters, such as lt: company_code[lt]=…")
	}
	return refused.Err()
}

// findingWallet is what has to be allowed for a query.
func findingWallet(q WalletQuery) wallet.Action {
	if q.Code != "" {
		return wallet.FindWalletByPersonCode
	}
	return wallet.FindWallet
}

// FindWallet returns the wallet that the query names, with its details for who may read them. It fails with Forbidden,
// InvalidParameters and NotFound (spec/wallet-api.md §4.6).
func (s *Service) FindWallet(ctx context.Context, c wallet.Caller, q WalletQuery) (WalletView, error) {
	if err := wallet.May(c, findingWallet(q), wallet.Subject{}).Err(); err != nil {
		return WalletView{}, err
	}
	w, err := s.walletOf(ctx, q)
	if err != nil {
		return WalletView{}, err
	}
	return s.walletSeenBy(ctx, c, w)
}

// walletSeenBy is a wallet as the caller may see it, by what its owner agreed to as well.
func (s *Service) walletSeenBy(ctx context.Context, c wallet.Caller, w *wallet.Wallet) (WalletView, error) {
	subject := wallet.Subject{Wallet: w}
	var err error
	subject.Consent, err = s.offlineConsent(ctx, c, wallet.ReadWalletDetails, subject)
	return WalletView{Wallet: w, Detailed: wallet.May(c, wallet.ReadWalletDetails, subject).Allowed}, err
}

// walletOf finds the wallet that a query names.
func (s *Service) walletOf(ctx context.Context, q WalletQuery) (w *wallet.Wallet, err error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	owner := q.UserID
	switch {
	case q.WalletID != 0:
		w, err = s.db.Wallet(ctx, q.WalletID)
	case q.AccountNumber != "":
		w, err = s.db.WalletByNumber(ctx, q.AccountNumber)
	case q.Barcode != "":
		w, err = s.db.WalletByNumber(ctx, walletCode(q.Barcode))
	case q.Code != "":
		owner, err = s.db.UserByCode(ctx, q.Nationality, q.Code)
	case q.CompanyCode != "":
		owner, err = s.db.CompanyByCode(ctx, q.Country, strings.TrimSpace(q.CompanyCode))
	case q.Email != "":
		owner, err = s.db.UserByContact(ctx, normalContact(q.Email))
	case q.Phone != "":
		owner, err = s.db.UserByContact(ctx, normalContact(q.Phone))
	}
	if err == nil && owner != 0 {
		w, err = s.db.WalletOfUser(ctx, owner)
	}
	if err == nil && w == nil {
		err = wallet.Errorf(wallet.NotFound, "there is no such wallet: check what it is named by.")
	}
	return w, err
}

// codeAddress is what a code may be wrapped in, so that a camera opens the app (spec/wallet-api.md §4.12).
const codeAddress = "paysera.com/app"

// walletCode is the wallet code in what was scanned: itself, or the parameter qr of the app's address.
func walletCode(scanned string) string {
	scanned = strings.TrimSpace(scanned)
	address, err := url.Parse(scanned)
	if err != nil || address.Scheme != "https" && address.Scheme != "http" {
		return scanned
	}
	if strings.TrimPrefix(address.Host, "www.")+strings.TrimSuffix(address.Path, "/") != codeAddress {
		return scanned
	}
	return address.Query().Get("qr")
}

// WalletBarcode returns the text of the barcode that the wallet which the query names is found by for as long as it is
// there: the wallet code, which is its account number as well (spec/wallet-api.md §4.12). It fails like FindWallet.
func (s *Service) WalletBarcode(ctx context.Context, c wallet.Caller, q WalletQuery) (string, error) {
	if err := wallet.May(c, findingWallet(q), wallet.Subject{}).Err(); err != nil {
		return "", err
	}
	w, err := s.walletOf(ctx, q)
	if err != nil {
		return "", err
	}
	return w.AccountNumber, nil
}

// WalletContacts are what wallets are looked up by, many at a time: each as it was sent.
type WalletContacts struct {
	Emails, Phones []string
	// EmailHashes and PhoneHashes are the SHA-1 in hex of an e-mail address in lower case, and of a phone number's digits.
	EmailHashes, PhoneHashes []string
	// Limit is how many wallets are answered at most; 0 is no limit. The contacts that come first in this order count.
	Limit int
}

// FindWallets returns wallets by the contacts that their owners are known by, each as it was sent; unknown ones are left out.
// It fails with Forbidden.
func (s *Service) FindWallets(ctx context.Context, c wallet.Caller, contacts WalletContacts) (map[string]WalletView, error) {
	if err := wallet.May(c, wallet.FindWallet, wallet.Subject{}).Err(); err != nil {
		return nil, err
	}
	found := map[string]WalletView{}
	for _, list := range []struct {
		kind   store.ContactKind
		terms  []string
		normal func(string) string
	}{
		{store.Emails, contacts.Emails, normalContact}, {store.Phones, contacts.Phones, normalContact},
		{store.EmailHashes, contacts.EmailHashes, strings.ToLower}, {store.PhoneHashes, contacts.PhoneHashes, strings.ToLower},
	} {
		normal := make([]string, len(list.terms))
		for i, term := range list.terms {
			normal[i] = list.normal(term)
		}
		wallets, err := s.db.WalletsByContacts(ctx, list.kind, slices.Compact(slices.Sorted(slices.Values(normal))))
		if err != nil {
			return nil, err
		}
		for i, term := range list.terms {
			w, ok := wallets[normal[i]]
			if !ok || contacts.Limit > 0 && len(found) == contacts.Limit {
				continue
			}
			if found[term], err = s.walletSeenBy(ctx, c, &w); err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}

// DescribeWallet changes what the owner of a wallet, or of Me, describes it as; empty for nothing, nil for what it was. It
// fails with Forbidden, NotFound and InvalidParameters.
func (s *Service) DescribeWallet(ctx context.Context, c wallet.Caller, id int64, description *string) (WalletView, error) {
	w, err := s.subjectWallet(ctx, c, id, wallet.DescribeWallet)
	if err != nil {
		return WalletView{}, err
	}
	return answer(ctx, s, c, func(tx *store.Tx, c wallet.Caller) (WalletView, error) {
		before, err := tx.Wallet(w.ID)
		if err != nil {
			return WalletView{}, err
		}
		if err := wallet.May(c, wallet.DescribeWallet, wallet.Subject{Wallet: before}).Err(); err != nil {
			return WalletView{}, err
		}
		after := *before
		set(&after.Description, description)
		if err := checkWallet(&after); err != nil {
			return WalletView{}, err
		}
		if same(*before, after) {
			return walletView(c, &after), nil
		}
		if err := s.audit(tx, c, "update", walletObject, w.ID, *before, after); err != nil {
			return WalletView{}, err
		}
		return walletView(c, &after), tx.UpdateWallet(after)
	})
}
