package service

import (
	"context"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
)

// ClientView is a client as somebody may see it.
type ClientView struct {
	*wallet.Client
	// MainProject is nil when it has none.
	MainProject *wallet.Project
	// RightWallets are the wallets that it has static rights on, in the order of those rights.
	RightWallets []*wallet.Wallet
	// Key is its MAC key, in the answer to its registration and never again.
	Key secret.Text
	// SameDevice are other clients that were registered for the same device.
	SameDevice []int64
	// ShowInfo says whether what the device said of itself may be shown.
	ShowInfo bool
}

// GetClient returns the client that calls; for a token, the client it was given to.
func (s *Service) GetClient(ctx context.Context, c wallet.Caller) (ClientView, error) {
	if err := wallet.May(c, wallet.ReadOwnClient, wallet.Subject{}).Err(); err != nil {
		return ClientView{}, err
	}
	return s.clientView(ctx, c, c.Client)
}

func (s *Service) clientView(ctx context.Context, c wallet.Caller, client *wallet.Client) (ClientView, error) {
	return viewOfClient(c, client,
		func(id int64) (*wallet.Project, error) { return s.db.Project(ctx, id) },
		func(id int64) (*wallet.Wallet, error) { return s.db.Wallet(ctx, id) })
}

// viewOfClient is a client as the caller may see it, with its project and wallets as somebody finds them.
func viewOfClient(c wallet.Caller, client *wallet.Client, project func(int64) (*wallet.Project, error), ofRight func(int64) (*wallet.Wallet, error)) (ClientView, error) {
	// An application's credentials can be read out of its app package by anybody, so what its
	// devices said of themselves is not for it to read.
	view := ClientView{Client: client, ShowInfo: c.Client == nil || c.Client.Type != wallet.Application}
	var err error
	if client.MainProject != 0 {
		if view.MainProject, err = project(client.MainProject); err != nil {
			return ClientView{}, err
		}
	}
	for _, right := range client.WalletRights {
		w, err := ofRight(right.WalletID)
		if err != nil {
			return ClientView{}, err
		}
		view.RightWallets = append(view.RightWallets, w)
	}
	return view, nil
}

// GetOtherClient returns a client: the caller itself, a device that it registered, or a client of
// its projects. It fails with Forbidden and NotFound.
func (s *Service) GetOtherClient(ctx context.Context, c wallet.Caller, id int64) (ClientView, error) {
	if err := wallet.May(c, wallet.ReadClient, wallet.Subject{}).Err(); err != nil {
		return ClientView{}, err
	}
	client, err := s.db.Client(ctx, max(id, 0))
	if err != nil {
		return ClientView{}, err
	}
	if err := mayAboutClient(c, wallet.ReadClient, client, id); err != nil {
		return ClientView{}, err
	}
	return s.clientView(ctx, c, client)
}

// mayAboutClient asks whether the caller may do something to a client; nil, or one with number 0,
// does not exist. What is in strangers' hands does not learn which numbers clients have.
func mayAboutClient(c wallet.Caller, a wallet.Action, client *wallet.Client, id int64) error {
	missing := client == nil || client.ID == 0
	if missing && c.OwnsClient() {
		if err := wallet.May(c, a, wallet.Subject{}).Err(); err != nil {
			return err
		}
		return noSuchClient(id)
	}
	if missing {
		client = &wallet.Client{}
	}
	return wallet.May(c, a, wallet.Subject{Client: client}).Err()
}

func noSuchClient(id int64) error {
	return wallet.Errorf(wallet.NotFound, "there is no client %d: check the number.", id)
}

// ClientStatus is what becomes of a client.
type ClientStatus string

// The statuses of a client.
const (
	ClientActive  ClientStatus = "active"
	ClientRevoked ClientStatus = "revoked"
)

// StatusOf is the client's status.
func StatusOf(c *wallet.Client) ClientStatus {
	if c.Revoked() {
		return ClientRevoked
	}
	return ClientActive
}

// ClientFilter says which clients a list is of.
type ClientFilter = store.ClientFilter

