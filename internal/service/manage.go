package service

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/purserhq/purser/internal/hours"
	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
)

// Changed is a thing before and after a change.
type Changed[T any] struct {
	Before, After T
	// Losses say what the change takes away or ends, half a sentence each; nil when it only adds
	// and replaces.
	Losses []string
	// Planned says that nothing was done, since something would be lost and nobody agreed to that.
	Planned bool
}

// alter runs the change of one thing in one transaction: load finds it, next works out and checks
// what it is to become, and write stores that. What stays as it is is not written. What takes
// something away is only told, unless agreed.
func alter[T any](ctx context.Context, s *Service, c wallet.Caller, object string, id int64, agreed bool,
	load func(tx *store.Tx) (*T, error),
	next func(tx *store.Tx, now T) (after T, losses []string, err error),
	write func(tx *store.Tx, before, after T) error,
) (changed Changed[T], err error) {
	err = s.operate(ctx, c, func(tx *store.Tx) error {
		now, err := load(tx)
		if err != nil {
			return err
		}
		if now == nil {
			return noSuch(object, id)
		}
		changed = Changed[T]{Before: *now}
		if changed.After, changed.Losses, err = next(tx, *now); err != nil {
			return err
		}
		if changed.Planned = len(changed.Losses) > 0 && !agreed; changed.Planned {
			return nil
		}
		if before, after := differences(changed.Before, changed.After); before != after {
			if err := s.audit(tx, c, "update", object, id, changed.Before, changed.After); err != nil {
				return err
			}
		}
		return write(tx, changed.Before, changed.After)
	})
	if err != nil {
		return Changed[T]{}, err
	}
	return changed, nil
}

// same says whether two nouns say the same.
func same(before, after any) bool {
	was, is := differences(before, after)
	return was == is
}

func noSuch(object string, id int64) error {
	if object == locationObject {
		object = "place" // what people call it
	}
	return wallet.Errorf(wallet.NotFound, "there is no %s %d: check the number.", object, id)
}

// takeID hands out a number for something new, or takes the one that is wanted, where that is not
// 0. It fails with InvalidParameters when that is somebody's already.
func takeID(tx *store.Tx, of store.Counter, wanted int64) (int64, error) {
	if wanted < 0 {
		return 0, wallet.FieldError("id", "must be a positive number, or be left out")
	}
	if wanted != 0 {
		taken, err := tx.Taken(of, wanted)
		if err := unless(!taken, err, "id", "%s %d exists already: choose another number, or none", of, wanted); err != nil {
			return 0, err
		}
	}
	return tx.NextID(of, wanted)
}

// UserFilter says which users a list is of.
type UserFilter = store.UserFilter

// OwnerFilter says whose wallets or projects a list is of.
type OwnerFilter = store.OwnerFilter

// ListUsers returns a page of the users, by number, and how many there are in all. It fails with
// Forbidden and InvalidParameters.
func (s *Service) ListUsers(ctx context.Context, c wallet.Caller, f UserFilter) ([]wallet.User, int, error) {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return nil, 0, err
	}
	if f.Type != "" && f.Type != wallet.Natural && f.Type != wallet.Legal {
		return nil, 0, wallet.FieldError("type", "must be natural or legal")
	}
	return s.db.Users(ctx, f)
}

// UserDetails is a user as the operator sees one.
type UserDetails struct {
	wallet.User
	HasPassword, HasPIN bool
	// Companies are the numbers of the companies that a person acts for, sorted.
	Companies []int64
	// Wallets are the user's own, Projects those that the user administers, a company's for its
	// administrators too.
	Wallets  []wallet.Wallet
	Projects []wallet.Project
	// Limits bound what the user pays.
	Limits []wallet.SpendingLimit
}

// InspectUser returns all about a user but the secrets. It fails with Forbidden and NotFound.
func (s *Service) InspectUser(ctx context.Context, c wallet.Caller, id int64) (UserDetails, error) {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return UserDetails{}, err
	}
	d, err := s.userDetails(ctx, id)
	if err != nil {
		return UserDetails{}, err
	}
	d.Limits, err = s.db.SpendingLimits(ctx, id)
	return d, err
}

