package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
)

// AllowanceView is an allowance as a caller may see it.
type AllowanceView struct {
	*wallet.Allowance
	// Key is what the transaction that it is given in is called by outside.
	Key string
}

func (s *Service) allowanceView(a *wallet.Allowance) AllowanceView {
	return AllowanceView{a, s.transactionKey(a.TransactionID)}
}

// NewAllowance is an allowance that a client asks for.
type NewAllowance struct {
	wallet.Allowance
	// Place is where its fields stand in the request, such as allowance.data., for what is refused of them.
	Place string
}

// Bounds of what a client asks for.
const (
	maxAllowanceLimits = 20
	maxAllowancePlaces = 100
)

// CreateAllowance asks for an allowance in a transaction of its own, for the project that the caller speaks for. It fails
// with Forbidden, InvalidParameters and NotFound.
func (s *Service) CreateAllowance(ctx context.Context, c wallet.Caller, a NewAllowance) (AllowanceView, error) {
	n := NewTransaction{Allowance: &a}
	return createTransaction(ctx, s, c, n, func(view TransactionView) AllowanceView { return s.allowanceView(view.Allowance) })
}

// checkAllowance refuses what is wrong with an allowance, and fills in how long it is valid; nil is none.
func (s *Service) checkAllowance(ctx context.Context, refused wallet.FieldErrors, now time.Time, project int64, n *NewAllowance) error {
	if n == nil {
		return nil
	}
	at, a := n.Place, &n.Allowance
	checkWords(refused, at+"description", a.Description, 0, maxDescription)
	switch {
	case a.Currency != "" && !slices.Contains(s.Currencies, a.Currency):
		refused.Refuse(at+"currency", "%q is not one of the currencies of this server", a.Currency)
	case a.Max == 0 && len(a.Limits) == 0:
		refused.Refuse(at+"max_price", "must be given, or limits: nothing else bounds what is taken")
	case a.Max < 0 || !wallet.Countable(a.Amount(a.Max)):
		refused.Refuse(at+"max_price", "must be more than zero, and at most %d cents", wallet.MaxPrice)
	}
	if len(a.Limits) > maxAllowanceLimits {
		refused.Refuse(at+"limits", "must be %d at most", maxAllowanceLimits)
		a.Limits = nil
	}
	for i, l := range a.Limits {
		at := fmt.Sprintf("%slimits[%d].", at, i)
		if l.Max < 1 || !wallet.Countable(a.Amount(l.Max)) {
			refused.Refuse(at+"max_price", "must be more than zero, and at most %d cents", wallet.MaxPrice)
		}
		if l.Within < time.Second {
			refused.Refuse(at+"time", "must be a second at least")
		}
	}
	switch {
	case !a.ValidUntil.IsZero() && !a.ValidUntil.After(now):
		refused.Refuse(at+"valid", "must be in the future")
	case a.ValidUntil.IsZero() && a.ValidFor == 0:
		a.ValidFor = wallet.DefaultAllowanceLife
	}
	return s.checkAllowancePlaces(ctx, refused, at+"locations", project, a)
}

// checkAllowancePlaces refuses places that are not the project's.
func (s *Service) checkAllowancePlaces(ctx context.Context, refused wallet.FieldErrors, field string, project int64, a *wallet.Allowance) error {
	slices.Sort(a.Locations)
	a.Locations = slices.Compact(a.Locations)
	if len(a.Locations) > maxAllowancePlaces {
		refused.Refuse(field, "must be %d at most", maxAllowancePlaces)
		return nil
	}
	for _, id := range a.Locations {
		place, err := s.db.Location(ctx, id)
		if err != nil {
			return err
		}
		if place == nil || place.ProjectID != project {
			refused.Refuse(field, "%d is no place of project %d", id, project)
		}
	}
	return nil
}

