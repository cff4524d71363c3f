package wallet

import (
	"slices"
	"strings"
)

// Scope is something that a user agreed a client may do or see (spec/wallet-api.md §3.5), without
// the suffixes that an AskedScope has.
type Scope string

// The scopes that rules of this package ask for.
const (
	ScopeAddress             Scope = "address"
	ScopeBalance             Scope = "balance"
	ScopeDateOfBirth         Scope = "dob"
	ScopeEmail               Scope = "email"
	ScopeFullName            Scope = "full_name"
	ScopeGender              Scope = "gender"
	ScopeIdentificationLevel Scope = "identification_level"
	ScopeIdentity            Scope = "identity"
	ScopePEP                 Scope = "pep"
	ScopePhone               Scope = "phone"
	ScopePhoneConfirmation   Scope = "phone_confirmation"
	ScopeProjects            Scope = "projects"
	ScopeStatements          Scope = "statements"
	ScopeUserInfo            Scope = "user_info"
	ScopeWalletList          Scope = "wallet_list"
)

// scopeKind says how a scope can be asked for.
type scopeKind int

const (
	// ordinary scopes are agreed to when a user authorises a client.
	ordinary scopeKind = iota
	// lasting ones also with the suffix _offline.
	lasting
	// extended ones are attached when a token is refreshed, with a code that the user got.
	extended
)

var scopes = map[Scope]struct {
	kind    scopeKind
	meaning string
}{
	ScopeAddress:                    {lasting, "your postal address"},
	"avatar":                        {ordinary, "your picture"},
	ScopeBalance:                    {lasting, "how much money is in your wallets"},
	"cards":                         {ordinary, "your payment cards"},
	"check_has_sufficient_balance":  {ordinary, "whether your wallet holds enough for an amount"},
	"convert_currency":              {extended, "exchange money between currencies in your wallets"},
	ScopeDateOfBirth:                {lasting, "your date of birth"},
	ScopeEmail:                      {lasting, "your e-mail address"},
	"favourites":                    {ordinary, "whom you often pay"},
	ScopeFullName:                   {lasting, "your name and surname"},
	ScopeGender:                     {lasting, "your gender"},
	"identification_data":           {lasting, "the documents that you were identified by"},
	ScopeIdentificationLevel:        {lasting, "how surely you were identified"},
	ScopeIdentity:                   {lasting, "your name, nationality and person code"},
	"incoming_payments":             {ordinary, "payments that are on their way to you"},
	"initiate_transfers":            {ordinary, "prepare transfers for you to confirm"},
	"make_bank_transfers":           {extended, "make bank transfers from your wallets"},
	"manage_account":                {ordinary, "change the descriptions of your wallets"},
	"outgoing_payments":             {ordinary, "payments of yours that are on their way, and cancel them"},
	ScopePEP:                        {ordinary, "whether you or people close to you hold political office"},
	ScopePhone:                      {lasting, "your phone number"},
	ScopePhoneConfirmation:          {lasting, "which of your phone numbers are confirmed"},
	ScopeProjects:                   {ordinary, "the projects that you administer, and act for them"},
	"received_transaction_requests": {ordinary, "payments that you were asked to make"},
	"recent_statements":             {ordinary, "the latest entries of your statements"},
	"sent_transaction_requests":     {ordinary, "ask others to pay in your name"},
	"services":                      {ordinary, "which services you use"},
	ScopeStatements:                 {lasting, "all that came into and went out of your wallets"},
	ScopeUserInfo:                   {ordinary, "your display name, language and the like"},
	"user_position":                 {ordinary, "where you are"},
	ScopeWalletList:                 {lasting, "which wallets you have, and their details"},
}

func scopesWhere(keep func(scopeKind) bool) []Scope {
	var list []Scope
	for s, is := range scopes {
		if keep(is.kind) {
			list = append(list, s)
		}
	}
	slices.Sort(list)
	return list
}

// OrdinaryScopes lists the scopes that a user can agree to when a client is authorised, in
// alphabetical order.
func OrdinaryScopes() []Scope { return scopesWhere(func(k scopeKind) bool { return k != extended }) }

// LastingScopes lists those that can be asked for with _offline.
func LastingScopes() []Scope { return scopesWhere(func(k scopeKind) bool { return k == lasting }) }