func (s *Service) userDetails(ctx context.Context, id int64) (UserDetails, error) {
	u, err := s.db.User(ctx, id)
	if err != nil {
		return UserDetails{}, err
	}
	if u == nil {
		return UserDetails{}, noSuch(userObject, id)
	}
	d := UserDetails{User: *u}
	if d.HasPassword, d.HasPIN, err = s.db.UserSecrets(ctx, id); err != nil {
		return UserDetails{}, err
	}
	if d.Companies, err = s.db.CompaniesOf(ctx, id); err != nil {
		return UserDetails{}, err
	}
	if d.Wallets, _, err = s.db.Wallets(ctx, OwnerFilter{OwnerID: id}); err != nil {
		return UserDetails{}, err
	}
	if d.Projects, err = s.db.ProjectsOfUser(ctx, id); err != nil {
		return UserDetails{}, err
	}
	return d, nil
}

// UserChange is what is to become of a user; what is nil stays as it is, and an empty text takes
// the value away.
type UserChange struct {
	DisplayName, Email, Phone, Locale, CompanyCode, DateOfBirth *string
	Standing                                                    *wallet.Standing
	Gender                                                      *wallet.Gender
	Address                                                     *wallet.Address
	Identity                                                    *wallet.Identity
	Level                                                       *wallet.IdentificationLevel
	Exposures                                                   *[]wallet.Exposure
	DefaultCurrency                                             *money.Currency
	// AddressParts and IdentityParts change single parts of the two.
	AddressParts  AddressChange
	IdentityParts IdentityChange
	// Administrators are all persons who then act for the company.
	Administrators *[]int64
	// Password and PIN are set anew; empty leaves them.
	Password, PIN secret.Text
}

// AddressChange is what is to become of an address, like UserChange.
type AddressChange struct{ Country, City, Street, PostIndex *string }

// IdentityChange is what is to become of an identity, like UserChange.
type IdentityChange struct {
	Name, Surname, Nationality *string
	Code                       *wallet.PersonCode
}

// UpdateUser changes a user. What it takes away is only told, unless agreed. It fails with
// Forbidden, NotFound and InvalidParameters.
func (s *Service) UpdateUser(ctx context.Context, c wallet.Caller, id int64, change UserChange, agreed bool) (Changed[wallet.User], error) {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return Changed[wallet.User]{}, err
	}
	passwordHash, pinHash, err := s.hashes(change.Password, change.PIN)
	if err != nil {
		return Changed[wallet.User]{}, err
	}
	return alter(ctx, s, c, userObject, id, agreed,
		func(tx *store.Tx) (*wallet.User, error) { return tx.User(id) },
		func(tx *store.Tx, now wallet.User) (wallet.User, []string, error) {
			after := change.To(now)
			if err := checkUser(tx, &after); err != nil {
				return after, nil, err
			}
			return after, lossesOfUser(now, after), nil
		},
		func(tx *store.Tx, before, after wallet.User) error {
			if passwordHash != nil {
				if err := tx.SetPassword(id, passwordHash); err != nil {
					return err
				}
				if err := s.audit(tx, c, "set password", userObject, id, nil, nil); err != nil {
					return err
				}
			}
			if pinHash != nil {
				if err := tx.SetPIN(id, pinHash); err != nil {
					return err
				}
				if err := s.audit(tx, c, "set pin", userObject, id, nil, nil); err != nil {
					return err
				}
			}
			if before.Identity.Code != after.Identity.Code {
				if err := s.audit(tx, c, "set person code", userObject, id, nil, nil); err != nil {
					return err
				}
			} else if same(before, after) {
				return nil
			}
			if after.Standing == wallet.InactiveUser && before.Standing != wallet.InactiveUser {
				if err := endAccess(tx, id); err != nil {
					return err
				}
			}
			return tx.UpdateUser(before, after)
		})
}

// endAccess signs a user out everywhere, and ends all tokens.
func endAccess(tx *store.Tx, user int64) error {
	if err := tx.DropSignIns(user, ""); err != nil {
		return err
	}
	return tx.EndFamilies(user, 0)
}

