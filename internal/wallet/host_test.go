package wallet_test

import (
	"encoding/json"
	"net/url"
	"os"
	"path"
	"strconv"
	"strings"
	"testing"

	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/walletapi"
)

// hostVector is one row of testdata/vectors/hosts.json: the table of spec/php-client.md §8.1
// and ours.
type hostVector struct {
	Host    walletapi.Host `json:"host"`
	Address string         `json:"address"`
	Matches bool           `json:"matches"`
	Why     string         `json:"why"`
}

func hostVectors(t testing.TB) []hostVector {
	t.Helper()
	text, err := os.ReadFile("../../testdata/vectors/hosts.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []hostVector
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) < 100 {
		t.Fatalf("only %d rows", len(vectors))
	}
	return vectors
}

func TestHostsMatchAsTheVectorsSay(t *testing.T) {
	for _, v := range hostVectors(t) {
		if got := wallet.Host(v.Host).Matches(v.Address); got != v.Matches {
			t.Errorf("%s: %q matches %+v: %v", v.Why, v.Address, v.Host, got)
		}
	}
}

func TestAClientMayReturnToAnyOfItsHosts(t *testing.T) {
	client := &wallet.Client{}
	if client.MayReturnTo("https://shop.example/pay") {
		t.Error("a client without hosts may return nowhere")
	}
	client.Hosts = []wallet.Host{{Host: "shop.example", Path: "/pay"}, {Host: "localhost", AnyPort: true}}
	for address, want := range map[string]bool{
		"https://shop.example/pay/done":     true,
		"http://localhost:3000/callback":    true,
		"https://shop.example/admin":        false,
		"https://shop.example:3000/pay":     false,
		"https://shop.example@evil.example": false,
		"":                                  false,
	} {
		if got := client.MayReturnTo(address); got != want {
			t.Errorf("%q: %v", address, got)
		}
	}
}

// Payers are led to the client's own addresses; one without hosts leads to https addresses that all readers take alike.
func TestWherePayersAreLed(t *testing.T) {
	own := &wallet.Client{Hosts: []wallet.Host{{Host: "shop.example", Path: "/pay"}}}
	free := &wallet.Client{}
	for address, want := range map[string][2]bool{
		"https://shop.example/pay/done":                 {true, true},
		"http://shop.example/pay":                       {true, false},
		"https://other.example/":                        {false, true},
		"https://other.example:8443/x?y=z#w":            {false, true},
		"https://shop.example@evil.example/pay":         {false, false},
		"https://other.example\\@evil.example/":         {false, false},
		"https://other.example/a/../b":                  {false, false},
		"https://other.example?pay":                     {false, false},
		"javascript:alert(1)//https://shop.example/pay": {false, false},
		"": {false, false},
	} {
		if got := [2]bool{own.SendsPayersTo(address), free.SendsPayersTo(address)}; got != want {
			t.Errorf("%q: %v", address, got)
		}
	}
}

// What a Content-Security-Policy has words for may frame the pages of a client that may be framed, and nothing else.
func TestSitesThatMayFrame(t *testing.T) {
	client := &wallet.Client{Hosts: []wallet.Host{
		{Host: "Shop.example", Path: "/pay", Protocol: "HTTPS", AnySubdomain: true}, {Host: "shop.example", Protocol: "https"}, {Host: "localhost", AnyPort: true},
		{Host: "till.example", Protocol: "https", Port: 8443}, {Protocol: "shopapp"}, {Host: "here", Protocol: "shopapp"}, {Host: "[::1]", Protocol: "https"},
		{Host: "a_b.example", Protocol: "https"}, {Host: "evil.example; script-src *", Protocol: "https"}, {Host: "*", Protocol: "https"}, {Host: "ftp.example", Protocol: "ftp"},
	}}
	if got := client.Frames(); got != nil {
		t.Errorf("without the permission %v may", got)
	}
	client.Permissions = []wallet.Permission{wallet.ShowInFrame}
	const want = "http://localhost:* https://*.shop.example https://shop.example https://till.example:8443"
	if got := strings.Join(client.Frames(), " "); got != want {
		t.Errorf("%s may", got)
	}
}

var name63 = strings.Repeat("a", 63)

