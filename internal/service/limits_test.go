package service_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
)

// An operator bounds what somebody pays: one limit for each kind, currency and time. Taking limits away is only
// told, unless agreed; and the trail has each change once.
func TestPaymentsAreBounded(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		eur := func(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "EUR"} }
		each := wallet.SpendingLimit{Kind: wallet.OrdinaryLimit, Amount: eur(50_00)}
		monthly := wallet.SpendingLimit{Kind: wallet.OrdinaryLimit, Amount: eur(1000_00), Within: 720 * time.Hour}
		stop := wallet.SpendingLimit{Kind: wallet.TemporaryLimit, Amount: eur(0)}
		less := wallet.SpendingLimit{Kind: wallet.OrdinaryLimit, Amount: eur(20_00)}
		stand := func(want ...wallet.SpendingLimit) {
			t.Helper()
			d, err := w.InspectUser(ctx, operator, 3)
			if !slices.Equal(d.Limits, want) || err != nil {
				t.Errorf("the limits are %v, %v; want %v", d.Limits, err, want)
			}
		}
		for _, set := range []wallet.SpendingLimit{each, each, monthly, stop, less} {
			if changed, err := w.LimitUser(ctx, operator, 3, false, []wallet.SpendingLimit{set}, false); err != nil || changed.Planned {
				t.Errorf("setting %v: %+v, %v", set, changed, err)
			}
		}
		stand(less, monthly, stop)
		plan, err := w.LimitUser(ctx, operator, 3, true, []wallet.SpendingLimit{each}, false)
		want := []string{"the limit of 1000.00 EUR within 720h no longer holds", "the restriction of 0.00 EUR in each payment no longer holds"}
		if err != nil || !plan.Planned || !slices.Equal(plan.Losses, want) {
			t.Errorf("the plan is %+v, %v", plan, err)
		}
		stand(less, monthly, stop)
		if _, err := w.LimitUser(ctx, operator, 3, true, []wallet.SpendingLimit{each}, true); err != nil {
			t.Error(err)
		}
		stand(each)
		entries, err := w.AuditTrail(ctx, operator, "user", 3, 100)
		if err != nil || len(entries) != 6 || !strings.Contains(entries[0].After, `"Minor":5000`) || strings.Contains(entries[0].After, "restriction") {
			t.Errorf("the trail is %+v, %v", entries, err)
		}
		for field, wrong := range map[string]wallet.SpendingLimit{
			"kind":     {Kind: "hint", Amount: eur(1)},
			"currency": {Kind: wallet.OrdinaryLimit, Amount: money.Amount{Minor: 1, Currency: "XAU"}},
			"amount":   {Kind: wallet.OrdinaryLimit, Amount: eur(-1)},
			"within":   {Kind: wallet.OrdinaryLimit, Amount: eur(1), Within: time.Millisecond},
		} {
			_, err := w.LimitUser(ctx, operator, 3, false, []wallet.SpendingLimit{wrong}, true)
			refuses(t, field, err, wallet.InvalidParameters, field)
		}
		_, err = w.LimitUser(ctx, operator, 77, true, nil, true)
		refuses(t, "nobody's limits", err, wallet.NotFound)
		_, err = w.LimitUser(ctx, w.by(manager), 3, true, nil, true)
		refuses(t, "a client that sets limits", err, wallet.Forbidden)
		stand(each)
	})
}

// An operator takes back what a user agreed to for one client: its tokens of that user end, and nobody else's.
func TestAnOperatorTakesConsentBack(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		issue := func(client, user int64) string {
			t.Helper()
			issued, err := w.IssueToken(ctx, operator, user, client, []wallet.Scope{wallet.ScopeBalance}, time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			return issued.Access
		}
		ended, otherClient, otherUser := issue(shop, 1), issue(manager, 1), issue(shop, 3)
		works := func(access string) bool {
			t.Helper()
			c, err := w.db.Credential(ctx, access)
			if err != nil {
				t.Fatal(err)
			}
			return c.Known
		}
		apps, err := w.ListUserApps(ctx, operator, 1)
		if err != nil || len(apps) != 2 {
			t.Errorf("Ona agreed to %+v, %v", apps, err)
		}
		consent, err := w.RevokeUserApp(ctx, operator, 1, shop, false)
		if err != nil || wallet.ScopeNames(consent.Scopes) != "balance" || !works(ended) {
			t.Errorf("the plan is %+v, %v", consent, err)
		}
		if _, err := w.RevokeUserApp(ctx, operator, 1, shop, true); err != nil || works(ended) || !works(otherClient) || !works(otherUser) {
			t.Errorf("after taking it back (%v) the tokens work: %v, %v, %v", err, works(ended), works(otherClient), works(otherUser))
		}
		if apps, err := w.ListUserApps(ctx, operator, 1); err != nil || len(apps) != 1 || apps[0].Client.ID != manager {
			t.Errorf("Ona still agrees to %+v, %v", apps, err)
		}
		if last := w.trail(shop)[0]; last.Action != "revoke consent" || last.After != `{"User":1}` {
			t.Errorf("the trail says %+v", last)
		}
		_, err = w.RevokeUserApp(ctx, operator, 1, shop, true)
		refuses(t, "taking back what is not there", err, wallet.NotFound)
		_, err = w.ListUserApps(ctx, operator, 77)
		refuses(t, "what nobody agreed to", err, wallet.NotFound)
		_, err = w.RevokeUserApp(ctx, w.by(shop), 3, shop, true)
		refuses(t, "a client that takes back", err, wallet.Forbidden)
	})
}

