package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/purserhq/purser/internal/ledger"
	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
)

// TransactionView is a transaction as a caller may see it.
type TransactionView struct {
	*wallet.Transaction
	// Key is what it is called by outside.
	Key string
	// Allowance is the one that the payer is asked for; nil for none.
	Allowance *wallet.Allowance
	// Project is there where it was asked for, BeneficiaryWallets too, by wallet.
	Project            *ProjectView
	BeneficiaryWallets map[int64]WalletView
}

// PaymentView is one payment of a transaction.
type PaymentView struct {
	TransactionView
	Payment *wallet.Payment
}

// TransactionKey is what a transaction is called by outside: nobody can guess another one's.
func (s *Service) transactionKey(id int64) string { return s.Box.Handle(id) }

func (s *Service) transactionView(t *wallet.Transaction) TransactionView {
	return TransactionView{Transaction: t, Key: s.transactionKey(t.ID)}
}

func (s *Service) paymentView(t *wallet.Transaction, id int64) PaymentView {
	return PaymentView{s.transactionView(t), t.Payment(id)}
}

// NewPayment is a payment that a client asks for.
type NewPayment struct {
	// Payment says what to pay. Its price may be left out where its items have one.
	wallet.Payment
	// Place is where its fields stand in the request, such as payments[2]., for what is refused of them.
	Place string
	// PasswordValue is what has to be named, for a password that the client provides.
	PasswordValue secret.Text
}

// NewTransaction is a transaction that a client asks for.
type NewTransaction struct {
	// Transaction says how; its payments are those of Payments, new ones, and Moved, which are in
	// transactions of their own so far.
	wallet.Transaction
	Payments []NewPayment
	Moved    []int64
	// Allowance is a new allowance that the payer is asked for; nil for none. MovedAllowance is one in its place that
	// is in a transaction of its own so far.
	Allowance      *NewAllowance
	MovedAllowance int64
}

// maxPayments bounds the payments of a transaction.
const maxPayments = 100

// CreateTransaction asks for payments, for the project that the caller speaks for. It fails with Forbidden,
// InvalidParameters, InvalidState for a payment that is not new any more, and NotFound for one that does not
// exist.
func (s *Service) CreateTransaction(ctx context.Context, c wallet.Caller, n NewTransaction) (TransactionView, error) {
	for i := range n.Payments {
		n.Payments[i].Place = cmp.Or(n.Payments[i].Place, fmt.Sprintf("payments[%d].", i))
	}
	return createTransaction(ctx, s, c, n, func(view TransactionView) TransactionView { return view })
}

// CreatePayment asks for one payment, in a transaction of its own. It fails like CreateTransaction.
func (s *Service) CreatePayment(ctx context.Context, c wallet.Caller, p NewPayment) (PaymentView, error) {
	n := NewTransaction{Transaction: wallet.Transaction{UseAllowance: true}, Payments: []NewPayment{p}}
	return createTransaction(ctx, s, c, n, func(view TransactionView) PaymentView { return PaymentView{view, &view.Payments[0]} })
}

// createTransaction makes a transaction and answers with what answer makes of it.
func createTransaction[T any](ctx context.Context, s *Service, c wallet.Caller, n NewTransaction, answer func(view TransactionView) T) (T, error) {
	var none T
	if err := wallet.May(c, wallet.CreateTransaction, wallet.Subject{OwnProject: true}).Err(); err != nil {
		return none, err
	}
	project, err := c.Project()
	if err != nil {
		return none, err
	}
	now := s.BusinessClock()
	if err := s.checkTransaction(ctx, now, project, &n); err != nil {
		return none, err
	}
	sources, err := s.db.TransactionsOfPayments(ctx, n.Moved)
	if err != nil {
		return none, err
	}
	t := n.Transaction
	t.Status, t.ClientID, t.ProjectID, t.LocationID, t.ManagerID = wallet.TransactionNew, c.Client.ID, project, c.LocationID, c.UserID()
	needs, err := s.allowanceNeeds(ctx, n.MovedAllowance)
	if err != nil {
		return none, err
	}
	for _, id := range n.Moved {
		if sources[id] == 0 {
			return none, wallet.FieldError("payments", "there is no payment %d", id)
		}
		needs.Transactions = append(needs.Transactions, sources[id])
	}
	return moneyAs(ctx, s, c, needs, func(m *store.MoneyTx) (T, error) {
		made := t
		made.ID, made.CreatedAt, made.Payments = m.NewTransactionID(), m.Now(), nil
		for _, p := range n.Payments {
			made.Payments = append(made.Payments, s.newPayment(m, p))
		}
		for _, id := range n.Moved {
			p, err := movePayment(m, c, sources[id], id, project)
			if err != nil {
				return none, err
			}
			made.Payments = append(made.Payments, p)
		}
		for _, p := range made.Payments {
			if p.BeneficiaryID == 0 {
				m.Await(p.Beneficiary.Text(), made.ID)
			}
		}
		asked, err := askForAllowance(m, c, &made, n)
		if err != nil {
			return none, err
		}
		m.Keep(&made)
		view := s.transactionView(&made)
		view.Allowance = asked
		return answer(view), nil
	})
}

