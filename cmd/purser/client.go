package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
)

// newClient is `purser client`: who may call, with what, and what for.
func newClient(p *program) *cobra.Command {
	command := &cobra.Command{
		Use:   "client",
		Short: "Make, show, change and revoke clients and their keys",
		Long: "A client is a program that calls the API. docs/clients.md says which types there are, and how keys and\n" +
			"certificates change without downtime.",
	}
	command.AddCommand(
		newClientCreate(p), newClientList(p), newShow[clientAnswer](p, "client", "Show all about a client but its keys themselves"), newClientUpdate(p),
		newClientRotate(p), newClientRetire(p), newClientRevoke(p), newClientExpiring(p), newClientPermissions(p),
	)
	return command
}

// clientAnswer is a client in JSON.
type clientAnswer struct {
	ID     int64  `json:"id"`
	MACID  string `json:"mac_id"`
	Title  string `json:"title"`
	Type   string `json:"type"`
	Status string `json:"status"`
	// Projects are those that it represents.
	Projects    []int64 `json:"projects"`
	MainProject int64   `json:"main_project_id,omitempty"`
	// Location is the place that it is based on.
	Location           int64         `json:"location_id,omitempty"`
	Permissions        []string      `json:"permissions"`
	Hosts              []string      `json:"hosts"`
	WalletRights       []walletRight `json:"wallet_rights"`
	ServiceAgreementID int64         `json:"service_agreement_id,omitempty"`
	// Application registered this device, which says Info of itself. SameDevice are other clients of
	// the same device.
	Application int64           `json:"application_id,omitempty"`
	Info        json.RawMessage `json:"info,omitempty"`
	SameDevice  []int64         `json:"same_device,omitempty"`
	CreatedAt   time.Time       `json:"created_at"`
	RevokedAt   time.Time       `json:"revoked_at,omitzero"`
	// Keys and Certificates are those that it ever had; in the answer of show only.
	Keys         []keyAnswer         `json:"keys,omitempty"`
	Certificates []certificateAnswer `json:"certificates,omitempty"`
}

// walletRight is a static right on a wallet.
type walletRight struct {
	WalletID int64    `json:"wallet_id"`
	Scopes   []string `json:"scopes"`
}

func clientToAnswer(c *wallet.Client) clientAnswer {
	a := clientAnswer{
		ID: c.ID, MACID: c.MACID, Title: c.Title, Type: string(c.Type), Status: string(service.StatusOf(c)),
		Projects: list(c.Projects), MainProject: c.MainProject, Location: c.BaseLocation,
		Permissions: texts(c.Permissions), Hosts: []string{}, WalletRights: []walletRight{}, ServiceAgreementID: c.ServiceAgreementID,
		Application: c.CreatedBy, Info: json.RawMessage(c.Info), CreatedAt: instant(c.CreatedAt), RevokedAt: instant(c.RevokedAt),
	}
	for _, h := range c.Hosts {
		a.Hosts = append(a.Hosts, hostText(h))
	}
	for _, r := range c.WalletRights {
		a.WalletRights = append(a.WalletRights, walletRight{r.WalletID, texts(r.Scopes)})
	}
	return a
}

// texts are words as plain text, and named reads them back.
func texts[T ~string](words []T) []string { return named[string](words) }

func named[To, From ~string](words []From) []To {
	out := make([]To, len(words))
	for i, word := range words {
		out[i] = To(word)
	}
	return out
}