// Two operators change different parts of one person at once: both stay.
func TestPartsOfAPersonChangeByThemselves(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		if _, err := w.UpdateUser(ctx, operator, 3, changeOf("Vilnius", "Rita"), false); err != nil {
			t.Fatal(err)
		}
		crowd(2, func(caller int) {
			change := partsOf("", "Ritaitė")
			if caller == 0 {
				change = partsOf("Kaunas", "")
			}
			if _, err := w.UpdateUser(ctx, operator, 3, change, false); err != nil {
				t.Error(err)
			}
		})
		d, err := w.InspectUser(ctx, operator, 3)
		want := wallet.Address{Country: "lt", City: "Kaunas", Street: "Pilies g. 1"}
		if err != nil || d.Address != want || d.Identity.Name != "Rita" || d.Identity.Surname != "Ritaitė" {
			t.Errorf("Rita is %+v %+v, %v", d.Address, d.Identity, err)
		}
	})
}

// An operator makes an administrator, and takes that back: the same transaction changes the rest, or nothing does.
func TestAnOperatorNamesAdministrators(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		issued, err := w.IssueToken(ctx, operator, 3, manager, []wallet.Scope{wallet.ScopeProjects}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		administrators := func(want ...int64) {
			t.Helper()
			d, err := w.InspectProject(ctx, operator, 1)
			var got []int64
			for _, u := range d.Administrators.Users {
				got = append(got, u.ID)
			}
			if !slices.Equal(got, want) || err != nil {
				t.Errorf("project 1 is administered by %v, %v; want %v", got, err, want)
			}
			// What tokens reach follows at once.
			c, err := w.db.Credential(ctx, issued.Access)
			if err != nil || c.Token == nil || slices.Contains(c.Token.Projects, 1) != (len(want) > 0) {
				t.Errorf("the token is %+v, %v", c.Token, err)
			}
		}
		change := projectChange("Market")
		change.AddAdministrators = []int64{3, 3}
		if changed, err := w.UpdateProject(ctx, operator, 1, change, false); err != nil || changed.After.Title != "Market" {
			t.Fatal(changed, err)
		}
		administrators(3)
		change = projectChange("Fair")
		change.AddAdministrators = []int64{2}
		_, err = w.UpdateProject(ctx, operator, 1, change, true)
		refuses(t, "a company as an administrator", err, wallet.InvalidParameters, "administrator")
		change = projectChange("Fair")
		change.RemoveAdministrators = []int64{3, 77}
		plan, err := w.UpdateProject(ctx, operator, 1, change, false)
		if err != nil || !plan.Planned || !slices.Equal(plan.Losses, []string{"user 3 no longer administers the project"}) {
			t.Errorf("the plan is %+v, %v", plan, err)
		}
		administrators(3)
		if p, err := w.db.Project(ctx, 1); err != nil || p.Title != "Market" {
			t.Errorf("the project is %+v, %v", p, err)
		}
		if _, err := w.UpdateProject(ctx, operator, 1, change, true); err != nil {
			t.Error(err)
		}
		administrators()
	})
}

// What has served its time goes, by the clock that it was made by; who calls must be the operator.
func TestPruneTakesBothClocks(t *testing.T) {
	withPeople(t, func(t *testing.T, w world) {
		cookie, err := w.SignIn(ctx, visitor(), "ona@example.com", onasPassword)
		if err != nil {
			t.Fatal(err)
		}
		tokens := w.consent(1, "balance")
		prune := func() {
			t.Helper()
			if err := w.Prune(ctx, operator); err != nil {
				t.Fatal(err)
			}
		}
		signedIn := func() bool {
			t.Helper()
			in, err := w.db.SignIn(ctx, cookie)
			if err != nil {
				t.Fatal(err)
			}
			return in != nil
		}
		w.business.Advance(13 * time.Hour) // sign-ins are on the wall clock
		prune()
		if !signedIn() {
			t.Error("a sign-in goes by the business clock")
		}
		w.wall.Advance(13 * time.Hour)
		prune()
		if signedIn() {
			t.Error("a sign-in that is older than any may be is kept")
		}
		if _, err := w.refresh(site, tokens.Refresh, ""); err != nil {
			t.Errorf("a refresh token that works is gone: %v", err)
		}
		refuses(t, "a client that prunes", w.Prune(ctx, w.by(site)), wallet.Forbidden)
	})
}

// changeOf is where somebody lives and what they are called, partsOf a part of that; empty leaves it.
func changeOf(city, name string) service.UserChange {
	return service.UserChange{Address: &wallet.Address{Country: "lt", City: city, Street: "Pilies g. 1"}, Identity: &wallet.Identity{Name: name}}
}

func partsOf(city, surname string) (change service.UserChange) {
	if city != "" {
		change.AddressParts.City = &city
	}
	if surname != "" {
		change.IdentityParts.Surname = &surname
	}
	return change
}

func projectChange(title string) service.ProjectChange { return service.ProjectChange{Title: &title} }
