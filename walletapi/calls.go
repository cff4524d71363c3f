package walletapi

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"time"
)

// What is about the server, its clients and its projects.

// ServerTime is the server's clock (spec/wallet-api.md §4.1). A Client whose own is wrong asks for it by itself.
func (c *Client) ServerTime(ctx context.Context) (time.Time, error) {
	server, err := get[Server](ctx, c, nil, "/server")
	if err != nil {
		return time.Time{}, err
	}
	return time.Unix(server.Time, 0), nil
}

// Configuration is what apps have to know of the server (spec/wallet-api.md §4.1).
func (c *Client) Configuration(ctx context.Context) (*Configuration, error) {
	return get[Configuration](ctx, c, nil, "/configuration")
}

// Currencies are the codes of those that wallets may hold (spec/wallet-api.md §4.1).
func (c *Client) Currencies(ctx context.Context) ([]string, error) {
	return list[string](ctx, c, nil, "/currencies")
}

// PublicKeys are the PEM blocks of the keys that callbacks are signed with, the newest first (spec/wallet-api.md §4.10).
func (c *Client) PublicKeys(ctx context.Context) ([]byte, error) {
	return c.file(ctx, "/publickey")
}

// ClientInfo is the client that calls, or that a token was given to: its type, permissions and main project (spec/wallet-api.md §4.2).
// It is the call to try credentials with.
func (c *Client) ClientInfo(ctx context.Context) (*ClientInfo, error) {
	return get[ClientInfo](ctx, c, nil, "/client")
}

// RegisterDevice makes a client for one device; an application may (spec/wallet-api.md §4.2). The answer holds the credentials, whole and
// for the only time: the device stores them and signs with them from then on (Credentials.MAC).
func (c *Client) RegisterDevice(ctx context.Context, d NewDevice) (*ClientInfo, error) {
	if d.Type == "" {
		d.Type = TypeAppClient
	}
	return send[ClientInfo](ctx, c, http.MethodPost, nil, d, "/client")
}

// Clients is a page of the clients of one's projects (spec/php-client.md §7.1).
func (c *Client) Clients(ctx context.Context, f ClientFilter) (*Clients, error) {
	return get[Clients](ctx, c, f.params(), "/clients")
}

// AllClients reads Clients to the end.
func (c *Client) AllClients(ctx context.Context, f ClientFilter) iter.Seq2[ClientInfo, error] {
	return all(f.Page, func(page Page) ([]ClientInfo, Metadata, error) {
		f.Page = page
		out, err := c.Clients(ctx, f)
		if err != nil {
			return nil, Metadata{}, err
		}
		return out.Clients, out.Metadata, nil
	})
}

// OtherClient is a client by its number (spec/php-client.md §7.1).
func (c *Client) OtherClient(ctx context.Context, id int64) (*ClientInfo, error) {
	return get[ClientInfo](ctx, c, nil, "/client/{}", id)
}

// UpdateClient changes of a client what the change mentions (spec/php-client.md §7.1).
func (c *Client) UpdateClient(ctx context.Context, id int64, change ClientChange) (*ClientInfo, error) {
	return send[ClientInfo](ctx, c, http.MethodPut, nil, change, "/client/{}", id)
}

// PermissionsToWallets are a client's static rights on single wallets (spec/php-client.md §7.1).
func (c *Client) PermissionsToWallets(ctx context.Context, id int64) ([]WalletPermission, error) {
	return list[WalletPermission](ctx, c, nil, "/client/{}/permissions-to-wallets", id)
}

// ClientStatus says whether a client is active or revoked (spec/mobile-sdks.md §2).
func (c *Client) ClientStatus(ctx context.Context, id int64) (*ClientStatus, error) {
	return get[ClientStatus](ctx, c, nil, "/client/info/{}/status", id)
}

// Refusal is why a request was refused, by APIError.RequestID, for the owner of the client; purser's own.
func (c *Client) Refusal(ctx context.Context, requestID string) (*Refusal, error) {
	return get[Refusal](ctx, c, nil, "/refusal/{}", requestID)
}

// Project is a project (spec/wallet-api.md §4.3); embed may name wallet.
func (c *Client) Project(ctx context.Context, id int64, embed ...string) (*Project, error) {
	return get[Project](ctx, c, embedding(embed), "/project/{}", id)
}