// ExtendedScopes lists those that are attached to a token when it is refreshed.
func ExtendedScopes() []Scope { return scopesWhere(func(k scopeKind) bool { return k == extended }) }

// KnownScope says whether s is an ordinary scope.
func KnownScope(s Scope) bool {
	is, known := scopes[s]
	return known && is.kind != extended
}

// IsExtended says whether s is a scope that is attached to a token when it is refreshed.
func (s Scope) IsExtended() bool { return scopes[s].kind == extended }

// Meaning says in half a sentence what the scope opens; empty for a word that is not a scope.
func (s Scope) Meaning() string { return scopes[s].meaning }

// AskedScope is a scope as a client asks for it (spec/wallet-api.md §3.4).
type AskedScope struct {
	Scope Scope
	// Offline lets the client use it with its own credentials, without a token.
	Offline bool
	// Optional does not force the user to agree to it, or to have such data, at once.
	Optional bool
}

const (
	offlineSuffix  = "_offline"
	optionalSuffix = "_optional"
)

// String is the scope as it goes over the wire, such as email_offline_optional.
func (a AskedScope) String() string {
	text := string(a.Scope)
	if a.Offline {
		text += offlineSuffix
	}
	if a.Optional {
		text += optionalSuffix
	}
	return text
}

// maxScopes bounds a list of scopes: more than there are.
const maxScopes = 200

// ParseScopes reads scopes separated by blanks, each once, in alphabetical order. It fails with
// InvalidScope, which names the first that is not one, or that cannot be asked for like that.
func ParseScopes(text string) ([]AskedScope, error) {
	words := strings.Fields(text)
	if len(words) > maxScopes {
		return nil, Errorf(InvalidScope, "ask for at most %d scopes.", maxScopes)
	}
	var list []AskedScope
	for _, word := range words {
		a, ok := parseScope(word)
		if !ok {
			return nil, Errorf(InvalidScope, "there is no scope %s: docs/accounts.md lists them, all in small letters.", printable(word))
		}
		if a.Offline && scopes[a.Scope].kind != lasting {
			return nil, Errorf(InvalidScope, "the scope %s cannot be used without a token: ask for %s.", a, a.Scope)
		}
		if (a.Offline || a.Optional) && a.Scope.IsExtended() {
			return nil, Errorf(InvalidScope, "the scope %s is attached when a token is refreshed, as %s.", a, a.Scope)
		}
		list = append(list, a)
	}
	return SortScopes(list), nil
}

func parseScope(word string) (a AskedScope, ok bool) {
	word, a.Optional = strings.CutSuffix(word, optionalSuffix)
	word, a.Offline = strings.CutSuffix(word, offlineSuffix)
	a.Scope = Scope(word)
	_, ok = scopes[a.Scope]
	return a, ok
}

// printable is a word as an error may repeat it.
func printable(word string) string {
	const most = 40
	for _, r := range word {
		if r < '!' || r > '~' {
			return "what was asked for"
		}
	}
	if len(word) > most {
		return word[:most] + "…"
	}
	return word
}

// SortScopes returns the scopes in alphabetical order, each once.
func SortScopes(list []AskedScope) []AskedScope {
	list = slices.SortedFunc(slices.Values(list), func(a, b AskedScope) int { return strings.Compare(a.String(), b.String()) })
	return slices.Compact(list)
}

// ScopeNames are the scopes as they go over the wire, separated by blanks.
func ScopeNames(list []AskedScope) string {
	words := make([]string, len(list))
	for i, a := range list {
		words[i] = a.String()
	}
	return strings.Join(words, " ")
}

// PlainScopes are scopes without their suffixes, in alphabetical order, each once.
func PlainScopes(list []AskedScope) []Scope {
	plain := make([]Scope, len(list))
	for i, a := range list {
		plain[i] = a.Scope
	}
	slices.Sort(plain)
	return slices.Compact(plain)
}

// WithoutScopes are the scopes of a list that are not in another.
func WithoutScopes(list, without []AskedScope) []AskedScope {
	return slices.DeleteFunc(slices.Clone(list), func(a AskedScope) bool { return slices.Contains(without, a) })
}
