package service

import (
	"context"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"time"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
)

// The use cases of this file are the operator's: setting up users, wallets, projects, clients
// and places. An id of 0 asks for the next free number.

// operate runs an operator's change in one transaction, after asking whether the caller is one.
func (s *Service) operate(ctx context.Context, c wallet.Caller, change func(tx *store.Tx) error) error {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return err
	}
	return s.change(ctx, c, func(tx *store.Tx, _ wallet.Caller) error { return change(tx) })
}

// unless is err, or the refusal of a field when what it refers to is not as it must be.
func unless(ok bool, err error, field, format string, args ...any) error {
	if err != nil || ok {
		return err
	}
	return wallet.FieldError(field, format, args...)
}

// CreateUser adds a person or a company and returns its id. Password and pin may be empty; a
// company's administrators must be persons that exist, and addresses nobody else's. It fails with
// Forbidden and InvalidParameters.
func (s *Service) CreateUser(ctx context.Context, c wallet.Caller, u wallet.User, password, pin secret.Text) (id int64, err error) {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return 0, err
	}
	passwordHash, pinHash, err := s.hashes(password, pin)
	if err != nil {
		return 0, err
	}
	wanted := u.ID
	u.CreatedAt = s.BusinessClock()
	err = s.operate(ctx, c, func(tx *store.Tx) (err error) {
		if u.ID, err = takeID(tx, store.UserIDs, wanted); err != nil {
			return err
		}
		if err := checkUser(tx, &u); err != nil {
			return err
		}
		if err := tx.InsertUser(u, passwordHash, pinHash); err != nil {
			return err
		}
		return s.audit(tx, c, "create", userObject, u.ID, nil, u)
	})
	return u.ID, err
}

// CreateWallet adds an empty wallet of a user and returns its id. Its account number is EVP
// and the id, padded to twelve digits (spec/wallet-api.md §4.12). It fails with Forbidden and
// InvalidParameters.
func (s *Service) CreateWallet(ctx context.Context, c wallet.Caller, w wallet.Wallet) (id int64, err error) {
	wanted := w.ID
	err = s.operate(ctx, c, func(tx *store.Tx) (err error) {
		w.ID, err = s.addWallet(tx, c, w, wanted)
		return err
	})
	return w.ID, err
}

func (s *Service) addWallet(tx *store.Tx, c wallet.Caller, w wallet.Wallet, wanted int64) (id int64, err error) {
	kind, err := tx.UserType(w.OwnerID)
	if err := unless(kind != "", err, "owner", "there is no user %d", w.OwnerID); err != nil {
		return 0, err
	}
	if err := checkWallet(&w); err != nil {
		return 0, err
	}
	if w.ID, err = takeID(tx, store.WalletIDs, wanted); err != nil {
		return 0, err
	}
	w.AccountNumber = fmt.Sprintf("EVP%012d", w.ID)
	if err := tx.InsertWallet(w); err != nil {
		return 0, err
	}
	return w.ID, s.audit(tx, c, "create", walletObject, w.ID, nil, w)
}

// CreateProject adds a project and returns its id. Its wallet must belong to its owner; several
// projects of one owner may share a wallet. It fails with Forbidden and InvalidParameters.
func (s *Service) CreateProject(ctx context.Context, c wallet.Caller, p wallet.Project) (id int64, err error) {
	wanted := p.ID
	err = s.operate(ctx, c, func(tx *store.Tx) (err error) {
		if err := checkProject(tx, &p); err != nil {
			return err
		}
		if err := s.checkDefaultCallback(p.CallbackURI); err != nil {
			return err
		}
		if p.ID, err = takeID(tx, store.ProjectIDs, wanted); err != nil {
			return err
		}
		if err := tx.InsertProject(p); err != nil {
			return err
		}
		return s.audit(tx, c, "create", projectObject, p.ID, nil, p)
	})
	return p.ID, err
}

// CreateClient adds a client and returns it as stored. An empty MACID is made up; an empty key
// too. It fails with Forbidden and InvalidParameters.
func (s *Service) CreateClient(ctx context.Context, c wallet.Caller, n wallet.Client, key secret.Text) (wallet.Client, secret.Text, error) {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return wallet.Client{}, "", err
	}
	if err := s.checkClient(n, key); err != nil {
		return wallet.Client{}, "", err
	}
	if key == "" {
		key = secret.NewKey()
	}
	n.CreatedAt = s.BusinessClock()
	n.Projects = slices.Clone(n.Projects)
	slices.Sort(n.Projects)
	given, wanted := n.MACID, n.ID
	err := s.operate(ctx, c, func(tx *store.Tx) (err error) {
		if err := refuseMissing(tx, &n); err != nil {
			return err
		}
		if given == "" {
			if n.MACID, err = s.newMACID(tx); err != nil {
				return err
			}
		} else if taken, err := tx.MACIDTaken(given); err != nil || taken {
			return unless(!taken, err, "mac_id", "is another client's")
		}
		if n.ID, err = takeID(tx, store.ClientIDs, wanted); err != nil {
			return err
		}
		if err := tx.InsertClient(n, key, time.Time{}); err != nil {
			return err
		}
		return s.audit(tx, c, "create", clientObject, n.ID, nil, n)
	})
	if err != nil {
		return wallet.Client{}, "", err
	}
	return n, key, nil
}