// allowanceNeeds are what moving an allowance into another transaction looks at; 0 moves none.
func (s *Service) allowanceNeeds(ctx context.Context, id int64) (needs store.Needs, err error) {
	if id == 0 {
		return needs, nil
	}
	a, err := s.db.Allowance(ctx, id)
	if err != nil {
		return needs, err
	}
	if a == nil {
		return needs, wallet.FieldError("allowance.id", "there is no allowance %d", id)
	}
	return store.Needs{Allowances: []int64{id}, Transactions: []int64{a.TransactionID}}, nil
}

// askForAllowance puts the allowance of a new transaction into it, and returns it; nil where it asks for none.
func askForAllowance(m *store.MoneyTx, c wallet.Caller, made *wallet.Transaction, n NewTransaction) (*wallet.Allowance, error) {
	var a *wallet.Allowance
	switch {
	case n.Allowance != nil:
		a = n.Allowance.Clone()
		a.ID, a.Status, a.CreatedAt, a.ClientID, a.ProjectID = m.NewAllowanceID(), wallet.AllowanceNew, m.Now(), made.ClientID, made.ProjectID
	case n.MovedAllowance != 0:
		var err error
		if a, err = moveAllowance(m, c, n.MovedAllowance, made.ProjectID); err != nil {
			return nil, err
		}
	default:
		return nil, nil
	}
	a.TransactionID, made.AllowanceID = made.ID, a.ID
	m.KeepAllowance(a)
	return a, nil
}

// moveAllowance takes an allowance out of the transaction that it is in, as movePayment does with a payment. It fails with
// NotFound and InvalidState.
func moveAllowance(m *store.MoneyTx, c wallet.Caller, id, project int64) (*wallet.Allowance, error) {
	a, err := m.Allowance(id)
	if err != nil {
		return nil, err
	}
	if a == nil || a.ProjectID != project || c.KeptApart(project) && a.ClientID != c.Client.ID {
		return nil, wallet.Errorf(wallet.NotFound, "there is no allowance %d of this project.", id)
	}
	source, err := m.Transaction(a.TransactionID)
	if err != nil {
		return nil, err
	}
	if a.Status != wallet.AllowanceNew || source == nil || source.Status != wallet.TransactionNew {
		return nil, wallet.Errorf(wallet.InvalidState, "allowance %d is %s, and only a new one that nobody was shown can be put into another transaction.", id, a.Status)
	}
	source.AllowanceID, source.AllowanceOptional = 0, false
	vacate(source)
	m.Keep(source)
	return a, nil
}

// vacate ends a transaction out of which the last was moved. An allowance that is left alone in it is all it asks for.
func vacate(t *wallet.Transaction) {
	switch {
	case len(t.Payments) > 0:
	case t.AllowanceID == 0:
		t.Status = wallet.TransactionDeleted
	default:
		t.AllowanceOptional = false
	}
}

// withAllowances adds the allowances that are asked for to views.
func (s *Service) withAllowances(ctx context.Context, views ...*TransactionView) error {
	var ids []int64
	for _, view := range views {
		if view.AllowanceID != 0 {
			ids = append(ids, view.AllowanceID)
		}
	}
	found, err := s.db.AllowancesByID(ctx, ids)
	for _, view := range views {
		view.Allowance = found[view.AllowanceID]
	}
	return err
}

// moneyView is a transaction as a command has left it, with the allowance that it asks for.
func (s *Service) moneyView(m *store.MoneyTx, t *wallet.Transaction) (TransactionView, error) {
	view := s.transactionView(t)
	if t.AllowanceID == 0 {
		return view, nil
	}
	a, err := m.Allowance(t.AllowanceID)
	if err != nil {
		return TransactionView{}, err
	}
	view.Allowance = a
	return view, nil
}

