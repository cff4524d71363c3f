package pages_test

import (
	"strings"
	"testing"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
)

// person is somebody as the pages call for them.
func person(id int64) wallet.Caller { return wallet.Caller{Kind: wallet.ByPerson, Person: id} }

// The whole account in both languages.
func TestTheAccountPage(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		b := w.signedIn("en", onasEmail, onasPassword)
		b.get("/frontend/account").shows(200, "My account", onasEmail, "EVP000000000001 – Ona's", "Onos kepykla (301234567)", "Stall & Co", "Bakery", "Present PIN").
			has(`href="/frontend/projects/1"`, `href="/frontend/projects/2"`, `autocomplete="current-password"`)
		b.get("/frontend/lt/account").shows(200, "Mano paskyra", "Piniginės", "Programos").has(`<html lang="lt">`, `href="/frontend/lt/projects/1"`, `href="/frontend/en/account"`)
		w.signedIn("en", ritasPhone, ritasPassword).get("/frontend/account").shows(200, "+"+ritasPhone, "E-mail address none").hides("present_pin", "Companies", "Projects that")
	})
}

// What a person says of themselves is saved, and stays as it was where it is refused.
func TestTheProfileIsSaved(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		b := w.signedIn("en", onasEmail, onasPassword)
		b.post("/frontend/account/profile", "display_name", "Ona & Co", "locale", "en", "dob", "1990-01-31", "gender", "female", "address.country", "lt", "address.city", "Vilnius",
			"address.street", "Pilies 1", "address.post_index", "01123", "identity.name", "Ona", "identity.surname", "Onaitė", "identity.nationality", "LT", "identity.code", "49001310000").
			leads("/frontend/account?notice=saved")
		page := b.get("/frontend/account?notice=saved").shows(200, "Saved.", "We have …00.").has(`<option value="en" selected>`, `<option value="female" selected>`).hides("49001310000")
		if page.value("address.city") != "Vilnius" || page.value("identity.nationality") != "lt" || page.value("dob") != "1990-01-31" {
			t.Errorf("the form holds %s", page.main())
		}
		// A person code stays where it is left empty; other fields are emptied.
		b.post("/frontend/account/profile", "display_name", "Ona", "identity.name", "Ona", "identity.surname", "O", "identity.nationality", "lt", "identity.code", "", "dob", "").
			leads("/frontend/account?notice=saved")
		u, err := w.InspectUser(ctx, operator, 1)
		if err != nil || u.Identity.Code != "49001310000" || u.DateOfBirth != "" || u.Address.City != "Vilnius" || u.Locale != "en" {
			t.Errorf("the profile is %+v, %v", u.User, err)
		}
		page = b.post("/frontend/lt/account/profile", "display_name", "", "dob", "vakar", "gender", "x", "address.country", "Lietuva", "address.city", "", "identity.nationality", "LTU", "locale", "lietuvių").shows(400, "Neišsaugota")
		for field, words := range map[string]string{
			"display_name": "Įrašykite vardą", "dob": "Įrašykite datą", "gender": "Pasirinkite", "address.country": "dvi šalies raides", "identity.nationality": "dvi šalies raides",
		} {
			if got := page.mistake(field); !strings.Contains(got, words) {
				t.Errorf("%s is answered %q", field, got)
			}
		}
		if page.value("dob") != "vakar" || strings.Contains(page.read(), "must be") {
			t.Errorf("the page is %s", page.main())
		}
		page = b.post("/frontend/account/profile", "address.country", "lt", "address.city", "", "address.street", "").shows(400)
		if page.mistake("address.city") != "This is needed." || page.mistake("address.street") != "This is needed." || page.mistake("address.country") != "" {
			t.Errorf("half an address is answered %s", page.main())
		}
	})
}

