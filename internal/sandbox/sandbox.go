// Package sandbox is the sample world of `purser dev`: the very ids and credentials that the
// public documentation's examples use, so that every one of them works as written, and a
// manifest of it for other people's test suites.
//
// Load builds the world through the operator's use cases, like anyone else would; world.go
// says what is in it. Keys, other than the one that the documentation prints, and tokens are
// made anew for each world and kept in the database, sealed, so that the manifest can be
// written again at every start.
package sandbox

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/purserhq/purser/internal/pki"
	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
)

// ManifestFile is the manifest's name in the data folder.
const ManifestFile = "sandbox.json"

// Manifest describes the sample world for programs. Its keys are stable: test suites of other
// people read them. Lists may grow, and so may objects.
type Manifest struct {
	// BaseURL is scheme, host and port as really bound, without a path.
	BaseURL string `json:"base_url"`
	// TLSBaseURL is where the same API answers over TLS and asks for client certificates, and TLSCA
	// the file with the certificate that its own is signed by; empty where it does not.
	TLSBaseURL string `json:"tls_base_url,omitempty"`
	TLSCA      string `json:"tls_ca,omitempty"`
	// PagesURL is where the pages for end users live.
	PagesURL  string     `json:"pages_url"`
	Clients   []Client   `json:"clients"`
	Users     []User     `json:"users"`
	Tokens    []Token    `json:"tokens"`
	Projects  []Project  `json:"projects"`
	Wallets   []Wallet   `json:"wallets"`
	Locations []Location `json:"locations"`

	// files are the texts of what Write puts beside the manifest, by file name.
	files map[string]string
}

// Client is a client with its credentials. ID is what it signs as, Number its id on the wire.
type Client struct {
	Name        string              `json:"name"`
	Number      int64               `json:"number"`
	ID          string              `json:"id"`
	Type        wallet.ClientType   `json:"type"`
	MACKey      string              `json:"mac_key"`
	Projects    []int64             `json:"projects"`
	Permissions []wallet.Permission `json:"permissions"`
	// Certificate and PrivateKey are PEM files for TLSBaseURL; only one client has them.
	Certificate string `json:"certificate,omitempty"`
	PrivateKey  string `json:"private_key,omitempty"`
}

// User is a person with what they sign in with.
type User struct {
	Name     string  `json:"name"`
	ID       int64   `json:"id"`
	Email    string  `json:"email"`
	Phone    string  `json:"phone"`
	Password string  `json:"password"`
	PIN      string  `json:"pin"`
	Wallets  []int64 `json:"wallets"`
}

// Token is an access token: User is a user's id, Client the id that a client signs as.
type Token struct {
	User         int64          `json:"user"`
	Client       string         `json:"client"`
	Scopes       []wallet.Scope `json:"scopes"`
	AccessToken  string         `json:"access_token"`
	MACKey       string         `json:"mac_key"`
	RefreshToken string         `json:"refresh_token"`
}

// Project is a project; Owner is a user's id.
type Project struct {
	ID       int64  `json:"id"`
	Title    string `json:"title"`
	WalletID int64  `json:"wallet_id"`
	Owner    int64  `json:"owner"`
}

// Wallet is a wallet; Owner is a user's id.
type Wallet struct {
	ID            int64  `json:"id"`
	Owner         int64  `json:"owner"`
	AccountNumber string `json:"account_number"`
}

// Location is a place, in decimal degrees.
type Location struct {
	ID        int64   `json:"id"`
	ProjectID int64   `json:"project_id"`
	Lat       float64 `json:"lat"`
	Lng       float64 `json:"lng"`
}

// Credentials returns what the client of that name, or a token as "token:USER", signs with.
func (m *Manifest) Credentials(name string) (id string, key secret.Text, ok bool) {
	for _, c := range m.Clients {
		if c.Name == name || c.ID == name {
			return c.ID, secret.Text(c.MACKey), true
		}
	}
	for _, t := range m.Tokens {
		if name == fmt.Sprintf("token:%d", t.User) {
			return t.AccessToken, secret.Text(t.MACKey), true
		}
	}
	return "", "", false
}

// Names lists what Credentials knows.
func (m *Manifest) Names() []string {
	var names []string
	for _, c := range m.Clients {
		names = append(names, c.Name)
	}
	for _, t := range m.Tokens {
		names = append(names, fmt.Sprintf("token:%d", t.User))
	}
	return names
}

// settingName is where the manifest is kept in the database, sealed.
const settingName = "sandbox_manifest"

// sampleLifetime of the sample tokens and certificate: they outlive the folder.
const sampleLifetime = 10 * 365 * 24 * time.Hour