// unattended refuses what only a payer can say, where they are not asked.
func (r *Reservation) unattended(t *wallet.Transaction) error {
	refused := wallet.FieldErrors{}
	if len(r.Prices)+len(r.PricesInOrder) > 0 {
		refused.Refuse("payment_prices", "are the payer's to choose, who is not asked where an allowance pays")
	}
	if len(r.Answers) > 0 {
		refused.Refuse("inquiries", "are the payer's to answer, who is not asked where an allowance pays")
	}
	if r.GiveAllowance {
		refused.Refuse("accept_allowance", "is the payer's to say, who is not asked where an allowance pays")
	}
	return refused.Err()
}

// stage is how far a transaction has come, as far as allowances follow it.
type stage struct {
	status wallet.TransactionStatus
	drawn  wallet.Draw
}

func stageOf(t *wallet.Transaction) stage { return stage{t.Status, t.Drawn()} }

// allowancesFollow lets allowances follow what a command made of a transaction: the one that pays it counts what was
// taken or given back, the one that it asks for is given when it is confirmed, and is not when it ends otherwise.
func allowancesFollow(m *store.MoneyTx, was stage, t *wallet.Transaction) error {
	if is := t.Drawn(); is != was.drawn {
		a, err := m.Allowance(t.PaidBy)
		if err != nil {
			return err
		}
		a.Count(m.Now(), t.HeldAt, was.drawn, is)
		m.KeepAllowance(a)
	}
	over := t.Status == wallet.TransactionConfirmed || !t.Status.Open() && !t.Status.Accepted()
	if t.AllowanceID == 0 || t.Status == was.status || !over {
		return nil
	}
	a, err := m.Allowance(t.AllowanceID)
	if err != nil {
		return err
	}
	if t.Status == wallet.TransactionConfirmed && !t.AllowanceDeclined {
		return give(m, a, t.WalletID)
	}
	a.Delete()
	m.KeepAllowance(a)
	return nil
}

// give makes an allowance active, and the one inactive that the wallet gave the client before.
func give(m *store.MoneyTx, a *wallet.Allowance, walletID int64) error {
	a.Confirm(m.Now(), walletID)
	before, err := m.LastAllowance(a.Of())
	if err != nil {
		return err
	}
	if before != nil && before.Status == wallet.AllowanceActive && a.Status == wallet.AllowanceActive {
		before.Finish(m.Now(), wallet.AllowanceReplaced)
		m.KeepAllowance(before)
	}
	m.KeepAllowance(a)
	if a.Status == wallet.AllowanceActive || before == nil {
		return m.GiveAllowance(a)
	}
	return nil
}

// suggest adds the allowance that a payer gives because the transaction suggests it (suggest_allowance): as much as they
// say, for as long as where nobody says.
func suggest(m *store.MoneyTx, t *wallet.Transaction, a wallet.Acceptance) error {
	if a.Suggested.Minor == 0 || !t.Status.Open() {
		return nil
	}
	if currency := wallet.SuggestedCurrency(t); currency == "" || a.Suggested.Currency != currency || a.Suggested.Minor < 0 || !wallet.Countable(a.Suggested) {
		return wallet.FieldError("allowance", "must be an amount in the currency of the payments, of a transaction that suggests an allowance")
	}
	given := &wallet.Allowance{
		ID: m.NewAllowanceID(), Status: wallet.AllowanceNew, ClientID: t.ClientID, ProjectID: t.ProjectID, TransactionID: t.ID, CreatedAt: m.Now(),
		Currency: a.Suggested.Currency, Max: a.Suggested.Minor, ValidFor: wallet.DefaultAllowanceLife,
	}
	m.KeepAllowance(given)
	t.AllowanceID = given.ID
	return nil
}

// allowancesOf are the allowances that a move of a transaction looks at; payer is nil while nobody has accepted.
func allowancesOf(once *wallet.Transaction, payer *wallet.Holder) (needs store.Needs) {
	if once.PaidBy != 0 {
		needs.Allowances = append(needs.Allowances, once.PaidBy)
	}
	if once.AllowanceID != 0 {
		needs.Allowances = append(needs.Allowances, once.AllowanceID)
		if payer != nil {
			needs.LastAllowances = append(needs.LastAllowances, wallet.AllowanceOf{ClientID: once.ClientID, WalletID: payer.WalletID})
		}
	}
	return needs
}

