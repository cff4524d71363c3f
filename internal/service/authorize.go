package service

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"time"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
)

// How long an authorization code may take to come back, and a request that a client prepared.
const (
	authorizationCodeLifetime = time.Minute
	preparedLifetime          = time.Hour
)

// AuthorizationRequest is what a client sends a user's browser to the pages with (spec/wallet-api.md §3.2).
type AuthorizationRequest struct {
	ResponseType string `json:"response_type"`
	// ClientID is what the client signs as.
	ClientID    string `json:"client_id"`
	RedirectURI string `json:"redirect_uri"`
	Scope       string `json:"scope"`
	// State is given back as it is.
	State string `json:"state"`
	// Challenge and ChallengeMethod are those of PKCE.
	Challenge       string `json:"code_challenge,omitempty"`
	ChallengeMethod string `json:"code_challenge_method,omitempty"`
	// Email is the user's, where the client knows it; Trusted says that its word is trusted.
	Email   string `json:"email,omitempty"`
	Trusted bool   `json:"trusted,omitempty"`
}

// Authorization is a request as the user is asked.
type Authorization struct {
	Request AuthorizationRequest
	Client  *wallet.Client
	// Project is the client's main project, or its only one; nil when there is none.
	Project *wallet.Project
	Asked   []wallet.AskedScope
	// Missing are scopes that the user has to have data for first: an e-mail address, say.
	Missing []wallet.Scope
}

// Redirect is a refusal that the client is told, by sending the user's browser back to it.
type Redirect struct {
	// To is the whole address.
	To  string
	err error
}

// Error is what the client is told.
func (r *Redirect) Error() string { return r.err.Error() }

// Unwrap is the refusal behind it.
func (r *Redirect) Unwrap() error { return r.err }

// Errors of RFC 6749 §4.1.2.1 that only a redirect carries.
const (
	accessDenied            = "access_denied"
	unauthorizedClient      = "unauthorized_client"
	unsupportedResponseType = "unsupported_response_type"
)

// back is the address that the user is sent back to, with more parameters. Those that stand there are kept.
func (r AuthorizationRequest) back(more url.Values) string {
	u, err := url.Parse(r.RedirectURI)
	if err != nil {
		return ""
	}
	if r.State != "" {
		more.Set("state", r.State)
	}
	if u.RawQuery != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += more.Encode()
	u.Fragment = ""
	return u.String()
}

// refuse tells the client.
func (r AuthorizationRequest) refuse(code string, err error) error {
	more := url.Values{"error": {code}}
	var known *wallet.Error
	if errors.As(err, &known) {
		more.Set("error_description", known.Description)
	}
	return &Redirect{To: r.back(more), err: err}
}

// challengeForm is a challenge of S256: 32 bytes in base64url.
var challengeForm = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

// maxState bounds what a client wants back, in bytes.
const maxState = 1000

// ReadAuthorization checks what a client sent the user with. Where the client or the address to go back to
// is wrong, nobody is sent anywhere: it fails with NotFound or InvalidParameters. What else is wrong, the
// client is told: it fails with a *Redirect.
func (s *Service) ReadAuthorization(ctx context.Context, c wallet.Caller, r AuthorizationRequest) (Authorization, error) {
	if err := wallet.May(c, wallet.UsePages, wallet.Subject{}).Err(); err != nil {
		return Authorization{}, err
	}
	return s.readAuthorization(ctx, c, r)
}

func (s *Service) readAuthorization(ctx context.Context, c wallet.Caller, r AuthorizationRequest) (a Authorization, err error) {
	a.Request = r
	if a.Client, err = s.clientToReturnTo(ctx, r); err != nil {
		return Authorization{}, err
	}
	if err := r.check(a.Client); err != nil {
		return Authorization{}, err
	}
	if a.Asked, err = wallet.ParseScopes(r.Scope); err != nil {
		return Authorization{}, r.refuse(string(wallet.InvalidScope), err)
	}
	for _, asked := range a.Asked {
		if asked.Scope.IsExtended() {
			return Authorization{}, r.refuse(string(wallet.InvalidScope), wallet.Errorf(wallet.InvalidScope,
				"the scope %s is attached when a token is refreshed, with a code that the user is sent.", asked))
		}
	}
	if a.Project, err = s.projectOf(ctx, a.Client); err != nil {
		return Authorization{}, err
	}
	if c.Kind == wallet.ByPerson {
		u, err := s.db.User(ctx, c.UserID())
		if err != nil {
			return Authorization{}, err
		}
		a.Missing = missingFor(u, a.Asked)
	}
	return a, nil
}

// projectOf is the project that a client is shown with: its main one, or its only one; nil when there is none.
func (s *Service) projectOf(ctx context.Context, client *wallet.Client) (*wallet.Project, error) {
	switch {
	case client.MainProject != 0:
		return s.db.Project(ctx, client.MainProject)
	case len(client.Projects) == 1:
		return s.db.Project(ctx, client.Projects[0])
	}
	return nil, nil
}

