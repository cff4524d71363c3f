package auth

import (
	"net/http"
	"strings"
	"testing"
)

func parseProxies(t *testing.T, list ...string) Proxies {
	t.Helper()
	proxies, err := ParseProxies(list)
	if err != nil {
		t.Fatal(err)
	}
	return proxies
}

func TestProxiesAreAddressesAndNetworks(t *testing.T) {
	if proxies := parseProxies(t); len(proxies) != 0 {
		t.Errorf("from nothing: %v", proxies)
	}
	for text, want := range map[string]string{
		"10.0.0.0/8":          "10.0.0.0/8",
		"127.0.0.1":           "127.0.0.1/32",
		" 127.0.0.1 ":         "127.0.0.1/32",
		"::1":                 "::1/128",
		"2001:db8::/32":       "2001:db8::/32",
		"::ffff:10.0.0.1":     "10.0.0.1/32",
		"::ffff:10.0.0.0/104": "10.0.0.0/8",
		"fe80::1%eth0":        "fe80::1/128",
		"0.0.0.0/0":           "0.0.0.0/0",
	} {
		if proxies := parseProxies(t, text); proxies[0].String() != want {
			t.Errorf("%q is read as %v, want %s", text, proxies, want)
		}
	}
	for _, text := range []string{"", "localhost", "10.0.0.0/33", "10.0.0.0/", "/8", "10.0.0", "10.0.0.1:80", "[::1]", "10.1.2.3/8", "*", "10.0.0.1,10.0.0.2"} {
		proxies, err := ParseProxies([]string{"127.0.0.1", text})
		if err == nil || proxies != nil || !strings.Contains(err.Error(), `"`+text+`"`) {
			t.Errorf("%q: %v, error %v", text, proxies, err)
		}
	}
}

func TestProxiesTrustOnlyTheirOwn(t *testing.T) {
	proxies := parseProxies(t, "10.0.0.0/8", "127.0.0.1", "::1", "fe80::/10")
	for remote, want := range map[string]bool{
		"10.1.2.3:4567":           true,
		"127.0.0.1:80":            true,
		"[::1]:80":                true,
		"[::ffff:10.1.2.3]:80":    true,
		"[fe80::1%eth0]:80":       true,
		"10.1.2.3":                true,
		"11.0.0.1:80":             false,
		"127.0.0.2:80":            false,
		"[::2]:80":                false,
		"[::ffff:11.0.0.1]:80":    false,
		"":                        false,
		"@":                       false,
		"localhost:80":            false,
		"10.1.2.3:":               false,
		"10.1.2.3:99999":          false,
		"10.1.2.3:80,10.1.2.3:80": false,
	} {
		if got := proxies.Trusts(remote); got != want {
			t.Errorf("%q: %v", remote, got)
		}
	}
	if Proxies(nil).Trusts("127.0.0.1:80") {
		t.Error("no proxies trust somebody")
	}
}

