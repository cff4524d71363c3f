package main

import (
	"cmp"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/walletapi"
)

// Onboarding is the seeds' set-up workflow in one command: describe, get the project, the client's
// credentials and the wallet, configure, test, monitor. What is made is found again by its owner's
// e-mail address and its titles, so that a run that was interrupted can be repeated.

// useCase is what a client is for.
type useCase struct {
	name, title string
	kind        wallet.ClientType
	permissions []wallet.Permission
}

var useCases = []useCase{
	{"shop", "Shop back end", wallet.PrivateClient, []wallet.Permission{wallet.AccessStatements, wallet.UseOAuthAPI, wallet.UseWalletAPI}},
	{"dashboard", "Dashboard", wallet.PrivateClient, []wallet.Permission{wallet.AccessStatements, wallet.UseClientAPI, wallet.UseOAuthAPI, wallet.UseWalletAPI}},
	{"app", "App", wallet.Application, []wallet.Permission{wallet.UseClientAPI, wallet.UseOAuthAPI, wallet.UsePasswordGrant, wallet.UseWalletAPI}},
}

func useCaseNames() (names []string) {
	for _, u := range useCases {
		names = append(names, u.name)
	}
	return names
}

// onboarding is everything that is asked.
type onboarding struct {
	Owner       string `json:"owner"`
	OwnerType   string `json:"owner_type"`
	Email       string `json:"email"`
	Project     string `json:"project"`
	Description string `json:"description"`
	// Wallet is an existing one of the owner; 0 has one made.
	Wallet      int64    `json:"wallet_id"`
	Title       string   `json:"title"`
	Type        string   `json:"type"`
	Permissions []string `json:"permissions"`

	useCase, profile, baseURL string
}

// question is one of the dialogue, and a flag.
type question struct {
	flag, ask string
	into      *string
	// usual is the answer when none is given; "" for a question that needs one.
	usual func() string
	// optional questions may stay without an answer.
	optional bool
	// choices are all answers there are; none for free text.
	choices []string
	// wrong says what is wrong with an answer; empty for nothing.
	wrong func(answer string) string
}

// needed says that nothing can be done without an answer.
func (q question) needed() bool { return q.usual == nil && !q.optional }

// ownerTypes are persons and companies in people's words.
var ownerTypes = map[string]wallet.UserType{"person": wallet.Natural, "company": wallet.Legal}

func (o *onboarding) questions() []question {
	text := func(value string) func() string { return func() string { return value } }
	chosen := func() useCase {
		return useCases[max(0, slices.IndexFunc(useCases, func(u useCase) bool { return u.name == o.useCase }))]
	}
	return []question{
		{flag: "owner", ask: "Name of the owner, a person or a company", into: &o.Owner},
		{flag: "owner-type", ask: "Person or company", into: &o.OwnerType, usual: text("person"), choices: []string{"person", "company"}},
		{flag: "email", ask: "The owner's e-mail address", into: &o.Email, wrong: wrongEmail},
		{flag: "project", ask: "Title of the project, as payers see it", into: &o.Project},
		{flag: "description", ask: "Its description, which may stay empty", into: &o.Description, optional: true},
		{flag: "use-case", ask: "What the client is: a shop, a dashboard or an app", into: &o.useCase, usual: text("shop"), choices: useCaseNames()},
		{flag: "title", ask: "Title of the client", into: &o.Title, usual: func() string { return chosen().title }},
		{flag: "profile", ask: "Name to keep its credentials under on this machine", into: &o.profile, usual: func() string { return slug(o.Project) }},
	}
}

