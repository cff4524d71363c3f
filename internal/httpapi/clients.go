package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/walletapi"
)

// registerDevice: POST /client (spec/wallet-api.md §4.2, spec/mobile-sdks.md §2).
func (a *API) registerDevice(ctx context.Context, r *request) (any, error) {
	b, err := newBody(r.body)
	if err != nil {
		return nil, err
	}
	device := service.Device{Type: wallet.ClientType(b.textOr("type")), Info: b.object("info"), ProjectID: b.idOr("project_id")}
	if permissions := b.permissions("permissions"); permissions != nil {
		device.Permissions = *permissions
	}
	for _, field := range []string{"hosts", "permissions_to_wallets", "service_agreement_id"} {
		if b.says(field) {
			device.Refused = append(device.Refused, field)
		}
	}
	if err := b.err(); err != nil {
		return nil, err
	}
	return once(r, sealed, func(c wallet.Caller) (service.ClientView, error) {
		return a.Service.RegisterDevice(ctx, c, device)
	}, wireNewClient)
}

// wireNewClient writes a client with its credentials, whole.
func wireNewClient(c service.ClientView) walletapi.ClientInfo { return wireClient(c, true) }

// wireKnownClient writes a client without them.
func wireKnownClient(c service.ClientView) walletapi.ClientInfo { return wireClient(c, false) }

