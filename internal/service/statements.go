package service

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/purserhq/purser/internal/ledger"
	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
)

// ListStatements returns a page of what came into a wallet and went out of it (spec/wallet-api.md §4.6). Who agreed
// to recent_statements alone is shown the newest few, which have no places to go on from. It fails like GetWallet,
// and with InvalidParameters for such a place in a list that has none.
func (s *Service) ListStatements(ctx context.Context, c wallet.Caller, id int64, f wallet.StatementFilter) (wallet.StatementPage, error) {
	w, err := s.subjectWallet(ctx, c, id, wallet.ReadStatements)
	if err != nil {
		return wallet.StatementPage{}, err
	}
	subject := wallet.Subject{Wallet: w}
	if subject.Consent, err = s.offlineConsent(ctx, c, wallet.ReadAllStatements, subject); err != nil {
		return wallet.StatementPage{}, err
	}
	if wallet.May(c, wallet.ReadAllStatements, subject).Allowed {
		return s.db.WalletStatements(ctx, w.ID, f)
	}
	return s.recentStatements(ctx, w.ID, f)
}

// recentStatements is a page of the newest statements of a wallet, as if there were no others.
func (s *Service) recentStatements(ctx context.Context, walletID int64, f wallet.StatementFilter) (wallet.StatementPage, error) {
	if f.After != nil || f.Before != nil {
		return wallet.StatementPage{}, wallet.FieldError("after", "and before are for the scope statements: recent statements are one short list, without cursors")
	}
	recent, err := s.db.WalletStatements(ctx, walletID, wallet.StatementFilter{
		From: s.BusinessClock().Add(-wallet.RecentStatementsAge), Limit: wallet.RecentStatements,
	})
	if err != nil {
		return wallet.StatementPage{}, err
	}
	list := slices.DeleteFunc(recent.Statements, func(s wallet.Statement) bool {
		return len(f.Currencies) > 0 && !slices.Contains(f.Currencies, s.Amount.Currency) ||
			!f.From.IsZero() && s.At.Before(f.From) || !f.To.IsZero() && !s.At.Before(f.To) || !f.Matches(&s)
	})
	if f.Ascending {
		slices.Reverse(list)
	}
	return wallet.StatementPage{Statements: pageOf(list, f.Offset, f.Limit), Total: len(list), Offset: f.Offset, Read: recent.Read}, nil
}

// pageOf cuts a page out of a list.
func pageOf[T any](list []T, offset, limit int) []T {
	offset = min(offset, len(list))
	return list[offset:min(offset+limit, len(list))]
}

// ListReservations returns a page of what is reserved on a wallet now, the newest first, and how many there are: the
// payer's money that is held, and the beneficiary's that is frozen. It fails like GetWallet.
func (s *Service) ListReservations(ctx context.Context, c wallet.Caller, id int64, offset, limit int) (page []wallet.Statement, total int, err error) {
	w, err := s.subjectWallet(ctx, c, id, wallet.ReadAllStatements)
	if err != nil {
		return nil, 0, err
	}
	open, err := s.onTheirWay(ctx, w.ID)
	if err != nil {
		return nil, 0, err
	}
	var list []wallet.Statement
	for _, t := range open {
		some, others := t.ReservedOf(w.ID)
		for i := range some {
			some[i].Other = otherParty(others[i])
		}
		list = append(list, some...)
	}
	slices.SortFunc(list, func(a, b wallet.Statement) int {
		return cmp.Or(b.At.Compare(a.At), cmp.Compare(b.PaymentID, a.PaymentID))
	})
	page = pageOf(list, offset, limit)
	parties := make([]*wallet.Party, len(page))
	for i := range page {
		parties[i] = page[i].Other
	}
	return page, len(list), s.nameParties(ctx, parties)
}