func (s *Service) checkClient(n wallet.Client, key secret.Text) error {
	refused := wallet.FieldErrors{}
	switch n.Type {
	case wallet.PrivateClient:
	case wallet.Application, wallet.AppClient:
		if len(n.Projects) != 1 {
			refused.Refuse("projects", "a client of type %s has exactly one project", n.Type)
		}
	default:
		refused.Refuse("type", "must be private_client, application or app_client")
	}
	for _, p := range n.Permissions {
		if p.Meaning() == "" {
			refused.Refuse("permissions", "%q is not a permission", p)
		} else if !p.Fits(n.Type) {
			refused.Refuse("permissions", "a client of type %s cannot hold %s", n.Type, p)
		}
	}
	for i, h := range n.Hosts {
		if field, problem := h.Check(); field != "" {
			refused.Refuse(fmt.Sprintf("hosts[%d].%s", i, field), "%s", problem)
		}
	}
	if len(n.Title) == 0 || len(n.Title) > maxTitle || !isWords(n.Title) {
		refused.Refuse("title", "must be given, as text of at most %d bytes", maxTitle)
	}
	if n.MACID != "" && !macIDForm.MatchString(n.MACID) {
		refused.Refuse("mac_id", "must be 4 to 64 letters and digits")
	}
	if n.BaseLocation != 0 && n.Type != wallet.PrivateClient {
		refused.Refuse("base_location", "only a private client is based on a place")
	}
	if n.MainProject != 0 && !slices.Contains(n.Projects, n.MainProject) {
		refused.Refuse("main_project", "must be one of the client's projects")
	}
	checkInfo(refused, n.Info)
	if key == PublishedKey && !s.Sandbox {
		refused.Refuse("mac_key", "is the one that the public documentation prints, which everybody knows")
	}
	return refused.Err()
}

// maxTitle bounds a title, in bytes.
const maxTitle = 200

// macIDForm is what a client may sign as: it stands between quotes in a header, and in paths.
var macIDForm = regexp.MustCompile(`^[A-Za-z0-9]{4,64}$`)

// isObject says whether text is one JSON object.
func isObject(text string) bool {
	var object map[string]json.RawMessage
	return json.Unmarshal([]byte(text), &object) == nil && object != nil
}

// refuseMissing names what a client refers to and is not there, and what does not fit together. The
// project of the place that it is based on is filled in.
func refuseMissing(tx *store.Tx, n *wallet.Client) error {
	for _, project := range n.Projects {
		there, err := tx.ProjectExists(project)
		if err := unless(there, err, "projects", "there is no project %d", project); err != nil {
			return err
		}
	}
	for _, right := range n.WalletRights {
		owner, err := tx.WalletOwner(right.WalletID)
		if err := unless(owner != 0, err, "permissions_to_wallets", "there is no wallet %d", right.WalletID); err != nil {
			return err
		}
	}
	n.BaseProject = 0
	if n.BaseLocation == 0 {
		return nil
	}
	project, err := tx.LocationProject(n.BaseLocation)
	switch {
	case err != nil:
		return err
	case project == 0:
		return wallet.FieldError("base_location", "there is no place %d", n.BaseLocation)
	case !slices.Contains(n.Projects, project):
		return wallet.FieldError("base_location", "place %d is in project %d, which the client does not represent", n.BaseLocation, project)
	case n.MainProject != 0 && n.MainProject != project:
		return wallet.FieldError("base_location", "place %d is in project %d, which is not the client's main project %d", n.BaseLocation, project, n.MainProject)
	}
	n.BaseProject = project
	return nil
}

// Lengths of made-up names: a client's id is as long as the documentation's sample, an access token is
// also hard to guess.
const (
	macIDLength       = 10
	accessTokenLength = 32
)

var visible = base32.StdEncoding.WithPadding(base32.NoPadding)

// visibleToken makes a name of capital letters and digits from the injected source.
func (s *Service) visibleToken(length int) (string, error) {
	raw := make([]byte, length) // more than enough: eight characters take five bytes
	if _, err := io.ReadFull(s.Random, raw); err != nil {
		return "", err
	}
	return visible.EncodeToString(raw)[:length], nil
}