// ListClients returns a page of clients, by number, and how many there are in all: for a private
// client those of its projects. With revoked ones only where the filter says so. It fails with
// Forbidden.
func (s *Service) ListClients(ctx context.Context, c wallet.Caller, f ClientFilter) ([]ClientView, int, error) {
	if err := wallet.May(c, wallet.ListClients, wallet.Subject{}).Err(); err != nil {
		return nil, 0, err
	}
	if c.Kind != wallet.Operator {
		f.Within = append([]int64{}, c.Projects()...)
	}
	clients, total, err := s.db.Clients(ctx, f)
	if err != nil {
		return nil, 0, err
	}
	same, err := s.db.SameDevice(ctx, clients)
	if err != nil {
		return nil, 0, err
	}
	views := make([]ClientView, len(clients))
	for i, client := range clients {
		if views[i], err = s.clientView(ctx, c, client); err != nil {
			return nil, 0, err
		}
		views[i].SameDevice = same[client.ID]
	}
	return views, total, nil
}

// Device is what an application registers.
type Device struct {
	// Type must be app_client where it is given.
	Type wallet.ClientType
	// Info is what the device says of itself, a JSON object; empty for nothing.
	Info string
	// Permissions are asked for; nil asks for all that the application can give.
	Permissions []wallet.Permission
	// ProjectID must be the application's where it is given.
	ProjectID int64
	// Refused are fields that were given and that an application cannot give to a device.
	Refused []string
}

// maxInfo bounds what a device says of itself, in bytes.
const maxInfo = 16 << 10

// RegisterDevice makes a client for a device. It gets the application's project and hosts, and those
// of its permissions that a device can hold; its key is in the answer and nowhere else. It fails
// with Forbidden, InvalidParameters and RateLimitExceeded.
func (s *Service) RegisterDevice(ctx context.Context, c wallet.Caller, d Device) (ClientView, error) {
	if err := s.mayRegister(c, d); err != nil {
		return ClientView{}, err
	}
	key := secret.NewKey()
	return answer(ctx, s, c, func(tx *store.Tx, c wallet.Caller) (view ClientView, err error) {
		if err := s.mayRegister(c, d); err != nil {
			return view, err
		}
		if err := s.allowRegistration(tx, c.Client.ID); err != nil {
			return view, err
		}
		device := d.of(c.Client)
		device.CreatedAt = s.BusinessClock()
		if device.MACID, err = s.newMACID(tx); err != nil {
			return view, err
		}
		if device.ID, err = tx.NextID(store.ClientIDs, 0); err != nil {
			return view, err
		}
		if err := tx.InsertClient(device, key, s.WallClock()); err != nil {
			return view, err
		}
		if err := s.audit(tx, c, "register", clientObject, device.ID, nil, device); err != nil {
			return view, err
		}
		view, err = viewOfClient(c, &device, tx.Project, tx.Wallet)
		view.Key, view.ShowInfo = key, true
		return view, err
	})
}

func (s *Service) mayRegister(c wallet.Caller, d Device) error {
	if err := wallet.May(c, wallet.RegisterDevice, wallet.Subject{Giving: wallet.Giving{Permissions: fitting(d.Permissions)}}).Err(); err != nil {
		return err
	}
	return d.check(c.Client)
}

// of is the device as a client of its application.
func (d Device) of(application *wallet.Client) wallet.Client {
	permissions := slices.Compact(slices.Sorted(slices.Values(d.Permissions)))
	if d.Permissions == nil {
		permissions = fitting(application.Permissions)
	}
	return wallet.Client{
		Title: application.Title, Type: wallet.AppClient, Permissions: permissions, Projects: application.Projects,
		MainProject: application.MainProject, Hosts: application.Hosts, Info: d.Info, CreatedBy: application.ID,
	}
}

func (d Device) check(application *wallet.Client) error {
	refused := wallet.FieldErrors{}
	if d.Type != "" && d.Type != wallet.AppClient {
		refused.Refuse("type", "must be app_client: an application registers devices and nothing else")
	}
	if d.ProjectID != 0 && !application.Represents(d.ProjectID) {
		refused.Refuse("project_id", "must be the application's project, or be left out")
	}
	for _, field := range d.Refused {
		refused.Refuse(field, "is not an application's to give: leave it out, a device takes over what its application has")
	}
	for _, p := range d.Permissions {
		if p.Meaning() == "" {
			refused.Refuse("permissions", "%q is not a permission", p)
		} else if !p.Fits(wallet.AppClient) {
			refused.Refuse("permissions", "a client of type %s cannot hold %s", wallet.AppClient, p)
		}
	}
	checkInfo(refused, d.Info)
	return refused.Err()
}