// newPayment numbers a payment. Its password is sealed under that number.
func (s *Service) newPayment(m *store.MoneyTx, n NewPayment) wallet.Payment {
	p := n.Payment
	p.ID, p.CreatedAt, p.Status = m.NewPaymentID(), m.Now(), wallet.PaymentNew
	if p.Password != nil {
		password := *p.Password
		password.Sealed = s.Box.Seal(n.PasswordValue, passwordPlace(p.ID))
		p.Password = &password
	}
	return p
}

// passwordPlace is where the sealed password of a payment belongs.
func passwordPlace(payment int64) string { return fmt.Sprint("payment password ", payment) }

// movePayment takes a payment out of the transaction that it is in, which vanishes when it was the last. A device takes
// only what it asked for itself. It fails with NotFound and InvalidState.
func movePayment(m *store.MoneyTx, c wallet.Caller, from, payment, project int64) (wallet.Payment, error) {
	source, err := m.Transaction(from)
	if err != nil {
		return wallet.Payment{}, err
	}
	if source == nil || source.Payment(payment) == nil || source.ProjectID != project || c.KeptApart(project) && source.ClientID != c.Client.ID {
		return wallet.Payment{}, wallet.Errorf(wallet.NotFound, "there is no payment %d of this project.", payment)
	}
	p := *source.Payment(payment)
	if p.Status != wallet.PaymentNew || source.Status != wallet.TransactionNew {
		return wallet.Payment{}, wallet.Errorf(wallet.InvalidState, "payment %d is %s, and only a new one can be put into another transaction.", payment, p.Status)
	}
	source.Payments = slices.DeleteFunc(source.Payments, func(p wallet.Payment) bool { return p.ID == payment })
	vacate(source)
	m.Keep(source)
	return p, nil
}

// moneyAs runs a money command of a caller: what its request claims, it claims in the commit.
func moneyAs[T any](ctx context.Context, s *Service, c wallet.Caller, needs store.Needs, decide func(m *store.MoneyTx) (T, error)) (T, error) {
	answer, err := tellingMoney(ctx, s, c, store.MoneyCommand[T]{Nonce: c.Nonce, Claim: c.Claim, Once: c.Once, Needs: needs, Decide: decide})
	switch {
	case errors.Is(err, store.ErrNonceUsed):
		err = wallet.Errorf(wallet.Unauthorized, wallet.NonceUsed)
	case errors.Is(err, store.ErrCodeUsed):
		err = errWrongCode
	case errors.Is(err, ledger.ErrRange):
		err = wallet.Errorf(wallet.InvalidState, "an account would hold more than it can: pay a smaller amount.")
	}
	return answer, err
}

// errNoTransaction is what who knows no key is told.
func errNoTransaction() error {
	return wallet.Errorf(wallet.NotFound, "there is no such transaction: check the key.")
}

// subjectTransaction finds the transaction that a call is about and asks whether the caller may do it. The
// transaction is as it is or once was.
func (s *Service) subjectTransaction(ctx context.Context, c wallet.Caller, key string, action wallet.Action) (*wallet.Transaction, error) {
	t, err := s.findTransaction(ctx, key)
	if err != nil {
		return nil, err
	}
	if t == nil {
		if err := wallet.May(c, action, wallet.Subject{}).Err(); err != nil {
			return nil, err
		}
		return nil, errNoTransaction()
	}
	return t, s.mayAbout(ctx, c, action, t)
}