// acceptNeeds are the allowances that a payer's yes looks at.
func (s *Service) acceptNeeds(ctx context.Context, c wallet.Caller, once *wallet.Transaction, a wallet.Acceptance) (store.Needs, error) {
	needs := allowancesOf(once, a.Payer)
	if a.Type != wallet.ByAllowance {
		return needs, nil
	}
	of := wallet.AllowanceOf{ClientID: c.Client.ID, WalletID: a.Payer.WalletID}
	needs.LastAllowances = append(needs.LastAllowances, of)
	last, err := s.db.LastAllowance(ctx, of)
	if last != nil {
		needs.Allowances = append(needs.Allowances, last.ID)
	}
	return needs, err
}

// subjectAllowance finds the allowance that a call is about, as it was committed last, and asks whether the caller may do
// it.
func (s *Service) subjectAllowance(ctx context.Context, c wallet.Caller, id int64, action wallet.Action) (*wallet.Allowance, error) {
	a, err := s.db.Allowance(ctx, id)
	if err != nil {
		return nil, err
	}
	subject := wallet.Subject{Allowance: a}
	if a != nil && a.WalletID != 0 {
		holder, err := s.db.Holder(ctx, a.WalletID)
		if err != nil {
			return nil, err
		}
		subject.Wallet = walletOf(holder)
	}
	if err := wallet.May(c, action, subject).Err(); err != nil {
		return nil, err
	}
	if a == nil {
		return nil, wallet.Errorf(wallet.NotFound, "there is no allowance %d: check the id.", id)
	}
	return a, nil
}

// GetAllowance returns an allowance: to clients of its project, and to who gave it. It fails with NotFound and Forbidden.
func (s *Service) GetAllowance(ctx context.Context, c wallet.Caller, id int64) (AllowanceView, error) {
	a, err := s.subjectAllowance(ctx, c, id, wallet.ReadAllowance)
	if err != nil {
		return AllowanceView{}, err
	}
	return s.allowanceView(a), nil
}

// CancelAllowance ends an allowance; what is held by it stays held. It fails with NotFound, Forbidden, and InvalidState for
// one that is not active.
func (s *Service) CancelAllowance(ctx context.Context, c wallet.Caller, id int64) (AllowanceView, error) {
	a, err := s.subjectAllowance(ctx, c, id, wallet.CancelAllowance)
	if err != nil {
		return AllowanceView{}, err
	}
	return s.cancelAllowance(ctx, c, a.ID)
}

func (s *Service) cancelAllowance(ctx context.Context, c wallet.Caller, id int64) (AllowanceView, error) {
	return moneyAs(ctx, s, c, store.Needs{Allowances: []int64{id}}, func(m *store.MoneyTx) (AllowanceView, error) {
		a, err := m.Allowance(id)
		if err != nil {
			return AllowanceView{}, err
		}
		ended := a.Status
		if err := a.Cancel(m.Now()); err != nil {
			return AllowanceView{}, err
		}
		if a.Status != ended {
			m.KeepAllowance(a)
		}
		return s.allowanceView(a), nil
	})
}

