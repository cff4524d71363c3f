// Package service is what a caller can ask of purser: one method per use case.
//
// Every method takes the caller as an argument and begins by asking wallet.May; there is no
// other place where permission is decided, and no way around it, since the wire, the pages
// and the command line all come through here. Methods take and return the field's nouns;
// how those look on the wire is httpapi's business. An error that is not a *wallet.Error is
// ours, for the log only.
package service

import (
	"cmp"
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
)

// Options say how a server behaves. Fields without a word on their zero value are needed.
type Options struct {
	// WallClock is the real time: what signatures are checked against and GET /server tells.
	WallClock func() time.Time
	// BusinessClock stamps and expires things; a sandbox may move it (decisions.md 20).
	BusinessClock func() time.Time
	// Movable is the business clock where it can be moved, in a sandbox; nil elsewhere.
	Movable *Clock
	// Random is where ids and visible tokens come from, never keys (decisions.md 21).
	Random io.Reader
	// Box hashes PINs.
	Box *secret.Box
	// Currencies are those that wallets may hold, in the order they are listed in.
	Currencies []money.Currency
	// MinimumPasswordLength is told to apps, in characters.
	MinimumPasswordLength int
	// RegistrationsPerHour is how many devices an application may register; 0 is no limit.
	RegistrationsPerHour int
	// PhoneCodesPerHour is how many codes and invitations go to phones, all together, before the next one has to wait; 0 is
	// no limit.
	PhoneCodesPerHour int
	// QuietKeyDays is after how many quiet days a key that was replaced is retired; 0 is never.
	QuietKeyDays int
	// PublicURL is scheme, host and port that the server is called by from outside, for the address
	// of its revocation list in certificates; empty leaves that out.
	PublicURL string
	// SpotPrefix is what the codes of spots begin with; empty is that of the protocol.
	SpotPrefix string
	// LogOrigin is what the Merkle log is called when it is made; empty is DefaultLogOrigin, or what it is called already.
	LogOrigin string
	// CodeLink is the address that printed codes stand in, such as https://pay.example/app; empty prints them bare.
	CodeLink string
	// AccessTokenLifetime and RefreshTokenLifetime are how long tokens work, on the business clock; 0
	// is an hour and 90 days.
	AccessTokenLifetime, RefreshTokenLifetime time.Duration
	// IdentifyAtOnce lets a document count that was shown at a place, unless it contradicts what is known already; otherwise
	// the operator looks a second time.
	IdentifyAtOnce bool
	// Told is called after something was put into the outbox; nil where nobody waits for that.
	Told func()
	// Event writes a callback's event of that type about a transaction, as it looks on the wire; without it no callbacks
	// are owed. Owed is called after some came to be; nil where nobody waits for that.
	Event func(kind string, t TransactionView) ([]byte, error)
	Owed  func()
	// DefaultCallback is where callbacks go of projects that have no address of their own: somebody who listens to a sandbox; empty
	// for nowhere, nil for never.
	DefaultCallback func() string
	// PlainCallbacks lets callbacks go to http addresses, which anybody on the way can read.
	PlainCallbacks bool
	// Sandbox allows the key that the public documentation prints, and shows messages on a page.
	Sandbox bool
}

// PublishedKey is the MAC key of the public documentation's examples: everybody knows it, so
// only a sandbox may hold it.
const PublishedKey secret.Text = "IrdTc8uQodU7PRpLzzLTW6wqZAO6tAMU"

// ErrPublishedKey refuses to serve with that key.
var ErrPublishedKey = errors.New("a client holds the key that the public documentation prints, which everybody knows: " +
	"this is a sandbox's database; serve a new one, or give that client another key")

// Service answers callers. Make one with New.
type Service struct {
	Options
	db *store.DB

	turns turns
	// moving is held by whoever moves the clock, or does what is due.
	moving sync.Mutex
	// delivers says that somebody sends callbacks.
	delivers  bool
	listsLock sync.Mutex
	lists     map[int64]signedList
}

// New returns the service on db. It returns ErrPublishedKey when a client holds the key that
// the documentation prints and this is not a sandbox.
func New(ctx context.Context, db *store.DB, options Options) (*Service, error) {
	options.AccessTokenLifetime = cmp.Or(options.AccessTokenLifetime, time.Hour)
	options.RefreshTokenLifetime = cmp.Or(options.RefreshTokenLifetime, 90*24*time.Hour)
	options.SpotPrefix = cmp.Or(options.SpotPrefix, wallet.DefaultSpotPrefix)
	if options.Told == nil {
		options.Told = func() {}
	}
	delivers := options.Owed != nil
	if !delivers {
		options.Owed = func() {}
	}
	s := &Service{Options: options, db: db, lists: map[int64]signedList{}, delivers: delivers}
	if options.Sandbox {
		return s, nil
	}
	return s, db.AllClientKeys(ctx, func(_ int64, key secret.Text) error {
		if key == PublishedKey {
			return ErrPublishedKey
		}
		return nil
	})
}

