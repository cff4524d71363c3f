package wallettest

import (
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
		m.Learn(&Answer{Body: body})
	}
	const text = "<access_token> <refresh_token> <access_token 1> <refresh_token 2> <refresh_token 3> <mac_id>"
	if got := m.recall(text, false); got != "A2 R2 A1 R2 <refresh_token 3> <mac_id>" {
		t.Errorf("a request becomes %s", got)
	}
	if got := m.recall(text, true); got != "<access_token> <refresh_token> A1 R2 <refresh_token 3> <mac_id>" {
		t.Errorf("an answer becomes %s", got)
	}
	for as, want := range map[string]walletapi.MAC{"token": {ID: "A2", Secret: "K2"}, "token 1": {ID: "A1", Secret: "K1"}, "token:1234": {}, "shop": {}} {
		var signed message
		for _, option := range m.signer(as) {
			option(&signed)
		}
		if signed.mac != want {
			t.Errorf("%s signs as %+v", as, signed.mac)
		}
	}
}

// Forms and the time that passes are read, and a file in which time passes has a world of its own.
func TestFormsAndTimeInFiles(t *testing.T) {
	exchanges, err := parseExchanges("# Why.\n> GET /a\n> form: a=b c\n> later: 1.5\n< 200\n< {}\n> GET /b\n< 200\n< {}\n")
	if err != nil || len(exchanges) != 2 {
		t.Fatal(exchanges, err)
	}
	if e := exchanges[0]; !e.Form || e.Body != "a=b c" || e.Later != 1500*time.Millisecond || exchanges[1].Form || exchanges[1].Later != 0 {
		t.Errorf("read is %+v", exchanges)
	}
	if !Change(exchanges) || Change(exchanges[1:]) {
		t.Error("time does not count as a change, or everything does")
	}
}
