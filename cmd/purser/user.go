package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
)

// newUser is `purser user`: who owns wallets and projects.
func newUser(p *program) *cobra.Command {
	command := &cobra.Command{
		Use:   "user",
		Short: "Make, show and change persons and companies",
		Long:  "A user is a person or a company: who owns wallets and projects. Persons act for companies.",
	}
	command.AddCommand(
		newUserCreate(p), newUserList(p), newShow[userDetails](p, "user", "Show all about a person or a company but their secrets"),
		newUserUpdate(p), newUserLimit(p), newUserApps(p), newUserRevokeApp(p),
	)
	return command
}

// userAnswer is a user in JSON.
type userAnswer struct {
	ID          int64  `json:"id"`
	Type        string `json:"type"`
	DisplayName string `json:"display_name"`
	Email       string `json:"email,omitempty"`
	Phone       string `json:"phone,omitempty"`
	Locale      string `json:"locale,omitempty"`
	CompanyCode string `json:"company_code,omitempty"`
	// Administrators act for a company.
	Administrators []int64 `json:"administrators,omitempty"`
	personAnswer
	CreatedAt time.Time `json:"created_at"`
}

func userToAnswer(u wallet.User) userAnswer {
	return userAnswer{
		ID: u.ID, Type: string(u.Type), DisplayName: u.DisplayName, Email: u.Email, Phone: u.Phone, Locale: u.Locale,
		CompanyCode: u.CompanyCode, Administrators: u.Administrators, personAnswer: personToAnswer(u), CreatedAt: instant(u.CreatedAt),
	}
}

// userDetails is all about a user in JSON.
type userDetails struct {
	userAnswer
	HasPassword bool `json:"has_password"`
	HasPIN      bool `json:"has_pin"`
	// Companies are those that a person acts for.
	Companies []int64         `json:"companies"`
	Limits    []limitAnswer   `json:"limits"`
	Wallets   []walletAnswer  `json:"wallets"`
	Projects  []projectAnswer `json:"projects"`
}

// createdAnswer is what a new thing got for a number.
type createdAnswer struct {
	ID int64 `json:"id"`
}

// answerCreated shows the number of a new thing.
func (v *verb) answerCreated(made createdAnswer, what, name string) error {
	return v.answer(made, func(p *page) { p.line("%s %d %q was made.", what, made.ID, name) })
}

// userSpec is a user to be made.
type userSpec struct {
	ID             int64   `json:"id"`
	Type           string  `json:"type"`
	DisplayName    string  `json:"display_name"`
	Email          string  `json:"email"`
	Phone          string  `json:"phone"`
	Locale         string  `json:"locale"`
	CompanyCode    string  `json:"company_code"`
	Administrators []int64 `json:"administrators"`
	personEdit
	userSecrets
}

// userSecrets are a new password and a new PIN, in the clear: they go over the operator's own socket.
type userSecrets struct {
	Password string `json:"password,omitempty"`
	PIN      string `json:"pin,omitempty"`
}

// secretFlags ask for secrets, which come from standard input and never from the command line, where
// others on the machine could read them.
type secretFlags struct{ password, pin, code bool }

func (s *secretFlags) bind(flags *pflag.FlagSet) {
	flags.BoolVar(&s.password, "password-stdin", false, "read a new password from a line of standard input")
	flags.BoolVar(&s.pin, "pin-stdin", false, "read a new PIN from a line of standard input, after the password")
	flags.BoolVar(&s.code, "person-code-stdin", false, "read the person code from a line of standard input, after the PIN; it is sealed, and never shown but for its end")
}

// read reads what was asked for; code is nil where no person code was.
func (s *secretFlags) read(in io.Reader) (secrets userSecrets, code *string, err error) {
	var personCode string
	lines := bufio.NewScanner(io.LimitReader(in, 4096))
	for _, wanted := range []struct {
		asked bool
		name  string
		into  *string
	}{{s.password, "password", &secrets.Password}, {s.pin, "PIN", &secrets.PIN}, {s.code, "person code", &personCode}} {
		if !wanted.asked {
			continue
		}
		if lines.Scan() {
			*wanted.into = lines.Text()
		}
		if *wanted.into == "" {
			return secrets, nil, fmt.Errorf("there is no %s on standard input: give one on a line of its own", wanted.name)
		}
	}
	if s.code {
		code = &personCode
	}
	return secrets, code, lines.Err()
}

