package exchange

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/purserhq/purser/walletapi"
)

// A file refers to tokens of its earlier answers: the last one, or one by its number. In an answer a word without a
// number is what is made up anew, so that it stays.
func TestFilesReferToEarlierTokens(t *testing.T) {
	var m Memory
	for _, body := range []string{
		`{"access_token":"A1","mac_key":"K1","refresh_token":"R1"}`, `[1]`, `{"access_token":"A2","mac_key":"K2","refresh_token":"R2"}`,
		`{"access_token":"A1","mac_key":"K1","refresh_token":"R1"}`, // shown again
	} {
		m.Learn(http.Header{}, body)
	}
	const text = "<access_token> <refresh_token> <access_token 1> <refresh_token 2> <refresh_token 3> <mac_id>"
	if got := m.Recall(text, false); got != "A2 R2 A1 R2 <refresh_token 3> <mac_id>" {
		t.Errorf("a request becomes %s", got)
	}
	if got := m.Recall(text, true); got != "<access_token> <refresh_token> A1 R2 <refresh_token 3> <mac_id>" {
		t.Errorf("an answer becomes %s", got)
	}
	for as, want := range map[string]walletapi.MAC{"token": {ID: "A2", Secret: "K2"}, "token 1": {ID: "A1", Secret: "K1"}, "token:1234": {}, "shop": {}} {
		if mac, known := m.Signer(as); mac != want || known != (want != walletapi.MAC{}) {
			t.Errorf("%s signs as %+v", as, mac)
		}
	}
}

// Forms and the time that passes are read, and a file in which time passes has a world of its own.
func TestFormsAndTimeInFiles(t *testing.T) {
	exchanges, err := Parse("# Why.\n> GET /a\n> form: a=b c\n> later: 1.5\n< 200\n< {}\n> GET /b\n< 200\n< {}\n")
	if err != nil || len(exchanges) != 2 {
		t.Fatal(exchanges, err)
	}
	if e := exchanges[0]; !e.Form || e.Body != "a=b c" || e.Later != 1500*time.Millisecond || exchanges[1].Form || exchanges[1].Later != 0 {
		t.Errorf("read is %+v", exchanges)
	}
	if !Changes(exchanges) || Changes(exchanges[1:]) {
		t.Error("time does not count as a change, or everything does")
	}
}

// The whole grammar of an exchange, and what is not in it.
func TestExchangesAreReadAsTheirReadmeSays(t *testing.T) {
	all, err := Parse("# Why.\n\n> PUT /a?b=c:d\n> as: shop\n> certificate: shop\n> ext: x=1\n> ts: -0.5\n> after: 60\n> body: {}\n> Accept: a: b\n" +
		"< 405\n< Allow: GET\n< {\n<   \"a\":[1,\n#  on the way\n<  2]}\n> GET /\n< 404\n< {}\n")
	if err != nil || len(all) != 2 {
		t.Fatalf("%v %v", all, err)
	}
	e := all[0]
	if e.Line != 3 || e.Method != "PUT" || e.Target != "/a?b=c:d" || e.As != "shop" || e.Certificate != "shop" || e.Ext != "x=1" || e.TS != -0.5 || e.After.Seconds() != 60 ||
		e.Body != "{}" || e.Headers[0] != [2]string{"Accept", "a: b"} || e.Status != 405 || e.AnswerHeaders[0] != [2]string{"Allow", "GET"} ||
		e.Answer != `{"a":[1,2]}` || all[1].As != Anonymous {
		t.Errorf("%+v", e)
	}
	for text, want := range map[string]string{
		"> GET /\n< 200\n":                      "1: begin with a sentence",
		"# Why.\n< 200\n":                       "2: begin an exchange",
		"# Why.\n> as: shop\n":                  "2: begin an exchange",
		"# Why.\n> GET /\n":                     "2: this exchange has no answer",
		"# Why.\n> GET /\n< ok\n":               "3: ",
		"# Why.\n> GET /\n> when: now\n< 200\n": `3: "when" is none of`,
		"# Why.\n> GET /\n> ts: now\n< 200\n":   "3: ",
		"# Why.\n> GET /\nHello\n":              "3: a line begins with",
	} {
		if _, err := Parse(text); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// What a file leaves open is left open, and nothing else is: not another number, not the order of
// keys, not a blank.
func TestExchangesAreComparedByteForByte(t *testing.T) {
	const times, credentials = `{"time":<seconds>,"id":1}`, `{"access_token":"<mac_id>","mac_key":"<mac_key>","id":1}`
	for _, c := range []struct {
		want, got string
		same      bool
	}{
		{times, `{"time":1795262400,"id":1}`, true},
		{times, `{"time":0,"id":1}`, true},
		{times, `{"time":1795262400,"id":2}`, false},
		{times, `{"id":1,"time":1795262400}`, false},
		{times, `{"time":1795262400, "id":1}`, false},
		{times, `{"time":"17","id":1}`, false},
		{times, `{"time":-1,"id":1}`, false},
		{times, `{"time":1.5,"id":1}`, false},
		{credentials, `{"access_token":"ABCDEFGHI2","mac_key":"0123456789abcdefghijABCDEFGHIJkl","id":1}`, true},
		{credentials, `{"access_token":"ABCDEFGHI","mac_key":"0123456789abcdefghijABCDEFGHIJkl","id":1}`, false},
		{credentials, `{"access_token":"ABCDEFGHI2","mac_key":"short","id":1}`, false},
		{credentials, `{"access_token":"ABCDEFGHI2","mac_key":"","id":1}`, false},
		{credentials, `{"access_token":"ABCDEFGHI2","id":1}`, false},
		{`{"mac_key":"x"}`, `{"mac_key":"0123456789abcdefghijABCDEFGHIJkl"}`, false},
	} {
		if a, b := blankAlike(c.want, c.got); (a == b) != c.same {
			t.Errorf("%s and %s: the same is %v, want %v", c.want, c.got, a == b, c.same)
		}
	}
}
