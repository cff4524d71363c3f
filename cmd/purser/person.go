package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
)

// What is known of a person beside how to reach them: standing, identity, address.

// personHelp says what a standing and a level lead to.
const personHelp = "A restricted user signs in and looks, and payments fail with client_restricted. An inactive one cannot sign in, no\n" +
	"client acts for them, and payments from their wallets fail with payer_account_inactive. Until a user is identified,\n" +
	"they may change their name and person code themselves, and nobody is found by that code."

// personFlags are the flags for what is known of a person.
type personFlags struct {
	standing, dob, gender, country, city, street, postIndex string
	name, surname, nationality, level, currency, pepFile    string
	withoutCode                                             bool
}

func (p *personFlags) bind(flags *pflag.FlagSet) {
	flags.StringVar(&p.standing, "standing", "", "active, restricted (pays nothing) or inactive (ends sign-ins and tokens)")
	flags.StringVar(&p.name, "name", "", "first `names` as in their documents")
	flags.StringVar(&p.surname, "surname", "", "`surname` as in their documents")
	flags.StringVar(&p.nationality, "nationality", "", "`country` that gave the person code, in two letters, such as lt")
	flags.StringVar(&p.level, "identification-level", "", "unidentified, semi_identified, identified or fully_identified: how surely you know who this is")
	flags.StringVar(&p.dob, "dob", "", "`date` of birth, such as 1990-01-31")
	flags.StringVar(&p.gender, "gender", "", "male or female")
	flags.StringVar(&p.country, "country", "", "`country` that they live in, in two letters, such as lt")
	flags.StringVar(&p.city, "city", "", "`city` that they live in")
	flags.StringVar(&p.street, "street", "", "`street` and house")
	flags.StringVar(&p.postIndex, "post-index", "", "postal `code`")
	flags.StringVar(&p.currency, "default-currency", "", "`currency` that they reckon in, such as EUR")
	flags.StringVar(&p.pepFile, "pep-file", "", "JSON `file` with their connections to politics: [{\"name\": …, \"relation\": …, \"positions\": […]}]; [] for none")
}

// personEdit is what is to become of a person; what is nil stays. A person code is in the clear: it goes over the
// operator's own socket.
type personEdit struct {
	Standing        *string            `json:"standing,omitempty"`
	DateOfBirth     *string            `json:"dob,omitempty"`
	Gender          *string            `json:"gender,omitempty"`
	Country         *string            `json:"country,omitempty"`
	City            *string            `json:"city,omitempty"`
	Street          *string            `json:"street,omitempty"`
	PostIndex       *string            `json:"post_index,omitempty"`
	Name            *string            `json:"name,omitempty"`
	Surname         *string            `json:"surname,omitempty"`
	Nationality     *string            `json:"nationality,omitempty"`
	PersonCode      *string            `json:"person_code,omitempty"`
	Level           *string            `json:"identification_level,omitempty"`
	DefaultCurrency *string            `json:"default_currency,omitempty"`
	Exposures       *[]wallet.Exposure `json:"pep,omitempty"`
}

// edit is what the command line gave.
func (p *personFlags) edit(v *verb) (personEdit, error) {
	e := personEdit{
		Standing: value(v, "standing", &p.standing), DateOfBirth: value(v, "dob", &p.dob), Gender: value(v, "gender", &p.gender),
		Country: value(v, "country", &p.country), City: value(v, "city", &p.city), Street: value(v, "street", &p.street),
		PostIndex: value(v, "post-index", &p.postIndex), Name: value(v, "name", &p.name), Surname: value(v, "surname", &p.surname),
		Nationality: value(v, "nationality", &p.nationality), Level: value(v, "identification-level", &p.level),
		DefaultCurrency: value(v, "default-currency", &p.currency),
	}
	if p.withoutCode {
		e.PersonCode = new(string)
	}
	if p.pepFile == "" {
		return e, nil
	}
	text, err := os.ReadFile(p.pepFile)
	if err != nil {
		return e, fmt.Errorf("--pep-file: %w", err)
	}
	lines := json.NewDecoder(bytes.NewReader(text))
	lines.DisallowUnknownFields() // a misspelled name must not be passed over
	if err := lines.Decode(&e.Exposures); err != nil || e.Exposures == nil {
		return e, fmt.Errorf("--pep-file %s: write a JSON list, such as [{\"name\": \"Jonas\", \"relation\": \"spouse\", \"positions\": [\"mayor\"]}]", p.pepFile)
	}
	return e, nil
}