func newUserCreate(p *program) *cobra.Command {
	var n userSpec
	var person personFlags
	var secrets secretFlags
	command := &cobra.Command{
		Use:   "create",
		Short: "Make a person or a company",
		Long:  "Makes a person or a company. An operator answers for the e-mail address and the phone number: no code is sent there.\n\n" + personHelp,
		Example: "  purser user create --display-name \"Ona Onaitė\" --email ona@example.com --phone +37060012345 --locale lt\n" +
			"  purser user create --type legal --display-name \"Onos kepykla\" --company-code 300100200 --administrator 7",
		Args: cobra.NoArgs,
	}
	bind := func(flags *pflag.FlagSet) {
		flags.StringVar(&n.Type, "type", string(wallet.Natural), "natural for a person, legal for a company")
		flags.StringVar(&n.DisplayName, "display-name", "", "`name` for other people")
		flags.StringVar(&n.Email, "email", "", "e-mail `address`")
		flags.StringVar(&n.Phone, "phone", "", "phone `number` with the country code")
		flags.StringVar(&n.Locale, "locale", "", "`language` for messages, such as lt")
		flags.StringVar(&n.CompanyCode, "company-code", "", "`code` in the register of companies")
		flags.Int64SliceVar(&n.Administrators, "administrator", nil, "`person` who acts for the company")
		flags.Int64Var(&n.ID, "id", 0, "`number` to take rather than the next free one")
		person.bind(flags)
		secrets.bind(flags)
	}
	return newVerb(p, command, bind, func(v *verb) (err error) {
		if n.personEdit, err = person.edit(v); err != nil {
			return err
		}
		if n.userSecrets, n.PersonCode, err = secrets.read(v.in); err != nil {
			return err
		}
		made, err := ask[createdAnswer](v, "user/create", n)
		if err != nil {
			return err
		}
		return v.answerCreated(made, "User", n.DisplayName)
	})
}

// userQuery is what a list is of.
type userQuery struct {
	Type string `json:"type"`
	Text string `json:"text"`
	paging
}

// userListAnswer is a page of users in JSON.
type userListAnswer struct {
	Users []userAnswer `json:"users"`
	Total int          `json:"total"`
	paging
}

func newUserList(p *program) *cobra.Command {
	var q userQuery
	command := &cobra.Command{
		Use:     "list",
		Short:   "List persons and companies",
		Example: "  purser user list --find onait",
		Args:    cobra.NoArgs,
	}
	bind := func(flags *pflag.FlagSet) {
		flags.StringVar(&q.Text, "find", "", "those with this `text` in their name, e-mail address or phone number")
		flags.StringVar(&q.Type, "type", "", "natural or legal")
		q.bind(flags)
	}
	return newVerb(p, command, bind, func(v *verb) error {
		found, err := ask[userListAnswer](v, "user/list", q)
		if err != nil {
			return err
		}
		return v.answer(found, func(p *page) {
			if len(found.Users) == 0 {
				p.line("There are no such users.")
				return
			}
			var rows [][]string
			for _, u := range found.Users {
				rows = append(rows, []string{number(u.ID), u.Type, u.DisplayName, u.Email, u.Phone, u.CompanyCode, words(u.Administrators), u.Standing, u.Level})
			}
			p.table([]string{"ID", "TYPE", "NAME", "E-MAIL", "PHONE", "COMPANY CODE", "ADMINISTRATORS", "STANDING", "IDENTIFICATION"}, rows)
			p.rest(len(found.Users), found.Total, found.paging)
		})
	})
}

// write shows a user for people.
func (u userDetails) write(p *page) {
	p.fields(slices.Concat([]string{
		"id", number(u.ID), "type", u.Type, "name", u.DisplayName, "e-mail", u.Email, "phone", u.Phone, "locale", u.Locale,
		"company code", u.CompanyCode, "administrators", words(u.Administrators), "acts for", words(u.Companies),
	}, u.personAnswer.fields(), []string{
		"password", yesNo(u.HasPassword), "PIN", yesNo(u.HasPIN), "created", stamp(u.CreatedAt),
	})...)
	if len(u.Limits) > 0 {
		p.line("")
		writeLimits(p, u.Limits)
	}
	if len(u.Wallets) > 0 {
		p.line("")
		writeWallets(p, u.Wallets)
	}
	if len(u.Projects) > 0 {
		p.line("")
		writeProjects(p, u.Projects)
	}
}

func yesNo(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}

