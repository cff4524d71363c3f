package service_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
)

const newPassword secret.Text = "seven-kind-otters-42"

// Jonas registers on the page: he is sent a code, gives it back, has a wallet, and can sign in. Until then he cannot,
// and his address is nobody's.
func TestRegistering(t *testing.T) {
	withPeople(t, func(t *testing.T, w world) {
		handle, err := w.Register(ctx, visitor(), service.Registration{DisplayName: "Jonas", Email: " Jonas@Example.com ", Locale: "lt", Password: newPassword})
		if err != nil {
			t.Fatal(err)
		}
		m := w.lastTo("jonas@example.com")
		if m == nil || m.Kind != wallet.ConfirmContact || m.Locale != "lt" || m.Values["minutes"] != "15" {
			t.Fatalf("Jonas is told %+v", m)
		}
		code := w.codeTo("jonas@example.com")
		_, err = w.SignIn(ctx, visitor(), "jonas@example.com", newPassword)
		refuses(t, "before the code is given back", err, wallet.InvalidPassword)
		refuses(t, "a wrong code", w.ConfirmContact(ctx, visitor(), handle, wrong(code)), wallet.InvalidCode)
		refuses(t, "the code under another handle", w.ConfirmContact(ctx, visitor(), secret.NewKey(), code), wallet.InvalidCode)
		if err := w.ConfirmContact(ctx, visitor(), handle, " "+code[:3]+" "+code[3:]); err != nil {
			t.Fatal(err)
		}
		refuses(t, "the code again", w.ConfirmContact(ctx, visitor(), handle, code), wallet.InvalidCode)

		cookie, err := w.SignIn(ctx, visitor(), "JONAS@example.com", newPassword)
		if err != nil {
			t.Fatal(err)
		}
		c, err := w.PersonOf(ctx, visitor(), cookie)
		if err != nil || c.Kind != wallet.ByPerson {
			t.Fatal(c, err)
		}
		account, err := w.Account(ctx, c)
		if err != nil || account.Email != "jonas@example.com" || len(account.Wallets) != 1 || !account.HasPassword || account.HasPIN || account.Standing != wallet.ActiveUser {
			t.Errorf("the account is %+v, %v", account, err)
		}
	})
}

// A phone registers a user over the wire, and both contacts are confirmed by their own codes.
func TestRegisteringThroughAClient(t *testing.T) {
	withPeople(t, func(t *testing.T, w world) {
		r := service.Registration{Phone: "+370 600 12345", Email: "jonas@example.com", Locale: "lt", Password: newPassword}
		u, err := w.RegisterUser(ctx, w.by(phone), r)
		if err != nil || u.Phone != "37060012345" || u.Email != "jonas@example.com" || u.RegisteredBy != phone {
			t.Fatalf("registered %+v, %v", u, err)
		}
		_, err = w.ConfirmUserContact(ctx, w.by(phone), u.ID, true, w.codeTo("jonas@example.com"))
		refuses(t, "the code of the e-mail address for the phone", err, wallet.InvalidCode)
		if _, err := w.ConfirmUserContact(ctx, w.by(phone), u.ID, true, w.codeTo("37060012345")); err != nil {
			t.Fatal(err)
		}
		if _, err := w.ConfirmUserContact(ctx, w.by(phone), u.ID, false, w.codeTo("jonas@example.com")); err != nil {
			t.Fatal(err)
		}
		issued, err := w.signInBy(phone, "37060012345", newPassword, "email phone")
		if err != nil {
			t.Fatal(err)
		}
		c, _ := w.with(issued.Access)
		view, err := w.GetUser(ctx, c, service.Me)
		if err != nil || view.User.Email != "jonas@example.com" || view.User.Phone != "37060012345" || !view.Email || !view.Phone || view.Address {
			t.Errorf("Jonas is %+v, %v", view, err)
		}
		_, err = w.RegisterUser(ctx, w.by(tablet), r)
		refuses(t, "a client without the permission", err, wallet.Forbidden)
		_, err = w.RegisterUser(ctx, w.by(phone), service.Registration{Email: "no address", Phone: "112", Password: newPassword})
		refuses(t, "contacts that are none", err, wallet.InvalidParameters, "email", "phone")
		_, err = w.RegisterUser(ctx, w.by(phone), service.Registration{Password: newPassword})
		refuses(t, "no contact", err, wallet.InvalidParameters, "email")
		_, err = w.RegisterUser(ctx, w.by(site), r)
		refuses(t, "a server that could look the user up", err, wallet.UserAlreadyExists)
	})
}

