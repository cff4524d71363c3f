package service

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
)

// Texts that the phone SDKs match, to the letter: after one of these they give the session up
// (spec/mobile-sdks.md §1.6).
const (
	RefreshTokenExpired = "Refresh token expired"
	NoSuchRefreshToken  = "No such refresh token"
	RefreshTokenInvalid = "Refresh token status invalid"
)

// refreshGrace is how long a refresh token that was used yields another pair: a lost answer must not log a
// phone out (decisions.md 10). After that its use ends all tokens of its family.
const refreshGrace = 30 * time.Second

// Grant is how a client asks for tokens.
type Grant string

// The grants.
const (
	AuthorizationCodeGrant Grant = "authorization_code"
	PasswordGrant          Grant = "password"
	RefreshGrant           Grant = "refresh_token"
	// ActivationGrant is RefreshGrant with a pair that waits until it is activated.
	ActivationGrant Grant = "refresh_token_with_activation"
)

// TokenRequest asks for tokens; which fields count depends on Grant.
type TokenRequest struct {
	Grant Grant
	// Code is an authorization code; with a refresh token the code that a user was sent for an extended scope.
	Code, RefreshToken secret.Text
	// RedirectURI must be the one that the authorization code was asked for with; Verifier is PKCE's.
	RedirectURI, Verifier string
	// Username is an e-mail address or a phone number.
	Username string
	Password secret.Text
	Scope    string
}

// Tokens is an access token with its refresh token, as they are handed out.
type Tokens struct {
	// Access is the MAC id, Key the MAC key, Refresh what a new pair is asked for with.
	Access       string
	Key, Refresh secret.Text
	// ExpiresIn is how long the access token works.
	ExpiresIn time.Duration
}

// IssueTokens gives a client tokens of a user. It fails with Forbidden, InvalidGrant, InvalidScope, InvalidCode,
// UnsupportedGrantType, InvalidParameters and RateLimitExceeded.
func (s *Service) IssueTokens(ctx context.Context, c wallet.Caller, r TokenRequest) (Tokens, error) {
	action := wallet.UseOAuth
	if r.Grant == PasswordGrant {
		action = wallet.ExchangePassword
	}
	if err := wallet.May(c, action, wallet.Subject{}).Err(); err != nil {
		return Tokens{}, err
	}
	switch r.Grant {
	case AuthorizationCodeGrant:
		return s.exchangeCode(ctx, c, r)
	case PasswordGrant:
		return s.exchangePassword(ctx, c, r)
	case RefreshGrant, ActivationGrant:
		return s.refresh(ctx, c, r)
	case "":
		return Tokens{}, wallet.FieldError("grant_type", "must be given: authorization_code, password, refresh_token or refresh_token_with_activation")
	}
	return Tokens{}, wallet.Errorf(wallet.UnsupportedGrantType, "this is no grant_type: it must be authorization_code, password, refresh_token or refresh_token_with_activation.")
}

// newPair makes tokens of a family and stores them.
func (s *Service) newPair(tx *store.Tx, family int64, scopes []wallet.AskedScope, waits bool) (Tokens, error) {
	access, err := s.visibleToken(accessTokenLength)
	if err != nil {
		return Tokens{}, err
	}
	issued := Tokens{Access: access, Key: secret.NewKey(), Refresh: secret.NewKey(), ExpiresIn: s.AccessTokenLifetime}
	now := s.BusinessClock()
	return issued, tx.InsertPair(store.Pair{
		FamilyID: family, Scopes: scopes, Access: secret.Text(access), Refresh: issued.Refresh, Key: issued.Key,
		ExpiresAt: now.Add(s.AccessTokenLifetime), RefreshExpiresAt: now.Add(s.RefreshTokenLifetime), Waits: waits,
	})
}

