package wallet

import (
	"slices"
	"time"

	"github.com/purserhq/purser/money"
)

// ClientType says what kind of program a client is and what follows from that
// (seeds: client type comparison).
type ClientType string

// The three client types.
const (
	// PrivateClient runs on a server of its owner, for one or several projects.
	PrivateClient ClientType = "private_client"
	// Application travels inside an app package and may only register devices.
	Application ClientType = "application"
	// AppClient is one device, made by an Application.
	AppClient ClientType = "app_client"
)

// Client is a program that calls the API.
type Client struct {
	// ID is its number.
	ID int64
	// MACID is what it signs as.
	MACID string
	Title string
	Type  ClientType
	// Permissions, sorted.
	Permissions []Permission
	// Projects are the ids of the projects that it represents, sorted.
	Projects []int64
	// MainProject is the one it represents when a request names none; 0 when there is none.
	MainProject int64
	// Hosts are addresses that it may send users back to.
	Hosts []Host
	// WalletRights are static rights on single wallets, by wallet id.
	WalletRights []WalletRight
	// Info describes a device as a JSON object; empty for none.
	Info string
	// ServiceAgreementID refers to a contract outside; 0 for none.
	ServiceAgreementID int64
	// CreatedBy is the application that registered this device; 0 for none.
	CreatedBy int64
	// BaseLocation is the place that a private client is based on, which its requests then speak
	// from unless they name another; 0 for one on the web. BaseProject is that place's project.
	BaseLocation, BaseProject int64
	CreatedAt                 time.Time
	// RevokedAt is when all its credentials were revoked for good; zero while they are not.
	RevokedAt time.Time
}

// Host is an address pattern that a client may send users back to.
type Host struct {
	Host         string
	Port         int
	Path         string
	Protocol     string
	AnyPort      bool
	AnySubdomain bool
}

// WalletRight is a static right of a client on a wallet that is not its project's.
type WalletRight struct {
	WalletID int64
	// Scopes are ScopeBalance and ScopeStatements.
	Scopes []Scope
}

// Represents says whether the client may speak for the project.
func (c *Client) Represents(project int64) bool {
	_, found := slices.BinarySearch(c.Projects, project)
	return found
}

// Has says whether the client holds the permission.
func (c *Client) Has(p Permission) bool { return slices.Contains(c.Permissions, p) }

// WalletScopes are the client's static rights on the wallet; nil when it has none.
func (c *Client) WalletScopes(wallet int64) []Scope {
	for _, right := range c.WalletRights {
		if right.WalletID == wallet {
			return right.Scopes
		}
	}
	return nil
}

// Revoked says whether nothing that the client presents is accepted any more.
func (c *Client) Revoked() bool { return !c.RevokedAt.IsZero() }

// Use is the last use of a credential: when, from which address and by which program.
type Use struct {
	At      time.Time
	Address string
	// Agent is the User-Agent, cut to a reasonable length.
	Agent string
}

// ClientKey is what is known of a MAC key, without the key.
type ClientKey struct {
	// Number tells the keys of a client apart; a later key has a larger one.
	Number    int
	CreatedAt time.Time
	// ExpiresAt is zero for a key that does not expire, RetiredAt for one that is not retired.
	ExpiresAt, RetiredAt time.Time
	// LastUse is zero for a key that was never used. It is written some seconds later.
	LastUse Use
}

// Live says whether the key signs at that time, on the business clock.
func (k ClientKey) Live(now time.Time) bool {
	return k.RetiredAt.IsZero() && (k.ExpiresAt.IsZero() || now.Before(k.ExpiresAt))
}

// Certificate is a TLS client certificate of a client.
type Certificate struct {
	// Fingerprint is the SHA-256 of its DER.
	Fingerprint [32]byte
	ClientID    int64
	// AuthorityID is the authority of this server that signed it; 0 for one that was pinned.
	AuthorityID int64
	DER         []byte
	// NotAfter is on the wall clock, as all of TLS is.
	NotAfter  time.Time
	CreatedAt time.Time
	// RevokedAt is zero for one that is not revoked.
	RevokedAt time.Time
	LastUse   Use
}

// Project is an owner's business unit.
type Project struct {
	ID          int64
	Title       string
	Description string
	OwnerID     int64
	// OwnerDisplayName is the owner's name for other people.
	OwnerDisplayName string
	// WalletID is the default wallet; it belongs to the owner.
	WalletID int64
	// CallbackURI is where events of its transactions go whose client names no address; empty for nowhere.
	CallbackURI string
}

// Wallet is what an owner holds funds in.
type Wallet struct {
	ID int64
	// OwnerID is the user that it belongs to.
	OwnerID int64
	// OwnerType, OwnerDisplayName and OwnerAdministrators are the owner's.
	OwnerType           UserType
	OwnerDisplayName    string
	OwnerAdministrators []int64
	// Projects are the ids of the projects whose default wallet it is, sorted.
	Projects []int64
	// AccountNumber is what others pay to.
	AccountNumber string
	Description   string
	// Inactive says that the operator took it out of use: nothing is paid into it or out of it.
	Inactive bool
}

// BelongsTo says whether the user owns the wallet or acts for the company that does.
func (w *Wallet) BelongsTo(user int64) bool {
	return user != 0 && (w.OwnerID == user || slices.Contains(w.OwnerAdministrators, user))
}

// Funds are what a wallet holds in one currency.
type Funds struct {
	// Available can be spent now; it is below zero only within a credit limit.
	Available money.Amount
	// Reserved is held for reservations.
	Reserved money.Amount
	// CreditLimit is how far below zero Available may go, in minor units.
	CreditLimit int64
}
