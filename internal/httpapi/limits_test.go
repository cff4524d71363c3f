package httpapi_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/auth"
	"github.com/purserhq/purser/internal/httpapi"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
)

// number is a header of an answer as a number.
func number(t *testing.T, answer *wallettest.Answer, header string) int {
	t.Helper()
	n, err := strconv.Atoi(answer.Header.Get(header))
	if err != nil {
		t.Errorf("%s is %q", header, answer.Header.Get(header))
	}
	return n
}

// A shop's program runs wild. After its minute's worth of calls it is told to wait, and for how long;
// the others, and the devices with their larger budget, do not notice. When it has waited, it goes on.
func TestRateLimits(t *testing.T) {
	onBothEngines(t, func(t *testing.T, server *wallettest.Server) {
		server.Limit(httpapi.Budgets{
			Client: auth.Budget{PerMinute: 6, Burst: 3}, Device: auth.Budget{PerMinute: 60, Burst: 30}, Address: auth.Budget{PerMinute: 600, Burst: 600},
		})
		for left := 2; left >= 0; left-- {
			answer := server.Send("shop", "GET", clientPath)
			expect(t, answer, 200, "")
			if number(t, answer, "RateLimit-Limit") != 3 || number(t, answer, "RateLimit-Remaining") != left {
				t.Errorf("%d calls before the limit the headers are %v", left, answer.Header)
			}
		}
		refused := server.Send("shop", "GET", clientPath)
		expect(t, refused, 429, wallet.RateLimitExceeded)
		wait := number(t, refused, "Retry-After")
		if wait != 10 || number(t, refused, "RateLimit-Remaining") != 0 || number(t, refused, "RateLimit-Reset") != 30 {
			t.Errorf("refused with %v", refused.Header)
		}
		expect(t, server.Send("two-shops", "GET", clientPath), 200, "")
		expect(t, server.Send("token:1234", "GET", projectsPath), 200, "") // a token has a budget of its own
		for range 20 {
			expect(t, server.Send("device", "GET", clientPath), 200, "")
		}
		// Who cannot prove to be the shop uses nothing of its budget.
		server.Wall.Advance(time.Duration(wait) * time.Second)
		for range 5 {
			expect(t, server.Send("", "GET", clientPath, wallettest.Authorization(`MAC id="wkVd93h2uS", ts="1", nonce="n", mac="AAAA"`)), 401, wallet.Unauthorized)
		}
		expect(t, server.Send("shop", "GET", clientPath), 200, "")
		expect(t, server.Send("shop", "GET", clientPath), 429, wallet.RateLimitExceeded)
	})
}

// Somebody without credentials hammers the public calls and tries keys: the address is bounded,
// whatever it sends.
func TestRateLimitOfAnAddress(t *testing.T) {
	wallettest.Addresses(t, func(t *testing.T, address string) {
		server := wallettest.NewServer(t, address, func(o *auth.Options) { o.Proxies, _ = auth.ParseProxies([]string{"127.0.0.1"}) })
		server.Limit(httpapi.Budgets{Address: auth.Budget{PerMinute: 60, Burst: 4}})
		from := func(address string) wallettest.Option { return wallettest.Header("X-Forwarded-For", address) }
		for i, path := range []string{"/rest/v1/server", clientPath, "/rest/v1/locations", "/rest/v1/nowhere"} {
			answer := server.Send(wallettest.Anonymous, "GET", path, from("2001:db8::"+strconv.Itoa(i+1)))
			if answer.Status == 429 {
				t.Errorf("%s is refused at once", path)
			}
		}
		// One subscriber has a whole network of IPv6 addresses.
		expect(t, server.Send(wallettest.Anonymous, "GET", "/rest/v1/server", from("2001:db8::ffff")), 429, wallet.RateLimitExceeded)
		expect(t, server.Send("shop", "GET", clientPath, from("2001:db8::1")), 429, wallet.RateLimitExceeded)
		expect(t, server.Send(wallettest.Anonymous, "GET", "/rest/v1/server", from("2001:db8:0:1::1")), 200, "")
		expect(t, server.Send(wallettest.Anonymous, "GET", "/rest/v1/server", from("192.0.2.7")), 200, "")
	})
}