// newFamily makes the first tokens of a family.
func (s *Service) newFamily(tx *store.Tx, user, client int64, scopes []wallet.AskedScope) (family int64, issued Tokens, err error) {
	if family, err = tx.InsertFamily(store.Family{UserID: user, ClientID: client, Scopes: scopes}); err != nil {
		return 0, Tokens{}, err
	}
	issued, err = s.newPair(tx, family, scopes, false)
	return family, issued, err
}

// errCode refuses an authorization code, whatever is wrong with it.
var errCode = wallet.Errorf(wallet.InvalidGrant, "the authorization code is not known, was used, has expired, or was not given to this client for this redirect_uri: send the user to the page again.")

// exchangeCode gives tokens for an authorization code. A code works once: whoever brings it again ends what
// came of it, and so does a client that it was not given to (RFC 6749 §4.1.2, RFC 9700 §4.5).
func (s *Service) exchangeCode(ctx context.Context, c wallet.Caller, r TokenRequest) (Tokens, error) {
	if r.Code == "" {
		return Tokens{}, wallet.FieldError("code", "must be given")
	}
	return answerOrRefuse(ctx, s, c, func(tx *store.Tx, c wallet.Caller) (Tokens, error, error) {
		code, err := tx.Code(r.Code)
		switch {
		case err != nil:
			return Tokens{}, nil, err
		case code == nil:
			return Tokens{}, errCode, nil
		case !code.UsedAt.IsZero():
			return Tokens{}, errCode, s.endStolen(tx, c, code.FamilyID, code.UserID, code.ClientID)
		case code.ClientID != c.Client.ID:
			return Tokens{}, errCode, tx.UseCode(r.Code, 0)
		case !s.BusinessClock().Before(code.ExpiresAt), code.RedirectURI != r.RedirectURI:
			return Tokens{}, errCode, tx.UseCode(r.Code, 0)
		}
		if problem := verify(code.Challenge, r.Verifier); problem != nil {
			return Tokens{}, problem, tx.UseCode(r.Code, 0)
		}
		u, err := tx.User(code.UserID)
		if err != nil {
			return Tokens{}, nil, err
		}
		consent, err := tx.Consent(code.UserID, code.ClientID)
		if err != nil {
			return Tokens{}, nil, err
		}
		if u.Standing == wallet.InactiveUser || consent == nil {
			return Tokens{}, errCode, tx.UseCode(r.Code, 0)
		}
		family, issued, err := s.newFamily(tx, code.UserID, code.ClientID, code.Scopes)
		if err != nil {
			return Tokens{}, nil, err
		}
		return issued, nil, tx.UseCode(r.Code, family)
	})
}

// verify compares what PKCE sent first with what it sends now. Where nothing was sent first, nothing may come
// now: somebody has taken the challenge out on the way (RFC 9700 §4.8.2).
func verify(challenge, verifier string) error {
	switch {
	case challenge == "" && verifier == "":
		return nil
	case challenge == "":
		return wallet.Errorf(wallet.InvalidGrant, "the code_verifier is given, and the code was asked for without code_challenge: send the user to the page again.")
	}
	sum := sha256.Sum256([]byte(verifier))
	if subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(challenge)) != 1 {
		return wallet.Errorf(wallet.InvalidGrant, "the code_verifier is missing, or is not the one of code_challenge: send the user to the page again.")
	}
	return nil
}

// endStolen ends a family whose code or refresh token came twice: one of the two who have it stole it. The
// user is told, once: a client that brings an old code again and again cannot flood them.
func (s *Service) endStolen(tx *store.Tx, c wallet.Caller, family, user, client int64) error {
	if family == 0 {
		return nil
	}
	if ended, err := tx.EndFamily(family); err != nil || !ended {
		return err
	}
	if err := s.audit(tx, c, "end tokens", clientObject, client, nil, struct{ Reason string }{"a code or refresh token was used twice"}); err != nil {
		return err
	}
	u, err := tx.User(user)
	if err != nil {
		return err
	}
	of, err := tx.Client(client)
	if err != nil || of == nil {
		return err
	}
	return tell(tx, u, wallet.SessionEnded, map[string]string{"client": of.Title})
}