// clients: GET /clients (spec/php-client.md §7.1). type, revoked and info[NAME] are ours.
func (a *API) clients(ctx context.Context, r *request) (any, error) {
	q, err := newQuery(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	f := service.ClientFilter{
		ProjectID:   q.whole("project_id", 0, 1, 1<<31-1),
		WithRevoked: q.flag("revoked"),
		Limit:       int(q.whole("limit", defaultLimit, 1, maxLimit)),
		Offset:      int(q.whole("offset", 0, 0, 1<<31-1)),
	}
	if types := words(q, "type", []wallet.ClientType{wallet.PrivateClient, wallet.Application, wallet.AppClient}); len(types) > 1 {
		q.refused.Refuse("type", "must be one type")
	} else if len(types) == 1 {
		f.Type = types[0]
	}
	for name := range q.names() {
		member := infoMember.FindStringSubmatch(name)
		if member == nil {
			continue
		}
		if value := q.text(name); value != "" {
			if f.Info == nil {
				f.Info = map[string]string{}
			}
			f.Info[member[1]] = value
		}
	}
	if len(f.Info) > maxInfoFilters {
		q.refused.Refuse("info", "names more than %d members", maxInfoFilters)
	}
	if err := q.err(); err != nil {
		return nil, err
	}
	page, total, err := a.Service.ListClients(ctx, r.caller, f)
	if err != nil {
		return nil, err
	}
	out := walletapi.Clients{Clients: make([]walletapi.ClientInfo, len(page)), Metadata: walletapi.Metadata{Total: total, Offset: f.Offset, Limit: f.Limit}}
	for i, client := range page {
		out.Clients[i] = wireClient(client, false)
	}
	return out, nil
}

// infoMember is a filter by what a device said of itself: info[device_id]=d-81f2.
var infoMember = regexp.MustCompile(`^info\[([^\]]{1,64})\]$`)

// maxInfoFilters bounds how many of them a list takes.
const maxInfoFilters = 8

// otherClient: GET /client/{id} (spec/php-client.md §7.1).
func (a *API) otherClient(ctx context.Context, r *request) (any, error) {
	id, err := pathID(r, "id", "client_id", false)
	if err != nil {
		return nil, err
	}
	client, err := a.Service.GetOtherClient(ctx, r.caller, id)
	if err != nil {
		return nil, err
	}
	return wireClient(client, false), nil
}

// updateClient: PUT /client/{id} (spec/php-client.md §7.1). What the body does not mention stays.
func (a *API) updateClient(ctx context.Context, r *request) (any, error) {
	id, err := pathID(r, "id", "client_id", false)
	if err != nil {
		return nil, err
	}
	b, err := newBody(r.body)
	if err != nil {
		return nil, err
	}
	change := service.ClientChange{
		Type: wallet.ClientType(b.textOr("type")), Permissions: b.permissions("permissions"), MainProject: b.id("project_id"),
		Hosts: b.hosts("hosts"), Rights: b.rights("permissions_to_wallets"), ServiceAgreementID: b.id("service_agreement_id"),
	}
	if b.says("title") {
		title := b.textOr("title")
		change.Title = &title
	}
	if b.says("info") {
		info := b.object("info")
		change.Info = &info
	}
	if err := b.err(); err != nil {
		return nil, err
	}
	return once(r, plain, func(c wallet.Caller) (service.ClientView, error) {
		return a.Service.UpdateClient(ctx, c, id, change)
	}, wireKnownClient)
}

// permissionsToWallets: GET /client/{id}/permissions-to-wallets, a bare array (spec/php-client.md §7.1).
func (a *API) permissionsToWallets(ctx context.Context, r *request) (any, error) {
	id, err := pathID(r, "id", "client_id", false)
	if err != nil {
		return nil, err
	}
	client, err := a.Service.GetOtherClient(ctx, r.caller, id)
	if err != nil {
		return nil, err
	}
	return append([]walletapi.WalletPermission{}, wireRights(client)...), nil
}

// clientStatus: GET /client/info/{id}/status (spec/mobile-sdks.md §2).
func (a *API) clientStatus(ctx context.Context, r *request) (any, error) {
	id, err := pathID(r, "id", "client_id", false)
	if err != nil {
		return nil, err
	}
	client, err := a.Service.GetOtherClient(ctx, r.caller, id)
	if err != nil {
		return nil, err
	}
	return walletapi.ClientStatus{Status: string(service.StatusOf(client.Client))}, nil
}

// refusal: GET /refusal/{request}, which is ours: why a request was refused.
func (a *API) refusal(ctx context.Context, r *request) (any, error) {
	why, err := a.Service.ExplainRefusal(ctx, r.caller, r.PathValue("request"))
	if err != nil {
		return nil, err
	}
	return WireRefusal(why), nil
}

// WireRefusal is a refusal as the wire and the command line show it.
func WireRefusal(why wallet.Refusal) walletapi.Refusal {
	out := walletapi.Refusal{
		RequestID: why.RequestID, At: why.At.Unix(), Request: why.Request, Address: why.Address, ClientID: why.ClientID,
		Caller: why.Caller, ProjectID: why.ProjectID, LocationID: why.LocationID, Error: string(why.Error), Reason: why.Reason,
		Action: string(why.Action), Refused: why.Refused,
	}
	for _, rule := range why.Rules {
		out.Rules = append(out.Rules, walletapi.Rule(rule))
	}
	for _, grant := range why.Needs {
		out.Needs = append(out.Needs, walletapi.Grant{Kind: string(grant.Kind), Name: grant.Name, ID: grant.ID, Description: grant.String()})
	}
	return out
}

// wireClient writes a client. Its credentials stand there in the answer to its registration, whole, and,
// without the key, for a device that reads itself: the Swift SDK needs the object, and the PHP
// client, which needs the key in it, is never a device.
func wireClient(c service.ClientView, credentials bool) walletapi.ClientInfo {
	out := walletapi.ClientInfo{
		ID: c.ID, Title: c.Title, Type: string(c.Type),
		Permissions:          make([]string, len(c.Permissions)),
		Hosts:                make([]walletapi.Host, len(c.Hosts)),
		PermissionsToWallets: wireRights(c),
		ServiceAgreementID:   c.ServiceAgreementID,
		LocationID:           c.BaseLocation,
		SameDevice:           c.SameDevice,
	}
	for i, p := range c.Permissions {
		out.Permissions[i] = string(p)
	}
	for i, h := range c.Hosts {
		out.Hosts[i] = walletapi.Host(h)
	}
	if c.MainProject != nil {
		p := wireProject(service.ProjectView{Project: c.MainProject})
		out.Project = &p
	}
	if c.Info != "" && c.ShowInfo {
		out.Info = []byte(c.Info)
	}
	if credentials {
		out.Credentials = &walletapi.Credentials{AccessToken: c.MACID, MACKey: c.Key.Reveal(), MACAlgorithm: walletapi.Algorithm}
	}
	if c.Revoked() {
		out.Status = string(service.ClientRevoked)
	}
	return out
}

func wireRights(c service.ClientView) (out []walletapi.WalletPermission) {
	for i, right := range c.WalletRights {
		permission := walletapi.WalletPermission{Wallet: wireWallet(service.WalletView{Wallet: c.RightWallets[i]}), Scopes: []string{}}
		for _, scope := range right.Scopes {
			permission.Scopes = append(permission.Scopes, string(scope))
		}
		out = append(out, permission)
	}
	return out
}

// permissions, hosts and rights read the lists of a client's write form; nil where they are not given.
func (b *body) permissions(field string) *[]wallet.Permission {
	return listed(b, field, func(_ string, raw json.RawMessage) (p wallet.Permission, ok bool) {
		if json.Unmarshal(raw, &p) != nil {
			return "", false
		}
		if p.Meaning() == "" {
			b.refused.Refuse(field, "%q is not a permission", p)
		}
		return p, true
	}, "must be a list of names")
}

func (b *body) hosts(field string) *[]wallet.Host {
	return listed(b, field, func(place string, raw json.RawMessage) (wallet.Host, bool) {
		h, err := newBody(raw)
		if err != nil {
			return wallet.Host{}, false
		}
		host := wallet.Host{
			Host: h.textOr("host"), Path: h.textOr("path"), Protocol: h.textOr("protocol"),
			AnyPort: h.flag("any_port"), AnySubdomain: h.flag("any_subdomain"),
		}
		if port := h.whole("port", maxPort); port != nil {
			host.Port = int(*port)
		}
		b.takeOver(place, h)
		return host, true
	}, "must be a list of objects")
}

// maxPort is the largest port that there is.
const maxPort = 1<<16 - 1

func (b *body) rights(field string) *[]service.RightChange {
	return listed(b, field, func(place string, raw json.RawMessage) (service.RightChange, bool) {
		o, err := newBody(raw)
		if err != nil {
			return service.RightChange{}, false
		}
		right := service.RightChange{WalletID: o.idOr("wallet_id"), AccountNumber: o.textOr("account_number")}
		if right.WalletID == 0 {
			read := o.inner("wallet") // as the same right is read
			right.WalletID = read.idOr("id")
			o.takeOver("wallet", read)
		}
		scopes := listed(o, "scopes", func(_ string, raw json.RawMessage) (s wallet.Scope, ok bool) {
			if json.Unmarshal(raw, &s) != nil {
				return "", false
			}
			if s != wallet.ScopeBalance && s != wallet.ScopeStatements {
				o.refused.Refuse("scopes", "%q is not one of balance and statements", s)
			}
			return s, true
		}, "must be a list of names")
		if scopes != nil {
			right.Scopes = *scopes
		} else if !o.says("scopes") {
			o.refused.Refuse("scopes", "must be given")
		}
		if right.WalletID == 0 && right.AccountNumber == "" {
			o.refused.Refuse("wallet_id", "must be given, or account_number")
		}
		b.takeOver(place, o)
		return right, true
	}, "must be a list of objects")
}

// revocationList: GET /crl/{authority}, which TLS programs read: DER, not JSON.
func (a *API) revocationList(w http.ResponseWriter, r *http.Request) {
	a.file(w, r, "GET /crl/{authority}", "application/pkix-crl", func(ctx context.Context, c wallet.Caller) ([]byte, error) {
		id, err := strconv.ParseInt(r.PathValue("authority"), 10, 64)
		if err != nil || id <= 0 {
			return nil, wallet.FieldError("authority", "must be a number, such as 1")
		}
		return a.Service.RevocationList(ctx, c, id)
	})
}

// authority: GET /ca, the certificate of the authority that signs, as PEM.
func (a *API) authority(w http.ResponseWriter, r *http.Request) {
	a.file(w, r, "GET /ca", "application/x-pem-file", a.Service.AuthorityCertificate)
}

// file answers with something that is not JSON; an error is all the same.
func (a *API) file(w http.ResponseWriter, r *http.Request, pattern, contentType string, make func(context.Context, wallet.Caller) ([]byte, error)) {
	a.endpoint(pattern, func(ctx context.Context, r *request) (any, error) {
		content, err := make(ctx, wallet.Caller{Kind: wallet.Anonymous})
		return rawAnswer{contentType, content}, err
	})(w, r)
}

// rawAnswer is an answer whose bytes are there already: one that is not JSON, or that was kept.
type rawAnswer struct {
	contentType string
	content     []byte
}