// onTheirWay are the transactions with payments that are on their way from or to a wallet, each once.
func (s *Service) onTheirWay(ctx context.Context, walletID int64) ([]*wallet.Transaction, error) {
	outgoing, err := s.db.OpenTransactions(ctx, walletID)
	if err != nil {
		return nil, err
	}
	incoming, err := s.db.IncomingTransactions(ctx, walletID)
	if err != nil {
		return nil, err
	}
	all := slices.Concat(outgoing, incoming)
	slices.SortFunc(all, func(a, b *wallet.Transaction) int { return cmp.Compare(a.ID, b.ID) })
	return slices.CompactFunc(all, func(a, b *wallet.Transaction) bool { return a.ID == b.ID }), nil
}

// otherParty is a wallet that is still to be named; nil for none.
func otherParty(walletID int64) *wallet.Party {
	if walletID == 0 {
		return nil
	}
	return &wallet.Party{WalletID: walletID}
}

// nameParties fills in who the parties are; nil ones are left out.
func (s *Service) nameParties(ctx context.Context, parties []*wallet.Party) error {
	var ids []int64
	for _, p := range parties {
		if p != nil && !slices.Contains(ids, p.WalletID) {
			ids = append(ids, p.WalletID)
		}
	}
	found, err := s.db.Parties(ctx, ids)
	for _, p := range parties {
		if p != nil {
			*p = cmp.Or(found[p.WalletID], *p)
		}
	}
	return err
}

// PendingPaymentView is a payment on its way as its payer or its beneficiary reads it.
type PendingPaymentView struct {
	wallet.PendingPayment
	// TransactionKey is what its transaction is called by.
	TransactionKey string
	// Password is what the payer tells the beneficiary; empty where there is none, or for the beneficiary.
	Password secret.Text
}

// PendingFilter says which payments on their way are wanted. Incoming and Outgoing ask for one direction, neither for
// all that the caller may see; Type, as StatementType names it, for one type.
type PendingFilter struct {
	Incoming, Outgoing bool
	Type               string
	Offset, Limit      int
}

// ListPendingPayments returns a page of the payments that are on their way from or to a wallet, the newest first, and
// how many there are. It fails like GetWallet; where no direction is named, only if the caller may see neither.
func (s *Service) ListPendingPayments(ctx context.Context, c wallet.Caller, id int64, f PendingFilter) (page []PendingPaymentView, total int, err error) {
	w, err := s.pendingWallet(ctx, c, id, &f)
	if err != nil {
		return nil, 0, err
	}
	open, err := s.onTheirWay(ctx, w.ID)
	if err != nil {
		return nil, 0, err
	}
	var list []wallet.PendingPayment
	for _, t := range open {
		if f.Outgoing {
			list = appendPending(list, f.Type)(t.Outgoing(w.ID))
		}
		if f.Incoming {
			list = appendPending(list, f.Type)(t.Incoming(w.ID))
		}
	}
	slices.SortFunc(list, func(a, b wallet.PendingPayment) int {
		return cmp.Or(b.At.Compare(a.At), cmp.Compare(b.PaymentID, a.PaymentID))
	})
	page, err = s.pendingViews(ctx, pageOf(list, f.Offset, f.Limit))
	return page, len(list), err
}

// pendingWallet finds the wallet, and narrows the filter down to what the caller may see of it.
func (s *Service) pendingWallet(ctx context.Context, c wallet.Caller, id int64, f *PendingFilter) (w *wallet.Wallet, err error) {
	if f.Incoming != f.Outgoing {
		action := wallet.ReadIncomingPayments
		if f.Outgoing {
			action = wallet.ReadOutgoingPayments
		}
		return s.subjectWallet(ctx, c, id, action)
	}
	incoming, refusedIncoming := s.subjectWallet(ctx, c, id, wallet.ReadIncomingPayments)
	outgoing, refusedOutgoing := s.subjectWallet(ctx, c, id, wallet.ReadOutgoingPayments)
	f.Incoming, f.Outgoing = refusedIncoming == nil, refusedOutgoing == nil
	switch {
	case f.Incoming:
		return incoming, nil
	case f.Outgoing:
		return outgoing, nil
	}
	var waits *wallet.Error
	if errors.As(refusedOutgoing, &waits) && waits.Code == wallet.NotFound {
		return nil, refusedOutgoing
	}
	return nil, refusedIncoming
}