// Nobody learns who has an account by registering, by asking for a new password or by naming a new contact: the answer
// is the same. What there is to know is told to who reads the address.
func TestAnswersSayNothingAboutAccounts(t *testing.T) {
	withPeople(t, func(t *testing.T, w world) {
		for what, ask := range map[string]func(contact string) (secret.Text, error){
			"registering": func(contact string) (secret.Text, error) {
				return w.Register(ctx, visitor(), service.Registration{DisplayName: "Somebody", Email: contact, Password: newPassword})
			},
			"resetting": func(contact string) (secret.Text, error) {
				handle, _, err := w.RequestPasswordReset(ctx, visitor(), contact)
				return handle, err
			},
			"adding": func(contact string) (secret.Text, error) { return w.AddContact(ctx, person(3), contact, ritasPassword) },
		} {
			for contact, known := range map[string]bool{"ona@example.com": true, what + "@example.com": false} {
				handle, err := ask(contact)
				if err != nil || len(handle.Reveal()) != 32 {
					t.Errorf("%s as %s: %q, %v", what, contact, handle.Reveal(), err)
				}
				told := w.lastTo(contact)
				switch {
				case what == "resetting" && !known && told != nil:
					t.Errorf("somebody who has no account is told %+v", told)
				case what == "resetting" && known && told.Kind != wallet.ResetPassword:
					t.Errorf("Ona is told %+v", told)
				case what != "resetting" && known && (told.Kind != wallet.AlreadyRegistered || told.Values["code"] != ""):
					t.Errorf("%s: Ona is told %+v", what, told)
				}
				var answers []string
				for i := range 6 {
					c := visitor()
					c.From.Address = fmt.Sprintf("198.51.100.%d", i)
					answers = append(answers, fmt.Sprint(w.ConfirmContact(ctx, c, handle, "000000")))
				}
				if len(slices.Compact(answers)) != 1 {
					t.Errorf("%s as %s: a wrong code is answered %q", what, contact, answers)
				}
			}
		}
		number, err := w.ResetUserPassword(ctx, w.by(phone), "rita@example.com", "")
		nobody, none := w.ResetUserPassword(ctx, w.by(phone), "nobody@example.com", "")
		if err != nil || none != nil || number < 1_000_000_000 || nobody != number+1 {
			t.Errorf("a client is answered %d for Rita and %d for nobody: %v, %v", number, nobody, err, none)
		}
		u, err := w.RegisterUser(ctx, w.by(phone), service.Registration{Email: "ona@example.com", Password: newPassword})
		fresh, none := w.RegisterUser(ctx, w.by(phone), service.Registration{Email: "fresh@example.com", Password: newPassword})
		if err != nil || none != nil || u.Email == "" || fresh.ID != u.ID+1 {
			t.Errorf("a device registers Ona as %+v, and somebody new as %+v: %v, %v", u, fresh, err, none)
		}
	})
}

// Two people name one address, and it belongs to who reads it: the other one's code is never sent, or is worth nothing
// any more.
func TestAnAddressBelongsToWhoReadsIt(t *testing.T) {
	withPeople(t, func(t *testing.T, w world) {
		register := func() (secret.Text, secret.Text) {
			handle, err := w.Register(ctx, visitor(), service.Registration{DisplayName: "Jonas", Email: "jonas@example.com", Password: newPassword})
			if err != nil {
				t.Fatal(err)
			}
			return handle, w.codeTo("jonas@example.com")
		}
		squatter, squattersCode := register()
		owner, code := register()
		refuses(t, "the code of another registration", w.ConfirmContact(ctx, visitor(), squatter, code), wallet.InvalidCode)
		if err := w.ConfirmContact(ctx, visitor(), owner, code); err != nil {
			t.Fatal(err)
		}
		refuses(t, "the first code, too late", w.ConfirmContact(ctx, visitor(), squatter, squattersCode), wallet.InvalidCode)
	})
}

// A code works for a quarter of an hour, and five wrong ones end it.
func TestCodesEnd(t *testing.T) {
	withPeople(t, func(t *testing.T, w world) {
		add := func(contact string) (secret.Text, secret.Text) {
			handle, err := w.AddContact(ctx, person(1), contact, onasPassword)
			if err != nil {
				t.Fatal(err)
			}
			return handle, w.codeTo(contact)
		}
		handle, code := add("37060000099")
		w.business.Advance(15 * time.Minute)
		refuses(t, "after its time", w.ConfirmContact(ctx, person(1), handle, code), wallet.InvalidCode)
		handle, code = add("37060000098")
		for range 5 {
			refuses(t, "a wrong one", w.ConfirmContact(ctx, person(1), handle, wrong(code)), wallet.InvalidCode)
		}
		refuses(t, "the right one after five wrong ones", w.ConfirmContact(ctx, person(1), handle, code), wallet.InvalidCode)
		handle, code = add("ona@new.example")
		if err := w.ConfirmContact(ctx, person(1), handle, code); err != nil {
			t.Fatal(err)
		}
		if m := w.lastTo("ona@example.com"); m.Kind != wallet.ContactChanged || m.Values["contact"] != "ona@new.example" {
			t.Errorf("at her old address Ona is told %+v", m)
		}
		for i := range 6 {
			_, err := w.AddContact(ctx, person(1), "flood@example.com", onasPassword)
			if i < 5 && err != nil {
				t.Fatal(err)
			}
			if i == 5 {
				refuses(t, "the sixth code within an hour", err, wallet.RateLimitExceeded)
			}
		}
	})
}