// clientToReturnTo finds the client, which must be one that users are sent back to at that address.
func (s *Service) clientToReturnTo(ctx context.Context, r AuthorizationRequest) (*wallet.Client, error) {
	found, err := s.db.Credential(ctx, r.ClientID)
	if err != nil {
		return nil, err
	}
	if !found.Known || found.Token != nil || found.Client.Revoked() {
		return nil, wallet.Errorf(wallet.NotFound, "the program that sent you here is not known: client_id is missing or wrong.")
	}
	if r.RedirectURI == "" || !found.Client.MayReturnTo(r.RedirectURI) {
		return nil, wallet.FieldError("redirect_uri", "is missing, or is not an address of the program that sent you here: its owner has to add it to the hosts of the client")
	}
	// What is added to the address must not stand there twice: readers disagree about which of two counts.
	if back, err := url.Parse(r.RedirectURI); err != nil || slices.ContainsFunc([]string{"code", "state", "error", "error_description"}, back.Query().Has) {
		return nil, wallet.FieldError("redirect_uri", "must not have a code, state, error or error_description of its own")
	}
	return found.Client, nil
}

// check refuses what the client is told.
func (r AuthorizationRequest) check(client *wallet.Client) error {
	refuse := func(code, format string, args ...any) error {
		return r.refuse(code, wallet.Errorf(wallet.InvalidRequest, format, args...))
	}
	switch {
	case client.Type == wallet.Application || !client.Has(wallet.UseOAuthAPI):
		return refuse(unauthorizedClient, "this client may not ask users for anything: it needs the permission %s.", wallet.UseOAuthAPI)
	case r.ResponseType != "code":
		return refuse(unsupportedResponseType, "the response_type must be code.")
	case len(r.State) > maxState:
		return refuse(string(wallet.InvalidRequest), "the state must be at most %d bytes.", maxState)
	case r.Challenge == "" && client.Type == wallet.AppClient:
		return refuse(string(wallet.InvalidRequest), "an app needs PKCE: send code_challenge and code_challenge_method=S256.")
	case r.Challenge == "" && r.ChallengeMethod == "":
	case r.ChallengeMethod != "S256":
		return refuse(string(wallet.InvalidRequest), "the code_challenge_method must be S256.")
	case !challengeForm.MatchString(r.Challenge):
		return refuse(string(wallet.InvalidRequest), "the code_challenge must be 43 characters of base64url.")
	}
	return nil
}

// missingFor are the scopes that a user has to have data for and has none, optional ones aside.
func missingFor(u *wallet.User, asked []wallet.AskedScope) (missing []wallet.Scope) {
	for _, a := range asked {
		if !a.Optional && !hasData(u, a.Scope) && !slices.Contains(missing, a.Scope) {
			missing = append(missing, a.Scope)
		}
	}
	return missing
}

// hasData says whether there is something about a user that the scope could open. What is not the user's to
// say, such as how surely they are identified, and once they are also who they are, is always there: nobody could fill it in.
func hasData(u *wallet.User, s wallet.Scope) bool {
	switch s {
	case wallet.ScopeEmail:
		return u.Email != ""
	case wallet.ScopePhone, wallet.ScopePhoneConfirmation:
		return u.Phone != ""
	case wallet.ScopeAddress:
		return u.Address != wallet.Address{}
	case wallet.ScopeDateOfBirth:
		return u.DateOfBirth != ""
	case wallet.ScopeGender:
		return u.Gender != ""
	case wallet.ScopeFullName:
		return u.Level != wallet.Unidentified || u.Identity.Name != "" && u.Identity.Surname != ""
	case wallet.ScopeIdentity:
		return u.Level != wallet.Unidentified || u.Identity.Name != "" && u.Identity.Surname != "" && u.Identity.Nationality != ""
	}
	return true
}

// Authorize is the user's yes: who is signed in agrees to a request, but for those optional scopes that are
// declined. It returns the address to send the browser to, with a code. It fails like ReadAuthorization, and
// with InvalidState where data is missing.
func (s *Service) Authorize(ctx context.Context, c wallet.Caller, r AuthorizationRequest, declined []wallet.AskedScope) (redirect string, err error) {
	if err := wallet.May(c, wallet.ManageAccount, wallet.Subject{}).Err(); err != nil {
		return "", err
	}
	a, err := s.readAuthorization(ctx, c, r)
	if err != nil {
		return "", err
	}
	if len(a.Missing) > 0 {
		return "", wallet.Errorf(wallet.InvalidState, "something is missing that %s asks for: fill it in first.", a.Client.Title)
	}
	declined = slices.DeleteFunc(wallet.SortScopes(declined), func(d wallet.AskedScope) bool { return !d.Optional || !slices.Contains(a.Asked, d) })
	code := secret.NewKey()
	err = s.change(ctx, c, func(tx *store.Tx, c wallet.Caller) error {
		if err := s.agree(tx, c, c.UserID(), a.Client, a.Asked, declined); err != nil {
			return err
		}
		return tx.InsertCode(code, store.Code{
			UserID: c.UserID(), ClientID: a.Client.ID, RedirectURI: r.RedirectURI, Scopes: a.Asked, Challenge: r.Challenge,
			ExpiresAt: s.BusinessClock().Add(authorizationCodeLifetime),
		})
	})
	if err != nil {
		return "", err
	}
	return r.back(url.Values{"code": {code.Reveal()}}), nil
}