// To is the user after the change, but for the password and the PIN.
func (change UserChange) To(u wallet.User) wallet.User {
	set(&u.DisplayName, change.DisplayName)
	set(&u.Email, change.Email)
	set(&u.Phone, change.Phone)
	set(&u.Locale, change.Locale)
	set(&u.CompanyCode, change.CompanyCode)
	set(&u.Administrators, change.Administrators)
	set(&u.DateOfBirth, change.DateOfBirth)
	set(&u.Standing, change.Standing)
	set(&u.Gender, change.Gender)
	set(&u.Address, change.Address)
	set(&u.Identity, change.Identity)
	set(&u.Address.Country, change.AddressParts.Country)
	set(&u.Address.City, change.AddressParts.City)
	set(&u.Address.Street, change.AddressParts.Street)
	set(&u.Address.PostIndex, change.AddressParts.PostIndex)
	set(&u.Identity.Name, change.IdentityParts.Name)
	set(&u.Identity.Surname, change.IdentityParts.Surname)
	set(&u.Identity.Nationality, change.IdentityParts.Nationality)
	set(&u.Identity.Code, change.IdentityParts.Code)
	set(&u.Level, change.Level)
	set(&u.Exposures, change.Exposures)
	set(&u.DefaultCurrency, change.DefaultCurrency)
	return u
}

// pinForm is what a PIN looks like.
var pinForm = regexp.MustCompile(`^[0-9]{4,12}$`)

// hashes are those of a new password and a new PIN, nil where there is none. It fails with
// InvalidParameters. It takes a good part of a second, so it does not belong into a transaction.
func (s *Service) hashes(password, pin secret.Text) (passwordHash, pinHash []byte, err error) {
	refused := wallet.FieldErrors{}
	if password != "" && utf8.RuneCountInString(password.Reveal()) < s.MinimumPasswordLength {
		refused.Refuse("password", "must have at least %d characters", s.MinimumPasswordLength)
	}
	if pin != "" && !pinForm.MatchString(pin.Reveal()) {
		refused.Refuse("pin", "must be 4 to 12 digits")
	}
	if err := refused.Err(); err != nil {
		return nil, nil, err
	}
	if password != "" {
		passwordHash = secret.HashPassword(password)
	}
	if pin != "" {
		pinHash = s.Box.HashPIN(pin)
	}
	return passwordHash, pinHash, nil
}

// Forms of what is known of users.
var (
	// localeForm is a language, such as lt, or one of a country, such as lt_LT.
	localeForm = regexp.MustCompile(`^[a-z]{2,3}([_-][A-Z]{2})?$`)
	phoneForm  = regexp.MustCompile(`^[1-9][0-9]{7,14}$`)
	// countryForm is a country (ISO 3166-1 alpha-2), and personCodeForm what states number persons by.
	countryForm    = regexp.MustCompile(`^[a-z]{2}$`)
	personCodeForm = regexp.MustCompile(`^[A-Za-z0-9-]{1,40}$`)
	phoneSigns     = strings.NewReplacer("+", "", " ", "", "-", "", "(", "", ")", "")
)

// Limits of addresses, in bytes.
const (
	maxEmail = 254
	maxURL   = 2000
)

// isEmail says whether text is an e-mail address and nothing else.
func isEmail(text string) bool {
	parsed, err := mail.ParseAddress(text)
	if err != nil || parsed.Address != text || len(text) > maxEmail || !isWords(text) || strings.ContainsAny(text, "\" \t[]") {
		return false
	}
	domain := text[strings.LastIndexByte(text, '@')+1:]
	return strings.Contains(domain, ".")
}

// checkUser brings a user into the form that is stored, and refuses what is malformed, somebody
// else's or not there.
func checkUser(tx *store.Tx, u *wallet.User) error {
	u.DisplayName, u.CompanyCode = strings.TrimSpace(u.DisplayName), strings.TrimSpace(u.CompanyCode)
	u.Email, u.Phone = strings.ToLower(strings.TrimSpace(u.Email)), phoneSigns.Replace(u.Phone)
	u.Administrators = slices.Compact(slices.Sorted(slices.Values(u.Administrators)))
	refused := wallet.FieldErrors{}
	if u.Type != wallet.Natural && u.Type != wallet.Legal {
		refused.Refuse("type", "must be natural or legal")
	}
	checkWords(refused, "display_name", u.DisplayName, 1, maxTitle)
	if u.Email != "" && !isEmail(u.Email) {
		refused.Refuse("email", "must be an e-mail address, such as ona@example.com")
	}
	if u.Phone != "" && !phoneForm.MatchString(u.Phone) {
		refused.Refuse("phone", "must be 8 to 15 digits with the country code, such as 37060012345")
	}
	if u.Locale != "" && !localeForm.MatchString(u.Locale) {
		refused.Refuse("locale", "must be a language, such as lt or lt_LT")
	}
	checkWords(refused, "company_code", u.CompanyCode, 0, maxTitle)
	if u.Type == wallet.Natural && u.CompanyCode != "" {
		refused.Refuse("company_code", "only a company has one")
	}
	if u.Type == wallet.Natural && len(u.Administrators) > 0 {
		refused.Refuse("administrators", "only a company has them")
	}
	checkPerson(refused, u)
	if err := refused.Err(); err != nil {
		return err
	}
	return refuseOthers(tx, u)
}