// as is a text in another type; nil for nil.
func as[T ~string](text *string) *T {
	if text == nil {
		return nil
	}
	typed := T(*text)
	return &typed
}

// change is the edit as the use case takes it.
func (e personEdit) change() service.UserChange {
	return service.UserChange{
		Standing: as[wallet.Standing](e.Standing), DateOfBirth: e.DateOfBirth, Gender: as[wallet.Gender](e.Gender),
		AddressParts:  service.AddressChange{Country: e.Country, City: e.City, Street: e.Street, PostIndex: e.PostIndex},
		IdentityParts: service.IdentityChange{Name: e.Name, Surname: e.Surname, Nationality: e.Nationality, Code: as[wallet.PersonCode](e.PersonCode)},
		Level:         as[wallet.IdentificationLevel](e.Level), Exposures: e.Exposures, DefaultCurrency: as[money.Currency](e.DefaultCurrency),
	}
}

// personAnswer is what is known of a person in JSON. Of a person code it tells that there is one, and how it ends.
type personAnswer struct {
	Standing        string            `json:"standing"`
	Name            string            `json:"name,omitempty"`
	Surname         string            `json:"surname,omitempty"`
	Nationality     string            `json:"nationality,omitempty"`
	HasPersonCode   bool              `json:"has_person_code,omitempty"`
	PersonCodeEnds  string            `json:"person_code_ends,omitempty"`
	Level           string            `json:"identification_level"`
	CalculatedLevel string            `json:"calculated_identification_level"`
	DateOfBirth     string            `json:"dob,omitempty"`
	Gender          string            `json:"gender,omitempty"`
	Country         string            `json:"country,omitempty"`
	City            string            `json:"city,omitempty"`
	Street          string            `json:"street,omitempty"`
	PostIndex       string            `json:"post_index,omitempty"`
	DefaultCurrency string            `json:"default_currency,omitempty"`
	Exposures       []wallet.Exposure `json:"pep,omitempty"`
	RegisteredBy    int64             `json:"registered_by,omitempty"`
}

func personToAnswer(u wallet.User) personAnswer {
	return personAnswer{
		Standing: string(u.Standing), Name: u.Identity.Name, Surname: u.Identity.Surname, Nationality: u.Identity.Nationality,
		HasPersonCode: u.Identity.Code != "", PersonCodeEnds: strings.TrimPrefix(u.Identity.Code.String(), "…"),
		Level: string(u.Level), CalculatedLevel: string(u.CalculatedLevel()), DateOfBirth: u.DateOfBirth, Gender: string(u.Gender),
		Country: u.Address.Country, City: u.Address.City, Street: u.Address.Street, PostIndex: u.Address.PostIndex,
		DefaultCurrency: string(u.DefaultCurrency), Exposures: u.Exposures, RegisteredBy: u.RegisteredBy,
	}
}

// fields show a person for people: names and values.
func (a personAnswer) fields() []string {
	level, code := a.Level, ""
	if a.CalculatedLevel != a.Level {
		level += ", though what is on record bears out " + a.CalculatedLevel + " only"
	}
	if a.HasPersonCode {
		code = "yes, …" + a.PersonCodeEnds
	}
	place := strings.Join(strings.Fields(a.PostIndex+" "+a.City), " ")
	var parts, exposed []string
	for _, part := range []string{a.Street, place, a.Country} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	for _, e := range a.Exposures {
		exposed = append(exposed, fmt.Sprintf("%s (%s: %s)", e.Name, e.Relation, cmp.Or(words(e.Positions), "-")))
	}
	return []string{
		"standing", a.Standing, "first names", a.Name, "surname", a.Surname, "nationality", a.Nationality, "person code", code,
		"identification", level, "date of birth", a.DateOfBirth, "gender", a.Gender, "address", strings.Join(parts, ", "),
		"default currency", a.DefaultCurrency, "politics", strings.Join(exposed, "; "), "registered by", clientWord(a.RegisteredBy),
	}
}

// clientWord names a client; empty for none.
func clientWord(id int64) string {
	if id == 0 {
		return ""
	}
	return "client " + number(id)
}