// A phone is sent fifteen codes a day at most, and nobody guesses at an account more often than that allows.
func TestADayHasSoManyCodes(t *testing.T) {
	withPeople(t, func(t *testing.T, w world) {
		ask := func(i int) error {
			c := visitor()
			c.From.Address = fmt.Sprintf("198.51.100.%d", i)
			_, _, err := w.RequestPasswordReset(ctx, c, "37060000001")
			return err
		}
		for i := range 15 {
			if err := ask(i); err != nil {
				t.Fatal(i, err)
			}
			w.business.Advance(15 * time.Minute)
		}
		refuses(t, "the sixteenth within a day", ask(15), wallet.RateLimitExceeded)
		w.business.Advance(21 * time.Hour)
		if err := ask(16); err != nil {
			t.Error(err)
		}
	})
}

// Who forgot the password gets another one by a code; whoever was signed in, and every token, is out.
func TestResettingAPassword(t *testing.T) {
	withPeople(t, func(t *testing.T, w world) {
		cookie, err := w.SignIn(ctx, visitor(), "ona@example.com", onasPassword)
		if err != nil {
			t.Fatal(err)
		}
		tokens, ritas := w.consent(1, "balance"), w.consent(3, "balance")
		handle, _, err := w.RequestPasswordReset(ctx, visitor(), "+37060000001")
		if err != nil {
			t.Fatal(err)
		}
		code := w.codeTo("37060000001")
		refuses(t, "her own address", w.ResetPassword(ctx, visitor(), handle, code, "ona@example.com"), wallet.PasswordTooRisky, "password")
		saysExactly(t, "a short one", w.ResetPassword(ctx, visitor(), handle, code, "short"), wallet.PasswordTooShort, "8 characters")
		refuses(t, "one that is in every list", w.ResetPassword(ctx, visitor(), handle, code, "password1"), wallet.PasswordTooRisky, "password")
		refuses(t, "a wrong code", w.ResetPassword(ctx, visitor(), handle, wrong(code), newPassword), wallet.InvalidCode)
		refuses(t, "the code to confirm a contact with", w.ConfirmContact(ctx, visitor(), handle, code), wallet.InvalidCode)
		if err := w.ResetPassword(ctx, visitor(), handle, code, newPassword); err != nil {
			t.Fatal(err)
		}
		refuses(t, "the code again", w.ResetPassword(ctx, visitor(), handle, code, newPassword), wallet.InvalidCode)
		if c, _ := w.PersonOf(ctx, visitor(), cookie); c.Kind != wallet.Anonymous {
			t.Error("who was signed in is so still")
		}
		if w.works(tokens.Access) || !w.works(ritas.Access) {
			t.Error("not exactly Ona's tokens have ended")
		}
		if _, err := w.SignIn(ctx, visitor(), "ona@example.com", onasPassword); err == nil {
			t.Error("the old password works")
		}
		if _, err := w.SignIn(ctx, visitor(), "ona@example.com", newPassword); err != nil {
			t.Error(err)
		}
		if m := w.lastTo("ona@example.com"); m.Kind != wallet.PasswordChanged {
			t.Errorf("Ona is told %+v", m)
		}
		// A phone does the same by number, and only with the right person code where it gives one.
		number, err := w.ResetUserPassword(ctx, w.by(phone), "rita@example.com", "39001010000")
		if err != nil || w.codeTo("rita@example.com") != "" {
			t.Errorf("Rita is sent a code on a wrong person code: %v", err)
		}
		refuses(t, "no code was sent", errorOf(w.SetPasswordByCode(ctx, w.by(phone), number, "123456", newPassword)), wallet.InvalidCode)
		if number, err = w.ResetUserPassword(ctx, w.by(phone), "rita@example.com", ""); err != nil {
			t.Fatal(err)
		}
		if _, err := w.SetPasswordByCode(ctx, w.by(phone), number, w.codeTo("rita@example.com"), newPassword); err != nil {
			t.Error(err)
		}
	})
}

// A trusted client's word for an address lasts as long as the trust, and whoever holds a request that was prepared with
// somebody's address cannot flood them with it.
func TestATrustedWordIsBounded(t *testing.T) {
	withPeople(t, func(t *testing.T, w world) {
		trust := func(permissions ...wallet.Permission) {
			if _, err := w.UpdateClient(ctx, operator, site, service.ClientChange{Permissions: &permissions}); err != nil {
				t.Fatal(err)
			}
		}
		prepare := func(email string) secret.Text {
			r := w.request("balance")
			r.Email = email
			key, err := w.PrepareAuthorization(ctx, w.by(site), r)
			if err != nil {
				t.Fatal(err)
			}
			return key
		}
		register := func(key secret.Text, email string) (secret.Text, error) {
			return w.Register(ctx, visitor(), service.Registration{DisplayName: "Somebody", Email: email, Password: newPassword, Prepared: key})
		}
		trust(wallet.UseOAuthAPI, wallet.GiveTrustedUserInfo)
		onas, jonas := prepare("ona@example.com"), prepare("jonas@example.com")
		for i := range 6 {
			handle, err := register(onas, "ona@example.com")
			if i < 5 && (err != nil || handle != "") {
				t.Errorf("on a trusted client's word: %q, %v", handle.Reveal(), err)
			}
			if i == 5 {
				refuses(t, "the sixth message within an hour", err, wallet.RateLimitExceeded)
			}
		}
		trust(wallet.UseOAuthAPI)
		if handle, err := register(jonas, "jonas@example.com"); err != nil || handle == "" {
			t.Errorf("without the trust no code is asked for: %v", err)
		}
	})
}