// lastAllowance finds the allowance that a wallet gave last to the client that calls, and that wallet; Me is the token's
// user's. It fails with Forbidden and NotFound.
func (s *Service) lastAllowance(ctx context.Context, c wallet.Caller, walletID int64) (*wallet.Allowance, *wallet.Holder, error) {
	if walletID == Me && c.UserID() != 0 {
		own, err := s.db.OwnWallet(ctx, c.UserID())
		if err != nil {
			return nil, nil, err
		}
		walletID = own
	}
	holder, err := s.db.Holder(ctx, walletID)
	if err != nil {
		return nil, nil, err
	}
	subject := wallet.Subject{}
	if holder != nil {
		subject.Wallet = walletOf(holder)
	}
	if err := wallet.May(c, wallet.UseAllowances, subject).Err(); err != nil {
		return nil, nil, err
	}
	if holder == nil {
		return nil, nil, errNoActive(walletID)
	}
	a, err := s.db.LastAllowance(ctx, wallet.AllowanceOf{ClientID: c.Client.ID, WalletID: walletID})
	if err == nil && a == nil {
		err = errNoActive(walletID)
	}
	return a, holder, err
}

// errNoActive is what is said where a wallet gave the client nothing that is active; 0 for no wallet.
func errNoActive(walletID int64) error {
	if walletID == 0 {
		return wallet.Errorf(wallet.NotFound, "me is nobody's wallet here: name the wallet, or call with the token of a user who has one.")
	}
	return wallet.Errorf(wallet.NotFound, "wallet %d gave this client no allowance that is active.", walletID)
}

// GetActiveAllowance returns the allowance of a wallet that the client may use. It fails with Forbidden and NotFound.
func (s *Service) GetActiveAllowance(ctx context.Context, c wallet.Caller, walletID int64) (AllowanceView, error) {
	a, holder, err := s.lastAllowance(ctx, c, walletID)
	if err == nil && !a.Valid(s.BusinessClock()) {
		err = errNoActive(holder.WalletID)
	}
	if err != nil {
		return AllowanceView{}, err
	}
	return s.allowanceView(a), nil
}

// CancelActiveAllowance ends it. Whoever cancels twice is answered twice. It fails with Forbidden and NotFound.
func (s *Service) CancelActiveAllowance(ctx context.Context, c wallet.Caller, walletID int64) (AllowanceView, error) {
	a, holder, err := s.lastAllowance(ctx, c, walletID)
	if err == nil && a.Status != wallet.AllowanceActive && a.End != wallet.AllowanceCanceled {
		err = errNoActive(holder.WalletID)
	}
	if err != nil {
		return AllowanceView{}, err
	}
	return s.cancelAllowance(ctx, c, a.ID)
}

// AllowanceLimit returns the largest price in a currency that the client could have held now by the allowance of a wallet:
// the least of what the allowance lets it take at the place that the request names, of what is in the wallet, and of what
// the limits of its owner leave. It promises nothing. It fails with Forbidden, NotFound, and InvalidParameters for a currency
// that this server has not.
func (s *Service) AllowanceLimit(ctx context.Context, c wallet.Caller, walletID int64, currency money.Currency) (money.Amount, error) {
	none := money.Amount{Currency: currency}
	a, holder, err := s.lastAllowance(ctx, c, walletID)
	now := s.BusinessClock()
	switch {
	case err != nil:
		return money.Amount{}, err
	case !a.Valid(now):
		return money.Amount{}, errNoActive(holder.WalletID)
	case !slices.Contains(s.Currencies, currency):
		return money.Amount{}, wallet.FieldError("currency", "%q is not one of the currencies of this server", currency)
	case a.Currency != currency || !a.At(c.LocationID) || !holder.Pays():
		return none, nil
	}
	room := a.Left(now)
	payable, err := s.db.Payable(ctx, holder.WalletID, currency)
	if err != nil {
		return money.Amount{}, err
	}
	room = min(room, payable)
	for _, bound := range bounds(holder) {
		spent, err := s.db.Spent(ctx, bound.who)
		if err != nil {
			return money.Amount{}, err
		}
		room = wallet.Room(now, bound.who, bound.limits, currency, spent, room)
	}
	none.Minor = min(max(room, 0), wallet.MostPayable(currency))
	return none, nil
}