// agree notes what a user agrees to, and warns them when the client is new to them.
func (s *Service) agree(tx *store.Tx, c wallet.Caller, user int64, client *wallet.Client, asked, declined []wallet.AskedScope) error {
	isNew, err := addConsent(tx, wallet.Consent{UserID: user, ClientID: client.ID, Scopes: asked, Declined: declined})
	if err != nil {
		return err
	}
	type agreement struct{ Client, Scopes, Declined string }
	err = s.audit(tx, c, "authorize", userObject, user, nil, agreement{client.Title, wallet.ScopeNames(asked), wallet.ScopeNames(declined)})
	if err != nil || !isNew {
		return err
	}
	u, err := tx.User(user)
	if err != nil {
		return err
	}
	return tell(tx, u, wallet.AppAuthorized, map[string]string{"client": client.Title})
}

// addConsent stores what a user agrees to beside what they agreed to before, and says whether that was
// nothing.
func addConsent(tx *store.Tx, c wallet.Consent) (isNew bool, err error) {
	before, err := tx.Consent(c.UserID, c.ClientID)
	if err != nil {
		return false, err
	}
	if before != nil {
		c.Declined = wallet.SortScopes(slices.Concat(wallet.WithoutScopes(before.Declined, c.Scopes), c.Declined))
		c.Scopes = wallet.SortScopes(slices.Concat(before.Scopes, c.Scopes))
	}
	return before == nil, tx.SetConsent(c)
}

// RefuseAuthorization is the user's no. It returns the address to send the browser to. It fails like
// ReadAuthorization.
func (s *Service) RefuseAuthorization(ctx context.Context, c wallet.Caller, r AuthorizationRequest) (redirect string, err error) {
	if err := wallet.May(c, wallet.UsePages, wallet.Subject{}).Err(); err != nil {
		return "", err
	}
	if _, err := s.readAuthorization(ctx, c, r); err != nil {
		return "", err
	}
	return r.back(url.Values{"error": {accessDenied}, "error_description": {"The user refused."}}), nil
}

// PrepareAuthorization keeps a request for a client, with what it knows of the user, and returns the key that
// the browser is then sent with (spec/wallet-api.md §3.2). The request must be the caller's own. It fails with
// Forbidden, InvalidParameters and what ReadAuthorization fails with.
func (s *Service) PrepareAuthorization(ctx context.Context, c wallet.Caller, r AuthorizationRequest) (key secret.Text, err error) {
	if err := wallet.May(c, wallet.UseOAuth, wallet.Subject{}).Err(); err != nil {
		return "", err
	}
	if r.ClientID != "" && r.ClientID != c.Client.MACID {
		return "", wallet.FieldError("client_id", "must be the client that signs")
	}
	if r.Email != "" && !isEmail(normalContact(r.Email)) {
		return "", wallet.FieldError("user.email", "must be an e-mail address, such as ona@example.com")
	}
	r.ClientID, r.Trusted = c.Client.MACID, r.Email != "" && c.Client.Has(wallet.GiveTrustedUserInfo)
	if _, err := s.readAuthorization(ctx, c, r); err != nil {
		return "", err
	}
	document, err := json.Marshal(r)
	if err != nil {
		return "", err
	}
	return answer(ctx, s, c, func(tx *store.Tx, c wallet.Caller) (secret.Text, error) {
		key := secret.NewKey()
		return key, tx.PrepareRequest(key, c.Client.ID, string(document), s.BusinessClock().Add(preparedLifetime))
	})
}

// PreparedAuthorization returns a request that a client has prepared. It fails with NotFound.
func (s *Service) PreparedAuthorization(ctx context.Context, c wallet.Caller, key secret.Text) (AuthorizationRequest, error) {
	if err := wallet.May(c, wallet.UsePages, wallet.Subject{}).Err(); err != nil {
		return AuthorizationRequest{}, err
	}
	return s.preparedRequest(ctx, key)
}