// checkPerson refuses what is malformed of who a user is and where they live.
func checkPerson(refused wallet.FieldErrors, u *wallet.User) {
	if u.Standing = cmp.Or(u.Standing, wallet.ActiveUser); !slices.Contains(wallet.Standings(), u.Standing) {
		refused.Refuse("standing", "must be active, restricted or inactive")
	}
	if u.Level = cmp.Or(u.Level, wallet.Unidentified); !slices.Contains(wallet.IdentificationLevels(), u.Level) {
		refused.Refuse("identification_level", "must be unidentified, semi_identified, identified or fully_identified")
	}
	if born, err := time.Parse(time.DateOnly, u.DateOfBirth); u.DateOfBirth != "" && (err != nil || born.Year() < 1850) {
		refused.Refuse("dob", "must be a date, such as 1990-01-31")
	}
	if u.Gender != "" && u.Gender != wallet.Male && u.Gender != wallet.Female {
		refused.Refuse("gender", "must be male or female")
	}
	checkIdentity(refused, &u.Identity)
	a := &u.Address
	a.Country = strings.ToLower(strings.TrimSpace(a.Country))
	for field, text := range map[string]*string{"city": &a.City, "street": &a.Street, "post_index": &a.PostIndex} {
		*text = strings.TrimSpace(*text)
		checkWords(refused, "address."+field, *text, 0, maxTitle)
	}
	if a.Country != "" && !countryForm.MatchString(a.Country) {
		refused.Refuse("address.country", "must be two letters, such as lt")
	}
	if given := a.Country + a.City + a.Street + a.PostIndex; given != "" && (a.Country == "" || a.City == "" || a.Street == "") {
		refused.Refuse("address", "needs country, city and street")
	}
	for _, e := range u.Exposures {
		checkWords(refused, "pep", e.Name, 1, maxTitle)
		checkWords(refused, "pep", e.Relation, 1, maxTitle)
	}
	if u.DefaultCurrency != "" {
		if _, err := money.ParseCurrency(string(u.DefaultCurrency)); err != nil {
			refused.Refuse("default_currency", "must be an ISO 4217 code, such as EUR")
		}
	}
}

// refuseOthers refuses an address that is another user's, and administrators who are not persons.
func refuseOthers(tx *store.Tx, u *wallet.User) error {
	refused := wallet.FieldErrors{}
	for _, administrator := range u.Administrators {
		kind, err := tx.UserType(administrator)
		if err != nil {
			return err
		}
		if kind != wallet.Natural {
			refused.Refuse("administrators", "user %d is not a person", administrator)
		}
	}
	for _, unique := range []struct {
		field, value string
		holder       func(string) (int64, error)
	}{{"email", u.Email, tx.UserByEmail}, {"phone", u.Phone, tx.UserByPhone}} {
		if unique.value == "" {
			continue
		}
		holder, err := unique.holder(unique.value)
		if err != nil {
			return err
		}
		if holder != 0 && holder != u.ID {
			refused.Refuse(unique.field, "is user %d's", holder)
		}
	}
	if u.Identity.Code != "" && u.Level != wallet.Unidentified {
		holder, err := tx.CodeTaken(u.Identity.Nationality, u.Identity.Code)
		if err != nil {
			return err
		}
		if holder != 0 && holder != u.ID {
			refused.Refuse("identity.code", "is user %d's", holder)
		}
	}
	return refused.Err()
}

// lost tells of a value that is there before and not after.
func lost(losses []string, what, before, after string) []string {
	if before != "" && after == "" {
		return append(losses, fmt.Sprintf("takes away %s %q", what, before))
	}
	return losses
}