// findTransaction finds a transaction as it is or once was; nil when there is none.
func (s *Service) findTransaction(ctx context.Context, key string) (*wallet.Transaction, error) {
	id, ok := s.Box.Number(key)
	if !ok {
		return nil, nil
	}
	return s.db.TransactionOnce(ctx, id)
}

// mayAbout asks whether a caller may do something to a transaction.
func (s *Service) mayAbout(ctx context.Context, c wallet.Caller, action wallet.Action, t *wallet.Transaction) error {
	subject := wallet.Subject{Transaction: t}
	decision := wallet.May(c, action, subject)
	if decision.Allowed || t.WalletID == 0 || c.Kind != wallet.ByToken {
		return decision.Err()
	}
	holder, err := s.db.Holder(ctx, t.WalletID)
	if err != nil {
		return err
	}
	subject.Wallet = walletOf(holder)
	return wallet.May(c, action, subject).Err()
}

// walletOf is the wallet of a holder as far as it matters whose it is.
func walletOf(h *wallet.Holder) *wallet.Wallet {
	return &wallet.Wallet{ID: h.WalletID, OwnerID: h.Owner.ID, OwnerType: h.Owner.Type, OwnerAdministrators: h.Administrators}
}

// subjectPayment finds the transaction of the payment that a call is about.
func (s *Service) subjectPayment(ctx context.Context, c wallet.Caller, id int64, action wallet.Action) (*wallet.Transaction, error) {
	in, err := s.db.TransactionOfPayment(ctx, id)
	if err != nil {
		return nil, err
	}
	if in == 0 {
		if err := wallet.May(c, action, wallet.Subject{}).Err(); err != nil {
			return nil, err
		}
		return nil, wallet.Errorf(wallet.NotFound, "there is no payment %d: check the id.", id)
	}
	t, err := s.db.Transaction(ctx, in)
	if err != nil {
		return nil, err
	}
	return t, s.mayAbout(ctx, c, action, t)
}

// GetTransaction returns a transaction: to clients of its project, to its payer, and to whoever has its key while
// nobody has accepted it. withProject and withWallets add what the request asks for. It fails with NotFound and
// Forbidden.
func (s *Service) GetTransaction(ctx context.Context, c wallet.Caller, key string, withProject, withWallets bool) (TransactionView, error) {
	t, err := s.subjectTransaction(ctx, c, key, wallet.ReadTransaction)
	if err != nil {
		return TransactionView{}, err
	}
	if t, err = s.db.Transaction(ctx, t.ID); err != nil {
		return TransactionView{}, err
	}
	if err := s.mayAbout(ctx, c, wallet.ReadTransaction, t); err != nil {
		return TransactionView{}, err
	}
	view := s.transactionView(t)
	if err := s.withAllowances(ctx, &view); err != nil {
		return TransactionView{}, err
	}
	return s.withMore(ctx, c, view, withProject, withWallets)
}

// withMore adds the project, and the wallets that are paid, to a view.
func (s *Service) withMore(ctx context.Context, c wallet.Caller, view TransactionView, withProject, withWallets bool) (TransactionView, error) {
	if withProject {
		p, err := s.db.Project(ctx, view.ProjectID)
		if err != nil {
			return TransactionView{}, err
		}
		project, err := s.projectView(ctx, c, p, withWallets)
		if err != nil {
			return TransactionView{}, err
		}
		view.Project = &project
	}
	if !withWallets {
		return view, nil
	}
	view.BeneficiaryWallets = map[int64]WalletView{}
	for i := range view.Payments {
		id := view.Payments[i].BeneficiaryID
		if _, known := view.BeneficiaryWallets[id]; known || id == 0 {
			continue
		}
		w, err := s.db.Wallet(ctx, id)
		if err != nil {
			return TransactionView{}, err
		}
		view.BeneficiaryWallets[id] = walletView(c, w)
	}
	return view, nil
}

// GetPayment returns a payment: to clients of its project, and to its payer. Numbers of payments can be guessed, keys
// cannot: so an open one is not shown to whoever asks. It fails with NotFound and Forbidden.
func (s *Service) GetPayment(ctx context.Context, c wallet.Caller, id int64) (PaymentView, error) {
	t, err := s.subjectPayment(ctx, c, id, wallet.ReadPayment)
	if err != nil {
		return PaymentView{}, err
	}
	return s.paymentView(t, id), nil
}