// Whom the operator has identified cannot change who they are.
func TestAnIdentifiedPersonIsNotRenamed(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		identity, level := wallet.Identity{Name: "Ona", Surname: "Onaitė", Nationality: "lt", Code: "49001310000"}, wallet.Identified
		if _, err := w.UpdateUser(ctx, operator, 1, service.UserChange{Identity: &identity, Level: &level}, true); err != nil {
			t.Fatal(err)
		}
		b := w.signedIn("en", onasEmail, onasPassword)
		b.get("/frontend/account").shows(200, "You have been identified as Ona Onaitė").hides(`name="identity.name"`)
		b.post("/frontend/account/profile", "identity.name", "Rita").shows(409, "Where you have been identified, ask us")
	})
}

// A new contact takes the place of the old one once its code is given back, and the old one is told.
func TestAContactIsReplaced(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		b := w.signedIn("en", onasEmail, onasPassword)
		if b.post("/frontend/account/contact", "contact", "ona", "password", onasPassword).shows(400).mistake("contact") == "" || b.at.value("contact") != "ona" {
			t.Error("what is no contact is taken")
		}
		if page := b.post("/frontend/account/contact", "contact", "onute@example.com").shows(400, "Please correct"); !strings.Contains(page.Body, `id="contact-password-mistake"`) || page.value("contact") != "onute@example.com" {
			t.Error("a contact is replaced without the password")
		}
		confirm := b.post("/frontend/account/contact", "contact", "onute@example.com", "password", onasPassword).leads("/frontend/account/confirm/…")
		b.get("/frontend/account").shows(200, onasEmail)
		b.post(confirm, "code", "1").shows(400)
		b.post(confirm, "code", w.code("onute@example.com")).leads("/frontend/account?notice=saved")
		b.get("/frontend/account").shows(200, "onute@example.com")
		if told := w.messages(onasEmail); len(told) != 1 || told[0].Kind != wallet.ContactChanged {
			t.Errorf("the old address was told %v", told)
		}
		// Another one's contact is answered like a free one, and no code helps.
		confirm = b.post("/frontend/account/contact", "contact", ritasPhone, "password", onasPassword).leads("/frontend/account/confirm/…")
		b.post(confirm, "code", "123456").shows(400)
	})
}

func TestPasswordAndPIN(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		b := w.signedIn("lt", onasEmail, onasPassword)
		page := b.post("/frontend/account/password", "present", "x", "password", newPassword).shows(400, "Neišsaugota").hides(newPassword)
		if page.mistake("present") != "Neteisingai." || page.mistake("password") != "" {
			t.Errorf("a wrong password is answered %s", page.main())
		}
		page = b.post("/frontend/account/password", "present", onasPassword, "password", "ona").shows(400)
		if page.mistake("password") == "" {
			t.Errorf("a short password is answered %s", page.main())
		}
		for pin, present := range map[string][2]string{"1234": {"2580", ""}, "1111": {"", onasPassword}, "12": {"2580", ""}, "abcd": {"2580", ""}} {
			page = b.post("/frontend/account/pin", "present_pin", present[0], "password", present[1], "pin", pin).shows(400)
			if !strings.Contains(page.mistake("pin"), "Nuo 4 iki 12 skaitmenų") {
				t.Errorf("the PIN %s is answered %s", pin, page.main())
			}
		}
		if page = b.post("/frontend/account/pin", "present_pin", "0000", "pin", "8642").shows(400); page.mistake("present_pin") == "" {
			t.Error("a wrong PIN is taken")
		}
		if page = b.post("/frontend/account/pin", "password", "x", "pin", "8642").shows(400); !strings.Contains(page.Body, `id="pin-password-mistake"`) {
			t.Error("a wrong password is taken")
		}
		b.post("/frontend/account/pin", "present_pin", "2580", "pin", "8642").leads("/frontend/account?notice=pin-changed")
		b.post("/frontend/account/pin", "password", onasPassword, "pin", "8643").leads("/frontend/account?notice=pin-changed")
		rita := w.signedIn("en", ritasPhone, ritasPassword)
		rita.post("/frontend/account/pin", "password", ritasPassword, "pin", "9731").leads("/frontend/account?notice=pin-changed")
		rita.get("/frontend/account?notice=pin-changed").shows(200, "Your PIN is set.", "Present PIN")
	})
}