func lossesOfUser(before, after wallet.User) (losses []string) {
	losses = lost(losses, "the e-mail address", before.Email, after.Email)
	losses = lost(losses, "the phone number", before.Phone, after.Phone)
	losses = lost(losses, "the locale", before.Locale, after.Locale)
	losses = lost(losses, "the company code", before.CompanyCode, after.CompanyCode)
	for _, id := range before.Administrators {
		if !slices.Contains(after.Administrators, id) {
			losses = append(losses, fmt.Sprintf("user %d no longer acts for the company", id))
		}
	}
	if before.Standing != wallet.InactiveUser && after.Standing == wallet.InactiveUser {
		losses = append(losses, "signs the user out everywhere and ends all tokens that clients have of them")
	}
	losses = lost(losses, "the date of birth", before.DateOfBirth, after.DateOfBirth)
	losses = lost(losses, "the name", before.Identity.Name, after.Identity.Name)
	losses = lost(losses, "the surname", before.Identity.Surname, after.Identity.Surname)
	losses = lost(losses, "the person code", before.Identity.Code.String(), after.Identity.Code.String())
	return lost(losses, "the address", before.Address.Street, after.Address.Street)
}

// ListProjects returns a page of an owner's projects, or of all, by number, and how many there
// are. It fails with Forbidden.
func (s *Service) ListProjects(ctx context.Context, c wallet.Caller, f OwnerFilter) ([]wallet.Project, int, error) {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return nil, 0, err
	}
	return s.db.Projects(ctx, f)
}

// ProjectDetails is a project as the operator sees one.
type ProjectDetails struct {
	wallet.Project
	// Clients represent it and are not revoked: all but devices, which are only counted.
	Clients []*wallet.Client
	Devices int
	// Administrators administer it beside its owner, or wait for an answer.
	Administrators Administrators
	// ActivePlaces and InactivePlaces count its places.
	ActivePlaces, InactivePlaces int
}

// InspectProject returns all about a project. It fails with Forbidden and NotFound.
func (s *Service) InspectProject(ctx context.Context, c wallet.Caller, id int64) (ProjectDetails, error) {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return ProjectDetails{}, err
	}
	p, err := s.db.Project(ctx, id)
	if err != nil {
		return ProjectDetails{}, err
	}
	if p == nil {
		return ProjectDetails{}, noSuch(projectObject, id)
	}
	d := ProjectDetails{Project: *p}
	if d.Administrators, err = s.administrators(ctx, id); err != nil {
		return ProjectDetails{}, err
	}
	for _, kind := range []wallet.ClientType{wallet.PrivateClient, wallet.Application} {
		clients, _, err := s.db.Clients(ctx, ClientFilter{ProjectID: id, Type: kind})
		if err != nil {
			return ProjectDetails{}, err
		}
		d.Clients = append(d.Clients, clients...)
	}
	if _, d.Devices, err = s.db.Clients(ctx, ClientFilter{ProjectID: id, Type: wallet.AppClient, Limit: 1}); err != nil {
		return ProjectDetails{}, err
	}
	for status, count := range map[wallet.LocationStatus]*int{wallet.Active: &d.ActivePlaces, wallet.Inactive: &d.InactivePlaces} {
		f := wallet.LocationFilter{Projects: []int64{id}, Statuses: []wallet.LocationStatus{status}, Limit: 1}
		if _, *count, err = s.db.Locations(ctx, f); err != nil {
			return ProjectDetails{}, err
		}
	}
	return d, nil
}

// ProjectChange is what is to become of a project; what is nil stays as it is. Its owner never
// changes.
type ProjectChange struct {
	Title, Description *string
	// WalletID must be a wallet of the project's owner.
	WalletID *int64
	// CallbackURI is where events go of transactions whose client names no address; empty for nowhere.
	CallbackURI *string
	// AddAdministrators are persons who are not asked: the operator answers for that. Who is not among them is no
	// error in RemoveAdministrators.
	AddAdministrators, RemoveAdministrators []int64
}