// parseHost reads an address that users may be sent back to: PROTOCOL://HOST:PORT/PATH. Only the host
// is needed; *. in front of it takes all below it, :* any port.
func parseHost(text string) (h wallet.Host, err error) {
	rest := text
	if protocol, after, ok := strings.Cut(text, "://"); ok {
		h.Protocol, rest = protocol, after
	}
	if slash := strings.IndexByte(rest, '/'); slash >= 0 {
		rest, h.Path = rest[:slash], rest[slash:]
	}
	if colon := strings.LastIndexByte(rest, ':'); colon > strings.LastIndexByte(rest, ']') {
		port := rest[colon+1:]
		rest = rest[:colon]
		if h.AnyPort = port == "*"; !h.AnyPort {
			if h.Port, err = strconv.Atoi(port); err != nil || h.Port < 1 {
				return h, wallet.FieldError("hosts", "the port of %s must be a number, or * for any", text)
			}
		}
	}
	h.Host, h.AnySubdomain = strings.CutPrefix(rest, "*.")
	if field, problem := h.Check(); field != "" {
		return h, wallet.FieldError("hosts", "the %s of %s %s", field, text, problem)
	}
	return h, nil
}

// hostText is the reverse of parseHost.
func hostText(h wallet.Host) string {
	text := h.Host
	if h.AnySubdomain {
		text = "*." + text
	}
	switch {
	case h.AnyPort:
		text += ":*"
	case h.Port != 0:
		text += ":" + strconv.Itoa(h.Port)
	}
	if h.Protocol != "" {
		text = h.Protocol + "://" + text
	}
	return text + h.Path
}

func parseHosts(texts []string) ([]wallet.Host, error) {
	hosts := []wallet.Host{}
	for _, text := range texts {
		if text == "" {
			continue // an empty one empties the list
		}
		h, err := parseHost(text)
		if err != nil {
			return nil, err
		}
		hosts = append(hosts, h)
	}
	return hosts, nil
}

// parseRight reads a static right: WALLET:SCOPE,SCOPE.
func parseRight(text string) (r walletRight, err error) {
	id, scopes, _ := strings.Cut(text, ":")
	if r.WalletID, err = strconv.ParseInt(id, 10, 64); err != nil || r.WalletID <= 0 {
		return r, wallet.FieldError("permissions_to_wallets", "%q must be the number of a wallet and what may be read there, such as 14471:balance,statements", text)
	}
	r.Scopes = []string{}
	for scope := range strings.SplitSeq(scopes, ",") {
		if scope != "" {
			r.Scopes = append(r.Scopes, scope)
		}
	}
	for _, scope := range r.Scopes {
		if scope != string(wallet.ScopeBalance) && scope != string(wallet.ScopeStatements) {
			return r, wallet.FieldError("permissions_to_wallets", "%q is not one of balance and statements", scope)
		}
	}
	return r, nil
}

func parseRights(texts []string, needScopes bool) ([]walletRight, error) {
	rights := []walletRight{}
	for _, text := range texts {
		r, err := parseRight(text)
		if err != nil {
			return nil, err
		}
		if needScopes && len(r.Scopes) == 0 {
			return nil, wallet.FieldError("permissions_to_wallets", "say what may be read: %d:balance,statements, or one of the two", r.WalletID)
		}
		rights = append(rights, r)
	}
	return rights, nil
}

// clientSpec is a client to be made.
type clientSpec struct {
	Title              string        `json:"title"`
	Type               string        `json:"type"`
	Projects           []int64       `json:"projects"`
	MainProject        int64         `json:"main_project_id"`
	Permissions        []string      `json:"permissions"`
	Location           int64         `json:"location_id"`
	Hosts              []string      `json:"hosts"`
	WalletRights       []walletRight `json:"wallet_rights"`
	ServiceAgreementID int64         `json:"service_agreement_id"`
	MACID              string        `json:"mac_id"`
}