// expireAllowances ends those whose time is over.
func (s *Service) expireAllowances(ctx context.Context) (done int, err error) {
	for last := int64(0); ; {
		due, err := s.db.DueAllowances(ctx, s.BusinessClock(), timerBatch)
		if err != nil || len(due) == 0 || due[0] == last {
			return done, err
		}
		last = due[0]
		for _, id := range due {
			_, failed := moneyAs(ctx, s, wallet.Caller{Kind: wallet.Operator}, store.Needs{Allowances: []int64{id}}, func(m *store.MoneyTx) (struct{}, error) {
				a, err := m.Allowance(id)
				if err == nil && a != nil {
					a.Expire(m.Now())
					m.KeepAllowance(a)
				}
				return struct{}{}, err
			})
			if failed != nil {
				err = errors.Join(err, fmt.Errorf("allowance %d: %w", id, failed))
				continue
			}
			done++
		}
		if err != nil {
			return done, err
		}
	}
}

// offerAllowance adds the allowance that a payer is asked for, or may give.
func (s *Service) offerAllowance(ctx context.Context, o *Offer) error {
	if err := s.withAllowances(ctx, &o.TransactionView); err != nil {
		return err
	}
	if o.Status.Open() {
		o.Suggests = wallet.SuggestedCurrency(o.Transaction)
	}
	if o.Allowance == nil {
		return nil
	}
	for _, id := range o.Allowance.Locations {
		place, err := s.db.Location(ctx, id)
		if err != nil {
			return err
		}
		o.Places = append(o.Places, place)
	}
	return nil
}

// OwnAllowance is an allowance as who gave it sees it on the pages.
type OwnAllowance struct {
	*wallet.Allowance
	// ProjectTitle is to whom it was given, Places for which places; none for everywhere.
	ProjectTitle string
	Places       []*wallet.Location
}

// OwnAllowances returns the allowances that are active of the wallets of who is signed in, and of companies that they act
// for. It fails with Forbidden.
func (s *Service) OwnAllowances(ctx context.Context, c wallet.Caller) (list []OwnAllowance, err error) {
	if err := wallet.May(c, wallet.ManageOwnAllowances, wallet.Subject{}).Err(); err != nil {
		return nil, err
	}
	wallets, err := s.walletsOf(ctx, c.UserID())
	if err != nil {
		return nil, err
	}
	for _, w := range wallets {
		given, err := s.db.ActiveAllowances(ctx, w.ID)
		if err != nil {
			return nil, err
		}
		for _, a := range given {
			project, err := s.db.Project(ctx, a.ProjectID)
			if err != nil {
				return nil, err
			}
			own := OwnAllowance{Allowance: a, ProjectTitle: project.Title}
			for _, id := range a.Locations {
				place, err := s.db.Location(ctx, id)
				if err != nil {
					return nil, err
				}
				own.Places = append(own.Places, place)
			}
			list = append(list, own)
		}
	}
	return list, nil
}

// CancelOwnAllowance ends an allowance that who is signed in has given. It fails with Forbidden, NotFound and InvalidState.
func (s *Service) CancelOwnAllowance(ctx context.Context, c wallet.Caller, id int64) (AllowanceView, error) {
	if err := wallet.May(c, wallet.ManageOwnAllowances, wallet.Subject{}).Err(); err != nil {
		return AllowanceView{}, err
	}
	missing := wallet.Errorf(wallet.NotFound, "user %d has given no allowance %d.", c.UserID(), id)
	a, err := s.db.Allowance(ctx, id)
	if err != nil {
		return AllowanceView{}, err
	}
	if a == nil || a.WalletID == 0 {
		return AllowanceView{}, missing
	}
	holder, err := s.db.Holder(ctx, a.WalletID)
	if err != nil {
		return AllowanceView{}, err
	}
	if !holder.BelongsTo(c.UserID()) {
		return AllowanceView{}, missing
	}
	return s.cancelAllowance(ctx, c, id)
}