// UpdateProject changes a project. What it takes away, which another wallet is too, is only told, unless
// agreed. It fails with Forbidden, NotFound and InvalidParameters.
func (s *Service) UpdateProject(ctx context.Context, c wallet.Caller, id int64, change ProjectChange, agreed bool) (Changed[wallet.Project], error) {
	return alter(ctx, s, c, projectObject, id, agreed,
		func(tx *store.Tx) (*wallet.Project, error) { return tx.Project(id) },
		func(tx *store.Tx, now wallet.Project) (wallet.Project, []string, error) {
			after := now
			set(&after.Title, change.Title)
			set(&after.Description, change.Description)
			set(&after.WalletID, change.WalletID)
			set(&after.CallbackURI, change.CallbackURI)
			if err := checkProject(tx, &after); err != nil {
				return after, nil, err
			}
			if after.CallbackURI != now.CallbackURI { // what is there may have been allowed when it was set
				if err := s.checkDefaultCallback(after.CallbackURI); err != nil {
					return after, nil, err
				}
			}
			losses := lost(nil, "the description", now.Description, after.Description)
			losses = lost(losses, "the address for callbacks", now.CallbackURI, after.CallbackURI)
			if after.WalletID != now.WalletID {
				losses = append(losses, fmt.Sprintf("what is paid to the project no longer goes to wallet %d, and its clients no longer see that wallet for it", now.WalletID))
			}
			gone, err := lossesOfAdministrators(tx, id, change.RemoveAdministrators)
			return after, append(losses, gone...), err
		},
		func(tx *store.Tx, before, after wallet.Project) error {
			for _, user := range change.AddAdministrators {
				if err := s.addAdministrator(tx, c, id, user); err != nil {
					return err
				}
			}
			for _, user := range change.RemoveAdministrators {
				if err := s.dropAdministrator(tx, c, id, user); err != nil {
					return err
				}
			}
			if same(before, after) {
				return nil
			}
			return tx.UpdateProject(after)
		})
}

// maxDescription bounds a text that describes something, in bytes.
const maxDescription = 4000

// checkWords refuses what is not text, and what has fewer or more bytes than it may.
func checkWords(refused wallet.FieldErrors, field, words string, least, most int) {
	switch {
	case !isWords(words):
		refused.Refuse(field, "must be text, without control characters")
	case len(words) < least || len(words) > most:
		refused.Refuse(field, "must be %d to %d bytes long", least, most)
	}
}

// listWords lists words for people.
func listWords[T ~string](words []T) string {
	list := make([]string, len(words))
	for i, word := range words {
		list[i] = string(word)
	}
	return strings.Join(list, ", ")
}

// isWords says whether text is UTF-8 without control characters but line breaks: what both engines
// can keep, and people can read.
func isWords(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' })
}

// checkProject refuses a project without a title, and one whose wallet is not its owner's.
func checkProject(tx *store.Tx, p *wallet.Project) error {
	p.Title, p.Description = strings.TrimSpace(p.Title), strings.TrimSpace(p.Description)
	refused := wallet.FieldErrors{}
	checkWords(refused, "title", p.Title, 1, maxTitle)
	checkWords(refused, "description", p.Description, 0, maxDescription)
	switch owner, err := tx.WalletOwner(p.WalletID); {
	case err != nil:
		return err
	case owner == 0:
		refused.Refuse("wallet_id", "there is no wallet %d", p.WalletID)
	case owner != p.OwnerID:
		refused.Refuse("wallet_id", "wallet %d belongs to user %d, not to user %d who owns the project", p.WalletID, owner, p.OwnerID)
	}
	return refused.Err()
}

// checkDefaultCallback refuses an address for callbacks that none can be sent to.
func (s *Service) checkDefaultCallback(uri string) error {
	refused := wallet.FieldErrors{}
	s.checkCallbackURI(refused, uri)
	return refused.Err()
}

// ListWallets returns a page of an owner's wallets, or of all, by number, and how many there are.
// It fails with Forbidden.
func (s *Service) ListWallets(ctx context.Context, c wallet.Caller, f OwnerFilter) ([]wallet.Wallet, int, error) {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return nil, 0, err
	}
	return s.db.Wallets(ctx, f)
}

// WalletDetails is a wallet as the operator sees one.
type WalletDetails struct {
	wallet.Wallet
	// Funds are by currency, those that are empty too.
	Funds []wallet.Funds
	// Limits bound what is paid out of it.
	Limits []wallet.SpendingLimit
}

// InspectWallet returns all about a wallet, with what it holds. It fails with Forbidden and
// NotFound.
func (s *Service) InspectWallet(ctx context.Context, c wallet.Caller, id int64) (WalletDetails, error) {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return WalletDetails{}, err
	}
	w, err := s.db.Wallet(ctx, id)
	if err != nil {
		return WalletDetails{}, err
	}
	if w == nil {
		return WalletDetails{}, noSuch(walletObject, id)
	}
	funds, err := s.db.Funds(ctx, id)
	if err != nil {
		return WalletDetails{}, err
	}
	limits, err := s.db.WalletLimits(ctx, id)
	return WalletDetails{*w, funds, limits}, err
}

// WalletChange is what is to become of a wallet; what is nil stays as it is.
type WalletChange struct {
	Description *string
	// Inactive takes the wallet out of use, or into use again: nothing is paid into it or out of it meanwhile.
	Inactive *bool
}