// Ona gives up an address that somebody else reads by now: the code that they had sent there a minute before is worth
// nothing.
func TestACodeEndsWithItsContact(t *testing.T) {
	withPeople(t, func(t *testing.T, w world) {
		handle, _, err := w.RequestPasswordReset(ctx, visitor(), "ona@example.com")
		if err != nil {
			t.Fatal(err)
		}
		code := w.codeTo("ona@example.com")
		added, err := w.AddContact(ctx, person(1), "ona@new.example", onasPassword)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.ConfirmContact(ctx, person(1), added, w.codeTo("ona@new.example")); err != nil {
			t.Fatal(err)
		}
		refuses(t, "a code to the old address", w.ResetPassword(ctx, visitor(), handle, code, newPassword), wallet.InvalidCode)
		if _, err := w.SignIn(ctx, visitor(), "ona@new.example", onasPassword); err != nil {
			t.Error(err)
		}
	})
}

// Who gives a person code beside a contact does not learn from the work of the server whether it is somebody's.
func TestAPersonCodeTellsNothing(t *testing.T) {
	withPeople(t, func(t *testing.T, w world) {
		var statements []int64
		for _, contact := range []string{"other@example.com", "ona@example.com", "nobody@example.com"} { // the first one warms up
			before := w.db.Statements()
			if _, err := w.ResetUserPassword(ctx, w.by(phone), contact, "39001010000"); err != nil {
				t.Fatal(err)
			}
			statements = append(statements, w.db.Statements()-before)
		}
		if statements[1] != statements[2] {
			t.Errorf("somebody costs %d statements, nobody %d", statements[1], statements[2])
		}
	})
}

// The numbers that codes for new passwords are given back under can be counted up. Who does gets nowhere, and uses up
// nobody's tries.
func TestACodeIsGivenBackWhereItWasAskedFor(t *testing.T) {
	withPeople(t, func(t *testing.T, w world) {
		number, err := w.ResetUserPassword(ctx, w.by(phone), "rita@example.com", "")
		if err != nil {
			t.Fatal(err)
		}
		code := w.codeTo("rita@example.com")
		handle, _, err := w.RequestPasswordReset(ctx, visitor(), "ona@example.com")
		if err != nil {
			t.Fatal(err)
		}
		onas := w.codeTo("ona@example.com")
		for range 6 {
			refuses(t, "another device", errorOf(w.SetPasswordByCode(ctx, w.by(tablet), number, wrong(code), newPassword)), wallet.InvalidCode)
			refuses(t, "a code of the pages", errorOf(w.SetPasswordByCode(ctx, w.by(tablet), number+1, wrong(onas), newPassword)), wallet.InvalidCode)
		}
		refuses(t, "the right code, at another device", errorOf(w.SetPasswordByCode(ctx, w.by(tablet), number, code, newPassword)), wallet.InvalidCode)
		if _, err := w.SetPasswordByCode(ctx, w.by(phone), number, code, newPassword); err != nil {
			t.Error(err)
		}
		if err := w.ResetPassword(ctx, visitor(), handle, onas, newPassword); err != nil {
			t.Error(err)
		}
	})
}

