package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/purserhq/purser/internal/ledger"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
)

// ConversionRequest asks what an amount is worth in another currency, or to exchange it (spec/wallet-api.md §4.13).
type ConversionRequest struct {
	// From and To name both currencies; exactly one of them has an amount, above zero.
	From, To money.Amount
	// AccountNumber is the wallet whose money it is; only needed where money moves.
	AccountNumber string
	// MaxFrom and MinTo bound what the caller accepts; nil for no bound.
	MaxFrom, MinTo *money.Amount
}

// Conversion is a conversion as it would be, or as it was.
type Conversion struct {
	From, To      money.Amount
	AccountNumber string
	// Entry is the number of the ledger's entry that took From, and At its time; none where nothing moved.
	Entry int64
	At    time.Time
}

// check refuses what cannot be converted.
func (r ConversionRequest) check(currencies []money.Currency) error {
	refused := wallet.FieldErrors{}
	for field, currency := range map[string]money.Currency{"from_currency": r.From.Currency, "to_currency": r.To.Currency} {
		if !slices.Contains(currencies, currency) {
			refused.Refuse(field, "%q is not one of the currencies of this server", currency)
		}
	}
	switch {
	case r.From.Currency == r.To.Currency && r.From.Currency != "":
		refused.Refuse("to_currency", "is the same as from_currency")
	case r.From.Minor < 0:
		refused.Refuse("from_amount", "must be more than zero")
	case r.To.Minor < 0:
		refused.Refuse("to_amount", "must be more than zero")
	case (r.From.Minor == 0) == (r.To.Minor == 0):
		refused.Refuse("from_amount", "give exactly one of from_amount, from_amount_decimal, to_amount and to_amount_decimal, above zero")
	}
	return refused.Err()
}

// CalculateConversion returns what a conversion would come to now, which binds nobody. It fails with Forbidden, InvalidParameters and,
// where there is no rate, NotFound.
func (s *Service) CalculateConversion(ctx context.Context, c wallet.Caller, r ConversionRequest) (Conversion, error) {
	if err := wallet.May(c, wallet.CalculateConversion, wallet.Subject{}).Err(); err != nil {
		return Conversion{}, err
	}
	if err := r.check(s.Currencies); err != nil {
		return Conversion{}, err
	}
	from, to, err := s.amountsOf(ctx, r.From, r.To)
	if err != nil {
		return Conversion{}, err
	}
	return Conversion{From: from, To: to, AccountNumber: r.AccountNumber}, nil
}

// conversionKind is the kind of both entries of a conversion.
const conversionKind = "currency"

// ConvertCurrency exchanges money in a wallet of the user behind the token. It fails with, first match wins: Forbidden, NotFound (no
// such account), NoRights (not the user's), InvalidParameters, InvalidState (the wallet is out of use), NotFound (no rate),
// ExpectationFailed (it would come out beyond what the caller accepts), NotEnoughFunds.
func (s *Service) ConvertCurrency(ctx context.Context, c wallet.Caller, r ConversionRequest) (Conversion, error) {
	w, err := s.walletToConvertIn(ctx, c, r.AccountNumber)
	if err != nil {
		return Conversion{}, err
	}
	if err := r.check(s.Currencies); err != nil {
		return Conversion{}, err
	}
	if w.Inactive {
		return Conversion{}, wallet.Errorf(wallet.InvalidState, "the account %s is out of use: ask the operator.", w.AccountNumber)
	}
	from, to, err := s.amountsOf(ctx, r.From, r.To)
	if err != nil {
		return Conversion{}, err
	}
	if r.MaxFrom != nil && from.Minor > r.MaxFrom.Minor {
		return Conversion{}, wallet.Errorf(wallet.ExpectationFailed, "it would take %s, more than max_from_amount: ask again what it comes to now.", from)
	}
	if r.MinTo != nil && to.Minor < r.MinTo.Minor {
		return Conversion{}, wallet.Errorf(wallet.ExpectationFailed, "it would give %s, less than min_to_amount: ask again what it comes to now.", to)
	}
	return s.exchange(ctx, c, w, from, to)
}

// walletToConvertIn finds the wallet with that account number and asks whether the caller may exchange its money.
func (s *Service) walletToConvertIn(ctx context.Context, c wallet.Caller, number string) (*wallet.Wallet, error) {
	w, err := s.db.WalletByNumber(ctx, number)
	if err != nil {
		return nil, err
	}
	decision := wallet.May(c, wallet.ConvertCurrency, wallet.Subject{Wallet: w})
	switch {
	case !decision.Allowed && w != nil && c.Kind == wallet.ByToken && c.Token.Has(wallet.ScopeConvertCurrency) && !w.BelongsTo(c.UserID()):
		// They agreed to converting, but it is somebody else's money.
		return nil, wallet.Errorf(wallet.NoRights, "the account %s is not user %d's.", number, c.UserID())
	case !decision.Allowed:
		return nil, decision.Err()
	case number == "":
		return nil, wallet.FieldError("account_number", "must be given: the account whose money is converted")
	case w == nil:
		return nil, wallet.Errorf(wallet.NotFound, "there is no account %s: check the number.", number)
	}
	return w, nil
}

// exchange moves the two sides of a conversion at once: a wallet gives one, and gets the other, both against the system's account
// for conversions. What it gives counts against the limits of its owner.
func (s *Service) exchange(ctx context.Context, c wallet.Caller, w *wallet.Wallet, from, to money.Amount) (Conversion, error) {
	holder, err := s.db.Holder(ctx, w.ID)
	if err != nil {
		return Conversion{}, err
	}
	gives := ledger.Posting{
		Debit: ledger.WalletAccount(w.ID, from.Currency), Credit: ledger.SystemAccount(ledger.Conversion, from.Currency),
		Amount: from, Kind: conversionKind, Details: fmt.Sprintf("%s for %s", from, to),
	}
	gets := ledger.Posting{
		Debit: ledger.SystemAccount(ledger.Conversion, to.Currency), Credit: ledger.WalletAccount(w.ID, to.Currency),
		Amount: to, Kind: conversionKind, Details: gives.Details,
	}
	needs := store.Needs{Accounts: []ledger.Key{gives.Debit, gives.Credit, gets.Debit, gets.Credit}, Spenders: spenders(holder)}
	return moneyAs(ctx, s, c, needs, func(m *store.MoneyTx) (Conversion, error) {
		changes, err := spend(m, holder, []money.Amount{from})
		if err != nil {
			return Conversion{}, err
		}
		entries, err := m.Post(gives, gets)
		switch {
		case errors.Is(err, ledger.ErrNotCovered):
			return Conversion{}, wallet.Errorf(wallet.NotEnoughFunds, "the account holds less than %s.", from)
		case errors.Is(err, ledger.ErrRange):
			return Conversion{}, wallet.FieldError("to_amount", "is more than an account can hold")
		case err != nil:
			return Conversion{}, err
		}
		m.KeepSpent(changes...)
		m.Audit(auditEntry(c, "convert", walletObject, w.ID, nil, struct {
			Entry    int64
			From, To string
		}{entries[0].ID, from.String(), to.String()}))
		return Conversion{From: from, To: to, AccountNumber: w.AccountNumber, Entry: entries[0].ID, At: entries[0].At}, nil
	})
}