// newMACID makes a MAC id that no client has.
func (s *Service) newMACID(tx *store.Tx) (string, error) {
	for {
		id, err := s.visibleToken(macIDLength)
		if err != nil {
			return "", err
		}
		if taken, err := tx.MACIDTaken(id); err != nil || !taken {
			return id, err
		}
	}
}

// IssuedToken is an access token as it is handed out, once.
type IssuedToken struct {
	// Access is the MAC id, Key the MAC key, Refresh what a new pair is asked for with.
	Access  string
	Key     secret.Text
	Refresh secret.Text
}

// IssueToken gives a client an access token of a user without asking the user: the operator
// answers for that. lifetime counts on the business clock. It fails with Forbidden and
// InvalidParameters.
func (s *Service) IssueToken(ctx context.Context, c wallet.Caller, user, client int64, scopes []wallet.Scope, lifetime time.Duration) (IssuedToken, error) {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return IssuedToken{}, err
	}
	for _, scope := range scopes {
		if !wallet.KnownScope(scope) && !scope.IsExtended() {
			return IssuedToken{}, wallet.FieldError("scopes", "%q is not a scope", scope)
		}
	}
	access, err := s.visibleToken(accessTokenLength)
	if err != nil {
		return IssuedToken{}, err
	}
	issued := IssuedToken{Access: access, Key: secret.NewKey(), Refresh: secret.NewKey()}
	expires := s.BusinessClock().Add(lifetime)
	return issued, s.operate(ctx, c, func(tx *store.Tx) error {
		kind, err := tx.UserType(user)
		if err := unless(kind == wallet.Natural, err, "user", "user %d is not a person", user); err != nil {
			return err
		}
		if _, err := clientToOperateOn(tx, client); err != nil {
			return err
		}
		if err := s.audit(tx, c, "issue token", clientObject, client, nil, wallet.Token{UserID: user, ClientID: client, Scopes: scopes, ExpiresAt: expires}); err != nil {
			return err
		}
		consent := wallet.Consent{UserID: user, ClientID: client}
		for _, scope := range scopes {
			consent.Scopes = append(consent.Scopes, wallet.AskedScope{Scope: scope})
		}
		if _, err := addConsent(tx, consent); err != nil { // so that the user sees it, and can take it back
			return err
		}
		return tx.InsertToken(store.Token{
			Token:  wallet.Token{UserID: user, ClientID: client, Scopes: scopes, ExpiresAt: expires},
			Access: secret.Text(access), Refresh: issued.Refresh, Key: issued.Key, RefreshExpiresAt: expires,
		})
	})
}

// CreatePayCategory adds a pay category. It fails with Forbidden.
func (s *Service) CreatePayCategory(ctx context.Context, c wallet.Caller, p wallet.PayCategory) error {
	return s.operate(ctx, c, func(tx *store.Tx) error { return tx.InsertPayCategory(p) })
}

// CreateLocation adds a place of a project and returns its id. It fails with Forbidden and
// InvalidParameters.
func (s *Service) CreateLocation(ctx context.Context, c wallet.Caller, l wallet.Location) (id int64, err error) {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return 0, err
	}
	wanted := l.ID
	locate(&l)
	err = s.operate(ctx, c, func(tx *store.Tx) (err error) {
		if err := s.checkPlace(tx, l, LocationChange{}); err != nil {
			return err
		}
		there, err := tx.ProjectExists(l.ProjectID)
		if err := unless(there, err, "project_id", "there is no project %d", l.ProjectID); err != nil {
			return err
		}
		if l.ID, err = takeID(tx, store.LocationIDs, wanted); err != nil {
			return err
		}
		if l.UpdatedAt, err = tx.PlaceTime(s.BusinessClock()); err != nil {
			return err
		}
		if err := tx.InsertLocation(l); err != nil {
			return err
		}
		return s.audit(tx, c, "create", locationObject, l.ID, nil, l)
	})
	return l.ID, err
}

// SealSetting stores a secret text under a name, sealed; OpenSetting reads it again, empty
// when there is none. They fail with Forbidden.
func (s *Service) SealSetting(ctx context.Context, c wallet.Caller, name string, value secret.Text) error {
	return s.operate(ctx, c, func(tx *store.Tx) error {
		return tx.SetSetting(name, s.Box.Seal(value, "setting "+name))
	})
}

// OpenSetting is described at SealSetting.
func (s *Service) OpenSetting(ctx context.Context, c wallet.Caller, name string) (value secret.Text, err error) {
	err = s.operate(ctx, c, func(tx *store.Tx) error {
		sealed, err := tx.Setting(name)
		if err != nil || sealed == nil {
			return err
		}
		value, err = s.Box.Open(sealed, "setting "+name)
		return err
	})
	return value, err
}