// Names of the files beside the manifest.
const (
	authorityFile   = "tls-ca.pem"
	certificateFile = "shop-certificate.pem"
	privateKeyFile  = "shop-key.pem"
)

// Load puts the sample world into an empty database.
func Load(ctx context.Context, s *service.Service) error {
	l := &loader{ctx: ctx, service: s}
	for _, step := range []func() error{l.people, l.projects, l.places, l.clients, l.device, l.certificate, l.tokens, l.rates, l.money, l.keep} {
		if err := step(); err != nil {
			return fmt.Errorf("loading the sample world: %w", err)
		}
	}
	return nil
}

// Read returns the manifest of the sample world in the database, for a server at baseURL.
func Read(ctx context.Context, s *service.Service, baseURL string) (*Manifest, error) {
	text, err := s.OpenSetting(ctx, operator, settingName)
	if err != nil {
		return nil, err
	}
	if text == "" {
		return nil, fmt.Errorf("this database holds no sample world; start over with --fresh")
	}
	var k kept
	if err := json.Unmarshal([]byte(text.Reveal()), &k); err != nil {
		return nil, err
	}
	m := k.Manifest
	m.files = k.Files
	m.BaseURL, m.PagesURL = baseURL, baseURL+"/frontend"
	return m, nil
}

// kept is how the manifest is stored.
type kept struct {
	Manifest *Manifest
	Files    map[string]string
}