func checkInfo(refused wallet.FieldErrors, info string) {
	switch {
	case info == "":
	case len(info) > maxInfo:
		refused.Refuse("info", "must be at most %d bytes", maxInfo)
	case !utf8.ValidString(info) || !isObject(info):
		refused.Refuse("info", "must be a JSON object")
	}
}

// registrationWindow is what RegistrationsPerHour counts.
const registrationWindow = time.Hour

// allowRegistration bounds what somebody can do with an application's key, which everybody can read
// out of the app package. It is exact across processes.
func (s *Service) allowRegistration(tx *store.Tx, application int64) error {
	if s.RegistrationsPerHour == 0 {
		return nil
	}
	n, err := tx.Registrations(application, s.WallClock().Add(-registrationWindow))
	if err == nil && n >= s.RegistrationsPerHour {
		refused := wallet.Errorf(wallet.RateLimitExceeded, "this application has registered %d devices within an hour, which is as many as it may: try again later.", n)
		refused.RetryAfter = registrationWindow / 60
		return refused
	}
	return err
}

// ClientChange is what is to become of a client; what is nil stays as it is.
type ClientChange struct {
	// Type can only be the one that the client has; empty for not given.
	Type        wallet.ClientType
	Title       *string
	Permissions *[]wallet.Permission
	// MainProject is attached to the client where it is not yet; 0 for none.
	MainProject        *int64
	Hosts              *[]wallet.Host
	Rights             *[]RightChange
	ServiceAgreementID *int64
	Info               *string
	// Projects and BaseLocation are the operator's to change.
	Projects     *[]int64
	BaseLocation *int64
}

// RightChange is a static right on a wallet that is named by number or by account number, or by
// both.
type RightChange struct {
	WalletID      int64
	AccountNumber string
	Scopes        []wallet.Scope
}

// UpdateClient changes a client: the caller's device, a client of its projects, or any as the
// operator. Nobody gives more than they have. A change that has taken effect already is no error.
// It fails with Forbidden, NotFound and InvalidParameters.
func (s *Service) UpdateClient(ctx context.Context, c wallet.Caller, id int64, change ClientChange) (ClientView, error) {
	wallets, err := s.mayUpdate(ctx, c, id, change)
	if err != nil {
		return ClientView{}, err
	}
	return answer(ctx, s, c, func(tx *store.Tx, c wallet.Caller) (ClientView, error) {
		now, err := tx.Client(id)
		if err != nil {
			return ClientView{}, err
		}
		if now == nil {
			return ClientView{}, mayAboutClient(c, wallet.UpdateClient, nil, id)
		}
		next := change.to(*now, wallets)
		if err := wallet.May(c, wallet.UpdateClient, wallet.Subject{Client: now, Giving: giving(now, &next, wallets)}).Err(); err != nil {
			return ClientView{}, err
		}
		if err := s.replaceClient(tx, c, now, &next, change, wallets); err != nil {
			return ClientView{}, err
		}
		return viewOfClient(c, &next, tx.Project, tx.Wallet)
	})
}

// mayUpdate asks whether the caller may update a client, by what is in memory, before anything is
// opened to be written. It returns the wallets of the change's rights, one for one; nil for one that
// does not exist. Who could not be given the right to update looks nothing up by it.
func (s *Service) mayUpdate(ctx context.Context, c wallet.Caller, id int64, change ClientChange) ([]*wallet.Wallet, error) {
	if err := wallet.May(c, wallet.UpdateClient, wallet.Subject{}).Err(); err != nil {
		return nil, err
	}
	now, err := s.db.Client(ctx, max(id, 0))
	if err != nil {
		return nil, err
	}
	if now == nil || now.ID == 0 {
		return nil, mayAboutClient(c, wallet.UpdateClient, nil, id)
	}
	if d := wallet.May(c, wallet.UpdateClient, wallet.Subject{Client: now}); !d.Allowed && len(d.Cure()) == 0 {
		return nil, d.Err()
	}
	wallets, err := s.wallets(ctx, change.Rights)
	if err != nil {
		return nil, err
	}
	next := change.to(*now, wallets)
	return wallets, wallet.May(c, wallet.UpdateClient, wallet.Subject{Client: now, Giving: giving(now, &next, wallets)}).Err()
}