// errSignIn refuses a name and a password, whatever is wrong with them.
var errSignIn = wallet.Errorf(wallet.InvalidGrant, "The username or the password is wrong.")

// exchangePassword gives tokens for what a user signs in with.
func (s *Service) exchangePassword(ctx context.Context, c wallet.Caller, r TokenRequest) (Tokens, error) {
	refused := wallet.FieldErrors{}
	for field, text := range map[string]string{"username": r.Username, "password": r.Password.Reveal()} {
		if text == "" || !isWords(text) || len(text) > maxURL {
			refused.Refuse(field, "must be given, as text")
		}
	}
	if err := refused.Err(); err != nil {
		return Tokens{}, err
	}
	scopes, err := wallet.ParseScopes(r.Scope)
	if err != nil {
		return Tokens{}, err
	}
	for _, a := range scopes {
		if a.Offline || a.Scope.IsExtended() {
			return Tokens{}, wallet.Errorf(wallet.InvalidScope, "the scope %s is not given for a password: ask for it on the pages, or, if it is an extended one, with a refresh.", a)
		}
	}
	return inTurn(ctx, s, c, func() (Tokens, error) {
		user, err := s.prove(ctx, c, r.Username, r.Password, errSignIn)
		if err != nil {
			return Tokens{}, err
		}
		return s.agreeAndIssue(ctx, c, user, scopes)
	})
}

// agreeAndIssue gives the client that calls tokens of a user, who agrees to the scopes by that.
func (s *Service) agreeAndIssue(ctx context.Context, c wallet.Caller, user int64, scopes []wallet.AskedScope) (Tokens, error) {
	return answer(ctx, s, c, func(tx *store.Tx, c wallet.Caller) (Tokens, error) {
		before, err := tx.Consent(user, c.Client.ID)
		if err != nil {
			return Tokens{}, err
		}
		var declined []wallet.AskedScope
		if before != nil { // a no that was said on the page stays one
			declined = slices.DeleteFunc(slices.Clone(before.Declined), func(a wallet.AskedScope) bool { return !slices.Contains(scopes, a) })
		}
		if err := s.agree(tx, c, user, c.Client, scopes, declined); err != nil {
			return Tokens{}, err
		}
		_, issued, err := s.newFamily(tx, user, c.Client.ID, scopes)
		return issued, err
	})
}

func invalidGrant(text string) error {
	return &wallet.Error{Code: wallet.InvalidGrant, Description: text}
}

// refresh gives a new pair for a refresh token, which counts as used from then on.
func (s *Service) refresh(ctx context.Context, c wallet.Caller, r TokenRequest) (Tokens, error) {
	if r.RefreshToken == "" {
		return Tokens{}, wallet.FieldError("refresh_token", "must be given")
	}
	asked, err := wallet.ParseScopes(r.Scope)
	if err != nil {
		return Tokens{}, err
	}
	return answerOrRefuse(ctx, s, c, func(tx *store.Tx, c wallet.Caller) (Tokens, error, error) {
		p, err := tx.PairByRefresh(r.RefreshToken)
		if err != nil {
			return Tokens{}, nil, err
		}
		if refused, err := s.refreshable(tx, c, p); refused != nil || err != nil {
			return Tokens{}, refused, err
		}
		scopes, refused, err := s.refreshedScopes(tx, c, p, asked, r)
		if refused != nil || err != nil {
			return Tokens{}, refused, err
		}
		if r.Grant == RefreshGrant && p.RefreshedAt.IsZero() {
			if err := tx.MarkRefreshed(p, s.BusinessClock().Add(refreshGrace), s.spent()); err != nil {
				return Tokens{}, nil, err
			}
		}
		issued, err := s.newPair(tx, p.Family.ID, scopes, r.Grant == ActivationGrant)
		return issued, nil, err
	})
}