// Ona changes her password and her PIN, with the present ones; elsewhere she is signed out.
func TestChangingSecrets(t *testing.T) {
	withPeople(t, func(t *testing.T, w world) {
		here, err := w.SignIn(ctx, visitor(), "ona@example.com", onasPassword)
		there, err2 := w.SignIn(ctx, visitor(), "ona@example.com", onasPassword)
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		refuses(t, "a wrong present password", w.ChangePassword(ctx, person(1), "wrong", newPassword, here), wallet.InvalidPassword)
		refuses(t, "her own address", w.ChangePassword(ctx, person(1), onasPassword, "ona@example.com", here), wallet.PasswordTooRisky, "password")
		if err := w.ChangePassword(ctx, person(1), onasPassword, newPassword, here); err != nil {
			t.Fatal(err)
		}
		inHere, _ := w.PersonOf(ctx, visitor(), here)
		inThere, _ := w.PersonOf(ctx, visitor(), there)
		if inHere.Person != 1 || inThere.Person != 0 {
			t.Errorf("signed in here %d, there %d", inHere.Person, inThere.Person)
		}
		refuses(t, "no PIN", w.SetPIN(ctx, person(1), "", newPassword, ""), wallet.InvalidParameters, "pin")
		refuses(t, "digits in a row", w.SetPIN(ctx, person(1), "", newPassword, "4321"), wallet.InvalidParameters, "pin")
		refuses(t, "one digit", w.SetPIN(ctx, person(1), "", newPassword, "7777"), wallet.InvalidParameters, "pin")
		refuses(t, "a wrong password", w.SetPIN(ctx, person(1), "", "wrong", "8305"), wallet.InvalidPassword)
		refuses(t, "a PIN where there is none", w.SetPIN(ctx, person(1), "1234", "", "8305"), wallet.InvalidPassword)
		for _, err := range []error{
			w.SetPIN(ctx, person(1), "", newPassword, "8305"), w.SetPIN(ctx, person(1), "8305", "", "9416"), w.SetPIN(ctx, person(1), "", newPassword, "8305"),
		} {
			if err != nil {
				t.Error(err)
			}
		}
		if m := w.lastTo("ona@example.com"); m.Kind != wallet.PINChanged {
			t.Errorf("Ona is told %+v", m)
		}
		// Over the wire only a program that sees passwords anyway may change one.
		byPhone, err := w.signInBy(phone, "ona@example.com", newPassword, "")
		if err != nil {
			t.Fatal(err)
		}
		inPhone, _ := w.with(byPhone.Access)
		inSite := w.withToken(manager, 1, wallet.ScopeBalance)
		_, err = w.SetUserPassword(ctx, inSite, service.Me, newPassword, onasPassword)
		refuses(t, "a program that users do not trust with their password", err, wallet.Forbidden)
		_, err = w.SetUserPassword(ctx, inPhone, 3, ritasPassword, onasPassword)
		refuses(t, "another user's", err, wallet.Forbidden)
		_, err = w.ChangeContact(ctx, inSite, service.Me, false, "evil@example.com")
		refuses(t, "another address through such a program", err, wallet.Forbidden)
		if _, err := w.SetUserPassword(ctx, inPhone, service.Me, newPassword, onasPassword); err != nil {
			t.Error(err)
		}
	})
}

// Guessing is slowed for the account, whoever guesses, and for the network, whatever it guesses at. The first three wrong
// passwords cost nothing (decisions.md 17).
func TestGuessingIsSlowed(t *testing.T) {
	defer service.WithoutHashing(onasPassword)()
	withPeople(t, func(t *testing.T, w world) {
		from := func(network byte) wallet.Caller {
			c := visitor()
			c.From.Address = fmt.Sprintf("198.51.%d.1", network)
			return c
		}
		waits := func(c wallet.Caller, contact string) time.Duration {
			t.Helper()
			_, err := w.SignIn(ctx, c, contact, "wrong")
			var refused *wallet.Error
			if errors.As(err, &refused) && refused.Code == wallet.RateLimitExceeded {
				return refused.RetryAfter
			}
			refuses(t, "a wrong password", err, wallet.InvalidPassword)
			return 0
		}
		for _, contact := range []string{"ona@example.com", "nobody@example.com"} {
			var waited []time.Duration
			for i := range byte(14) {
				for again := waits(from(i), contact); again > 0; again = waits(from(i), contact) {
					waited = append(waited, again)
					w.wall.Advance(again)
				}
			}
			want := []time.Duration{}
			for i := range 10 {
				want = append(want, min(time.Second<<i, 15*time.Minute))
			}
			if !slices.Equal(waited, want) {
				t.Errorf("%s: waited %v, want %v", contact, waited, want)
			}
		}
		for range 2 {
			waits(from(199), "ona@example.com")
		}
		_, err := w.SignIn(ctx, from(200), "37060000001", onasPassword)
		refuses(t, "the right password while others guess, by the phone number", err, wallet.RateLimitExceeded)
		w.wall.Advance(15 * time.Minute)
		if _, err := w.SignIn(ctx, from(200), "37060000001", onasPassword); err != nil {
			t.Error(err)
		}
		for range 3 {
			if wait := waits(from(201), "ona@example.com"); wait != 0 {
				t.Errorf("after the right one a wrong one waits %v", wait)
			}
		}
		// One network guesses at many accounts, and signs in with its own in between.
		for i := range 20 {
			if wait := waits(from(210), fmt.Sprintf("user%d@example.com", i)); wait != 0 {
				t.Fatalf("account %d waits %v", i, wait)
			}
		}
		if _, err := w.SignIn(ctx, from(210), "rita@example.com", onasPassword); err != nil {
			t.Fatal(err)
		}
		if waits(from(210), "user21@example.com") != 0 || waits(from(210), "user22@example.com") == 0 {
			t.Error("one network guesses on and on")
		}
		if waits(from(211), "user23@example.com") != 0 {
			t.Error("another network waits too")
		}
		w.wall.Advance(2 * time.Hour)
		if waits(from(210), "user24@example.com") != 0 {
			t.Error("a network never begins anew")
		}
	})
}