// TransactionFilter says which transactions, or payments, a list is of.
type TransactionFilter = store.TransactionFilter

// listed narrows a filter to the projects that the caller may list, and a device to what it made.
func (s *Service) listed(ctx context.Context, c wallet.Caller, f *TransactionFilter, wanted int64) error {
	if err := wallet.May(c, wallet.ListTransactions, wallet.Subject{OwnProject: true}).Err(); err != nil {
		return err
	}
	f.Projects = c.Projects()
	if wanted = cmp.Or(wanted, c.ProjectID); wanted != 0 {
		p, err := s.db.Project(ctx, wanted)
		if err != nil {
			return err
		}
		if p == nil {
			return wallet.Errorf(wallet.NotFound, "there is no project %d: check the id.", wanted)
		}
		if err := wallet.May(c, wallet.ReadProject, wallet.Subject{Project: p}).Err(); err != nil {
			return err
		}
		f.Projects = []int64{wanted}
	}
	f.ClientID = c.Client.ID
	for _, project := range f.Projects {
		if c.KeptApart(project) {
			f.Apart = append(f.Apart, project)
		}
	}
	return nil
}

// ListTransactions returns a page of the transactions of a project, or of all that the caller represents when it is
// 0, newest first, and how many there are in all. It fails with Forbidden and NotFound.
func (s *Service) ListTransactions(ctx context.Context, c wallet.Caller, f TransactionFilter, project int64, withProject, withWallets bool) ([]TransactionView, int, error) {
	if err := s.listed(ctx, c, &f, project); err != nil {
		return nil, 0, err
	}
	found, total, err := s.db.Transactions(ctx, f)
	if err != nil {
		return nil, 0, err
	}
	views, all := make([]TransactionView, len(found)), make([]*TransactionView, len(found))
	for i, t := range found {
		all[i] = &views[i]
		if views[i], err = s.withMore(ctx, c, s.transactionView(t), withProject, withWallets); err != nil {
			return nil, 0, err
		}
	}
	return views, total, s.withAllowances(ctx, all...)
}

// ListPayments returns a page of the payments of the projects that the caller represents, or speaks for, largest
// number first, and how many there are in all. It fails with Forbidden.
func (s *Service) ListPayments(ctx context.Context, c wallet.Caller, f TransactionFilter) ([]PaymentView, int, error) {
	if err := s.listed(ctx, c, &f, 0); err != nil {
		return nil, 0, err
	}
	ids, total, err := s.db.Payments(ctx, f)
	if err != nil {
		return nil, 0, err
	}
	in := make([]int64, len(ids))
	for i, pair := range ids {
		in[i] = pair[1]
	}
	found, err := s.db.TransactionsByID(ctx, in)
	if err != nil {
		return nil, 0, err
	}
	views := make([]PaymentView, 0, len(ids))
	for _, pair := range ids {
		if t := found[pair[1]]; t != nil && t.Payment(pair[0]) != nil { // it may have been moved meanwhile
			views = append(views, s.paymentView(t, pair[0]))
		}
	}
	return views, total, nil
}

// ListPaymentIDs returns the numbers of those that ListPayments returns. It fails with Forbidden.
func (s *Service) ListPaymentIDs(ctx context.Context, c wallet.Caller, f TransactionFilter) ([]int64, error) {
	if err := s.listed(ctx, c, &f, 0); err != nil {
		return nil, err
	}
	pairs, _, err := s.db.Payments(ctx, f)
	ids := make([]int64, len(pairs))
	for i, pair := range pairs {
		ids[i] = pair[0]
	}
	return ids, err
}

// reserveWindow says until when money stays reserved that is accepted now.
func reserveWindow(now time.Time, t *wallet.Transaction) (refused string) {
	if t.ReserveFor == 0 && t.ReserveUntil.IsZero() {
		t.ReserveFor = wallet.DefaultReserve
	}
	switch {
	case t.ReserveFor < 0 || t.ReserveFor > wallet.MaxReserve || t.ReserveUntil.After(now.Add(wallet.MaxReserve)):
		return fmt.Sprintf("must be at most %d days from now", wallet.MaxReserve/(24*time.Hour))
	case !t.ReserveUntil.IsZero() && !t.ReserveUntil.After(now):
		return "must be in the future"
	}
	return ""
}