// UpdateProject changes of a project what the edit mentions (spec/wallet-api.md §4.3). The title must be given.
func (c *Client) UpdateProject(ctx context.Context, id int64, p ProjectEdit) (*Project, error) {
	return send[Project](ctx, c, http.MethodPut, nil, p, "/project/{}", id)
}

// embedding asks for what is to be embedded.
func embedding(paths []string) params {
	p := params{}
	p.texts("fields", paths)
	return p
}

// UserProjects are the projects that a user administers, or Me (spec/wallet-api.md §4.3); embed may name wallet.
func (c *Client) UserProjects(ctx context.Context, user int64, embed ...string) ([]Project, error) {
	return list[Project](ctx, c, embedding(embed), "/user/{me}/projects", user)
}

// Administrators are who administers a project beside its owner, and who was asked to; purser's own.
func (c *Client) Administrators(ctx context.Context, project int64) (*Administrators, error) {
	return get[Administrators](ctx, c, nil, "/project/{}/administrators", project)
}

// InviteAdministrator asks somebody to administer a project; purser's own.
func (c *Client) InviteAdministrator(ctx context.Context, project int64, who Contact) (*Administrators, error) {
	return send[Administrators](ctx, c, http.MethodPost, nil, who, "/project/{}/administrators", project)
}

// RemoveAdministrator has a user administer a project no more; purser's own.
func (c *Client) RemoveAdministrator(ctx context.Context, project, user int64) (*Administrators, error) {
	return send[Administrators](ctx, c, http.MethodDelete, nil, nil, "/project/{}/administrators/{}", project, user)
}

// WithdrawInvitation takes back what InviteAdministrator did; purser's own.
func (c *Client) WithdrawInvitation(ctx context.Context, project, invitation int64) (*Administrators, error) {
	return send[Administrators](ctx, c, http.MethodDelete, nil, nil, "/project/{}/invitations/{}", project, invitation)
}

// IssueToken gets a user's token, by a code, a password or a refresh token (spec/wallet-api.md §3.3).
func (c *Client) IssueToken(ctx context.Context, r TokenRequest) (*Token, error) {
	return send[Token](ctx, c, http.MethodPost, nil, r, "/oauth/v1/token")
}

// RevokeToken ends a user's session: the access token, and all that came of the same sign-in. Under a token accessToken may be empty
// and means that one.
func (c *Client) RevokeToken(ctx context.Context, accessToken string) error {
	p := params{}
	p.text("access_token", accessToken)
	_, err := send[struct{}](ctx, c, http.MethodDelete, p, nil, "/oauth/v1/token")
	return err
}

// ActivateToken takes a token into use that was asked for with GrantRefreshWithActivation (spec/mobile-sdks.md §1.6).
func (c *Client) ActivateToken(ctx context.Context, accessToken string) (*Token, error) {
	return send[Token](ctx, c, http.MethodPut, nil, nil, "/oauth/v1/tokens/{}/activate", accessToken)
}

// PrepareSession says what a user is to agree to before the browser is sent to the pages (spec/wallet-api.md §3.2).
func (c *Client) PrepareSession(ctx context.Context, r SessionRequest) (*Session, error) {
	if r.ResponseType == "" {
		r.ResponseType = "code"
	}
	return send[Session](ctx, c, http.MethodPost, nil, r, "/oauth/v1/session")
}

// MAC is what a device signs with that was registered just now.
func (c *Credentials) MAC() (MAC, error) {
	if c == nil || c.AccessToken == "" || c.MACKey == "" {
		return MAC{}, errors.New("walletapi: there are no whole credentials: they are shown once, to who registers the client")
	}
	return MAC{ID: c.AccessToken, Secret: c.MACKey}, nil
}

// String names the credentials without the key, which is not for logs.
func (c Credentials) String() string { return "credentials of " + c.AccessToken }

// GoString is the same for %#v.
func (c Credentials) GoString() string { return c.String() }

// String says how long the token works and not what it is, which is not for logs.
func (t Token) String() string {
	return "a token for " + (time.Duration(t.ExpiresIn) * time.Second).String()
}

// GoString is the same for %#v.
func (t Token) GoString() string { return t.String() }