// slug is a title as a name of small letters, digits and dashes.
func slug(title string) string {
	name := strings.FieldsFunc(strings.ToLower(title), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	return cmp.Or(strings.Join(name, "-"), "project")
}

// complete fills in what was not answered; with people to ask, it asks them.
func (o *onboarding) complete(given func(flag string) bool, in *dialogue, out io.Writer) error {
	var missing []string
	if !slices.ContainsFunc(o.questions(), func(q question) bool { return q.needed() && !given(q.flag) }) {
		in = nil // flags have said all that must be known
	}
	for _, q := range o.questions() {
		switch {
		case given(q.flag):
		case in != nil:
			if err := q.put(in, out); err != nil {
				return err
			}
		case q.usual != nil:
			*q.into = q.usual()
		case q.needed():
			missing = append(missing, "--"+q.flag)
		}
		if len(q.choices) > 0 && !slices.Contains(q.choices, *q.into) && *q.into != "" {
			return fmt.Errorf("--%s must be one of %s", q.flag, strings.Join(q.choices, ", "))
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("answer with %s; on a terminal the command asks", strings.Join(missing, ", "))
	}
	use := useCases[slices.IndexFunc(useCases, func(u useCase) bool { return u.name == o.useCase })]
	o.Type = string(use.kind)
	if !given("permission") {
		o.Permissions = texts(use.permissions)
	}
	return nil
}

// put asks until there is an answer that will do.
func (q question) put(in *dialogue, out io.Writer) error {
	usual := ""
	if q.usual != nil {
		usual = q.usual()
	}
	for {
		fmt.Fprint(out, q.ask)
		if usual != "" {
			fmt.Fprintf(out, " [%s]", usual)
		}
		fmt.Fprint(out, ": ")
		line, err := in.line()
		if errors.Is(err, errInterrupted) {
			return err
		}
		answer := cmp.Or(strings.TrimSpace(line), usual)
		switch {
		case answer != "" && len(q.choices) > 0 && !slices.Contains(q.choices, answer):
			fmt.Fprintf(out, "Answer %s.\n", strings.Join(q.choices, ", "))
		case answer != "" && q.wrong != nil && q.wrong(answer) != "":
			fmt.Fprintf(out, "That %s.\n", q.wrong(answer))
		case answer != "" || q.optional && err == nil:
			*q.into = answer
			return nil
		}
		if err != nil {
			fmt.Fprintln(out)
			return fmt.Errorf("there was no answer for --%s, and nothing was done", q.flag)
		}
	}
}

// onboarded is the answer in JSON.
type onboarded struct {
	UserID    int64 `json:"user_id"`
	WalletID  int64 `json:"wallet_id"`
	ProjectID int64 `json:"project_id"`
	ClientID  int64 `json:"client_id"`
	// MACID is what the client signs as, MACKey its key, absent when it was shown before.
	MACID  string `json:"mac_id"`
	MACKey string `json:"mac_key,omitempty"`
	// Made says what was made by this run; the rest was there.
	Made []string `json:"made"`
	// Profile is where the credentials are kept on this machine, BaseURL where the API is called.
	Profile string            `json:"profile,omitempty"`
	BaseURL string            `json:"base_url,omitempty"`
	Test    *testCall         `json:"test,omitempty"`
	Client  wallet.ClientType `json:"type"`
	// Unused says that no key of a client that was there was ever used.
	Unused bool `json:"unused,omitempty"`
	// started says that the test call was answered by an API that was started for it.
	started bool
}

// testCall is the signed call at the end.
type testCall struct {
	Request   string          `json:"request"`
	Status    int             `json:"status"`
	RequestID string          `json:"request_id"`
	Answer    json.RawMessage `json:"answer"`
}

// newOnboard is `purser onboard`.
func newOnboard(p *program) *cobra.Command {
	var o onboarding
	command := &cobra.Command{
		Use:   "onboard",
		Short: "Set up an owner, a wallet, a project and a client, and make a signed call",
		Long: "Asks who needs what, or takes the answers from flags; makes the owner, a wallet, a project and a\n" +
			"client; shows the credentials once, keeps them in a profile on this machine, and makes a signed call\n" +
			"with them. All is checked before anything is made, and a run that was interrupted can be repeated: what\n" +
			"is there is found again by the owner's e-mail address and the titles.",
		Example: "  purser onboard --owner \"Ona Onaitė\" --email ona@example.com --project \"Ona's Books\" --use-case shop",
		Args:    cobra.NoArgs,
	}
	bind := func(flags *pflag.FlagSet) {
		for _, q := range o.questions() {
			usage := strings.ToLower(q.ask[:1]) + q.ask[1:]
			if len(q.choices) > 0 {
				usage += fmt.Sprintf(" (default %q)", q.usual())
			}
			flags.StringVar(q.into, q.flag, "", usage)
		}
		flags.Int64Var(&o.Wallet, "wallet", 0, "`wallet` of the owner to pay into; one is made when not given")
		flags.StringVar(&o.baseURL, "base-url", "", "`address` to keep in the profile, such as https://wallet.example; known where a server runs")
		flags.StringSliceVar(&o.Permissions, "permission", nil, "`permission` to grant, in place of those of the use case")
	}
	return newVerb(p, command, bind, func(v *verb) error {
		if o.baseURL != "" {
			if err := checkBaseURL(o.baseURL); err != nil {
				return err
			}
		}
		var in *dialogue
		if !v.json && isTerminal(p.in) {
			in = newDialogue(v.ctx, p.in)
		}
		if err := o.complete(v.given, in, p.out); err != nil {
			return err
		}
		o.OwnerType = string(ownerTypes[o.OwnerType])
		done, err := v.onboard(o)
		if err != nil {
			return err
		}
		if err := v.answer(done, func(p *page) { done.write(v, p, o) }); err != nil {
			return err
		}
		if done.Test != nil && done.Test.Status != http.StatusOK {
			return exitStatus(1)
		}
		return nil
	})
}

// isTerminal says whether a person may be at the other end.
func isTerminal(in io.Reader) bool {
	file, ok := in.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	nothing, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, nothing)
}

// onboard makes what is missing, keeps the credentials and tries them.
func (v *verb) onboard(o onboarding) (onboarded, error) {
	done, err := ask[onboarded](v, "onboard", o)
	if err != nil {
		return done, err
	}
	kept, name, err := v.profileOf(done.MACID)
	if err != nil {
		return done, fmt.Errorf("%w; the client is made: `%s` gives it another key", err, v.onData(fmt.Sprintf("purser client rotate %d", done.ClientID)))
	}
	if kept == nil && done.MACKey == "" && done.Unused {
		// Made by a run that was interrupted before anybody saw the key.
		made, err := ask[newKeyAnswer](v, "client/rotate", rotation{ID: done.ClientID})
		if err != nil {
			return done, err
		}
		done.MACKey = made.MACKey
		done.Made = append(done.Made, "key")
	}
	address, err := v.apiAddress()
	if err != nil {
		return done, err
	}
	done.started = v.operator.address == ""
	if done.Profile, kept = v.store(&done, o, name, kept); kept == nil {
		return done, nil
	}
	done.Test, err = v.tryOut(address, done, *kept)
	if err != nil {
		// The key stands in this answer alone, so the answer must be given.
		done.Test = &testCall{Request: "GET " + done.testTarget(), Answer: json.RawMessage(`null`)}
		fmt.Fprintln(v.err, "purser: the test call failed:", unreachable(err))
	}
	return done, nil
}

// profileOf finds the stored credentials of a client; nil when there are none.
func (v *verb) profileOf(macID string) (*profile, string, error) {
	profiles, err := v.readProfiles()
	for name, stored := range profiles {
		if stored.ID == macID {
			return &stored, name, err
		}
	}
	return nil, "", err
}

// store keeps the credentials on this machine where there is something new to keep, and an address to
// keep it with. It returns them, nil when this machine has none, and the profile's name, empty for none.
func (v *verb) store(done *onboarded, o onboarding, name string, kept *profile) (string, *profile) {
	if done.MACKey == "" {
		if kept == nil {
			done.BaseURL = cmp.Or(o.baseURL, v.knownURL())
			return "", nil
		}
		if o.baseURL != "" && o.baseURL != kept.BaseURL {
			kept.BaseURL = o.baseURL
			name = v.keep(name, done.ClientID, *kept)
		}
		done.BaseURL = kept.BaseURL
		return name, kept
	}
	done.BaseURL = cmp.Or(o.baseURL, v.knownURL())
	kept = &profile{BaseURL: done.BaseURL, ID: done.MACID, MACKey: done.MACKey}
	if done.BaseURL == "" {
		return "", kept // a profile with an address that was made up would lead nowhere
	}
	return v.keep(cmp.Or(o.profile, slug(o.Project)), done.ClientID, *kept), kept
}

// keep stores credentials under a name, or under another one when that is taken. It returns the name,
// empty when there is no place for profiles.
func (v *verb) keep(name string, client int64, p profile) string {
	profiles, err := v.readProfiles()
	if err == nil && profiles != nil {
		if other, taken := profiles[name]; taken && other.ID != p.ID {
			name = fmt.Sprintf("%s-%d", name, client)
		}
		profiles[name] = p
		err = v.writeProfiles(profiles)
	}
	if err != nil || profiles == nil {
		fmt.Fprintln(v.err, "purser: the credentials are not kept on this machine:", cmp.Or(err, errors.New("there is no place for profiles")))
		return ""
	}
	return name
}

// apiAddress is where the API answers: the running server's, or one that is started for this call.
func (v *verb) apiAddress() (string, error) {
	if v.operator.address != "" {
		return v.operator.address, nil
	}
	return v.operator.start()
}

// knownURL is where the API is called later on; empty where that is not known.
func (v *verb) knownURL() string {
	if known := v.baseURL(); known != noURL {
		return known
	}
	return ""
}

func (o onboarded) testTarget() string {
	if o.Client == wallet.Application { // which may read no project
		return "/rest/v1/client"
	}
	return fmt.Sprintf("/rest/v1/project/%d", o.ProjectID)
}

// testTimeout is how long the test call may take.
const testTimeout = 20 * time.Second

// tryOut makes the signed call.
func (v *verb) tryOut(address string, done onboarded, p profile) (*testCall, error) {
	client := walletapi.Client{
		BaseURL: address, Auth: walletapi.MAC{ID: p.ID, Secret: p.MACKey}, Now: v.now, HTTP: &http.Client{Timeout: testTimeout},
	}
	if isLoopback(address) {
		// The certificate is for the server's public name. Whoever holds the data folder's socket has
		// said that this is its address, and a signature gives nothing away.
		client.HTTP.Transport = &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}}
	}
	answer, err := client.Do(v.ctx, walletapi.Call{Method: http.MethodGet, Target: done.testTarget()})
	if err != nil {
		return nil, err
	}
	body := json.RawMessage(answer.Body)
	if !json.Valid(body) {
		body = json.RawMessage(`null`)
	}
	return &testCall{Request: "GET " + done.testTarget(), Status: answer.Status, RequestID: answer.RequestID, Answer: body}, nil
}