// appendPending adds payments of a type, any when it is empty, with who is on the other side.
func appendPending(list []wallet.PendingPayment, kind string) func([]wallet.PendingPayment, []int64) []wallet.PendingPayment {
	return func(some []wallet.PendingPayment, others []int64) []wallet.PendingPayment {
		for i, p := range some {
			if kind == "" || wallet.StatementType(p.Kind) == kind {
				p.Other = otherParty(others[i])
				list = append(list, p)
			}
		}
		return list
	}
}

// pendingViews opens what is sealed, and names who is on the other side.
func (s *Service) pendingViews(ctx context.Context, list []wallet.PendingPayment) ([]PendingPaymentView, error) {
	views := make([]PendingPaymentView, len(list))
	parties := make([]*wallet.Party, len(list))
	for i, p := range list {
		views[i] = PendingPaymentView{PendingPayment: p, TransactionKey: s.transactionKey(p.TransactionID)}
		parties[i] = p.Other
		if p.Password == nil {
			continue
		}
		var err error
		if views[i].Password, err = s.Box.Open(p.Password.Sealed, passwordPlace(p.PaymentID)); err != nil {
			return nil, err
		}
	}
	return views, s.nameParties(ctx, parties)
}

// TakePaymentBack is the payer's change of mind: the whole transaction of a payment that is on its way from their
// wallet is revoked, and what is held for it is theirs again. It returns the payment as it has become; whoever takes
// it back twice gets that again. It fails like GetWallet, with NotFound for a payment that this wallet does not
// pay, and with InvalidState where the payer cannot take it back: see Transaction.CheckTakeBack.
func (s *Service) TakePaymentBack(ctx context.Context, c wallet.Caller, id, payment int64) (PendingPaymentView, error) {
	w, err := s.subjectWallet(ctx, c, id, wallet.TakePaymentBack)
	if err != nil {
		return PendingPaymentView{}, err
	}
	missing := wallet.Errorf(wallet.NotFound, "wallet %d has no such payment on its way: check the id (GET /wallet/%d/pending-payments tells which it has).", w.ID, w.ID)
	transaction, err := s.db.TransactionOfPayment(ctx, payment)
	if err != nil {
		return PendingPaymentView{}, err
	}
	if transaction == 0 {
		return PendingPaymentView{}, missing
	}
	once, err := s.db.Transaction(ctx, transaction)
	if err != nil {
		return PendingPaymentView{}, err
	}
	if once.WalletID != w.ID {
		return PendingPaymentView{}, missing
	}
	if once.Status != wallet.TransactionRevoked {
		if once, err = s.revokeByPayer(ctx, c, once); err != nil {
			return PendingPaymentView{}, err
		}
	}
	pending := once.PendingOf(payment)
	pending.Other = otherParty(once.Payment(payment).BeneficiaryID)
	views, err := s.pendingViews(ctx, []wallet.PendingPayment{pending})
	if err != nil {
		return PendingPaymentView{}, err
	}
	return views[0], nil
}

// revokeByPayer revokes a transaction that its payer has accepted, where the payer may take that back, and returns what
// it has become. It fails with InvalidState.
func (s *Service) revokeByPayer(ctx context.Context, c wallet.Caller, once *wallet.Transaction) (*wallet.Transaction, error) {
	view, err := s.move(ctx, c, once, takingBack)
	return view.Transaction, err
}

// takingBack is what the payer's change of mind means for the transaction and the ledger.
func takingBack(_ *store.MoneyTx, t *wallet.Transaction) ([]ledger.Posting, error) {
	if t.Status != wallet.TransactionRevoked {
		if err := t.CheckTakeBack(); err != nil {
			return nil, err
		}
	}
	return t.Revoke()
}
