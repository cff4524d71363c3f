package diagnosis

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/purserhq/purser/walletapi"
)

func TestParseURL(t *testing.T) {
	for raw, want := range map[string]walletapi.Request{
		"https://Wallet.Example/rest/v1/client":         {Target: "/rest/v1/client", Host: "wallet.example", Port: "443"},
		"http://localhost/x?a=b%2Cc,d#part":             {Target: "/x?a=b%2Cc,d", Host: "localhost", Port: "80"},
		"https://wallet.example:8443":                   {Target: "/", Host: "wallet.example", Port: "8443"},
		"HTTPS://wallet.example?a=1":                    {Target: "/?a=1", Host: "wallet.example", Port: "443"},
		"http://[::1]:8080/x":                           {Target: "/x", Host: "[::1]", Port: "8080"},
		"https://wallet.example/x?back=http://a@b/:9#c": {Target: "/x?back=http://a@b/:9", Host: "wallet.example", Port: "443"},
	} {
		if got, err := ParseURL(raw); err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", raw, got, err, want)
		}
	}
	for _, raw := range []string{
		"", "wallet.example/x", "ftp://wallet.example/x", "https://", "https:///x", "https://user@wallet.example/", "https://:8443/x",
		"https://wallet.example:port/", "https://wallet.example:65536/", "https://wallet.example/two words", "https://wallet example/",
	} {
		var refused ErrRequest
		if _, err := ParseURL(raw); !errors.As(err, &refused) {
			t.Errorf("%q: error %v, want an ErrRequest", raw, err)
		}
	}
}

const pastedHeader = `MAC id="wkVd93h2uS", ts="1343811600", nonce="n, n", mac="bWFj", ext="project_id=1221"`