// UpdateWallet changes a wallet. What it takes away is only told, unless agreed. It fails with
// Forbidden, NotFound and InvalidParameters.
func (s *Service) UpdateWallet(ctx context.Context, c wallet.Caller, id int64, change WalletChange, agreed bool) (Changed[wallet.Wallet], error) {
	return alter(ctx, s, c, walletObject, id, agreed,
		func(tx *store.Tx) (*wallet.Wallet, error) { return tx.Wallet(id) },
		func(_ *store.Tx, now wallet.Wallet) (wallet.Wallet, []string, error) {
			after := now
			set(&after.Description, change.Description)
			set(&after.Inactive, change.Inactive)
			if err := checkWallet(&after); err != nil {
				return after, nil, err
			}
			losses := lost(nil, "the description", now.Description, after.Description)
			if after.Inactive && !now.Inactive {
				losses = append(losses, "takes the wallet out of use: nothing is paid into it or out of it any more")
			}
			return after, losses, nil
		},
		func(tx *store.Tx, before, after wallet.Wallet) error {
			if same(before, after) {
				return nil
			}
			return tx.UpdateWallet(after)
		})
}

func checkWallet(w *wallet.Wallet) error {
	w.Description = strings.TrimSpace(w.Description)
	refused := wallet.FieldErrors{}
	checkWords(refused, "description", w.Description, 0, maxDescription)
	return refused.Err()
}

// ListAllLocations returns a page of the places that the filter matches, public or not, and how
// many it matches in all. It fails with Forbidden and InvalidParameters.
func (s *Service) ListAllLocations(ctx context.Context, c wallet.Caller, f wallet.LocationFilter) ([]wallet.Location, int, error) {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return nil, 0, err
	}
	for _, status := range f.Statuses {
		if status != wallet.Active && status != wallet.Inactive {
			return nil, 0, wallet.FieldError("status", "must be active or inactive")
		}
	}
	return s.db.Locations(ctx, f)
}

// InspectLocation returns a place, public or not. It fails with Forbidden and NotFound.
func (s *Service) InspectLocation(ctx context.Context, c wallet.Caller, id int64) (wallet.Location, error) {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return wallet.Location{}, err
	}
	l, err := s.db.Location(ctx, id)
	if err != nil {
		return wallet.Location{}, err
	}
	if l == nil {
		return wallet.Location{}, noSuch(locationObject, id)
	}
	return *l, nil
}

// LocationChange is what is to become of a place; what is nil stays as it is. Its project never
// changes: clients are based there.
type LocationChange struct {
	// Title, Description and Address are merged, language by language; an empty text takes a
	// language away.
	Title, Description, Address wallet.Text
	// Position points to nil for one that is not known any more.
	Position **wallet.Position
	// Radius is in metres.
	Radius *int
	// Hours point to nil for hours that are not known. Days are hours as programs write them that know one interval a day:
	// where those show just what such a program is shown, the hours stay as they are.
	Hours **hours.Schedule
	Days  *map[time.Weekday]hours.Span
	// Timezone names the zone; empty is the one of the position.
	Timezone *string
	// now is when the change is made, zero for a place that is new.
	now time.Time
	// Services and Prices are replaced as a whole.
	Services *map[wallet.Service]wallet.Offer
	Prices   *[]wallet.Price
	// PinOpen and PinClosed are addresses of images; both or none.
	PinOpen, PinClosed *string
	Public             *bool
	// RemoteSpot is where people order before they come, 0 for none.
	RemoteSpot *int64
	// Status deactivates a place and takes it into use again: places are never deleted.
	Status *wallet.LocationStatus
}

// UpdateLocation changes a place. What it takes away is only told, unless agreed. It fails with
// Forbidden, NotFound and InvalidParameters.
func (s *Service) UpdateLocation(ctx context.Context, c wallet.Caller, id int64, change LocationChange, agreed bool) (Changed[wallet.Location], error) {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return Changed[wallet.Location]{}, err
	}
	change.now = s.BusinessClock()
	change.readMap()
	return alter(ctx, s, c, locationObject, id, agreed,
		func(tx *store.Tx) (*wallet.Location, error) { return tx.Location(id) },
		func(tx *store.Tx, now wallet.Location) (wallet.Location, []string, error) {
			after := change.To(now)
			locate(&after)
			if same(now, after) {
				return now, nil, nil // it may stay as it is, whatever the rules are by now
			}
			var err error
			if after.UpdatedAt, err = tx.PlaceTime(s.BusinessClock()); err != nil {
				return after, nil, err
			}
			if err := s.checkPlace(tx, after, change); err != nil {
				return after, nil, err
			}
			return after, lossesOfPlace(now, after), nil
		},
		func(tx *store.Tx, before, after wallet.Location) error {
			if same(before, after) {
				return nil
			}
			return tx.UpdateLocation(after)
		})
}