func (s *Service) preparedRequest(ctx context.Context, key secret.Text) (r AuthorizationRequest, err error) {
	_, document, err := s.db.PreparedRequest(ctx, key)
	if err != nil {
		return r, err
	}
	if document == "" {
		return r, wallet.Errorf(wallet.NotFound, "this address is not known, or is too old: go back to where you came from and try again.")
	}
	return r, json.Unmarshal([]byte(document), &r)
}

// ignoreKnown is nil for an error that a caller may see.
func ignoreKnown(err error) error {
	var known *wallet.Error
	if errors.As(err, &known) {
		return nil
	}
	return err
}

// GrantedApp is a client that acts for a user.
type GrantedApp struct {
	Client  *wallet.Client
	Project *wallet.Project
	wallet.Consent
}

// ListGrantedApps returns the clients that who is signed in agreed to, the latest first.
func (s *Service) ListGrantedApps(ctx context.Context, c wallet.Caller) ([]GrantedApp, error) {
	if err := wallet.May(c, wallet.ManageAccount, wallet.Subject{}).Err(); err != nil {
		return nil, err
	}
	return s.grantedApps(ctx, c.UserID())
}

// ListUserApps returns the clients that a user agreed to, the latest first. It fails with Forbidden and NotFound.
func (s *Service) ListUserApps(ctx context.Context, c wallet.Caller, user int64) ([]GrantedApp, error) {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return nil, err
	}
	u, err := s.db.User(ctx, user)
	if err != nil {
		return nil, err
	}
	if u == nil {
		return nil, noSuch(userObject, user)
	}
	return s.grantedApps(ctx, user)
}

func (s *Service) grantedApps(ctx context.Context, user int64) ([]GrantedApp, error) {
	consents, err := s.db.ConsentsOf(ctx, user)
	if err != nil {
		return nil, err
	}
	var apps []GrantedApp
	for _, consent := range consents {
		app := GrantedApp{Consent: consent}
		if app.Client, err = s.db.Client(ctx, consent.ClientID); err != nil {
			return nil, err
		}
		if app.Client.Revoked() {
			continue
		}
		if app.Project, err = s.projectOf(ctx, app.Client); err != nil {
			return nil, err
		}
		apps = append(apps, app)
	}
	return apps, nil
}

// RevokeApp takes back all that who is signed in agreed to for a client: its tokens end with the next request.
// A client that has nothing is no error.
func (s *Service) RevokeApp(ctx context.Context, c wallet.Caller, client int64) error {
	if err := wallet.May(c, wallet.ManageAccount, wallet.Subject{}).Err(); err != nil {
		return err
	}
	return s.change(ctx, c, func(tx *store.Tx, c wallet.Caller) error {
		there, err := tx.DropConsent(c.UserID(), client)
		if err != nil || !there {
			return err
		}
		return s.audit(tx, c, "revoke consent", clientObject, client, nil, nil)
	})
}

// RevokeUserApp takes back all that a user agreed to for a client, like RevokeApp, if that is agreed, and returns what
// it is. It fails with Forbidden, and with NotFound where there is nothing.
func (s *Service) RevokeUserApp(ctx context.Context, c wallet.Caller, user, client int64, agreed bool) (consent wallet.Consent, err error) {
	err = s.operate(ctx, c, func(tx *store.Tx) error {
		there, err := tx.Consent(user, client)
		if err != nil {
			return err
		}
		if there == nil {
			return wallet.Errorf(wallet.NotFound, "user %d has not agreed to anything for client %d: `purser user apps %d` lists what there is.", user, client, user)
		}
		if consent = *there; !agreed {
			return nil
		}
		if _, err := tx.DropConsent(user, client); err != nil {
			return err
		}
		return s.audit(tx, c, "revoke consent", clientObject, client, nil, struct{ User int64 }{user})
	})
	return consent, err
}

// ShareScopes is the later yes to optional scopes that were declined. It fails with NotFound where the client
// has not asked for them.
func (s *Service) ShareScopes(ctx context.Context, c wallet.Caller, client int64, scopes []wallet.AskedScope) error {
	if err := wallet.May(c, wallet.ManageAccount, wallet.Subject{}).Err(); err != nil {
		return err
	}
	return s.change(ctx, c, func(tx *store.Tx, c wallet.Caller) error {
		now, err := tx.Consent(c.UserID(), client)
		if err != nil {
			return err
		}
		if now == nil || slices.ContainsFunc(scopes, func(a wallet.AskedScope) bool { return !slices.Contains(now.Scopes, a) }) {
			return wallet.Errorf(wallet.NotFound, "this program has not asked for that.")
		}
		now.Declined = wallet.WithoutScopes(now.Declined, scopes)
		if err := s.audit(tx, c, "share", clientObject, client, nil, struct{ Scopes string }{wallet.ScopeNames(scopes)}); err != nil {
			return err
		}
		return tx.SetConsent(*now)
	})
}
