package service

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/purserhq/purser/internal/ledger"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
)

// WalletView is a wallet as a caller may see it.
type WalletView struct {
	*wallet.Wallet
	// Detailed callers see what the account says beyond its number.
	Detailed bool
}

func walletView(c wallet.Caller, w *wallet.Wallet) WalletView {
	return WalletView{Wallet: w, Detailed: wallet.May(c, wallet.ReadWalletDetails, wallet.Subject{Wallet: w}).Allowed}
}

// subjectWallet finds the wallet that a call is about and asks whether the caller may do it.
// Me is the user's own wallet under a token, and the default wallet of the project that a
// client speaks for without one.
func (s *Service) subjectWallet(ctx context.Context, c wallet.Caller, id int64, action wallet.Action) (*wallet.Wallet, error) {
	// Who calls is judged before anything is looked up, and again with what was found.
	subject := wallet.Subject{OwnProject: id == Me}
	before := wallet.May(c, action, subject)
	if !before.Allowed && id == Me && len(c.Projects()) == 0 {
		return nil, before.Err()
	}
	w, err := s.findWallet(ctx, c, id)
	if err != nil && !before.Allowed {
		return nil, before.Err()
	}
	if err != nil {
		return nil, err
	}
	subject.Wallet = w
	if subject.Consent, err = s.offlineConsent(ctx, c, action, subject); err != nil {
		return nil, err
	}
	if err := wallet.May(c, action, subject).Err(); err != nil {
		return nil, err
	}
	switch {
	case w != nil:
		return w, nil
	case id == Me:
		return nil, wallet.Errorf(wallet.NotFound, "user %d has no wallet: create one for them first.", c.UserID())
	}
	return nil, wallet.Errorf(wallet.NotFound, "there is no wallet %d: check the id.", id)
}

// offlineConsent is what the owner of a wallet agreed that a client may do without a token. It is looked up where
// nothing else opens the wallet.
func (s *Service) offlineConsent(ctx context.Context, c wallet.Caller, a wallet.Action, subject wallet.Subject) (*wallet.Consent, error) {
	if c.Kind != wallet.ByClient || subject.Wallet == nil || wallet.May(c, a, subject).Allowed {
		return nil, nil
	}
	return s.db.Consent(ctx, subject.Wallet.OwnerID, c.Client.ID)
}

func (s *Service) findWallet(ctx context.Context, c wallet.Caller, id int64) (*wallet.Wallet, error) {
	switch {
	case id != Me:
		return s.db.Wallet(ctx, id)
	case c.Kind == wallet.ByToken:
		return s.db.WalletOfUser(ctx, c.UserID())
	}
	id, err := c.Project()
	if err != nil {
		return nil, err
	}
	p, err := s.db.Project(ctx, id)
	if err != nil {
		return nil, err
	}
	return s.db.Wallet(ctx, p.WalletID)
}

// GetWallet returns the wallet, or the caller's own for Me. It fails with Forbidden, NotFound
// and, for Me, with what Caller.Project fails with.
func (s *Service) GetWallet(ctx context.Context, c wallet.Caller, id int64) (WalletView, error) {
	w, err := s.subjectWallet(ctx, c, id, wallet.ReadWallet)
	if err != nil {
		return WalletView{}, err
	}
	return s.walletSeenBy(ctx, c, w)
}

// Receipt is what a movement by hand did.
type Receipt struct {
	// Entry is its number in the ledger.
	Entry int64
	// Available is what the wallet then had to spend.
	Available money.Amount
}

// Kinds of entries that operators make.
const (
	operatorCredit = "operator_credit"
	operatorDebit  = "operator_debit"
)

// CreditWallet puts money into a wallet by hand: double entry against the system account
// that stands for the world outside. The amount is positive and the reason is kept with the
// entry. It fails with Forbidden, InvalidParameters, NotFound.
func (s *Service) CreditWallet(ctx context.Context, c wallet.Caller, id int64, amount money.Amount, reason string) (Receipt, error) {
	return s.moveByHand(ctx, c, id, amount, reason, operatorCredit)
}

// DebitWallet takes money out of a wallet by hand; otherwise like CreditWallet. It also fails
// with NotEnoughFunds.
func (s *Service) DebitWallet(ctx context.Context, c wallet.Caller, id int64, amount money.Amount, reason string) (Receipt, error) {
	return s.moveByHand(ctx, c, id, amount, reason, operatorDebit)
}

// maxReason is how many bytes of a reason the ledger keeps.
const maxReason = 500

func (s *Service) moveByHand(ctx context.Context, c wallet.Caller, id int64, amount money.Amount, reason, kind string) (Receipt, error) {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return Receipt{}, err
	}
	if err := s.checkByHand(amount, reason); err != nil {
		return Receipt{}, err
	}
	w, err := s.db.Wallet(ctx, id)
	if err != nil {
		return Receipt{}, err
	}
	if w == nil {
		return Receipt{}, wallet.Errorf(wallet.NotFound, "there is no wallet %d: check the id.", id)
	}
	account := ledger.WalletAccount(id, amount.Currency)
	outside := ledger.SystemAccount(ledger.Funding, amount.Currency)
	posting := ledger.Posting{Debit: outside, Credit: account, Amount: amount, Kind: kind, Details: strings.TrimSpace(reason)}
	if kind == operatorDebit {
		posting.Debit, posting.Credit = account, outside
	}
	entries, err := store.Money(ctx, s.db, store.MoneyCommand[[]ledger.Entry]{
		Needs: store.Needs{Accounts: []ledger.Key{account, outside}},
		Decide: func(m *store.MoneyTx) ([]ledger.Entry, error) {
			entries, err := m.Post(posting)
			if err == nil {
				m.Audit(auditEntry(c, kind, walletObject, id, nil, struct {
					Entry  int64
					Amount string
				}{entries[0].ID, amount.String()}))
			}
			return entries, err
		},
	})
	switch {
	case errors.Is(err, ledger.ErrNotCovered):
		return Receipt{}, wallet.Errorf(wallet.NotEnoughFunds, "wallet %d holds less than %s: take out no more than it has.", id, amount)
	case errors.Is(err, ledger.ErrRange):
		return Receipt{}, wallet.FieldError("amount", "is more than an account can hold")
	case err != nil:
		return Receipt{}, err
	}
	after := entries[0].CreditAfter
	if kind == operatorDebit {
		after = entries[0].DebitAfter
	}
	return Receipt{Entry: entries[0].ID, Available: money.Amount{Minor: after, Currency: amount.Currency}}, nil
}

func (s *Service) checkByHand(amount money.Amount, reason string) error {
	refused := wallet.FieldErrors{}
	if !amount.Positive() {
		refused.Refuse("amount", "must be more than zero")
	}
	if !slices.Contains(s.Currencies, amount.Currency) {
		refused.Refuse("currency", "%q is not one of the currencies of this server", amount.Currency)
	}
	switch reason = strings.TrimSpace(reason); {
	case reason == "":
		refused.Refuse("reason", "must say why, for whoever reads the ledger later")
	case len(reason) > maxReason:
		refused.Refuse("reason", "must be at most %d bytes", maxReason)
	}
	return refused.Err()
}