// To is the place after the change; nothing of the place before is shared where it differs.
func (change LocationChange) To(l wallet.Location) wallet.Location {
	l.Title = merged(l.Title, change.Title)
	l.Description = merged(l.Description, change.Description)
	l.Address = merged(l.Address, change.Address)
	change.place(&l)
	set(&l.Radius, change.Radius)
	change.open(&l)
	set(&l.Services, change.Services)
	set(&l.Prices, change.Prices)
	set(&l.PinOpen, change.PinOpen)
	set(&l.PinClosed, change.PinClosed)
	set(&l.Public, change.Public)
	set(&l.RemoteSpot, change.RemoteSpot)
	set(&l.Status, change.Status)
	// As they come out of the database: what is empty is not there.
	if len(l.Services) == 0 {
		l.Services = nil
	}
	if len(l.Prices) == 0 {
		l.Prices = nil
	}
	return l
}

// merged is a text with some languages replaced, and without those that became empty.
func merged(text, change wallet.Text) wallet.Text {
	if len(change) == 0 {
		return text
	}
	all := wallet.Text{}
	maps.Copy(all, text)
	for locale, words := range change {
		if words = strings.TrimSpace(words); words == "" {
			delete(all, locale)
		} else {
			all[locale] = words
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

func lossesOfPlace(before, after wallet.Location) (losses []string) {
	if before.Status == wallet.Active && after.Status == wallet.Inactive {
		losses = append(losses, "deactivates the place")
	}
	if before.Public && !after.Public {
		losses = append(losses, "hides the place from the public")
	}
	if before.Position != nil && after.Position == nil {
		losses = append(losses, "takes away the position")
	}
	if before.Radius > 0 && after.Radius == 0 {
		losses = append(losses, "takes away the radius")
	}
	for _, text := range []struct {
		name          string
		before, after wallet.Text
	}{{"title", before.Title, after.Title}, {"description", before.Description, after.Description}, {"address", before.Address, after.Address}} {
		for _, locale := range slices.Sorted(maps.Keys(text.before)) {
			losses = lost(losses, "the "+text.name+" in "+locale, text.before[locale], text.after[locale])
		}
	}
	had, has := before.Hours.Daily(hours.DateOf(after.UpdatedAt)), after.Hours.Daily(hours.DateOf(after.UpdatedAt))
	for _, day := range slices.Sorted(maps.Keys(had)) {
		if _, open := has[day]; !open && after.Hours != nil {
			losses = append(losses, fmt.Sprintf("the place no longer opens on %s", day))
		}
	}
	if before.Hours != nil && after.Hours == nil {
		losses = append(losses, "takes away the working hours")
	}
	losses = append(losses, lossesOfServices(before.Services, after.Services)...)
	for _, price := range before.Prices {
		if !slices.ContainsFunc(after.Prices, func(p wallet.Price) bool { return maps.Equal(p.Title, price.Title) }) {
			losses = append(losses, fmt.Sprintf("takes away the price or offer %q", price.Title.In("")))
		}
	}
	if before.RemoteSpot != 0 && after.RemoteSpot == 0 {
		losses = append(losses, "nobody can order at the place before they come")
	}
	return lost(losses, "the pin", before.PinOpen, after.PinOpen)
}

func lossesOfServices(before, after map[wallet.Service]wallet.Offer) (losses []string) {
	for _, service := range wallet.Services() {
		had, has := before[service], after[service]
		if had.Available && !has.Available {
			losses = append(losses, fmt.Sprintf("the place no longer offers %s", service))
			continue
		}
		for _, kind := range had.Types {
			if !slices.Contains(has.Types, kind) {
				losses = append(losses, fmt.Sprintf("the place no longer offers %s by %s", service, kind))
			}
		}
		for _, category := range had.Categories {
			if !slices.Contains(has.Categories, category) {
				losses = append(losses, fmt.Sprintf("takes away pay category %d", category))
			}
		}
	}
	return losses
}