// spent is when a refresh token would have to be used for its grace to be over by now. Of several pairs that one
// refresh token yielded, whoever holds the session goes on with one: from then on the others are good for nothing, or
// somebody who was quick once with a stolen token would keep a session of their own, and nobody would notice.
func (s *Service) spent() time.Time { return s.BusinessClock().Add(-refreshGrace - time.Second) }

// refreshable judges a refresh token. refused is what is answered, and what was done about it stays.
func (s *Service) refreshable(tx *store.Tx, c wallet.Caller, p *store.StoredPair) (refused, err error) {
	now := s.BusinessClock()
	switch {
	case p == nil || p.Family.ClientID != c.Client.ID:
		return invalidGrant(NoSuchRefreshToken), nil
	case !p.Family.EndedAt.IsZero() || p.ActiveAt.IsZero():
		return invalidGrant(RefreshTokenInvalid), nil
	case !p.RefreshedAt.IsZero() && now.Sub(p.RefreshedAt) > refreshGrace:
		return invalidGrant(RefreshTokenInvalid), s.endStolen(tx, c, p.Family.ID, p.Family.UserID, p.Family.ClientID)
	case !now.Before(p.RefreshExpiresAt):
		return invalidGrant(RefreshTokenExpired), nil
	}
	u, err := tx.User(p.Family.UserID)
	if err == nil && u.Standing == wallet.InactiveUser {
		return invalidGrant(RefreshTokenInvalid), nil
	}
	return nil, err
}

// refreshedScopes are what the new pair has: all of the family, fewer where fewer are asked for, and more
// where an extended scope is asked for with the code that the user was sent.
func (s *Service) refreshedScopes(tx *store.Tx, c wallet.Caller, p *store.StoredPair, asked []wallet.AskedScope, r TokenRequest) (scopes []wallet.AskedScope, refused, err error) {
	if len(asked) == 0 {
		return p.Family.Scopes, nil, nil
	}
	var more []wallet.AskedScope
	for _, a := range wallet.WithoutScopes(asked, p.Family.Scopes) {
		if !a.Scope.IsExtended() {
			return nil, wallet.Errorf(wallet.InvalidScope, "the user has not agreed to %s: a refresh adds extended scopes alone (%s).",
				a, strings.Join(names(wallet.ExtendedScopes()), ", ")), nil
		}
		more = append(more, a)
	}
	if len(more) == 0 {
		return asked, nil, nil
	}
	if refused, err := s.attach(tx, c, p, more, r.Code); refused != nil || err != nil {
		return nil, refused, err
	}
	all := wallet.SortScopes(slices.Concat(p.Family.Scopes, more))
	if err := tx.WidenFamily(p.Family.ID, all); err != nil {
		return nil, nil, err
	}
	// The user finds it among what the client may do.
	if _, err := addConsent(tx, wallet.Consent{UserID: p.Family.UserID, ClientID: p.Family.ClientID, Scopes: more}); err != nil {
		return nil, nil, err
	}
	// What is asked for together with an extended scope is what it is added to.
	return all, nil, nil
}

func names[T ~string](list []T) []string {
	words := make([]string, len(list))
	for i, one := range list {
		words[i] = string(one)
	}
	return words
}

// attach checks the code for extended scopes. Without one it sends it, and says so.
func (s *Service) attach(tx *store.Tx, c wallet.Caller, p *store.StoredPair, more []wallet.AskedScope, code secret.Text) (refused, err error) {
	wanted := wallet.ScopeNames(more)
	if code == "" {
		return s.sendScopeCode(tx, c, p, wanted)
	}
	f, err := tx.LatestScopeCode(p.Family.UserID, c.Client.ID, wanted)
	switch {
	case err != nil:
		return nil, err
	case f == nil || !f.Live(s.BusinessClock(), codeTries):
		return errWrongCode, nil
	case subtle.ConstantTimeCompare(s.codeHash(f.ID, trimCode(code)), f.CodeHash) != 1:
		return errWrongCode, tx.CountAttempt(f.ID)
	}
	if err := s.audit(tx, c, "attach scopes", userObject, p.Family.UserID, nil, struct{ Scopes string }{wanted}); err != nil {
		return nil, err
	}
	return nil, tx.UseConfirmation(f.ID)
}

