package service

import (
	"context"
	"slices"

	"github.com/purserhq/purser/internal/ledger"
	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
)

// Offer is a transaction as its payer sees it on the pages.
type Offer struct {
	TransactionView
	// ProjectTitle and Owner are who asks for the money, Place where; nil for none.
	ProjectTitle, Owner string
	Place               *wallet.Location
	// Client is the program that asked, for the address to return to.
	Client *wallet.Client
	// Payees are the names of who is paid, by payment: a contact where nobody has it yet.
	Payees map[int64]string
	// Wallets are those that the person may pay from, with what they have available.
	Wallets []PayingWallet
	// NeedsPIN says whether the person has a PIN, and pays with it.
	NeedsPIN bool
	// Passwords are what the payer is to tell who is paid, by payment, once they have accepted.
	Passwords map[int64]secret.Text
	// Places are the places that the allowance is for, where it is for some. Suggests is the currency in which the
	// person may give one that nobody asks for, empty where they are not offered that.
	Places   []*wallet.Location
	Suggests money.Currency
	// Owned says whether the person accepted it; otherwise it is to be looked at only while it is open.
	Owned bool
}

// PayingWallet is a wallet with what it has available in the currencies of a transaction.
type PayingWallet struct {
	ID     int64
	Number string
	// Owner is whose it is: the person, or a company that they act for.
	Owner     string
	Available []money.Amount
}

// OfferEntrance is what is known of a transaction before the payer has signed in.
type OfferEntrance struct {
	// Email is the payer's, where the client has named it.
	Email string
	// Frames are the sites that may show the page in a frame (wallet.Client.Frames); none for the page by itself.
	Frames []string
}

// EnterOffer says what is known of a transaction before the payer has signed in. clientID is what the client signs as that
// wants the page in its frame: one that may speak for the transaction's project. For a key or a client that means nothing
// here it says nothing. It fails with Forbidden.
func (s *Service) EnterOffer(ctx context.Context, c wallet.Caller, key, clientID string) (OfferEntrance, error) {
	if err := wallet.May(c, wallet.UsePages, wallet.Subject{}).Err(); err != nil {
		return OfferEntrance{}, err
	}
	t, err := s.transactionByKey(ctx, key)
	if err != nil {
		return OfferEntrance{}, ignoreKnown(err)
	}
	e := OfferEntrance{Email: t.PayerEmail}
	if clientID == "" {
		return e, nil
	}
	found, err := s.db.Credential(ctx, clientID)
	if err != nil {
		return OfferEntrance{}, err
	}
	if found.Known && found.Token == nil && !found.Client.Revoked() && SpeaksFor(found.Client, t) {
		e.Frames = found.Client.Frames()
	}
	return e, nil
}

// SpeaksFor says whether a client made the transaction, or has its project.
func SpeaksFor(c *wallet.Client, t *wallet.Transaction) bool {
	return c.ID == t.ClientID || slices.Contains(c.Projects, t.ProjectID)
}

// ViewOffer shows a transaction to who is signed in, and notes that it was shown. It fails with Forbidden and
// NotFound, the second also for one that somebody else has accepted.
func (s *Service) ViewOffer(ctx context.Context, c wallet.Caller, key string) (Offer, error) {
	if err := wallet.May(c, wallet.AcceptOnPage, wallet.Subject{}).Err(); err != nil {
		return Offer{}, err
	}
	t, err := s.transactionByKey(ctx, key)
	if err != nil {
		return Offer{}, err
	}
	if t, err = s.db.Transaction(ctx, t.ID); err != nil {
		return Offer{}, err
	}
	if t.Status == wallet.TransactionNew {
		view, err := s.show(ctx, c, t)
		if err != nil {
			return Offer{}, err
		}
		t = view.Transaction
	}
	o := Offer{TransactionView: s.transactionView(t), Payees: map[int64]string{}, Passwords: map[int64]secret.Text{}}
	if err := s.offerOwner(ctx, c, &o); err != nil {
		return Offer{}, err
	}
	if !t.Status.Open() && !o.Owned && t.Status != wallet.TransactionRejected {
		return Offer{}, errNoTransaction()
	}
	if err := s.offerNames(ctx, &o); err != nil {
		return Offer{}, err
	}
	if err := s.offerAllowance(ctx, &o); err != nil {
		return Offer{}, err
	}
	return o, s.offerWallets(ctx, c, &o)
}

// offerOwner finds out whether the person is the payer, who then reads the passwords.
func (s *Service) offerOwner(ctx context.Context, c wallet.Caller, o *Offer) error {
	if o.WalletID == 0 {
		return nil
	}
	h, err := s.db.Holder(ctx, o.WalletID)
	if err != nil {
		return err
	}
	o.Owned = h.BelongsTo(c.UserID())
	for i := range o.Payments {
		p := &o.Payments[i]
		if !o.Owned || p.Password == nil || p.Password.Status != wallet.PasswordPending || !o.Status.Holds() {
			continue
		}
		if o.Passwords[p.ID], err = s.Box.Open(p.Password.Sealed, passwordPlace(p.ID)); err != nil {
			return err
		}
	}
	return nil
}