func isLoopback(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return ip != nil && ip.IsLoopback()
}

// write shows what there is now, and how to go on.
func (o onboarded) write(v *verb, p *page, asked onboarding) {
	state := func(what string) string {
		if slices.Contains(o.Made, what) {
			return "made"
		}
		return "was there"
	}
	p.table([]string{"WHAT", "ID", "TITLE", "STATUS"}, [][]string{
		{"owner", number(o.UserID), asked.Owner, state("user")},
		{"wallet", number(o.WalletID), "", state("wallet")},
		{"project", number(o.ProjectID), asked.Project, state("project")},
		{"client", number(o.ClientID), fmt.Sprintf("%s (%s)", asked.Title, o.Client), state("client")},
	})
	p.line("")
	p.fields("signs as", o.MACID, "key", o.MACKey, "base URL", o.BaseURL, "profile", o.Profile)
	if o.MACKey != "" {
		p.line("The key is shown this once: keep it where the client reads it.")
	}
	if slices.Contains(o.Made, "key") {
		p.line("%s", v.proposed(fmt.Sprintf("It is a second one: nobody has used the first. `purser client retire %d --key 1 --apply` ends that.", o.ClientID)))
	}
	if o.Test == nil {
		p.line("")
		p.line("Its key was shown when it was made, and no profile on this machine holds it. If it is lost:")
		p.line("  %s", v.onData(fmt.Sprintf("purser client rotate %d", o.ClientID)))
		return
	}
	if o.MACKey != "" && o.Profile == "" && o.BaseURL == "" {
		p.line("No profile was stored: no server runs on this data, so its address is not known. When it is:")
		p.line("  purser profile add %s --base-url %s --id %s", shellWord(cmp.Or(asked.profile, slug(asked.Project))), noURL, o.MACID)
	}
	p.line("")
	p.line("A signed call to try it: %s answered %d (request %s)", o.Test.Request, o.Test.Status, cmp.Or(o.Test.RequestID, "none"))
	var pretty strings.Builder
	encoder := json.NewEncoder(&pretty)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	encoder.Encode(o.Test.Answer)
	p.verbatim(pretty.String())
	if o.started {
		p.line("No server runs on this data: the API was started for that one call, and has ended.")
	}
	o.goOn(v, p)
}

// goOn shows what to do next.
func (o onboarded) goOn(v *verb, p *page) {
	p.line("")
	p.line("How to go on:")
	steps := [][]string{
		{"  " + v.onData("purser client show "+number(o.ClientID)), "its permissions, and when its key was used last"},
		{"  " + v.onData("purser audit --client "+number(o.ClientID)), "who changed what about it"},
		{"  " + v.onData("purser explain REQUEST"), "why a request was refused, and the command that would allow it"},
	}
	if o.Profile != "" && !o.started {
		steps = append([][]string{{"  purser request " + o.Test.Request + " --as " + shellWord(o.Profile), "the same call again"}}, steps...)
	}
	p.columns(steps)
}