func TestParseRequest(t *testing.T) {
	header, err := walletapi.ParseAuthorization(pastedHeader)
	if err != nil {
		t.Fatal(err)
	}
	want := Request{Method: "GET", Target: "/rest/v1/client?a=b%2Cc", Host: "wallet.example:8443", Authorization: header}
	for _, story := range []struct{ name, text, body string }{
		{"as on the wire", "GET /rest/v1/client?a=b%2Cc HTTP/1.1\r\nHost: wallet.example:8443\r\nAuthorization: " + pastedHeader + "\r\n\r\n", ""},
		{"with single line feeds and without a version", "GET /rest/v1/client?a=b%2Cc\nHost: wallet.example:8443\nAuthorization: " + pastedHeader + "\n", ""},
		{"without a last line end", "GET /rest/v1/client?a=b%2Cc\nhost:wallet.example:8443\nAUTHORIZATION:" + pastedHeader, ""},
		{"with empty lines before it", "\r\n\n\ufeffGET /rest/v1/client?a=b%2Cc\nHost: wallet.example:8443\nAuthorization: " + pastedHeader, ""},
		{"folded with indentation", "GET /rest/v1/client?a=b%2Cc HTTP/1.1\r\nHost: wallet.example:8443\r\nAuthorization: MAC\r\n\tid=\"wkVd93h2uS\",\r\n" +
			"  ts=\"1343811600\", nonce=\"n, n\",\r\n mac=\"bWFj\",\r\n ext=\"project_id=1221\"\r\nAccept: */*\r\n\r\n", ""},
		{"folded as documents print it", "GET /rest/v1/client?a=b%2Cc HTTP/1.1\nHost: wallet.example:8443\nAuthorization: MAC id=\"wkVd93h2uS\",\n" +
			"ts=\"1343811600\",\nnonce=\"n, n\",\nmac=\"bWFj\",\next=\"project_id=1221\"\nAccept: */*\n\n", ""},
		{"with a body to the last byte", "GET /rest/v1/client?a=b%2Cc HTTP/1.1\r\nHost: wallet.example:8443\r\nAuthorization: " + pastedHeader +
			"\r\n\r\n{\n  \"a\": 1\r\n}\n\n", "{\n  \"a\": 1\r\n}\n\n"},
		{"with a length, and the editor's line feed", "GET /rest/v1/client?a=b%2Cc HTTP/1.1\nHost: wallet.example:8443\nContent-Length: 2\nAuthorization: " +
			pastedHeader + "\n\n[]\n", "[]"},
	} {
		t.Run(story.name, func(t *testing.T) {
			text := story.text
			if story.name == "with empty lines before it" {
				text = "\ufeff" + strings.Replace(text, "\ufeff", "", 1)
			}
			got, err := ParseRequest([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			if string(got.Body) != story.body {
				t.Errorf("body %q, want %q", got.Body, story.body)
			}
			got.Body = nil
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("got %+v\nwant %+v", got, want)
			}
		})
	}
	absolute, err := ParseRequest([]byte("GET http://Wallet.Example:8443/x HTTP/1.1\nAuthorization: " + pastedHeader))
	if err != nil || absolute.Host != "Wallet.Example:8443" || absolute.Target != "http://Wallet.Example:8443/x" {
		t.Errorf("a whole URL needs no Host header: %+v, %v", absolute, err)
	}
}

func TestRefuseRequest(t *testing.T) {
	for _, story := range []struct{ name, text, why string }{
		{"nothing", "", "empty"},
		{"empty lines", "\r\n\n", "empty"},
		{"a header first", "Host: wallet.example\nAuthorization: x", "request line"},
		{"an answer", "HTTP/1.1 401 Unauthorized\n", "request line"},
		{"no path", "GET\nHost: h", "no path"},
		{"a version for a path", "GET HTTP/1.1\nHost: h", "request line"},
		{"a blank in the path", "GET /two words HTTP/1.1\nHost: h", "blank"},
		{"no slash", "GET rest/v1/client\nHost: h", "slash"},
		{"no Host", "GET /x\nAuthorization: " + pastedHeader, "Host header is missing"},
		{"an empty Host", "GET /x\nHost:\nAuthorization: " + pastedHeader, "Host header is missing"},
		{"no Authorization", "GET /x\nHost: h\n\n", "Authorization header is missing"},
		{"another scheme", "GET /x\nHost: h\nAuthorization: Bearer b", "scheme MAC"},
		{"no mac", `GET /x` + "\nHost: h\n" + `Authorization: MAC id="i", ts="1", nonce="n"`, "needs id, ts, nonce and mac"},
		{"two Hosts", "GET /x\nHost: h\nHost: i\nAuthorization: " + pastedHeader, "host stands twice"},
		{"two Authorizations", "GET /x\nHost: h\nAuthorization: " + pastedHeader + "\nAuthorization: " + pastedHeader, "authorization stands twice"},
		{"words among the headers", "GET /x\nHost: h\nand so on", "line 3"},
		{"a fold with nothing before it", "GET /x\n Host: h", "line 2"},
		{"a length that is none", "GET /x\nHost: h\nContent-Length: two\nAuthorization: " + pastedHeader, "not a number"},
		{"a body too short", "GET /x\nHost: h\nContent-Length: 3\nAuthorization: " + pastedHeader + "\n\n[]", "says 3 bytes, and 2 bytes"},
		{"a body too long", "GET /x\nHost: h\nContent-Length: 1\nAuthorization: " + pastedHeader + "\n\n[]", "says 1 bytes, and 2 bytes"},
		{"too much", "GET /x\nHost: h\n\n" + strings.Repeat("x", MaxRequest), "longer than"},
	} {
		t.Run(story.name, func(t *testing.T) {
			_, err := ParseRequest([]byte(story.text))
			if err == nil || !strings.Contains(err.Error(), story.why) {
				t.Errorf("error %v, want one about %q", err, story.why)
			}
		})
	}
}

// render writes a request as it goes over the wire.
func render(r Request) []byte {
	return fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: %s\r\nAuthorization: %s\r\n\r\n%s", r.Method, r.Target, r.Host, r.Authorization, r.Body)
}

func FuzzParseRequest(f *testing.F) {
	for _, m := range readMistakes(f) {
		f.Add(render(m.evidence(f).Request))
	}
	f.Add([]byte("GET /x\nHost: h\nAuthorization: MAC id=\"i\",\nts=\"1\",\n nonce=\"n\",\n\tmac=\"m\"\nContent-Length: 2\n\n[]\n"))
	f.Add([]byte("get http://[::1]:8080/x?a=b HTTP/1.0\r\nAuthorization: " + pastedHeader + "\r\n\r\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := ParseRequest(text)
		if err != nil {
			var refused ErrRequest
			var header walletapi.ErrAuthorization
			if !errors.As(err, &refused) && !errors.As(err, &header) {
				t.Fatalf("error %v is of another kind", err)
			}
			return
		}
		if r.Method == "" || r.Target == "" || r.Host == "" || r.Authorization.MAC == "" {
			t.Fatalf("%q reads as %+v", text, r)
		}
		// Written again the header may grow beyond what is read.
		if len(r.Authorization.String()) > walletapi.MaxAuthorization {
			return
		}
		again, err := ParseRequest(render(r))
		if err != nil || fmt.Sprintf("%q", again) != fmt.Sprintf("%q", r) {
			t.Fatalf("%q reads as %+v, %v; first %+v", render(r), again, err, r)
		}
	})
}