// Write puts the manifest into a folder, for its owner's eyes only and never half written.
func (m *Manifest) Write(folder string) error {
	for name, text := range m.files {
		if err := writeFile(folder, name, []byte(text)); err != nil {
			return err
		}
	}
	whole := *m
	beside := func(name string) string { // as it can be opened from anywhere
		if path, err := filepath.Abs(filepath.Join(folder, name)); err == nil {
			return path
		}
		return filepath.Join(folder, name)
	}
	if whole.TLSBaseURL != "" {
		whole.TLSCA = beside(authorityFile)
	}
	whole.Clients = slices.Clone(m.Clients)
	for i := range whole.Clients {
		if c := &whole.Clients[i]; c.Certificate != "" {
			c.Certificate, c.PrivateKey = beside(c.Certificate), beside(c.PrivateKey)
		}
	}
	text, err := json.MarshalIndent(whole, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(folder, ManifestFile, append(text, '\n'))
}

func writeFile(folder, name string, text []byte) error {
	file, err := os.CreateTemp(folder, name+".*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // does nothing once it is renamed
	if _, err := file.Write(text); err != nil {
		file.Close()
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	return os.Rename(file.Name(), filepath.Join(folder, name))
}

// TLSFiles are the certificate and key of the sample client and the certificate of the sandbox's
// authority, PEM.
func (m *Manifest) TLSFiles() (certificate, key, authority string) {
	return m.files[certificateFile], m.files[privateKeyFile], m.files[authorityFile]
}

// ReadFile reads the manifest of a data folder.
func ReadFile(folder string) (*Manifest, error) {
	text, err := os.ReadFile(filepath.Join(folder, ManifestFile))
	if err != nil {
		return nil, err
	}
	m := &Manifest{}
	return m, json.Unmarshal(text, m)
}

// operator is who loads the world.
var operator = wallet.Caller{Kind: wallet.Operator}

// loader builds the world and notes it in the manifest.
type loader struct {
	ctx      context.Context
	service  *service.Service
	manifest Manifest
}

func (l *loader) people() error {
	for _, p := range people {
		if _, err := l.service.CreateUser(l.ctx, operator, p.User, p.password, p.pin); err != nil {
			return err
		}
		var own []int64
		for _, w := range wallets {
			if w.OwnerID == p.ID {
				own = append(own, w.ID)
			}
		}
		if p.Type == wallet.Natural {
			l.manifest.Users = append(l.manifest.Users, User{
				Name: p.name, ID: p.ID, Email: p.Email, Phone: p.Phone,
				Password: p.password.Reveal(), PIN: p.pin.Reveal(), Wallets: append([]int64{}, own...),
			})
		}
	}
	for _, w := range wallets {
		id, err := l.service.CreateWallet(l.ctx, operator, w)
		if err != nil {
			return err
		}
		l.manifest.Wallets = append(l.manifest.Wallets, Wallet{ID: id, Owner: w.OwnerID, AccountNumber: fmt.Sprintf("EVP%012d", id)})
	}
	return nil
}

func (l *loader) projects() error {
	for _, p := range projects {
		if _, err := l.service.CreateProject(l.ctx, operator, p); err != nil {
			return err
		}
		l.manifest.Projects = append(l.manifest.Projects, Project{ID: p.ID, Title: p.Title, WalletID: p.WalletID, Owner: p.OwnerID})
	}
	return nil
}

func (l *loader) places() error {
	for _, c := range categories {
		if err := l.service.CreatePayCategory(l.ctx, operator, c); err != nil {
			return err
		}
	}
	for _, p := range places() {
		if _, err := l.service.CreateLocation(l.ctx, operator, p); err != nil {
			return err
		}
		lat, lng := p.Position.Degrees()
		l.manifest.Locations = append(l.manifest.Locations, Location{ID: p.ID, ProjectID: p.ProjectID, Lat: lat, Lng: lng})
	}
	_, err := l.service.EditLocation(l.ctx, operator, cafePlace, cafeSpots())
	return err
}

func (l *loader) clients() error {
	for _, c := range clients {
		made, key, err := l.service.CreateClient(l.ctx, operator, c.Client, c.key)
		if err != nil {
			return err
		}
		l.manifest.Clients = append(l.manifest.Clients, Client{
			Name: c.name, Number: made.ID, ID: made.MACID, Type: made.Type, MACKey: key.Reveal(),
			Projects: append([]int64{}, made.Projects...), Permissions: append([]wallet.Permission{}, made.Permissions...),
		})
	}
	return nil
}

// device is registered as a phone would do it, by the application itself.
func (l *loader) device() error {
	app, err := l.service.GetOtherClient(l.ctx, operator, appNumber)
	if err != nil {
		return err
	}
	made, err := l.service.RegisterDevice(l.ctx, wallet.Caller{Kind: wallet.ByClient, Client: app.Client}, service.Device{Info: deviceInfo})
	if err != nil {
		return err
	}
	l.manifest.Clients = append(l.manifest.Clients, Client{
		Name: deviceName, Number: made.ID, ID: made.MACID, Type: made.Type, MACKey: made.Key.Reveal(),
		Projects: made.Projects, Permissions: made.Permissions,
	})
	return nil
}

// certificate makes the sandbox's authority, and the shop's certificate as an integrator would get it:
// for a signing request. Here the key is kept as well, since nothing here is secret.
func (l *loader) certificate() error {
	authority, err := l.service.InitAuthority(l.ctx, operator, nil, "", false)
	if err != nil {
		return err
	}
	key, request, err := pki.NewKey()
	if err != nil {
		return err
	}
	signed, err := l.service.SignCertificate(l.ctx, operator, shopNumber, request, sampleLifetime)
	if err != nil {
		return err
	}
	l.manifest.files = map[string]string{
		authorityFile: string(pki.PEM(authority)), certificateFile: string(pki.PEM(signed)), privateKeyFile: key.Reveal(),
	}
	l.manifest.Clients[0].Certificate, l.manifest.Clients[0].PrivateKey = certificateFile, privateKeyFile
	return nil
}

func (l *loader) tokens() error {
	for _, t := range tokens() {
		issued, err := l.service.IssueToken(l.ctx, operator, t.UserID, t.ClientID, t.Scopes, sampleLifetime)
		if err != nil {
			return err
		}
		l.manifest.Tokens = append(l.manifest.Tokens, Token{
			User: t.UserID, Client: l.macID(t.ClientID), Scopes: t.Scopes,
			AccessToken: issued.Access, MACKey: issued.Key.Reveal(), RefreshToken: issued.Refresh.Reveal(),
		})
	}
	return nil
}

// macID is what a client that was made signs as.
func (l *loader) macID(number int64) string {
	i := slices.IndexFunc(l.manifest.Clients, func(c Client) bool { return c.Number == number })
	return l.manifest.Clients[i].ID
}

func (l *loader) rates() error {
	held := func(currency string) bool { return slices.Contains(l.service.Currencies, money.Currency(currency)) }
	for _, r := range rates {
		if !held(r[0]) || !held(r[1]) {
			continue
		}
		if _, err := l.service.SetRate(l.ctx, operator, r[0], r[1], r[2]); err != nil {
			return err
		}
	}
	return nil
}

func (l *loader) money() error {
	_, err := l.service.CreditWallet(l.ctx, operator, payerWallet, payerFunds, "Opening balance of the sample world")
	return err
}

func (l *loader) keep() error {
	text, err := json.Marshal(kept{&l.manifest, l.manifest.files})
	if err != nil {
		return err
	}
	return l.service.SealSetting(l.ctx, operator, settingName, secret.Text(text))
}