// replaceClient checks what a client is to become and stores it; what is so already is not written.
func (s *Service) replaceClient(tx *store.Tx, c wallet.Caller, now, next *wallet.Client, change ClientChange, wallets []*wallet.Wallet) error {
	if err := change.check(c, now, next, wallets); err != nil {
		return err
	}
	if err := s.checkClient(*next, ""); err != nil {
		return err
	}
	if err := refuseMissing(tx, next); err != nil {
		return err
	}
	if same(*now, *next) {
		return nil
	}
	if err := tx.UpdateClient(*next); err != nil {
		return err
	}
	return s.audit(tx, c, "update", clientObject, now.ID, *now, *next)
}

// EditClient is the operator's change of a client that depends on what it is: plan is told that, as the
// transaction sees it, and says what to change and whether to do it. Wallets are named by number. It
// returns the client after the change, or as it is when it was not to be done. It fails with Forbidden,
// NotFound, InvalidParameters and what plan fails with.
func (s *Service) EditClient(ctx context.Context, c wallet.Caller, id int64, plan func(now *wallet.Client) (change ClientChange, do bool, err error)) (*wallet.Client, error) {
	var after *wallet.Client
	err := s.operate(ctx, c, func(tx *store.Tx) error {
		now, err := tx.Client(id)
		if err != nil {
			return err
		}
		if now == nil {
			return noSuchClient(id)
		}
		after = now
		change, do, err := plan(now)
		if err != nil || !do {
			return err
		}
		var wallets []*wallet.Wallet
		if change.Rights != nil {
			for _, right := range *change.Rights {
				wallets = append(wallets, &wallet.Wallet{ID: right.WalletID}) // refuseMissing looks whether it is there
			}
		}
		next := change.to(*now, wallets)
		after = &next
		return s.replaceClient(tx, c, now, &next, change, wallets)
	})
	if err != nil {
		return nil, err
	}
	return after, nil
}

// wallets finds the wallets of rights, one for one; nil where there is none, which is told when it is
// decided that the caller may know.
func (s *Service) wallets(ctx context.Context, rights *[]RightChange) ([]*wallet.Wallet, error) {
	if rights == nil {
		return nil, nil
	}
	found := make([]*wallet.Wallet, len(*rights))
	for i, right := range *rights {
		var err error
		if right.WalletID != 0 {
			found[i], err = s.db.Wallet(ctx, right.WalletID)
		} else {
			found[i], err = s.db.WalletByNumber(ctx, right.AccountNumber)
		}
		if err != nil {
			return nil, err
		}
		if w := found[i]; w != nil && right.AccountNumber != "" && w.AccountNumber != right.AccountNumber {
			found[i] = nil
		}
	}
	return found, nil
}

// to is the client after the change.
func (change ClientChange) to(c wallet.Client, wallets []*wallet.Wallet) wallet.Client {
	set(&c.Title, change.Title)
	set(&c.Permissions, change.Permissions)
	set(&c.Hosts, change.Hosts)
	set(&c.ServiceAgreementID, change.ServiceAgreementID)
	set(&c.Info, change.Info)
	set(&c.Projects, change.Projects)
	set(&c.BaseLocation, change.BaseLocation)
	set(&c.MainProject, change.MainProject)
	if c.Type != wallet.PrivateClient && c.MainProject != 0 && change.MainProject != nil {
		c.Projects = []int64{c.MainProject}
	} else if c.MainProject != 0 && !slices.Contains(c.Projects, c.MainProject) && change.Projects == nil {
		c.Projects = append(slices.Clone(c.Projects), c.MainProject)
	}
	if change.Rights != nil {
		c.WalletRights = nil
		for i, right := range *change.Rights {
			if wallets[i] == nil {
				continue
			}
			for _, scope := range right.Scopes {
				c.WalletRights = wallet.WithRight(c.WalletRights, wallets[i].ID, scope)
			}
		}
		slices.SortFunc(c.WalletRights, func(a, b wallet.WalletRight) int { return int(a.WalletID - b.WalletID) })
	}
	// Sorted copies: what the change and the client hold is others'.
	c.Permissions = slices.Compact(slices.Sorted(slices.Values(c.Permissions)))
	c.Projects = slices.Compact(slices.Sorted(slices.Values(c.Projects)))
	return c
}

func set[T any](field *T, to *T) {
	if to != nil {
		*field = *to
	}
}