// userEdit is a change as the command line gives it; what is nil stays.
type userEdit struct {
	ID             int64    `json:"id"`
	DisplayName    *string  `json:"display_name"`
	Email          *string  `json:"email"`
	Phone          *string  `json:"phone"`
	Locale         *string  `json:"locale"`
	CompanyCode    *string  `json:"company_code"`
	Administrators *[]int64 `json:"administrators"`
	personEdit
	userSecrets
	Apply bool `json:"apply"`
}

func newUserUpdate(p *program) *cobra.Command {
	var name, email, phone, locale, code string
	var administrators []string
	var person personFlags
	var secrets secretFlags
	command := &cobra.Command{
		Use:   "update USER",
		Short: "Change a person or a company, or set a password or PIN anew",
		Long:  "Changes what is named and nothing else. " + updateHelp + "\n\n" + personHelp,
		Example: "  purser user update 7 --email ona@example.com\n" +
			"  purser user update 7 --standing inactive --apply\n" +
			"  purser user update 7 --nationality lt --person-code-stdin --identification-level identified < code\n" +
			"  purser user update 7 --password-stdin < password\n" +
			"  purser user update 8 --administrator 7,9 --apply",
		Args: cobra.ExactArgs(1),
	}
	bind := func(flags *pflag.FlagSet) {
		flags.StringVar(&name, "display-name", "", "`name` for other people")
		flags.StringVar(&email, "email", "", "e-mail `address`; empty for none")
		flags.StringVar(&phone, "phone", "", "phone `number` with the country code; empty for none")
		flags.StringVar(&locale, "locale", "", "`language` for messages, such as lt")
		flags.StringVar(&code, "company-code", "", "`code` in the register of companies; empty for none")
		flags.StringSliceVar(&administrators, "administrator", nil, "`persons` who act for the company, in place of all; empty for nobody")
		person.bind(flags)
		secrets.bind(flags)
		flags.BoolVar(&person.withoutCode, "no-person-code", false, "take the person code away")
		applyFlag(flags)
	}
	return newVerb(p, command, bind, func(v *verb) error {
		id, err := v.id(0, "user")
		if err != nil {
			return err
		}
		if err := v.namesChange(); err != nil {
			return err
		}
		part, err := person.edit(v)
		if err != nil {
			return err
		}
		e := userEdit{
			personEdit: part, ID: id, DisplayName: value(v, "display-name", &name), Email: value(v, "email", &email), Phone: value(v, "phone", &phone),
			Locale: value(v, "locale", &locale), CompanyCode: value(v, "company-code", &code), Apply: v.applies(),
		}
		if v.given("administrator") {
			ids, err := parseIDs(administrators, "administrators")
			if err != nil {
				return err
			}
			e.Administrators = &ids
		}
		var code *string
		if e.userSecrets, code, err = secrets.read(v.in); err != nil {
			return err
		}
		if code != nil {
			e.PersonCode = code
		}
		done, err := ask[changeAnswer[userAnswer]](v, "user/update", e)
		if err != nil {
			return err
		}
		return answerChange(v, done, e.newSecrets(code)...)
	})
}

// newSecrets are those that the edit sets, for people; code is a new person code.
func (e userEdit) newSecrets(code *string) (names []string) {
	if e.Password != "" {
		names = append(names, "password")
	}
	if e.PIN != "" {
		names = append(names, "PIN")
	}
	if code != nil {
		names = append(names, "person code")
	}
	return names
}