// sendScopeCode sends the user a code for extended scopes, to the phone where there is one.
func (s *Service) sendScopeCode(tx *store.Tx, c wallet.Caller, p *store.StoredPair, wanted string) (refused, err error) {
	u, err := tx.User(p.Family.UserID)
	if err != nil {
		return nil, err
	}
	if !u.Reachable() {
		return wallet.Errorf(wallet.InvalidCode, "the scope %s needs a code, and the user has no confirmed phone number or e-mail address to send it to.", wanted), nil
	}
	contact := u.Phone
	if contact == "" {
		contact = u.Email
	}
	f := store.Confirmation{Purpose: store.ForScope, UserID: u.ID, ClientID: c.Client.ID, Contact: wanted}
	_, _, err = s.sendCode(tx, c, f, sending{
		to: contact, locale: u.Locale, kind: wallet.ScopeCode, values: map[string]string{"client": c.Client.Title, "scope": wanted},
	})
	return wallet.Errorf(wallet.InvalidCode, "the scope %s needs a code, which the user was sent just now: repeat the call with it as code.", wanted), err
}

// ActivateTokens puts tokens into use that were made to be activated; the old ones end with that. It can be
// repeated. It fails with Forbidden and NotFound.
func (s *Service) ActivateTokens(ctx context.Context, c wallet.Caller, access secret.Text) (Tokens, error) {
	if err := wallet.May(c, wallet.UseOAuth, wallet.Subject{}).Err(); err != nil {
		return Tokens{}, err
	}
	return answerOrRefuse(ctx, s, c, func(tx *store.Tx, c wallet.Caller) (Tokens, error, error) {
		p, err := tx.PairByAccess(access)
		if err != nil {
			return Tokens{}, nil, err
		}
		unknown := wallet.Errorf(wallet.NotFound, "there is no such token to activate: refresh again.")
		if p == nil || p.Family.ClientID != c.Client.ID || !p.Family.EndedAt.IsZero() || !p.RefreshedAt.IsZero() {
			return Tokens{}, unknown, nil
		}
		key, refresh, err := tx.OpenPair(p)
		if err != nil {
			return Tokens{}, nil, err
		}
		if refresh == "" {
			return Tokens{}, unknown, nil
		}
		if p.ActiveAt.IsZero() {
			if err := tx.ActivatePair(p, s.spent()); err != nil {
				return Tokens{}, nil, err
			}
		}
		left := max(p.ExpiresAt.Sub(s.BusinessClock()), 0)
		return Tokens{Access: access.Reveal(), Key: key, Refresh: refresh, ExpiresIn: left}, nil, nil
	})
}

// RevokeTokens ends an access token of the caller's and all of its family. One that there is not is no error
// (RFC 7009 §2.2). It fails with Forbidden.
func (s *Service) RevokeTokens(ctx context.Context, c wallet.Caller, access secret.Text) error {
	if err := wallet.May(c, wallet.UseOAuth, wallet.Subject{}).Err(); err != nil {
		return err
	}
	if access == "" {
		return wallet.FieldError("access_token", "must be given")
	}
	return s.change(ctx, c, func(tx *store.Tx, c wallet.Caller) error {
		p, err := tx.PairByAccess(access)
		if err != nil || p == nil || p.Family.ClientID != c.Client.ID {
			return err
		}
		if err := s.audit(tx, c, "revoke tokens", userObject, p.Family.UserID, nil, nil); err != nil {
			return err
		}
		_, err = tx.EndFamily(p.Family.ID)
		return err
	})
}