// client is the noun that the spec asks for.
func (n clientSpec) client() (wallet.Client, error) {
	if n.Type == string(wallet.AppClient) {
		return wallet.Client{}, wallet.FieldError("type", "a device is not made here: its application registers it with POST /rest/v1/client and gets its key; make that application")
	}
	hosts, err := parseHosts(n.Hosts)
	if err != nil {
		return wallet.Client{}, err
	}
	c := wallet.Client{
		MACID: n.MACID, Title: n.Title, Type: wallet.ClientType(n.Type), Permissions: named[wallet.Permission](n.Permissions),
		Projects: n.Projects, MainProject: n.MainProject, Hosts: hosts, ServiceAgreementID: n.ServiceAgreementID, BaseLocation: n.Location,
	}
	for _, r := range n.WalletRights {
		for _, scope := range r.Scopes {
			c.WalletRights = wallet.WithRight(c.WalletRights, r.WalletID, wallet.Scope(scope))
		}
	}
	c.Permissions, c.Projects = edited(nil, &c.Permissions, nil, nil), edited(nil, &c.Projects, nil, nil)
	return c, nil
}

// newKeyAnswer is the one answer that a key stands in.
type newKeyAnswer struct {
	Client clientAnswer `json:"client"`
	MACID  string       `json:"mac_id"`
	MACKey string       `json:"mac_key"`
	// KeyNumber tells the keys of a client apart.
	KeyNumber int       `json:"key_number"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
}

func newClientCreate(p *program) *cobra.Command {
	var n clientSpec
	var rights []string
	command := &cobra.Command{
		Use:   "create",
		Short: "Make a client; its key is shown once",
		Long: "Makes a client and shows its number, what it signs as and its key. The key is shown this once: it is\n" +
			"kept sealed and cannot be read again. `purser client permissions` lists what may be granted.",
		Example: "  purser client create --title \"Web shop\" --project 1221 --permission use_wallet_api,access_statements\n" +
			"  purser client create --title \"Shop app\" --type application --project 1221 --permission use_client_api,use_wallet_api",
		Args: cobra.NoArgs,
	}
	bind := func(flags *pflag.FlagSet) {
		flags.StringVar(&n.Title, "title", "", "what people call it")
		flags.StringVar(&n.Type, "type", string(wallet.PrivateClient), "private_client or application")
		flags.Int64SliceVar(&n.Projects, "project", nil, "`project` that it represents; an application has exactly one")
		flags.Int64Var(&n.MainProject, "main-project", 0, "`project` that a request speaks for when it names none")
		flags.StringSliceVar(&n.Permissions, "permission", nil, "`permission` to grant")
		flags.Int64Var(&n.Location, "location", 0, "`place` that it is based on; without one it is based on the web")
		flags.StringArrayVar(&n.Hosts, "host", nil, "`address` that users may be sent back to: https://shop.example/pay, *.shop.example, localhost:*")
		flags.StringArrayVar(&rights, "wallet-right", nil, "`right` to read a wallet that is not its project's: 14471:balance,statements")
		flags.Int64Var(&n.ServiceAgreementID, "service-agreement-id", 0, "`number` of a contract outside")
		flags.StringVar(&n.MACID, "mac-id", "", "what it signs as, 4 to 64 letters and digits; made up when not given")
	}
	return newVerb(p, command, bind, func(v *verb) (err error) {
		if n.WalletRights, err = parseRights(rights, true); err != nil {
			return err
		}
		if _, err := n.client(); err != nil {
			return err
		}
		made, err := ask[newKeyAnswer](v, "client/create", n)
		if err != nil {
			return err
		}
		return v.answer(made, func(p *page) {
			p.line("Client %d %q was made.", made.Client.ID, made.Client.Title)
			v.handOut(p, made)
			for _, hint := range clientHints(made.Client) {
				p.line("")
				p.line("%s", v.proposed(hint))
			}
		})
	})
}

// clientHints say what a new client cannot do yet.
func clientHints(c clientAnswer) (hints []string) {
	has := func(p wallet.Permission) bool { return slices.Contains(c.Permissions, string(p)) }
	switch {
	case c.Type == string(wallet.Application) && !has(wallet.UseClientAPI):
		hints = append(hints, fmt.Sprintf("It cannot register devices yet: `purser client update %d --grant use_client_api`.", c.ID))
	case c.Type == string(wallet.PrivateClient) && !has(wallet.UseWalletAPI):
		hints = append(hints, fmt.Sprintf("It may not use the wallet API yet: `purser client update %d --grant use_wallet_api`.", c.ID))
	}
	if c.Type == string(wallet.PrivateClient) && len(c.Projects) == 0 {
		hints = append(hints, fmt.Sprintf("It represents no project yet: `purser client update %d --attach PROJECT`.", c.ID))
	}
	return hints
}

// handOut shows a key, once, and how to use it.
func (v *verb) handOut(p *page, made newKeyAnswer) {
	p.line("")
	p.fields("signs as", made.MACID, "key", made.MACKey, "key number", number(made.KeyNumber), "expires", stamp(made.ExpiresAt))
	p.line("")
	p.line("The key is shown this once: keep it where the client reads it. To try it from here, paste the key when")
	p.line("the first of these waits for it:")
	p.line("")
	name := fmt.Sprintf("client-%d", made.Client.ID)
	p.line("  purser profile add %s --base-url %s --id %s", name, v.baseURL(), made.MACID)
	p.line("  purser request GET /client --as %s", name)
}

// baseURL is where the API answers, as far as that is known here: the first origin of the server that
// runs, or of the settings, or the address that it answers at.
func (v *verb) baseURL() string {
	switch {
	case v.operator != nil && v.operator.origin != "":
		return v.operator.origin
	case len(v.config.origins) > 0:
		return strings.TrimSuffix(v.config.origins[0], "/")
	case v.operator != nil && v.operator.address != "":
		return v.operator.address
	}
	return noURL
}

// noURL stands for an address that is not known here.
const noURL = "https://YOUR.SERVER"

// clientListAnswer is a page of clients in JSON.
type clientListAnswer struct {
	Clients []clientAnswer `json:"clients"`
	Total   int            `json:"total"`
	paging
}

// clientQuery is what a list is of.
type clientQuery struct {
	Project     int64             `json:"project_id"`
	Type        string            `json:"type"`
	Application int64             `json:"application_id"`
	Info        map[string]string `json:"info"`
	Revoked     bool              `json:"revoked"`
	paging
}

func newClientList(p *program) *cobra.Command {
	var q clientQuery
	command := &cobra.Command{
		Use:     "list",
		Short:   "List clients",
		Long:    "Lists clients by number, without keys. Of devices it shows which others are of the same device.",
		Example: "  purser client list --application 5 --info app_version=1.0",
		Args:    cobra.NoArgs,
	}
	bind := func(flags *pflag.FlagSet) {
		flags.Int64Var(&q.Project, "project", 0, "those that represent this `project`")
		flags.StringVar(&q.Type, "type", "", "those of this `type`")
		flags.Int64Var(&q.Application, "application", 0, "the devices that this `application` registered")
		flags.StringToStringVar(&q.Info, "info", nil, "devices that said this of themselves, `name=value`")
		flags.BoolVar(&q.Revoked, "revoked", false, "also those that are revoked")
		q.bind(flags)
	}
	return newVerb(p, command, bind, func(v *verb) error {
		found, err := ask[clientListAnswer](v, "client/list", q)
		if err != nil {
			return err
		}
		return v.answer(found, func(p *page) {
			if len(found.Clients) == 0 {
				p.line("There are no such clients.")
				return
			}
			var rows [][]string
			for _, c := range found.Clients {
				rows = append(rows, []string{
					number(c.ID), c.Title, c.Type, c.MACID, words(c.Projects), number(c.Application), words(c.SameDevice), c.Status,
				})
			}
			p.table([]string{"ID", "TITLE", "TYPE", "SIGNS AS", "PROJECTS", "APPLICATION", "SAME DEVICE", "STATUS"}, rows)
			p.rest(len(found.Clients), found.Total, found.paging)
		})
	})
}

// write shows a client for people.
func (c clientAnswer) write(p *page) {
	projects := words(c.Projects)
	if c.MainProject != 0 {
		projects += fmt.Sprintf(" (main: %d)", c.MainProject)
	}
	var rights []string
	for _, r := range c.WalletRights {
		rights = append(rights, fmt.Sprintf("%d (%s)", r.WalletID, strings.Join(r.Scopes, ", ")))
	}
	p.fields(
		"id", number(c.ID), "title", c.Title, "type", c.Type, "signs as", c.MACID, "status", c.Status,
		"created", stamp(c.CreatedAt), "revoked", stamp(c.RevokedAt),
		"projects", projects, "based on place", number(c.Location), "hosts", strings.Join(c.Hosts, ", "),
		"wallet rights", strings.Join(rights, ", "), "service agreement", number(c.ServiceAgreementID),
		"registered by", number(c.Application), "says of itself", string(c.Info), "same device as", words(c.SameDevice),
	)
	p.line("")
	var rows [][]string
	for _, name := range c.Permissions {
		rows = append(rows, []string{name, wallet.Permission(name).Meaning()})
	}
	if len(rows) == 0 {
		p.line("It has no permissions.")
	} else {
		p.table([]string{"PERMISSION", "MEANING"}, rows)
	}
	if len(c.Keys) > 0 {
		p.line("")
		writeKeys(p, c.Keys)
	}
	if len(c.Certificates) > 0 {
		p.line("")
		writeCertificates(p, c.Certificates)
	}
}

// permissionAnswer is a permission in JSON.
type permissionAnswer struct {
	Name    string `json:"name"`
	Meaning string `json:"meaning"`
	// Devices says whether a device may hold it.
	Devices bool `json:"devices"`
}

func newClientPermissions(p *program) *cobra.Command {
	command := &cobra.Command{
		Use:   "permissions",
		Short: "List all permissions with their meaning",
		Args:  cobra.NoArgs,
	}
	return newVerb(p, command, nil, func(v *verb) error {
		all := struct {
			Permissions []permissionAnswer `json:"permissions"`
		}{}
		var rows [][]string
		for _, permission := range wallet.Permissions() {
			a := permissionAnswer{string(permission), permission.Meaning(), permission.Fits(wallet.AppClient)}
			all.Permissions = append(all.Permissions, a)
			rows = append(rows, []string{a.Name, map[bool]string{true: "yes", false: "no"}[a.Devices], a.Meaning})
		}
		return v.answer(all, func(p *page) { p.table([]string{"PERMISSION", "FOR DEVICES", "MEANING"}, rows) })
	})
}

// clientEdit is a change as the command line gives it; what is nil stays.
type clientEdit struct {
	ID    int64   `json:"id"`
	Title *string `json:"title"`
	// Permissions, Projects and Hosts replace; the others add and take away.
	Permissions        *[]string     `json:"permissions"`
	Grant              []string      `json:"grant"`
	Withdraw           []string      `json:"withdraw"`
	Projects           *[]int64      `json:"projects"`
	Attach             []int64       `json:"attach"`
	Detach             []int64       `json:"detach"`
	MainProject        *int64        `json:"main_project_id"`
	Location           *int64        `json:"location_id"`
	Hosts              *[]string     `json:"hosts"`
	WalletRights       []walletRight `json:"wallet_rights"`
	WithdrawRights     []walletRight `json:"withdraw_rights"`
	ServiceAgreementID *int64        `json:"service_agreement_id"`
	Apply              bool          `json:"apply"`
}

// editAnswer says what a change gives and takes, and the client as it is now.
type editAnswer struct {
	Applied bool         `json:"applied"`
	Gives   []string     `json:"gives"`
	Takes   []string     `json:"takes"`
	Client  clientAnswer `json:"client"`
}

func newClientUpdate(p *program) *cobra.Command {
	var e clientEdit
	var title string
	var permissions, hosts, rights, withdrawRights []string
	var projects []int64
	var mainProject, location, agreement int64
	command := &cobra.Command{
		Use:   "update CLIENT",
		Short: "Change what a client is and may do",
		Long: "Changes what is named and nothing else. What takes something away from the client needs --apply; without\n" +
			"it the command says what it would do.",
		Example: "  purser client update 7 --grant access_statements\n" +
			"  purser client update 7 --withdraw access_statements --apply",
		Args: cobra.ExactArgs(1),
	}
	bind := func(flags *pflag.FlagSet) {
		flags.StringVar(&title, "title", "", "what people call it")
		flags.StringSliceVar(&e.Grant, "grant", nil, "`permission` to add")
		flags.StringSliceVar(&e.Withdraw, "withdraw", nil, "`permission` to take away")
		flags.StringSliceVar(&permissions, "permission", nil, "`permission` in place of all that it has")
		flags.Int64SliceVar(&e.Attach, "attach", nil, "`project` to add")
		flags.Int64SliceVar(&e.Detach, "detach", nil, "`project` to take away")
		flags.Int64SliceVar(&projects, "project", nil, "`project` in place of all that it represents")
		flags.Int64Var(&mainProject, "main-project", 0, "`project` that a request speaks for when it names none; 0 for none")
		flags.Int64Var(&location, "location", 0, "`place` that it is based on; 0 for the web")
		flags.StringArrayVar(&hosts, "host", nil, "`address` that users may be sent back to, in place of all it has; an empty one for none")
		flags.StringArrayVar(&rights, "wallet-right", nil, "`right` to add: 14471:balance,statements")
		flags.StringArrayVar(&withdrawRights, "withdraw-wallet-right", nil, "`right` to take away: 14471:statements, or 14471 for all on that wallet")
		flags.Int64Var(&agreement, "service-agreement-id", 0, "`number` of a contract outside; 0 for none")
		applyFlag(flags)
	}
	return newVerb(p, command, bind, func(v *verb) (err error) {
		if e.ID, err = v.id(0, "client"); err != nil {
			return err
		}
		if err := v.namesChange(); err != nil {
			return err
		}
		e.Title, e.Permissions, e.Projects = value(v, "title", &title), value(v, "permission", &permissions), value(v, "project", &projects)
		e.MainProject, e.Location = value(v, "main-project", &mainProject), value(v, "location", &location)
		e.Hosts, e.ServiceAgreementID = value(v, "host", &hosts), value(v, "service-agreement-id", &agreement)
		if e.WalletRights, err = parseRights(rights, true); err != nil {
			return err
		}
		if e.WithdrawRights, err = parseRights(withdrawRights, false); err != nil {
			return err
		}
		e.Apply = v.applies()
		done, err := ask[editAnswer](v, "client/update", e)
		if err != nil {
			return err
		}
		return v.answer(done, func(p *page) { done.write(p) })
	})
}

func (a editAnswer) write(p *page) {
	verb := "gets"
	if !a.Applied {
		verb = "would get"
	}
	for _, what := range a.Gives {
		p.line("client %d %s %s", a.Client.ID, verb, what)
	}
	verb = strings.Replace(verb, "get", "lose", 1)
	for _, what := range a.Takes {
		p.line("client %d %s %s", a.Client.ID, verb, what)
	}
	switch {
	case len(a.Gives)+len(a.Takes) == 0:
		p.line("Nothing is changed by that: client %d is so already.", a.Client.ID)
	case !a.Applied:
		p.line(notDone)
	}
}

// clientVerbs answer the verbs on clients.
func clientVerbs(mux *http.ServeMux, s *service.Service) {
	handleVerb(mux, "client/create", func(ctx context.Context, c wallet.Caller, n clientSpec) (newKeyAnswer, error) {
		client, err := n.client()
		if err != nil {
			return newKeyAnswer{}, err
		}
		made, key, err := s.CreateClient(ctx, c, client, "")
		if err != nil {
			return newKeyAnswer{}, err
		}
		return newKeyAnswer{Client: clientToAnswer(&made), MACID: made.MACID, MACKey: key.Reveal(), KeyNumber: 1}, nil
	})
	handleVerb(mux, "client/list", func(ctx context.Context, c wallet.Caller, q clientQuery) (clientListAnswer, error) {
		if err := errors.Join(q.check(), oneOf("type", q.Type, wallet.PrivateClient, wallet.Application, wallet.AppClient)); err != nil {
			return clientListAnswer{}, err
		}
		found, total, err := s.ListClients(ctx, c, service.ClientFilter{
			ProjectID: q.Project, Type: wallet.ClientType(q.Type), CreatedBy: q.Application, Info: q.Info,
			WithRevoked: q.Revoked, Limit: cmp.Or(q.Limit, math.MaxInt32), Offset: q.Offset,
		})
		answer := clientListAnswer{Clients: []clientAnswer{}, Total: total, paging: q.paging}
		for _, view := range found {
			a := clientToAnswer(view.Client)
			a.SameDevice = view.SameDevice
			answer.Clients = append(answer.Clients, a)
		}
		return answer, err
	})
	handleVerb(mux, "client/show", func(ctx context.Context, c wallet.Caller, q idQuery) (clientAnswer, error) {
		view, err := s.GetOtherClient(ctx, c, q.ID)
		if err != nil {
			return clientAnswer{}, err
		}
		a := clientToAnswer(view.Client)
		a.SameDevice = view.SameDevice
		held, err := s.ListCredentials(ctx, c, q.ID)
		if err != nil {
			return clientAnswer{}, err
		}
		a.Keys, a.Certificates = keysToAnswer(held.Keys, s.BusinessClock()), certificatesToAnswer(held.Certificates, s.WallClock())
		return a, nil
	})
	handleVerb(mux, "client/update", func(ctx context.Context, c wallet.Caller, e clientEdit) (editAnswer, error) {
		return editClient(ctx, s, c, e)
	})
}

// editClient changes a client, unless that takes something away and apply is not said. What it is now
// is read in the transaction that changes it.
func editClient(ctx context.Context, s *service.Service, c wallet.Caller, e clientEdit) (a editAnswer, err error) {
	after, err := s.EditClient(ctx, c, e.ID, func(now *wallet.Client) (change service.ClientChange, do bool, err error) {
		if change, err = e.change(now); err != nil {
			return change, false, err
		}
		a.Gives, a.Takes = e.differences(clientToAnswer(now), change)
		a.Applied = len(a.Takes) == 0 || e.Apply
		return change, a.Applied, nil
	})
	if err != nil {
		return editAnswer{}, err
	}
	a.Client = clientToAnswer(after)
	return a, nil
}

// change is the edit as whole lists, from what the client has now.
func (e clientEdit) change(now *wallet.Client) (change service.ClientChange, err error) {
	change.Title, change.MainProject, change.BaseLocation, change.ServiceAgreementID = e.Title, e.MainProject, e.Location, e.ServiceAgreementID
	if e.Permissions != nil || len(e.Grant)+len(e.Withdraw) > 0 {
		start := now.Permissions
		if e.Permissions != nil {
			start = named[wallet.Permission](*e.Permissions)
		}
		permissions := edited(start, nil, named[wallet.Permission](e.Grant), named[wallet.Permission](e.Withdraw))
		change.Permissions = &permissions
		for _, p := range e.Withdraw {
			if wallet.Permission(p).Meaning() == "" {
				return change, wallet.FieldError("withdraw", "%q is not a permission; `purser client permissions` lists them", p)
			}
		}
	}
	change.Projects = e.projects(now)
	if e.Hosts != nil {
		hosts, err := parseHosts(*e.Hosts)
		if err != nil {
			return change, err
		}
		change.Hosts = &hosts
	}
	if len(e.WalletRights)+len(e.WithdrawRights) > 0 {
		rights := e.rights(now.WalletRights)
		change.Rights = &rights
	}
	return change, nil
}

// projects are those that the client represents after the edit; nil when they stay. A main project
// comes along, and is the only one of a client that has just one.
func (e clientEdit) projects(now *wallet.Client) *[]int64 {
	all := edited(now.Projects, e.Projects, e.Attach, e.Detach)
	if e.MainProject != nil && *e.MainProject != 0 && e.Projects == nil {
		if now.Type != wallet.PrivateClient {
			all = nil
		}
		all = edited(all, nil, []int64{*e.MainProject}, nil)
	}
	if slices.Equal(all, now.Projects) {
		return nil
	}
	return &all
}

// edited is a list, or what replaces it, with some more and without others.
func edited[T int64 | wallet.Permission](now []T, whole *[]T, more, less []T) []T {
	if whole != nil {
		now = *whole
	}
	all := slices.Concat(now, more)
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(item T) bool { return slices.Contains(less, item) })
}

func (e clientEdit) rights(now []wallet.WalletRight) []service.RightChange {
	rights := slices.Clone(now)
	for _, more := range e.WalletRights {
		for _, scope := range more.Scopes {
			rights = wallet.WithRight(rights, more.WalletID, wallet.Scope(scope))
		}
	}
	changes := []service.RightChange{}
	for _, r := range rights {
		scopes := slices.DeleteFunc(slices.Clone(r.Scopes), func(scope wallet.Scope) bool {
			return slices.ContainsFunc(e.WithdrawRights, func(less walletRight) bool {
				return less.WalletID == r.WalletID && (len(less.Scopes) == 0 || slices.Contains(less.Scopes, string(scope)))
			})
		})
		if len(scopes) > 0 {
			changes = append(changes, service.RightChange{WalletID: r.WalletID, Scopes: scopes})
		}
	}
	return changes
}

// differences say what the client has after the change and not before, and the other way round.
func (e clientEdit) differences(now clientAnswer, change service.ClientChange) (gives, takes []string) {
	gives, takes = []string{}, []string{}
	compare := func(what string, before, after []string) {
		for _, item := range after {
			if !slices.Contains(before, item) {
				gives = append(gives, what+item)
			}
		}
		for _, item := range before {
			if !slices.Contains(after, item) {
				takes = append(takes, what+item)
			}
		}
	}
	if change.Permissions != nil {
		compare("the permission ", now.Permissions, texts(*change.Permissions))
	}
	if change.Projects != nil {
		compare("project ", numbers(now.Projects), numbers(*change.Projects))
	}
	if change.Hosts != nil {
		var after []string
		for _, h := range *change.Hosts {
			after = append(after, hostText(h))
		}
		compare("the host ", now.Hosts, after)
	}
	if change.Rights != nil {
		var before, after []string
		for _, r := range now.WalletRights {
			for _, scope := range r.Scopes {
				before = append(before, fmt.Sprintf("%s on wallet %d", scope, r.WalletID))
			}
		}
		for _, r := range *change.Rights {
			for _, scope := range r.Scopes {
				after = append(after, fmt.Sprintf("%s on wallet %d", scope, r.WalletID))
			}
		}
		compare("the right ", before, after)
	}
	one := func(what, before string, after *string) {
		if after != nil && *after != before {
			compare(what, slices.DeleteFunc([]string{before}, isEmpty), slices.DeleteFunc([]string{*after}, isEmpty))
		}
	}
	one("the main project ", number(now.MainProject), numberOf(change.MainProject))
	one("the place ", number(now.Location), numberOf(change.BaseLocation))
	one("the service agreement ", number(now.ServiceAgreementID), numberOf(change.ServiceAgreementID))
	if change.Title != nil && *change.Title != now.Title {
		gives = append(gives, fmt.Sprintf("the title %q", *change.Title)) // a new name takes nothing away
	}
	return gives, takes
}

func isEmpty(text string) bool { return text == "" }

func numbers(ids []int64) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = strconv.FormatInt(id, 10)
	}
	return out
}

func numberOf(id *int64) *string {
	if id == nil {
		return nil
	}
	text := number(*id)
	return &text
}