// parseIDs reads numbers; it fails with InvalidParameters.
func parseIDs(texts []string, field string) ([]int64, error) {
	ids := []int64{}
	for _, text := range texts {
		id, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
		if err != nil || id <= 0 {
			return nil, wallet.FieldError(field, "%q is not a number", text)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// updateHelp says what the commands that change something have in common.
const updateHelp = "What takes something away needs --apply; without it the\ncommand says what it would do."

// changeAnswer says what a change did, or would do.
type changeAnswer[T any] struct {
	Applied bool `json:"applied"`
	// Takes says what is taken away, half a sentence each.
	Takes  []string `json:"takes"`
	Before T        `json:"before"`
	After  T        `json:"after"`
}

func changeToAnswer[Noun, T any](changed service.Changed[Noun], answer func(Noun) T) changeAnswer[T] {
	return changeAnswer[T]{!changed.Planned, list(changed.Losses), answer(changed.Before), answer(changed.After)}
}

// answerChange shows a change: field by field, then what is taken away. also are secrets that were
// set.
func answerChange[T any](v *verb, a changeAnswer[T], also ...string) error {
	lines, err := fieldChanges(a.Before, a.After)
	if err != nil {
		return err
	}
	return v.answer(a, func(p *page) {
		for _, line := range lines {
			p.line("%s", line)
		}
		if len(a.Takes) > 0 {
			p.line("%s", map[bool]string{true: "That took something away:", false: "That would take something away:"}[a.Applied])
		}
		for _, taken := range a.Takes {
			p.line("  %s", taken)
		}
		switch {
		case !a.Applied:
			p.line(notDone)
			return
		case len(lines)+len(also) == 0:
			p.line("Nothing is changed by that: it is so already.")
		}
		for _, what := range also {
			p.line("A new %s was set.", what)
		}
		if len(lines)+len(also) > 0 {
			p.line("Done.")
		}
	})
}

// fieldChanges are the fields of an answer that differ, a line each.
func fieldChanges(before, after any) (lines []string, err error) {
	var all [2]map[string]json.RawMessage
	for i, side := range []any{before, after} {
		text, err := json.Marshal(side)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(text, &all[i]); err != nil {
			return nil, err
		}
	}
	names := slices.Collect(maps.Keys(all[0]))
	names = slices.Compact(slices.Sorted(slices.Values(slices.AppendSeq(names, maps.Keys(all[1])))))
	for _, name := range names {
		was, is := string(all[0][name]), string(all[1][name])
		if was != is && name != "updated_at" {
			lines = append(lines, fmt.Sprintf("%s: %s -> %s", name, cmp.Or(was, "-"), cmp.Or(is, "-")))
		}
	}
	return lines, nil
}

// userVerbs answer the verbs on users.
func userVerbs(mux *http.ServeMux, s *service.Service) {
	handleVerb(mux, "user/create", func(ctx context.Context, c wallet.Caller, n userSpec) (createdAnswer, error) {
		id, err := s.CreateUser(ctx, c, n.personEdit.change().To(wallet.User{
			ID: n.ID, Type: wallet.UserType(n.Type), DisplayName: n.DisplayName, Email: n.Email, Phone: n.Phone, Locale: n.Locale,
			CompanyCode: n.CompanyCode, Administrators: n.Administrators,
		}), secret.Text(n.Password), secret.Text(n.PIN))
		return createdAnswer{id}, err
	})
	handleVerb(mux, "user/list", func(ctx context.Context, c wallet.Caller, q userQuery) (userListAnswer, error) {
		if err := errors.Join(q.check(), oneOf("type", q.Type, wallet.Natural, wallet.Legal)); err != nil {
			return userListAnswer{}, err
		}
		found, total, err := s.ListUsers(ctx, c, service.UserFilter{Type: wallet.UserType(q.Type), Text: q.Text, Limit: q.Limit, Offset: q.Offset})
		answer := userListAnswer{Users: []userAnswer{}, Total: total, paging: q.paging}
		for _, u := range found {
			answer.Users = append(answer.Users, userToAnswer(u))
		}
		return answer, err
	})
	handleVerb(mux, "user/show", func(ctx context.Context, c wallet.Caller, q idQuery) (userDetails, error) {
		d, err := s.InspectUser(ctx, c, q.ID)
		a := userDetails{
			userAnswer: userToAnswer(d.User), HasPassword: d.HasPassword, HasPIN: d.HasPIN, Companies: list(d.Companies),
			Limits: limitsToAnswer(d.Limits), Wallets: []walletAnswer{}, Projects: []projectAnswer{},
		}
		for _, w := range d.Wallets {
			a.Wallets = append(a.Wallets, walletToAnswer(w))
		}
		for _, p := range d.Projects {
			a.Projects = append(a.Projects, projectToAnswer(p))
		}
		return a, err
	})
	handleVerb(mux, "user/update", func(ctx context.Context, c wallet.Caller, e userEdit) (changeAnswer[userAnswer], error) {
		change := e.personEdit.change()
		change.DisplayName, change.Email, change.Phone, change.Locale, change.CompanyCode = e.DisplayName, e.Email, e.Phone, e.Locale, e.CompanyCode
		change.Administrators, change.Password, change.PIN = e.Administrators, secret.Text(e.Password), secret.Text(e.PIN)
		changed, err := s.UpdateUser(ctx, c, e.ID, change, e.Apply)
		return changeToAnswer(changed, userToAnswer), err
	})
}