// A network that is always busy, and never beyond what is free in an hour, does not wait however long that goes on: what
// it tried is forgotten little by little.
func TestABusyNetworkIsNotSlowedForEver(t *testing.T) {
	withPeople(t, func(t *testing.T, w world) {
		for i := range 60 {
			if _, _, err := w.RequestPasswordReset(ctx, visitor(), fmt.Sprintf("user%d@example.com", i)); err != nil {
				t.Fatalf("code %d of a network that asks for one every four minutes: %v", i, err)
			}
			w.wall.Advance(4 * time.Minute)
			w.business.Advance(4 * time.Minute)
		}
		var refused error
		for i := 0; refused == nil && i < 25; i++ {
			_, _, refused = w.RequestPasswordReset(ctx, visitor(), fmt.Sprintf("more%d@example.com", i))
		}
		refuses(t, "many at once", refused, wallet.RateLimitExceeded)
	})
}

// All codes to phones together are bounded, whoever asks from wherever: each costs the operator money. E-mail goes on.
func TestCodesToPhonesAreBounded(t *testing.T) {
	withPeople(t, func(t *testing.T, w world) {
		w.PhoneCodesPerHour = 10
		ask := func(i int, contact string) error {
			c := visitor()
			c.From.Address = fmt.Sprintf("198.51.100.%d", i)
			_, _, err := w.RequestPasswordReset(ctx, c, contact)
			return err
		}
		heard := 0
		for i := range 30 {
			if ask(i, fmt.Sprintf("3706000%04d", i)) == nil {
				heard++
			}
		}
		if heard != 11 { // the eleventh is heard, and has the next one wait
			t.Errorf("%d of 30 codes to phones were sent at once", heard)
		}
		refuses(t, "one more", ask(31, "37060000001"), wallet.RateLimitExceeded)
		_, err := w.InviteAdministrator(ctx, person(1), 1, "37060000077")
		refuses(t, "an invitation to a phone", err, wallet.RateLimitExceeded)
		if err := ask(32, "ona@example.com"); err != nil {
			t.Errorf("a code by e-mail: %v", err)
		}
		w.wall.Advance(2 * time.Hour)
		if err := ask(33, "37060000001"); err != nil {
			t.Errorf("later: %v", err)
		}
		w.PhoneCodesPerHour = 0
		for i := range 30 {
			if err := ask(40+i, fmt.Sprintf("3706001%04d", i)); err != nil {
				t.Fatalf("without a bound: %v", err)
			}
		}
	})
}

// A contact is added to an account in the browser of who is signed in to it: nobody types the code that they were sent into a
// page that a stranger has led them to.
func TestAContactIsConfirmedByWhoAddsIt(t *testing.T) {
	withPeople(t, func(t *testing.T, w world) {
		handle, err := w.AddContact(ctx, person(3), "victim@example.com", ritasPassword)
		if err != nil {
			t.Fatal(err)
		}
		code := w.codeTo("victim@example.com")
		refuses(t, "by nobody in particular", w.ConfirmContact(ctx, visitor(), handle, code), wallet.InvalidCode)
		refuses(t, "by another person", w.ConfirmContact(ctx, person(1), handle, code), wallet.InvalidCode)
		if err := w.ConfirmContact(ctx, person(3), handle, code); err != nil {
			t.Error(err)
		}
	})
}

// Whoever sits down at a computer where Ona is signed in does not take her account over: another contact takes her password.
func TestAnotherContactTakesThePassword(t *testing.T) {
	withPeople(t, func(t *testing.T, w world) {
		for _, contact := range []string{"thief@example.com", "37060000666"} {
			_, err := w.AddContact(ctx, person(1), contact, "guessed")
			refuses(t, "a wrong password", err, wallet.InvalidPassword)
			if told := w.lastTo(contact); told != nil {
				t.Errorf("%s is told %+v", contact, told)
			}
		}
	})
}

// A code that could not leave in time is not sent any more: it would be refused.
func TestADeadCodeIsNotSent(t *testing.T) {
	withPeople(t, func(t *testing.T, w world) {
		kinds := func() (taken []wallet.MessageKind) {
			for {
				m, err := w.TakeMessage(ctx, operator)
				if err != nil {
					t.Fatal(err)
				}
				if m == nil {
					return taken
				}
				taken = append(taken, m.Kind)
			}
		}
		kinds()
		if _, _, err := w.RequestPasswordReset(ctx, visitor(), "rita@example.com"); err != nil {
			t.Fatal(err)
		}
		if err := w.ChangePassword(ctx, person(1), onasPassword, newPassword, ""); err != nil {
			t.Fatal(err)
		}
		w.business.Advance(15 * time.Minute)
		if got := kinds(); !slices.Equal(got, []wallet.MessageKind{wallet.PasswordChanged}) {
			t.Errorf("a quarter of an hour late %q leave", got)
		}
	})
}

// One PIN has one count of wrong tries, at a till and on the page.
func TestAPINHasOneCount(t *testing.T) {
	withPeople(t, func(t *testing.T, w world) {
		if err := w.SetPIN(ctx, person(1), "", onasPassword, "2580"); err != nil {
			t.Fatal(err)
		}
		guess := service.PINGuess(w.Service, wallet.Caller{From: wallet.Origin{Address: "203.0.113.7"}}, 1)
		for i := range 4 {
			if err := guess(ctx); err != nil {
				t.Fatal(i, err)
			}
		}
		refuses(t, "on the page, after four tries at a till", w.SetPIN(ctx, person(1), "0000", "", "9731"), wallet.RateLimitExceeded)
	})
}