// Configuration is what apps ask before they have credentials.
type Configuration struct {
	// MinimumPasswordLength in characters.
	MinimumPasswordLength int
}

// Time returns the server's wall clock, for clients to set theirs by.
func (s *Service) Time(_ context.Context, c wallet.Caller) (time.Time, error) {
	if err := wallet.May(c, wallet.ReadPublic, wallet.Subject{}).Err(); err != nil {
		return time.Time{}, err
	}
	return s.WallClock(), nil
}

// Configure returns the configuration of the server.
func (s *Service) Configure(_ context.Context, c wallet.Caller) (Configuration, error) {
	if err := wallet.May(c, wallet.ReadPublic, wallet.Subject{}).Err(); err != nil {
		return Configuration{}, err
	}
	return Configuration{MinimumPasswordLength: s.MinimumPasswordLength}, nil
}

// ListCurrencies returns the currencies that wallets may hold.
func (s *Service) ListCurrencies(_ context.Context, c wallet.Caller) ([]money.Currency, error) {
	if err := wallet.May(c, wallet.ReadCurrencies, wallet.Subject{}).Err(); err != nil {
		return nil, err
	}
	return s.Currencies, nil
}

// ProjectView is a project, with its wallet where that was asked for.
type ProjectView struct {
	*wallet.Project
	Wallet *WalletView
}

// GetProject returns the project. It fails with, first match wins: Forbidden (the caller may
// not use the wallet API), NotFound, Forbidden (it does not represent the project).
func (s *Service) GetProject(ctx context.Context, c wallet.Caller, id int64, withWallet bool) (ProjectView, error) {
	p, err := s.db.Project(ctx, id)
	if err != nil {
		return ProjectView{}, err
	}
	if err := wallet.May(c, wallet.ReadProject, wallet.Subject{Project: p}).Err(); err != nil {
		return ProjectView{}, err
	}
	if p == nil {
		return ProjectView{}, wallet.Errorf(wallet.NotFound, "there is no project %d: check the id (GET /client and GET /user/me/projects tell which projects you have).", id)
	}
	return s.projectView(ctx, c, p, withWallet)
}

func (s *Service) projectView(ctx context.Context, c wallet.Caller, p *wallet.Project, withWallet bool) (ProjectView, error) {
	view := ProjectView{Project: p}
	if !withWallet {
		return view, nil
	}
	w, err := s.db.Wallet(ctx, p.WalletID)
	if err != nil {
		return ProjectView{}, err
	}
	// Who may not read the wallet by itself does not read it here either.
	if wallet.May(c, wallet.ReadWallet, wallet.Subject{Wallet: w}).Allowed {
		wv := walletView(c, w)
		view.Wallet = &wv
	}
	return view, nil
}

// Me stands for the caller itself, where a user or a wallet is named (spec/wallet-api.md §1.2).
const Me int64 = 0

// ListUserProjects returns the projects that the user, or Me, administers, by id. It fails
// with Forbidden without a token of that user that carries the scope projects, and with NotFound where there is no
// such user, or the user has not agreed to that yet.
func (s *Service) ListUserProjects(ctx context.Context, c wallet.Caller, user int64, withWallets bool) ([]ProjectView, error) {
	if user == Me {
		user = c.UserID()
	}
	subject := wallet.Subject{User: &wallet.User{ID: user}}
	if user != c.UserID() {
		var err error
		if subject.User, err = s.db.User(ctx, user); err != nil {
			return nil, err
		}
	}
	if err := mayAboutUser(c, wallet.ListUserProjects, subject, user); err != nil {
		return nil, err
	}
	projects, err := s.db.ProjectsOfUser(ctx, user)
	if err != nil {
		return nil, err
	}
	views := make([]ProjectView, len(projects))
	for i := range projects {
		if views[i], err = s.projectView(ctx, c, &projects[i], withWallets); err != nil {
			return nil, err
		}
	}
	return views, nil
}

// Unreachable says whether err is of the way to the database rather than of what was asked for: the same may succeed in a moment.
func Unreachable(err error) bool { return store.Unreachable(err) }