// giving is what the client has after a change and not before.
func giving(before, after *wallet.Client, wallets []*wallet.Wallet) (g wallet.Giving) {
	for _, p := range after.Permissions {
		if !before.Has(p) && p.Fits(after.Type) {
			g.Permissions = append(g.Permissions, p)
		}
	}
	for _, project := range after.Projects {
		if !before.Represents(project) {
			g.Projects = append(g.Projects, project)
		}
	}
	for _, right := range after.WalletRights {
		had := before.WalletScopes(right.WalletID)
		more := slices.DeleteFunc(slices.Clone(right.Scopes), func(s wallet.Scope) bool { return slices.Contains(had, s) })
		i := slices.IndexFunc(wallets, func(w *wallet.Wallet) bool { return w != nil && w.ID == right.WalletID })
		if len(more) > 0 && i >= 0 {
			g.Rights = append(g.Rights, wallet.WalletRight{WalletID: right.WalletID, Scopes: more})
			g.Wallets = append(g.Wallets, wallets[i])
		}
	}
	return g
}

// check refuses what cannot be changed, or not by this caller.
func (change ClientChange) check(c wallet.Caller, now, next *wallet.Client, wallets []*wallet.Wallet) error {
	refused := wallet.FieldErrors{}
	if change.Type != "" && change.Type != now.Type {
		refused.Refuse("type", "is %s, and cannot be changed", now.Type)
	}
	if c.Client != nil && c.Client.Type == wallet.Application {
		for field, given := range map[string]bool{
			"hosts": change.Hosts != nil, "permissions_to_wallets": change.Rights != nil,
			"service_agreement_id": change.ServiceAgreementID != nil,
			// Everybody can read its key out of the app package: it must not take its devices' rights away.
			"permissions": !slices.Equal(now.Permissions, next.Permissions), "project_id": now.MainProject != next.MainProject,
		} {
			if given {
				refused.Refuse(field, "is not an application's to change: leave it out")
			}
		}
	}
	if change.Rights != nil {
		for i, right := range *change.Rights {
			if wallets[i] == nil {
				refused.Refuse("permissions_to_wallets", "there is no wallet with the wallet_id and account_number given")
			}
			for _, scope := range right.Scopes {
				if scope != wallet.ScopeBalance && scope != wallet.ScopeStatements {
					refused.Refuse("permissions_to_wallets", "%q is not one of balance and statements", scope)
				}
			}
		}
	}
	return refused.Err()
}

// ExplainRefusal returns why a request was refused. Those who own the client may ask, who manages
// it, and the operator. It fails with Forbidden and NotFound; where the caller may not know, it
// does not say whether there is such a refusal.
func (s *Service) ExplainRefusal(ctx context.Context, c wallet.Caller, requestID string) (wallet.Refusal, error) {
	if err := wallet.May(c, wallet.ReadRefusal, wallet.Subject{}).Err(); err != nil {
		return wallet.Refusal{}, err
	}
	unknown := wallet.Errorf(wallet.NotFound, "no refusal is kept under that id: refusals are kept for a day, and what was not refused is not kept.")
	r, err := s.db.Refusal(ctx, requestID)
	if err != nil {
		return wallet.Refusal{}, err
	}
	if r == nil {
		return wallet.Refusal{}, unknown
	}
	client, err := s.db.Client(ctx, r.ClientID)
	if err != nil {
		return wallet.Refusal{}, err
	}
	if client == nil || client.ID == 0 && c.Kind != wallet.Operator || !wallet.May(c, wallet.ReadRefusal, wallet.Subject{Client: client}).Allowed {
		return wallet.Refusal{}, unknown
	}
	return *r, nil
}

// KeepRefusal keeps the reason of a refused request for a day, beside the request and not in its
// way.
func (s *Service) KeepRefusal(c wallet.Caller, r wallet.Refusal) error {
	if err := wallet.May(c, wallet.ReadPublic, wallet.Subject{}).Err(); err != nil {
		return err
	}
	r.At = s.BusinessClock()
	s.db.NoteRefusal(r)
	return nil
}

// fitting are those that a device can hold; the others are refused as a field.
func fitting(permissions []wallet.Permission) []wallet.Permission {
	return slices.DeleteFunc(slices.Clone(permissions), func(p wallet.Permission) bool { return !p.Fits(wallet.AppClient) })
}