// Many guess at once: no more of them are heard than one after another would be.
func TestGuessingAtOnce(t *testing.T) {
	defer service.WithoutHashing(onasPassword)()
	withPeople(t, func(t *testing.T, w world) {
		heard := make(chan struct{}, 64)
		crowd(64, func(caller int) {
			c := visitor()
			c.From.Address = fmt.Sprintf("198.51.100.%d", caller)
			_, err := w.SignIn(ctx, c, "ona@example.com", "wrong")
			var refused *wallet.Error
			if errors.As(err, &refused) && refused.Code == wallet.InvalidPassword {
				heard <- struct{}{}
			}
		})
		if len(heard) != 4 {
			t.Errorf("%d of 64 guesses were heard", len(heard))
		}
	})
}

// Somebody with a stopwatch signs in, registers or asks for a new password, as people who have an account and as people who
// have none. Without the hash, which costs the same for all, it takes the same time.
func TestAccountsAreNotToldApartByTime(t *testing.T) {
	if raceEnabled {
		return // the race detector takes its own time
	}
	defer service.WithoutHashing("right")()
	address := "sqlite:" + t.TempDir() + "/purser.db"
	w := newServer(t, address, wallettest.NewClock(), wallettest.NewClock())
	w.populate()
	w.people()
	contacts := [2]string{"ona@example.com", "una@example.com"}
	samples := 2000
	if timingSamples != "" {
		fmt.Sscan(timingSamples, &samples)
	}
	for what, ask := range map[string]func(contact string) error{
		"signing in": func(contact string) error { _, err := w.SignIn(ctx, visitor(), contact, "wrong"); return err },
		"registering": func(contact string) error {
			_, err := w.Register(ctx, visitor(), service.Registration{DisplayName: "Una", Email: contact, Password: newPassword})
			return err
		},
		"resetting": func(contact string) error { _, _, err := w.RequestPasswordReset(ctx, visitor(), contact); return err },
	} {
		least := 1e9
		for try := 1; try <= 3 && least >= 4.5; try++ {
			apart := wallettest.Apart(samples, 100, func(int) {
				w.wall.Advance(25 * time.Hour) // what others tried is forgotten
				w.business.Advance(2 * time.Hour)
			}, func(way int) {
				err := ask(contacts[way])
				if what == "signing in" && err == nil || what != "signing in" && err != nil {
					t.Fatalf("%s: %v", what, err)
				}
			})
			least = min(least, apart)
			t.Logf("%s, try %d: |t| = %.2f", what, try, apart)
		}
		if least >= 4.5 {
			t.Errorf("%s: told apart by time, |t| = %.2f", what, least)
		}
	}
}

// A sign-in ends when nobody uses it for half an hour, and after twelve hours anyway.
func TestSignInsEnd(t *testing.T) {
	withPeople(t, func(t *testing.T, w world) {
		cookie, err := w.SignIn(ctx, visitor(), "ona@example.com", onasPassword)
		if err != nil {
			t.Fatal(err)
		}
		in := func() bool {
			c, err := w.PersonOf(ctx, visitor(), cookie)
			if err != nil {
				t.Fatal(err)
			}
			return c.Person == 1
		}
		for range 23 {
			w.wall.Advance(30 * time.Minute)
			if !in() {
				t.Fatal("who is there every half hour is signed out")
			}
		}
		w.wall.Advance(30*time.Minute + time.Second)
		if in() {
			t.Error("a sign-in lasts more than twelve hours")
		}
		if cookie, err = w.SignIn(ctx, visitor(), "ona@example.com", onasPassword); err != nil || !in() {
			t.Fatal(err)
		}
		w.wall.Advance(30*time.Minute + time.Second)
		if in() {
			t.Error("who was away for half an hour is signed in")
		}
		if cookie, err = w.SignIn(ctx, visitor(), "ona@example.com", onasPassword); err != nil {
			t.Fatal(err)
		}
		if err := w.SignOut(ctx, visitor(), cookie); err != nil || in() {
			t.Errorf("signed out: %v", err)
		}
		if c, err := w.PersonOf(ctx, visitor(), secret.NewKey()); err != nil || c.Kind != wallet.Anonymous {
			t.Errorf("a cookie that was made up: %+v, %v", c, err)
		}
	})
}