// The owner of a project invites somebody, who accepts, administers it, and is removed again.
func TestAdministratorsOfAProject(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		ona, rita := w.signedIn("en", onasEmail, onasPassword), w.signedIn("en", ritasPhone, ritasPassword)
		ona.get("/frontend/projects/1").shows(200, "Stall & Co", "Owner: Ona Onaitė", "Nobody.")
		if ona.post("/frontend/projects/1/invite", "contact", "rita").shows(400).mistake("contact") == "" || ona.at.value("contact") != "rita" {
			t.Error("what is no contact is invited")
		}
		ona.post("/frontend/projects/1/invite", "contact", "+"+ritasPhone).leads("/frontend/projects/1?notice=invited")
		ona.post("/frontend/projects/2/invite", "contact", ritasPhone).leads("/frontend/projects/2?notice=invited")
		invited := ona.get("/frontend/projects/1").shows(200, "Invited", ritasPhone)
		ona.post("/frontend/projects/1/withdraw", "invitation", invited.value("invitation")).leads("/frontend/projects/1?notice=withdrawn")
		ona.get("/frontend/projects/1").shows(200).hides(ritasPhone)

		page := rita.get("/frontend/account").shows(200, "Onos kepykla asks you to administer Bakery.").hides("Stall &amp; Co asks")
		answer := "/frontend/account/invitation/" + strings.Split(strings.SplitAfter(page.Body, `action="/frontend/account/invitation/`)[1], `"`)[0]
		ona.post(answer, "answer", "accept").shows(404, "There is no such invitation any more")
		rita.post(answer, "answer", "accept").leads("/frontend/account?notice=accepted")
		rita.get("/frontend/account").shows(200, "Bakery (Onos kepykla)").hides(`"/frontend/projects/2"`)
		for _, path := range []string{"/frontend/projects/2", "/frontend/projects/1", "/frontend/projects/99", "/frontend/projects/x"} {
			if rita.get(path); rita.at.Status != 403 && rita.at.Status != 404 {
				t.Errorf("%s answers Rita %d", path, rita.at.Status)
			}
		}
		rita.post("/frontend/projects/2/invite", "contact", "x@example.com").shows(403, "You may not do this.")
		rita.post("/frontend/projects/2/remove", "user", "3").shows(403)

		page = ona.get("/frontend/projects/2").shows(200, "Rita")
		ona.post("/frontend/projects/2/remove", "user", page.value("user")).leads("/frontend/projects/2?notice=removed")
		ona.get("/frontend/projects/2?notice=removed").shows(200, "Nobody.", "no longer administers")
		if _, err := w.InviteAdministrator(ctx, person(1), 1, ritasPhone); err != nil {
			t.Fatal(err)
		}
		page = rita.get("/frontend/account").shows(200, "Ona Onaitė asks you to administer Stall & Co.")
		answer = "/frontend/account/invitation/" + strings.Split(strings.SplitAfter(page.Body, `action="/frontend/account/invitation/`)[1], `"`)[0]
		rita.post(answer, "answer", "decline").leads("/frontend/account?notice=declined")
		rita.get("/frontend/account?notice=declined").shows(200, "You declined the invitation.").hides("Stall &amp; Co")
	})
}

// A sandbox shows what it would have sent; a real server shows nothing of the kind.
func TestTheInbox(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		b := w.browser("en")
		b.get("/frontend/inbox").shows(200, "There is no message yet.")
		b.post("/frontend/reset-password", "contact", onasEmail).leads("/frontend/reset-password/…")
		b.post("/frontend/reset-password", "contact", ritasPhone).leads("/frontend/reset-password/…")
		page := b.get("/frontend/inbox").shows(200, onasEmail, ritasPhone, "2026-11-21 12:00 UTC", "Slaptažodžio keitimo kodas", w.code(onasEmail), w.code(ritasPhone), "SMS")
		if strings.Index(page.Body, ritasPhone) > strings.Index(page.Body, onasEmail) {
			t.Error("the oldest message comes first")
		}
		message := w.messages(onasEmail)[0]
		if err := w.MessageSent(ctx, operator, message.ID); err != nil {
			t.Fatal(err)
		}
		b.get("/frontend/inbox").shows(200, "The text is gone")
	})
}
