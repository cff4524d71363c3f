package wallet

import "slices"

// Permission is something that a client may do, granted by an operator
// (spec/wallet-api.md §4.2, the union of all sources).
type Permission string

// The permissions. Meaning has a line for each.
const (
	ShowInFrame                   Permission = "show_in_frame"
	GiveTrustedUserInfo           Permission = "give_trusted_user_info"
	UsePasswordGrant              Permission = "use_password_grant"
	AcceptWithFlash               Permission = "accept_with_flash"
	AcceptWithPIN                 Permission = "accept_with_pin"
	AccessStatements              Permission = "access_statements"
	SearchByPersonCode            Permission = "search_by_person_code"
	ClientMakeBankTransfers       Permission = "client_make_bank_transfers"
	UseOAuthAPI                   Permission = "use_oauth_api"
	UseWalletAPI                  Permission = "use_wallet_api"
	UseClientAPI                  Permission = "use_client_api"
	ProvideRegistrationParameters Permission = "provide_registration_parameters"
	// ManageLocations is purser's own: none of the protocol's permissions is about changing places.
	ManageLocations Permission = "manage_locations"
	// ServeCash and IdentifyUsers are purser's own as well: what a place does about cash and documents, its project's
	// money and its users have to answer for.
	ServeCash     Permission = "serve_cash"
	IdentifyUsers Permission = "identify_users"
)

var permissionMeaning = map[Permission]string{
	ShowInFrame:                   "its confirmation page may be shown inside a frame",
	GiveTrustedUserInfo:           "user data that it supplies is trusted",
	UsePasswordGrant:              "may exchange a user's password for a token",
	AcceptWithFlash:               "may have a payment confirmed by flash SMS",
	AcceptWithPIN:                 "may have a payment confirmed by PIN",
	AccessStatements:              "may read the statements of its projects' wallets",
	SearchByPersonCode:            "may look users and wallets up by person code",
	ClientMakeBankTransfers:       "may make bank transfers; kept for compatibility, purser offers none",
	UseOAuthAPI:                   "may use the OAuth API",
	UseWalletAPI:                  "may use the wallet API: projects, wallets, places, payments",
	UseClientAPI:                  "may use the client API: read and manage other clients, and say what its projects are called",
	ProvideRegistrationParameters: "may pass parameters when it registers a user",
	ManageLocations:               "may create and change the places of its projects",
	ServeCash:                     "may pay cash in and out at the places of its projects",
	IdentifyUsers:                 "may say who a user is, by a document shown at a place of its projects",
}

// serverOnly are permissions that only a private client can hold (spec/wallet-api.md §4.2): what an app
// ships is in strangers' hands, who would move the shops of its owner, and pay themselves cash in that nobody gave.
var serverOnly = []Permission{GiveTrustedUserInfo, SearchByPersonCode, ClientMakeBankTransfers, ManageLocations, ServeCash, IdentifyUsers}

// Fits says whether a client of that type can hold the permission. What an application has that fits a
// device is what its devices get; the client API is the application's own.
func (p Permission) Fits(t ClientType) bool {
	switch t {
	case PrivateClient:
		return true
	case Application:
		return !slices.Contains(serverOnly, p)
	}
	return !slices.Contains(serverOnly, p) && p != UseClientAPI
}

// Permissions lists every permission in alphabetical order.
func Permissions() []Permission {
	all := make([]Permission, 0, len(permissionMeaning))
	for p := range permissionMeaning {
		all = append(all, p)
	}
	slices.Sort(all)
	return all
}

// Meaning says in half a sentence what the permission lets a client do; empty for a word
// that is not a permission.
func (p Permission) Meaning() string { return permissionMeaning[p] }
