package inspect

import (
	"fmt"
	"strings"
	"testing"
)

func TestTargetsAreMasked(t *testing.T) {
	for target, want := range map[string]string{
		"/rest/v1/server": "/rest/v1/server",
		"/rest/v1/transactions?transaction_key=k&limit=5&project_id=1": "/rest/v1/transactions?transaction_key=k&limit=5&project_id=1",
		"/oauth/v1/token?access_token=abc&x=1":                         "/oauth/v1/token?access_token=***&x=1",
		"/oauth/v1/tokens/abc/activate":                                "/oauth/v1/tokens/***/activate",
		"/x?%61ccess_token=abc&pin=1&Password=b&%zz=c":                 "/x?%61ccess_token=***&pin=***&Password=***&%zz=***",
		"/oauth/v1/tokens/a%2Bc/activate":                              "/oauth/v1/tokens/***/activate",
		"/oauth/v1/%74okens/abc/activate?x=1":                          "***?x=1",
		"//oauth/v1//tokens/abc/activate":                              "***",
		"/oauth/v1/tokens/./abc/activate":                              "***",
		"/oauth%2Fv1/x/../tokens//abc":                                 "***",
		"/rest/v1//server/":                                            "/rest/v1//server/",
		"/rest/v1/wallet/barcode?barcode=123":                          "/rest/v1/wallet/barcode?barcode=***",
	} {
		if got := MaskTarget(target); got != want {
			t.Errorf("%s becomes %s instead of %s", target, got, want)
		}
	}
}

func TestAnswersAreMasked(t *testing.T) {
	got := MaskJSON([]byte(`{"access_token":"abc","transaction_key":"k","credentials":{"mac_key":"s","id":12345678901234567890},"list":[{"refresh_token":"r","pin":5}]}`))
	for _, secret := range []string{"abc", `"s"`, `"r"`, "5\n"} {
		if strings.Contains(got, secret) {
			t.Errorf("%s is in %s", secret, got)
		}
	}
	if !strings.Contains(got, `"transaction_key": "k"`) || !strings.Contains(got, "12345678901234567890") {
		t.Errorf("%s", got)
	}
	if MaskJSON([]byte("abc")) != Mask {
		t.Error("what is no JSON is shown")
	}
}

// Another inspector counts on from the one before: who follows that goes on.
func TestNumbersGoOn(t *testing.T) {
	before := New(nil, Options{})
	for range 3 {
		before.add(&Record{})
	}
	after := New(before, Options{})
	after.add(&Record{ID: "new"})
	if seen := after.Last(Filter{After: 3}); len(seen) != 1 || seen[0].ID != "new" || seen[0].Number != 4 {
		t.Errorf("%+v", seen)
	}
}

// What is kept is bounded, by number and by bytes, and the oldest goes first.
func TestTheRingIsBounded(t *testing.T) {
	i := New(nil, Options{})
	for n := range maxRecords + 50 {
		i.add(&Record{ID: fmt.Sprint(n), ClientID: int64(n % 2)})
	}
	if all := i.Last(Filter{}); len(all) != maxRecords || all[0].ID != "50" || all[len(all)-1].Number != maxRecords+50 {
		t.Errorf("%d from %s", len(all), all[0].ID)
	}
	if some := i.Last(Filter{Client: 1, After: maxRecords, Limit: 10}); len(some) != 10 || some[9].ID != fmt.Sprint(maxRecords+49) {
		t.Errorf("%+v", some)
	}
	for range 300 {
		i.add(&Record{sent: sent{body: make([]byte, maxBody)}})
	}
	if len(i.ring) != maxBytes/maxBody || i.bytes != maxBytes {
		t.Errorf("%d requests with %d bytes", len(i.ring), i.bytes)
	}
	if _, ok := i.Find("50"); ok {
		t.Error("it is gone")
	}
}