func TestAddressOfWhoCalls(t *testing.T) {
	const proxy = "10.0.0.1:4567"
	many := func(n int) string { return strings.Repeat("10.0.0.9,", n-1) + "10.0.0.9" }
	tests := []struct {
		story, remote string
		forwarded     []string
		want          string
	}{
		{"no proxy", "203.0.113.7:1234", nil, "203.0.113.7"},
		{"no proxy, IPv6", "[2001:db8::7]:1234", nil, "2001:db8::7"},
		{"no proxy, IPv4 as IPv6", "[::ffff:203.0.113.7]:1234", nil, "203.0.113.7"},
		{"no proxy, a zone", "[fe80::1%eth0]:1234", nil, "fe80::1"},
		{"a header from somebody else", "203.0.113.7:1234", []string{"198.51.100.1"}, "203.0.113.7"},
		{"a proxy", proxy, []string{"203.0.113.7"}, "203.0.113.7"},
		{"a proxy, IPv4 as IPv6", "[::ffff:10.0.0.1]:4567", []string{"203.0.113.7"}, "203.0.113.7"},
		{"a proxy that says nothing", proxy, nil, "10.0.0.1"},
		{"a proxy that says an empty line", proxy, []string{""}, "10.0.0.1"},
		{"two proxies", proxy, []string{"203.0.113.7, 10.0.0.2"}, "203.0.113.7"},
		{"two proxies, two lines", proxy, []string{"203.0.113.7", "10.0.0.2"}, "203.0.113.7"},
		{"two proxies and no blank", proxy, []string{"203.0.113.7,10.0.0.2"}, "203.0.113.7"},
		{"a forged entry", proxy, []string{"198.51.100.1, 203.0.113.7"}, "203.0.113.7"},
		{"a forged proxy", proxy, []string{"198.51.100.1, 10.0.0.9, 203.0.113.7"}, "203.0.113.7"},
		{"a forged line", proxy, []string{"198.51.100.1", "203.0.113.7"}, "203.0.113.7"},
		{"a forged line between proxies", proxy, []string{"198.51.100.1, 10.0.0.9", "203.0.113.7, 10.0.0.2"}, "203.0.113.7"},
		{"a call from a proxy itself", proxy, []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"an entry that is no address", proxy, []string{"203.0.113.7, unknown, 10.0.0.2"}, "10.0.0.2"},
		{"the last entry is no address", proxy, []string{"203.0.113.7, unknown"}, "10.0.0.1"},
		{"an empty entry", proxy, []string{"203.0.113.7, , 10.0.0.2"}, "10.0.0.2"},
		{"a comma at the end", proxy, []string{"203.0.113.7,"}, "10.0.0.1"},
		{"an empty line behind a forged one", proxy, []string{"198.51.100.1", ""}, "10.0.0.1"},
		{"a name", proxy, []string{"shop.example"}, "10.0.0.1"},
		{"a port", proxy, []string{"203.0.113.7:5678"}, "203.0.113.7"},
		{"IPv6", proxy, []string{"2001:db8::7"}, "2001:db8::7"},
		{"IPv6 in brackets", proxy, []string{"[2001:db8::7]"}, "2001:db8::7"},
		{"IPv6 with a port", proxy, []string{"[2001:db8::7]:5678"}, "2001:db8::7"},
		{"IPv6 in another spelling", proxy, []string{"2001:DB8:0:0:0:0:0:7"}, "2001:db8::7"},
		{"IPv6 with a zone", proxy, []string{"fe80::7%eth0"}, "fe80::7"},
		{"IPv4 as IPv6", proxy, []string{"::ffff:203.0.113.7, ::ffff:10.0.0.2"}, "203.0.113.7"},
		{"IPv4 in brackets", proxy, []string{"[203.0.113.7]"}, "10.0.0.1"},
		{"open brackets", proxy, []string{"[2001:db8::7"}, "10.0.0.1"},
		{"closed brackets", proxy, []string{"2001:db8::7]"}, "10.0.0.1"},
		{"quotation marks", proxy, []string{`"203.0.113.7"`}, "10.0.0.1"},
		{"zeros in front", proxy, []string{"203.0.113.007"}, "10.0.0.1"},
		{"as many proxies as are looked at", proxy, []string{"203.0.113.7," + many(31)}, "203.0.113.7"},
		{"more proxies than are looked at", proxy, []string{"203.0.113.7," + many(32)}, "10.0.0.9"},
		{"many commas", proxy, []string{strings.Repeat(",", 100_000)}, "10.0.0.1"},
		{"no address at all", "@", []string{"203.0.113.7"}, "@"},
		{"nothing at all", "", []string{"203.0.113.7"}, ""},
	}
	proxies := parseProxies(t, "10.0.0.0/8")
	for _, test := range tests {
		t.Run(test.story, func(t *testing.T) {
			r := &http.Request{RemoteAddr: test.remote, Header: http.Header{"X-Forwarded-For": test.forwarded}}
			if got := proxies.Address(r); got != test.want {
				t.Errorf("%q from %q: %q, want %q", test.forwarded, test.remote, got, test.want)
			}
		})
	}
	t.Run("no proxies are known", func(t *testing.T) {
		r := &http.Request{RemoteAddr: proxy, Header: http.Header{"X-Forwarded-For": {"203.0.113.7"}}}
		if got := Proxies(nil).Address(r); got != "10.0.0.1" {
			t.Errorf("%q", got)
		}
	})
}