// offerNames finds the names of who asks, where, and who is paid.
func (s *Service) offerNames(ctx context.Context, o *Offer) error {
	p, err := s.db.Project(ctx, o.ProjectID)
	if err != nil {
		return err
	}
	o.ProjectTitle, o.Owner = p.Title, p.OwnerDisplayName
	if o.Client, err = s.db.Client(ctx, o.ClientID); err != nil {
		return err
	}
	if o.LocationID != 0 {
		if o.Place, err = s.db.Location(ctx, o.LocationID); err != nil {
			return err
		}
	}
	for i := range o.Payments {
		payment := &o.Payments[i]
		if payment.BeneficiaryID == 0 {
			o.Payees[payment.ID] = payment.Beneficiary.Text()
			continue
		}
		h, err := s.db.Holder(ctx, payment.BeneficiaryID)
		if err != nil {
			return err
		}
		o.Payees[payment.ID] = h.Owner.DisplayName
	}
	return nil
}

// offerWallets finds the wallets that the person may pay from.
func (s *Service) offerWallets(ctx context.Context, c wallet.Caller, o *Offer) error {
	_, pin, err := s.db.Hashes(ctx, c.UserID())
	if err != nil {
		return err
	}
	o.NeedsPIN = pin != nil
	wallets, err := s.walletsOf(ctx, c.UserID())
	if err != nil {
		return err
	}
	for _, w := range wallets {
		funds, err := s.db.Funds(ctx, w.ID)
		if err != nil {
			return err
		}
		pays := PayingWallet{ID: w.ID, Number: w.AccountNumber, Owner: w.OwnerDisplayName}
		for _, sum := range Totals(o.Transaction) {
			has := money.Amount{Currency: sum.Currency}
			for _, f := range funds {
				if f.Available.Currency == sum.Currency {
					has = f.Available
				}
			}
			pays.Available = append(pays.Available, has)
		}
		o.Wallets = append(o.Wallets, pays)
	}
	return nil
}

// walletsOf are the wallets of a person, and of companies that they act for.
func (s *Service) walletsOf(ctx context.Context, user int64) (wallets []wallet.Wallet, err error) {
	owners, err := s.db.CompaniesOf(ctx, user)
	if err != nil {
		return nil, err
	}
	for _, owner := range append([]int64{user}, owners...) {
		some, _, err := s.db.Wallets(ctx, OwnerFilter{OwnerID: owner})
		if err != nil {
			return nil, err
		}
		wallets = append(wallets, some...)
	}
	return wallets, nil
}

// Approval is what a payer says on the page.
type Approval struct {
	// WalletID is the wallet that pays; Me for the person's own.
	WalletID int64
	// PIN is asked of who has one.
	PIN     secret.Text
	Prices  map[int64]money.Amount
	Answers map[string]wallet.InquiryAnswer
	// GiveAllowance gives the allowance that is asked for as optional, Suggested is how much the payer lets be taken from
	// now on, where the transaction suggests that; zero for nothing.
	GiveAllowance bool
	Suggested     money.Amount
}

// ApproveTransaction accepts a transaction on the page. It fails like ReserveTransaction.
func (s *Service) ApproveTransaction(ctx context.Context, c wallet.Caller, key string, a Approval) (TransactionView, error) {
	if err := wallet.May(c, wallet.AcceptOnPage, wallet.Subject{}).Err(); err != nil {
		return TransactionView{}, err
	}
	t, err := s.transactionByKey(ctx, key)
	if err != nil {
		return TransactionView{}, err
	}
	payer, err := s.payerOf(ctx, c, Reservation{Payer: wallet.Contact{WalletID: a.WalletID}}, nil)
	if err != nil {
		return TransactionView{}, err
	}
	_, pin, err := s.db.Hashes(ctx, c.UserID())
	if err != nil {
		return TransactionView{}, err
	}
	needs, proven := store.Needs{}, []byte(nil)
	if pin != nil {
		if proven, err = s.provePIN(ctx, c, c.UserID(), a.PIN); err != nil {
			return TransactionView{}, err
		}
		needs.PINs = []int64{c.UserID()}
	}
	acceptance := wallet.Acceptance{
		Type: wallet.ByPage, Payer: payer, By: c.UserID(), Prices: a.Prices, Answers: a.Answers,
		GiveAllowance: a.GiveAllowance, Suggested: a.Suggested,
	}
	return s.accept(ctx, c, t, acceptance, needs, func(m *store.MoneyTx) error { return pinStillIs(m, c.UserID(), proven) })
}

// RejectTransaction is a payer's no on the page. It fails with Forbidden, NotFound and InvalidState.
func (s *Service) RejectTransaction(ctx context.Context, c wallet.Caller, key string) (TransactionView, error) {
	if err := wallet.May(c, wallet.AcceptOnPage, wallet.Subject{}).Err(); err != nil {
		return TransactionView{}, err
	}
	t, err := s.transactionByKey(ctx, key)
	if err != nil {
		return TransactionView{}, err
	}
	return s.move(ctx, c, t, func(_ *store.MoneyTx, t *wallet.Transaction) ([]ledger.Posting, error) { return nil, t.Reject() })
}