// An owner asks others to administer a project, and learns nothing about who has an account; whoever reads the contact
// accepts, and from then on acts for the project with a token.
func TestAdministrators(t *testing.T) {
	withPeople(t, func(t *testing.T, w world) {
		ritas := w.withToken(site, 3, wallet.ScopeProjects)
		refuses(t, "who does not own the project", errorOf(w.InviteAdministrator(ctx, person(3), 2, "rita@example.com")), wallet.Forbidden)
		refuses(t, "a token without the scope", errorOf(w.InviteAdministrator(ctx, w.withToken(site, 1, wallet.ScopeBalance), 2, "rita@example.com")), wallet.Forbidden)
		refuses(t, "a client by itself", errorOf(w.InviteAdministrator(ctx, w.by(site), 2, "rita@example.com")), wallet.Forbidden)
		refuses(t, "what is no contact", errorOf(w.InviteAdministrator(ctx, person(1), 2, "rita")), wallet.InvalidParameters, "contact")
		// Ona acts for the company that owns project 2.
		for _, contact := range []string{"rita@example.com", "nobody@example.com", "rita@example.com"} {
			if _, err := w.InviteAdministrator(ctx, w.withToken(site, 1, wallet.ScopeProjects), 2, contact); err != nil {
				t.Fatal(err)
			}
		}
		all, err := w.ListAdministrators(ctx, person(1), 2)
		if err != nil || len(all.Users) != 0 || len(all.Invited) != 2 {
			t.Fatalf("after inviting %+v, %v", all, err)
		}
		if m := w.lastTo("rita@example.com"); m.Kind != wallet.ProjectInvitation || m.Values["project"] != "Bakery" || m.Values["link"] == "" {
			t.Errorf("Rita is told %+v", m)
		}
		account, err := w.Account(ctx, person(3))
		if err != nil || len(account.Invitations) != 1 {
			t.Fatal(account.Invitations, err)
		}
		invitation := account.Invitations[0].ID
		refuses(t, "somebody else's invitation", w.AnswerInvitation(ctx, person(1), invitation, true), wallet.NotFound)
		if ritas.Represents(2) {
			t.Error("Rita acts for the project before she accepts")
		}
		if err := w.AnswerInvitation(ctx, person(3), invitation, true); err != nil {
			t.Fatal(err)
		}
		if c := w.withToken(site, 3, wallet.ScopeProjects); !c.Represents(2) || c.Represents(3) {
			t.Errorf("Rita acts for %v", c.Projects())
		}
		refuses(t, "an administrator who is not the owner", errorOf(w.InviteAdministrator(ctx, person(3), 2, "more@example.com")), wallet.Forbidden)
		if err := w.RemoveAdministrator(ctx, person(1), 2, 3); err != nil {
			t.Fatal(err)
		}
		if c := w.withToken(site, 3, wallet.ScopeProjects); c.Represents(2) {
			t.Error("Rita still acts for the project")
		}
		if err := w.WithdrawInvitation(ctx, person(1), 2, all.Invited[1].ID); err != nil {
			t.Error(err)
		}
		if all, err = w.ListAdministrators(ctx, operator, 2); err != nil || len(all.Users)+len(all.Invited) != 0 {
			t.Errorf("in the end %+v, %v", all, err)
		}
	})
}

// An invitation that is taken back and sent again rings as often as a wrong password may be tried: nobody's phone is at
// the mercy of who owns a project.
func TestInvitationsFloodNobody(t *testing.T) {
	withPeople(t, func(t *testing.T, w world) {
		invite := func() error {
			_, err := w.InviteAdministrator(ctx, w.withToken(site, 1, wallet.ScopeProjects), 2, "37060000077")
			if all, _ := w.ListAdministrators(ctx, person(1), 2); len(all.Invited) == 1 {
				if err := w.WithdrawInvitation(ctx, person(1), 2, all.Invited[0].ID); err != nil {
					t.Fatal(err)
				}
			}
			return err
		}
		for range 4 {
			if err := invite(); err != nil {
				t.Fatal(err)
			}
		}
		refuses(t, "the fifth at once", invite(), wallet.RateLimitExceeded)
		w.wall.Advance(time.Minute)
		if err := invite(); err != nil {
			t.Error(err)
		}
	})
}

// What has served its time is removed, what lives stays.
func TestPruning(t *testing.T) {
	withPeople(t, func(t *testing.T, w world) {
		if _, err := w.Register(ctx, visitor(), service.Registration{DisplayName: "Never", Email: "never@example.com", Password: newPassword}); err != nil {
			t.Fatal(err)
		}
		old := w.consent(1, "balance")
		w.business.Advance(60 * 24 * time.Hour)
		young := w.consent(1, "balance")
		w.business.Advance(38 * 24 * time.Hour) // the old one's 90 days and a week are over
		for range 2 {
			if err := w.db.Prune(ctx, w.wall.Now(), service.SignInMost); err != nil {
				t.Fatal(err)
			}
		}
		_, err := w.refresh(site, old.Refresh, "")
		saysExactly(t, "the old one", err, wallet.InvalidGrant, service.NoSuchRefreshToken)
		if again, err := w.refresh(site, young.Refresh, ""); err != nil || !w.works(again.Access) {
			t.Errorf("the young one: %v", err)
		}
		users, _, err := w.ListUsers(ctx, operator, service.UserFilter{})
		if err != nil || slices.ContainsFunc(users, func(u wallet.User) bool { return u.DisplayName == "Never" }) {
			t.Errorf("who never confirmed anything is kept: %v", err)
		}
		if len(users) != 3 {
			t.Errorf("%d users are left", len(users))
		}
		if !strings.Contains(fmt.Sprint(users), "Rita") {
			t.Error("Rita is gone")
		}
	})
}