// hostPatterns are patterns and the field of them that is refused, if any.
var hostPatterns = []struct {
	story, field string
	host         wallet.Host
}{
	{"a name", "", wallet.Host{Host: "shop.example"}},
	{"everything set", "", wallet.Host{Host: "Shop-1.example", Port: 65535, Path: "/pay/a%C4%85", Protocol: "https", AnySubdomain: true}},
	{"this machine", "", wallet.Host{Host: "localhost", AnyPort: true, AnySubdomain: true}},
	{"a name of the house network", "", wallet.Host{Host: "my_shop", Port: 1}},
	{"an IPv4 address", "", wallet.Host{Host: "127.0.0.1"}},
	{"an IPv6 address", "", wallet.Host{Host: "[::1]"}},
	{"an app", "", wallet.Host{Protocol: "mobile.protocol", Path: "/path", AnyPort: true}},
	{"the longest of all", "", wallet.Host{
		Host: name63 + "." + name63 + "." + name63 + "." + name63[:61], Path: "/" + strings.Repeat("a", 499), Protocol: strings.Repeat("a", 50),
	}},

	{"nothing at all", "host", wallet.Host{}},
	{"no host on the web", "host", wallet.Host{Protocol: "HTTPS"}},
	{"no host, any subdomain", "host", wallet.Host{Protocol: "app", AnySubdomain: true}},
	{"a long host", "host", wallet.Host{Host: strings.Repeat("a.", 126) + "aa"}},
	{"a long label", "host", wallet.Host{Host: name63 + "a.example"}},
	{"a slash", "host", wallet.Host{Host: "shop.example/pay"}},
	{"a protocol in the host", "host", wallet.Host{Host: "https://shop.example"}},
	{"a blank", "host", wallet.Host{Host: "shop .example"}},
	{"a blank at the end", "host", wallet.Host{Host: "shop.example "}},
	{"a port in the host", "host", wallet.Host{Host: "shop.example:80"}},
	{"a wildcard", "host", wallet.Host{Host: "*.example"}},
	{"nothing but a wildcard", "host", wallet.Host{Host: "*"}},
	{"a user", "host", wallet.Host{Host: "me@shop.example"}},
	{"a dot in front", "host", wallet.Host{Host: ".shop.example"}},
	{"a dot at the end", "host", wallet.Host{Host: "shop.example."}},
	{"nothing but a dot", "host", wallet.Host{Host: "."}},
	{"a hyphen in front", "host", wallet.Host{Host: "-shop.example"}},
	{"letters beyond ASCII", "host", wallet.Host{Host: "parduotuvė.example"}},
	{"a percent sign", "host", wallet.Host{Host: "shop%2eexample"}},
	{"a control character", "host", wallet.Host{Host: "shop\x00.example"}},
	{"no IPv4 address", "host", wallet.Host{Host: "256.0.0.1"}},
	{"half an IPv4 address", "host", wallet.Host{Host: "127.1"}},
	{"an IPv4 address in disguise", "host", wallet.Host{Host: "0x7f000001"}},
	{"an IPv6 address without brackets", "host", wallet.Host{Host: "::1"}},
	{"an IPv6 address with a zone", "host", wallet.Host{Host: "[fe80::1%eth0]"}},
	{"a name in brackets", "host", wallet.Host{Host: "[shop.example]"}},
	{"IPv4 in brackets", "host", wallet.Host{Host: "[127.0.0.1]"}},
	{"open brackets", "host", wallet.Host{Host: "[::1"}},
	{"a top-level domain's subdomains", "host", wallet.Host{Host: "com", AnySubdomain: true}},
	{"an IPv4 address's subdomains", "host", wallet.Host{Host: "127.0.0.1", AnySubdomain: true}},
	{"an IPv6 address's subdomains", "host", wallet.Host{Host: "[::ffff:1.2.3.4]", AnySubdomain: true}},

	{"a port below", "port", wallet.Host{Host: "shop.example", Port: -1}},
	{"a port beyond", "port", wallet.Host{Host: "shop.example", Port: 65536}},
	{"a port of an app", "port", wallet.Host{Protocol: "app", Port: 80}},

	{"no slash in front", "path", wallet.Host{Host: "shop.example", Path: "pay"}},
	{"two slashes in front", "path", wallet.Host{Host: "shop.example", Path: "//pay"}},
	{"a way upwards", "path", wallet.Host{Host: "shop.example", Path: "/pay/.."}},
	{"a way upwards, encoded", "path", wallet.Host{Host: "shop.example", Path: "/pay/%2e%2E"}},
	{"a step in place", "path", wallet.Host{Host: "shop.example", Path: "/./pay"}},
	{"a line feed", "path", wallet.Host{Host: "shop.example", Path: "/pay\n"}},
	{"a query", "path", wallet.Host{Host: "shop.example", Path: "/pay?x"}},
	{"a fragment", "path", wallet.Host{Host: "shop.example", Path: "/pay#x"}},
	{"a backslash", "path", wallet.Host{Host: "shop.example", Path: `/pay\`}},
	{"half an encoded character", "path", wallet.Host{Host: "shop.example", Path: "/pay%2"}},
	{"no UTF-8", "path", wallet.Host{Host: "shop.example", Path: "/pay%FF"}},
	{"a long path", "path", wallet.Host{Host: "shop.example", Path: "/" + strings.Repeat("a", 500)}},

	{"a script", "protocol", wallet.Host{Host: "shop.example", Protocol: "javascript"}},
	{"a script in capitals", "protocol", wallet.Host{Protocol: "JavaScript"}},
	{"data", "protocol", wallet.Host{Protocol: "data"}},
	{"another script", "protocol", wallet.Host{Protocol: "vbscript"}},
	{"a file", "protocol", wallet.Host{Protocol: "file"}},
	{"a blob", "protocol", wallet.Host{Protocol: "blob"}},
	{"an intent, which may open any address", "protocol", wallet.Host{Protocol: "intent"}},
	{"a protocol with its slashes", "protocol", wallet.Host{Protocol: "app://"}},
	{"a digit in front", "protocol", wallet.Host{Protocol: "1app"}},
	{"a blank in the protocol", "protocol", wallet.Host{Protocol: "java script"}},
	{"a choice of protocols", "protocol", wallet.Host{Host: "shop.example", Protocol: "https?"}},
	{"a long protocol", "protocol", wallet.Host{Protocol: strings.Repeat("a", 51)}},
}

func TestHostPatternsAreChecked(t *testing.T) {
	for _, test := range hostPatterns {
		t.Run(test.story, func(t *testing.T) {
			field, problem := test.host.Check()
			if field != test.field || (problem == "") != (field == "") {
				t.Errorf("field %q, problem %q; want field %q", field, problem, test.field)
			}
		})
	}
}

// FuzzHostMatches holds that another reader of URLs sees in what matches what the pattern says.
func FuzzHostMatches(f *testing.F) {
	for _, v := range hostVectors(f) {
		f.Add(v.Host.Host, v.Host.Port, v.Host.Path, v.Host.Protocol, v.Host.AnyPort, v.Host.AnySubdomain, v.Address)
	}
	f.Fuzz(func(t *testing.T, host string, port int, prefix, protocol string, anyPort, anySubdomain bool, address string) {
		h := wallet.Host{Host: host, Port: port, Path: prefix, Protocol: protocol, AnyPort: anyPort, AnySubdomain: anySubdomain}
		field, problem := h.Check()
		if (field == "") != (problem == "") {
			t.Fatalf("%+v: field %q, problem %q", h, field, problem)
		}
		if !h.Matches(address) {
			return
		}
		if problem != "" {
			t.Fatalf("%+v matches %q and has a bad %s", h, address, field)
		}
		u, err := url.Parse(address)
		if err != nil || u.User != nil || u.Opaque != "" {
			t.Fatalf("%+v matches %q, which is read as %+v: %v", h, address, u, err)
		}
		if !schemeFits(h, u) || !hostFits(h, u) || !pathFits(h, u) {
			t.Fatalf("%+v matches %q, which is read as scheme %q, host %q, path %q", h, address, u.Scheme, u.Host, u.Path)
		}
	})
}

func schemeFits(h wallet.Host, u *url.URL) bool {
	if h.Protocol == "" {
		return u.Scheme == "http" || u.Scheme == "https"
	}
	return u.Scheme == strings.ToLower(h.Protocol)
}

func hostFits(h wallet.Host, u *url.URL) bool {
	if h.Host == "" {
		return u.Port() == "" && u.Scheme != "http" && u.Scheme != "https"
	}
	name, want := strings.ToLower(u.Hostname()), strings.ToLower(strings.Trim(h.Host, "[]"))
	if name != want && !(h.AnySubdomain && strings.HasSuffix(name, "."+want)) {
		return false
	}
	port := ""
	if h.Port != 0 {
		port = strconv.Itoa(h.Port)
	}
	return h.AnyPort || u.Port() == port
}

// pathFits compares what is left of the paths when all of their dots have been followed.
func pathFits(h wallet.Host, u *url.URL) bool {
	seen := u.Path
	if h.Host == "" {
		seen = "/" + u.Host + u.Path
	}
	want, err := url.PathUnescape(h.Path)
	if err != nil {
		return false
	}
	seen, want = path.Clean("/"+seen), path.Clean("/"+want)
	return want == "/" || seen == want || strings.HasPrefix(seen, want+"/")
}
