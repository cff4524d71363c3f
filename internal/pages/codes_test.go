package pages_test

import (
	"image"
	_ "image/png" // what codes are kept as
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"

	"github.com/purserhq/purser/internal/pages"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
)

// scanned is what a reader that others wrote reads off a picture.
func scanned(t *testing.T, picture io.Reader) string {
	t.Helper()
	drawn, _, err := image.Decode(picture)
	if err != nil {
		t.Fatal(err)
	}
	bitmap, err := gozxing.NewBinaryBitmapFromImage(drawn)
	if err != nil {
		t.Fatal(err)
	}
	result, err := qrcode.NewQRCodeReader().Decode(bitmap, nil)
	if err != nil {
		t.Fatal(err)
	}
	return result.GetText()
}

// The owner of a project and who administers it see its codes and keep them; nobody else does, and a place of another
// project has no page there. What the prefix and the address are is the operator's to say.
func TestCodesOfAProject(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		id, err := w.CreateLocation(ctx, operator, wallet.Location{ProjectID: 1, Title: wallet.Text{"en": "Market <hall>", "lt": "Turgus"}, Address: wallet.Text{"en": "x"}, Status: wallet.Active})
		if err != nil || id != 1 {
			t.Fatal(id, err)
		}
		spots := []service.SpotEdit{{Identifier: "T1", Title: wallet.Words{IsPlain: true, Plain: "Table <1>"}}, {Identifier: "till-2"}}
		if _, err := w.EditLocation(ctx, operator, id, service.LocationEdit{SpotEdits: &spots}); err != nil {
			t.Fatal(err)
		}
		ona, rita := w.signedIn("en", onasEmail, onasPassword), w.signedIn("en", ritasPhone, ritasPassword)
		ona.get("/frontend/account").has(`href="/frontend/projects/1/codes"`)
		ona.get("/frontend/projects/1").has(`href="/frontend/projects/1/codes"`)
		ona.get("/frontend/projects/1/codes").shows(200, "Codes of Stall & Co", "EVP000000000001", "CAFE*1:T1", "CAFE*1:till-2", "Table <1>", "Market <hall>").
			has(`href="/frontend/projects/1/places/1/codes"`, `src="data:image/svg&#43;xml;base64,`)
		ona.get("/frontend/lt/projects/1/places/1/codes").shows(200, "Kodai: Turgus", "CAFE*1:T1").has(`href="/frontend/lt/projects/1/places/1/codes/spot-1.svg"`)
		ona.get("/frontend/projects/2/codes").shows(200, "There are none yet.", "EVP000000000002")

		for path, want := range map[string]string{
			"/frontend/projects/1/codes/wallet.png":          "https://pay.example/app?qr=EVP000000000001",
			"/frontend/projects/1/places/1/codes/spot-1.png": "https://pay.example/app?qr=CAFE%2A1%3AT1",
		} {
			kept := ona.get(path)
			if got := scanned(t, strings.NewReader(kept.Body)); got != want || kept.Header.Get("Content-Type") != "image/png" {
				t.Errorf("%s says %q, want %q", path, got, want)
			}
		}
		if svg := ona.get("/frontend/projects/1/codes/spot-2.svg"); svg.Status != http.StatusOK || !strings.HasPrefix(svg.Body, "<svg ") ||
			svg.Header.Get("Content-Disposition") != `attachment; filename="spot-2.svg"` {
			t.Errorf("the SVG is %d %v %.80s", svg.Status, svg.Header, svg.Body)
		}
		for _, path := range []string{"/frontend/projects/1/codes/spot-9.svg", "/frontend/projects/1/codes/wallet.gif", "/frontend/projects/1/codes/wallet",
			"/frontend/projects/2/places/1/codes", "/frontend/projects/1/places/x/codes", "/frontend/projects/1/places/99/codes"} {
			ona.get(path).shows(404)
		}
		for _, path := range []string{"/frontend/projects/1/codes", "/frontend/projects/1/codes/wallet.png", "/frontend/projects/1/places/1/codes", "/frontend/projects/99/codes"} {
			if at := rita.get(path); at.Status != http.StatusForbidden && !(at.Status == http.StatusNotFound && strings.Contains(path, "99")) {
				t.Errorf("%s answers Rita %d", path, at.Status)
			}
			w.browser("en").get(path).leads("/frontend/sign-in?next=…")
		}

		ona.post("/frontend/projects/1/invite", "contact", "+"+ritasPhone)
		page := rita.get("/frontend/account")
		answer := "/frontend/account/invitation/" + strings.Split(strings.SplitAfter(page.Body, `action="/frontend/account/invitation/`)[1], `"`)[0]
		rita.post(answer, "answer", "accept").leads("/frontend/account?notice=accepted")
		rita.get("/frontend/projects/1/codes").shows(200, "CAFE*1:T1")
		rita.get("/frontend/account").has(`href="/frontend/projects/1/codes"`)
	}, func(o *service.Options, _ *pages.Options) {
		o.SpotPrefix, o.CodeLink = "CAFE", "https://pay.example/app"
	})
}

// In a browser the pictures are there, and the way from the account to the café's own codes is three clicks.
func TestCodesInABrowser(t *testing.T) {
	s := wallettest.NewServer(t, "sqlite:"+t.TempDir()+"/purser.db")
	b := wallettest.NewBrowser(t, wallettest.WithoutJavaScript())
	b.Open(s.URL + "/frontend/en/account")
	b.Fill("E-mail address or phone number", "john@example.com")
	b.Fill("Password", "johns-password")
	b.Press("Sign in")
	b.Follow("My E-Commerce Store")
	b.Follow("Codes to print")
	b.See("Codes of My E-Commerce Store")
	b.See("PAYSERA*106:TABLE1")
	b.See("EVP000000002112")
	b.Follow("Café on Freedom Avenue")
	b.See("Codes of Café on Freedom Avenue")
	b.See("Table 2")
	b.Follow("Codes of My E-Commerce Store")
	if errors := b.ConsoleErrors(); len(errors) > 0 {
		t.Errorf("the browser complains: %s", strings.Join(errors, "\n"))
	}
}
