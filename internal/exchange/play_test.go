package exchange

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/purserhq/purser/walletapi"
)

// answered is an answer as a right server gives it.
func answered(status int, body string) *Answer {
	raw := fmt.Sprintf("HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nPaysera-Correlation-Id: 0123456789abcdef\r\nContent-Length: %d\r\n\r\n%s", status, http.StatusText(status), len(body), body)
	a, _, err := ReadAnswer(http.MethodGet, raw)
	if err != nil {
		panic(err)
	}
	return a
}

// world answers each request with what is said of its target.
func world(answers map[string]*Answer) World {
	return World{
		Send: func(_ context.Context, m Message) (*Answer, error) {
			if a := answers[m.Target]; a != nil {
				return a, nil
			}
			return nil, errors.New("nobody answers")
		},
		Credentials: func(name string) (walletapi.MAC, bool) { return walletapi.MAC{ID: name, Secret: "key"}, name == "shop" },
		Now:         func() time.Time { return time.Unix(1795262400, 0) },
	}
}

func parse(t *testing.T, text string) []Exchange {
	t.Helper()
	exchanges, err := Parse("# Why.\n" + text)
	if err != nil {
		t.Fatal(err)
	}
	return exchanges
}

// Each way in which an answer can be another one is told, with its line, and the first difference of a body by its place.
func TestDifferencesAreTold(t *testing.T) {
	const want = "> GET /a\n> as: shop\n< 200\n< Etag: \"1\"\n< {\"id\":1,\"list\":[{\"status\":\"new\"},{\"status\":\"done\"}],\"last\":true}\n"
	const right = `{"id":1,"list":[{"status":"new"},{"status":"done"}],"last":true}`
	for _, c := range []struct{ name, body, what, first, want, got string }{
		{"the same", right, "", "", "", ""},
		{"a value", strings.Replace(right, "done", "failed", 1), "body", ".list[1].status", `"done"`, `"failed"`},
		{"a key left out", strings.Replace(right, `"id":1,`, "", 1), "body", ".", `the key "id"`, `the key "list"`},
		{"a key too many", strings.Replace(right, `true}`, `true,"more":1}`, 1), "body", ".", "the end of the object", `the key "more"`},
		{"another order", `{"list":[{"status":"new"},{"status":"done"}],"id":1,"last":true}`, "body", ".", `the key "id"`, `the key "list"`},
		{"a shorter list", strings.Replace(right, `,{"status":"done"}`, "", 1), "body", ".list[1]", "an object", "the end of the list"},
		{"a number for a truth", strings.Replace(right, "true", "1", 1), "body", ".last", "true", "1"},
		{"a text for a number", strings.Replace(right, `"id":1`, `"id":"1"`, 1), "body", ".id", "1", `"1"`},
		{"a blank", strings.Replace(right, `"id":1`, `"id": 1`, 1), "body", "(spelling)", right, strings.Replace(right, `"id":1`, `"id": 1`, 1)},
		{"null", strings.Replace(right, "true", "null", 1), "rule", "", "what is true of every answer", ".last is null: what is absent is left out"},
	} {
		a := answered(200, c.body)
		a.Header.Set("Etag", `"1"`)
		found, err := world(map[string]*Answer{"/a": a}).Play(t.Context(), parse(t, want))
		if err != nil {
			t.Fatal(err)
		}
		if c.what == "" {
			if len(found) != 0 {
				t.Errorf("%s: %v", c.name, found)
			}
			continue
		}
		if len(found) == 0 {
			t.Errorf("%s is not seen", c.name)
			continue
		}
		d := found[0]
		if d.Line != 2 || d.Request != "GET /a" || d.As != "shop" || d.RequestID != "0123456789abcdef" || d.What != c.what || d.First != c.first || d.Want != c.want || d.Got != c.got {
			t.Errorf("%s: %+v", c.name, d)
		}
		if text := d.String(); !strings.Contains(text, "line 2: GET /a, as shop") || !strings.Contains(text, c.got) {
			t.Errorf("%s is told as %s", c.name, text)
		}
	}
	found, _ := world(map[string]*Answer{"/a": answered(404, `{"error":"not_found","error_description":"no"}`)}).Play(t.Context(), parse(t, want))
	if len(found) != 1 || found[0].What != "status" || found[0].Want != "200" || found[0].Got != "404" || !strings.Contains(found[0].Lines[0], "not_found") {
		t.Errorf("%v", found)
	}
	found, _ = world(map[string]*Answer{"/a": answered(200, right)}).Play(t.Context(), parse(t, want))
	if len(found) != 1 || found[0].What != "header Etag" || found[0].Want != `"1"` || found[0].Got != "" {
		t.Errorf("%v", found)
	}
}

// What a report shows of an answer has no secret in it: neither what is called like one, nor what was given out before,
// wherever it stands.
func TestReportsHoldNoSecrets(t *testing.T) {
	const token, key, refresh = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "0123456789abcdefghijABCDEFGHIJkl", "abcdefghij0123456789ABCDEFGHIJkl"
	w := world(map[string]*Answer{
		"/token":    answered(200, `{"access_token":"`+token+`","mac_key":"`+key+`","refresh_token":"`+refresh+`"}`),
		"/" + token: answered(200, `{"echo":"`+token+` `+key+`","title":"`+refresh+`","pin":9876,"code":"x\"y","mac_key":"short","secret":"of the manifest"}`),
	})
	w.Secrets = []string{"of the manifest"}
	found, err := w.Play(t.Context(), parse(t, "> POST /token\n< 400\n< {}\n> GET /<access_token>\n< 200\n< {\"mac_key\":\"<mac_key>\"}\n"))
	if err != nil || len(found) != 2 {
		t.Fatal(found, err)
	}
	for _, d := range found {
		text := d.String()
		for _, secret := range []string{token, key, refresh, "9876", `x\"y`, "short", "of the manifest"} {
			if strings.Contains(text, secret) {
				t.Errorf("%q is in %s", secret, text)
			}
		}
	}
	if !strings.Contains(found[1].String(), "/<access_token>") || !strings.Contains(found[1].String(), `"mac_key": "<mac_key>"`) {
		t.Errorf("the words of the file are not shown: %s", found[1])
	}
}

// What differs is shown with what surrounds it, also where that is too much to compare.
func TestDifferingLines(t *testing.T) {
	lines := func(text string) []string { return strings.Split(text, "") }
	for _, c := range []struct{ want, got, shown string }{
		{"abcdefghij", "abcdefghij", ""},
		{"abcdefghij", "abcdefghiX", " h| i|-j|+X"},
		{"abcdefghij", "Xbcdefghi", "-a|+X| b| c| …| h| i|-j"},
		{"", "a", "-|+a"},
	} {
		want, got := lines(c.want), lines(c.got)
		if c.want == "" {
			want = []string{""}
		}
		if shown := strings.Join(differing(want, got), "|"); shown != c.shown {
			t.Errorf("%s and %s: %s", c.want, c.got, shown)
		}
	}
	long := strings.Split(strings.Repeat("x\n", 3000), "\n")
	if all := merged(append([]string{"a"}, long...), append([]string{"b"}, long...)); len(all) != 2*len(long)+2 {
		t.Errorf("%d lines", len(all))
	}
}

// A world says what a file needs and it cannot do.
func TestWhatAWorldLacks(t *testing.T) {
	w := world(nil)
	all := w
	all.Operate = func(context.Context, string) error { return nil }
	all.Later = func(context.Context, time.Duration) error { return nil }
	all.After = func(_ context.Context, _ time.Duration, do func() error) error { return do() }
	all.Code = func(context.Context) (string, error) { return "123456", nil }
	all.HasCertificate = func(string) bool { return true }
	for text, lacks := range map[string]string{
		"> GET /a\n> as: shop\n< 200\n":                              "",
		"> GET /a\n> as: token 1\n< 200\n":                           "",
		"> GET /a\n> as: stranger\n< 200\n":                          "the credentials of stranger",
		"! due\n> GET /a\n< 200\n":                                   "an operator (!)",
		"> GET /a\n> later: 1\n< 200\n> GET /a\n> after: 1\n< 200\n": "a clock that can be moved (later, after)",
		"> POST /a\n> body: {\"code\":\"<code>\"}\n< 200\n":          "to read what people are sent (<code>)",
		"> GET /a\n> certificate: shop\n< 200\n":                     "TLS with the certificate of shop",
	} {
		got := w.Lacks(parse(t, text))
		if lacks == "" && got != "" || lacks != "" && got != "it needs "+lacks {
			t.Errorf("%q: %s", text, got)
		}
		if got := all.Lacks(parse(t, text)); got != "" && !strings.Contains(text, "stranger") {
			t.Errorf("%q: %s", text, got)
		}
	}
}

// A file that changes the world is played where it can be renewed, or where that is asked for; an exchange that cannot be played
// is left out by itself in a file that changes nothing. Nothing that is left out counts as passed.
func TestRunsLeaveOutAndSaySo(t *testing.T) {
	answers := map[string]*Answer{"/a": answered(200, `{}`)}
	files := []File{
		{"asks.txt", parse(t, "> GET /a\n< 200\n< {}\n")},
		{"changes.txt", parse(t, "> POST /a\n< 200\n< {}\n")},
		{"partly.txt", parse(t, "> GET /a\n> after: 5\n< 200\n< {}\n> GET /<request_id>\n< 200\n< {}\n> GET /a\n< 200\n< {}\n")},
		{"later.txt", parse(t, "> GET /a\n> later: 5\n< 200\n< {}\n")},
		{"nobody.txt", parse(t, "> GET /a\n> as: stranger\n< 200\n< {}\n")},
		{"silent.txt", parse(t, "> GET /b\n< 200\n< {}\n")},
	}
	vectors := []VectorFile{{Name: "none.json", LeftOut: "it is no call"}, {Name: "some.json", Probes: []Probe{
		{Name: "right", Messages: func() []Message { return []Message{{Method: "GET", Target: "/a"}} }},
		{Name: "wrong", Refused: 401, Messages: func() []Message { return []Message{{Method: "GET", Target: "/a"}} }},
		{Name: "changing", Changes: true, Messages: func() []Message { return []Message{{Method: "POST", Target: "/a"}} }},
		{Name: "no call", LeftOut: "it is none"},
	}}}
	outcomes := func(r Run) (text string, renewed int, report Report) {
		r.World, r.Files, r.Vectors = world(answers), files, vectors
		if r.Renew != nil {
			r.Renew = func(context.Context) error { renewed++; return nil }
		}
		report, err := r.All(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, result := range report.Results {
			text += fmt.Sprintf("%s %s %d %d %d|", result.File, result.Outcome, result.Calls, len(result.Differences), len(result.Left))
		}
		return text, renewed, report
	}
	const common = "later.txt left out 0 0 0|nobody.txt left out 0 0 0|silent.txt differs 1 1 0|none.json left out 0 0 0|some.json differs "
	for name, c := range map[string]struct {
		run     Run
		want    string
		renewed int
	}{
		"as it is": {Run{}, "asks.txt ok 1 0 0|changes.txt left out 0 0 0|partly.txt ok 1 0 2|" + common + "2 1 2|", 0},
		"change":   {Run{Change: true}, "asks.txt ok 1 0 0|changes.txt ok 1 0 0|partly.txt ok 1 0 2|" + common + "3 1 1|", 0},
		"renewed":  {Run{Renew: func(context.Context) error { return nil }}, "asks.txt ok 1 0 0|changes.txt ok 1 0 0|partly.txt ok 1 0 2|" + common + "3 1 1|", 2},
	} {
		text, renewed, report := outcomes(c.run)
		if text != c.want || renewed != c.renewed {
			t.Errorf("%s: %d\n%s\n%s", name, renewed, text, c.want)
		}
		if report.Conforms() || report.Differ != 2 || report.Differences != 2 {
			t.Errorf("%s: %+v", name, report)
		}
		if was := slices.ContainsFunc(report.Results, func(r Result) bool { return r.OnWorldAsItIs }); was != (name == "change") {
			t.Errorf("%s: on the world as it is: %v", name, was)
		}
	}
	_, _, report := outcomes(Run{})
	text := report.String()
	for _, r := range report.Results {
		text += r.String()
	}
	for _, part := range []string{
		"2 files ok, 2 differ, 4 left out", "does not answer as the files say", "left out  later.txt", "it needs a clock that can be moved",
		"--change plays it", "left out, as it needs a clock that can be moved (later, after): line 2; line 6", "some.json wrong: GET /a",
		"expected: 401, because of its signature\n      came:     200", "nobody answers",
	} {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in the report:\n%s", part, text)
		}
	}
	if (Report{}).Conforms() || !strings.Contains(Report{LeftOut: 1}.String(), "Nothing was looked at") {
		t.Error("nothing at all conforms")
	}
}

// Times of earlier answers, and those of allowances, stand in requests by their words.
func TestWordsForMomentsAndAllowances(t *testing.T) {
	var m Memory
	if got := m.Recall("<as_of> <created_at +5> <allowance_id>", false); got != "<as_of> <created_at +5> <allowance_id>" {
		t.Errorf("from nothing comes %s", got)
	}
	const key = "abcdefghijklmnopqrstuvwxy2"
	m.Learn(http.Header{}, `{"as_of":1795262400,"payments":[{"id":257,"transaction_key":"`+key+`","created_at":1795262300,"status":"new","cancelable":true}],`+
		`"allowance":{"data":{"id":257,"transaction_key":"`+key+`","created_at":1795262301,"status":"new","currency":"EUR"}}}`)
	m.Learn(http.Header{}, `{"id":300,"transaction_key":"`+key+`","created_at":1795262302,"status":"active","currency":"EUR"}`)
	const text = "<as_of> <created_at> <created_at +3600> <allowance_id 1> <allowance_id> <payment_id>"
	if got := m.Recall(text, false); got != "1795262400 1795262302 1795265902 257 300 257" {
		t.Errorf("a request becomes %s", got)
	}
	want, got := blankAlike(`{"id":<allowance_id>,"transaction_key":"<transaction_key>","day":"<day>","open":<count>}`, `{"id":9,"transaction_key":"`+key+`","day":"2026-11-21","open":12}`)
	if want != got {
		t.Errorf("%s is not %s", want, got)
	}
}

// A list goes on where an answer ended, a copy where it stands, and an ETag goes back in a header, as it came.
func TestWordsForWhereListsGoOn(t *testing.T) {
	var m Memory
	const text = `/a?after=<after>&first=<after 1>&sync=<sync 2> "<etag>"`
	if got := m.Recall(text, false); got != text {
		t.Errorf("from nothing comes %s", got)
	}
	m.Learn(http.Header{"Etag": {`"e1"`}}, `{"locations":[{"title":"\"after\":\"no\""}],"_metadata":{"total":3,"after":"A1","sync":"S1"}}`)
	m.Learn(http.Header{}, `{"_metadata":{"after":"A2","sync":"S1"}}`) // the copy stands where it stood
	m.Learn(http.Header{"Etag": {`"e2"`}}, `{"after":"no","_metadata":{"sync":"S2"}}`)
	m.Learn(http.Header{}, `["after"]`)
	if got := m.Recall(strings.ReplaceAll(text, `"<etag>"`, etagWord), false); got != `/a?after=A2&first=A1&sync=S2 "e2"` {
		t.Errorf("a request becomes %s", got)
	}
	if got := m.Recall(`{"after":"<after>","sync":"<sync 2>","x":"<sync 3>"}`, true); got != `{"after":"<after>","sync":"S2","x":"<sync 3>"}` {
		t.Errorf("an answer becomes %s", got)
	}
}

// What an earlier answer gave goes into the line of a header; where that answer is left out, so is the request.
func TestHeadersSayWhatAnswersGave(t *testing.T) {
	var sent []string
	w := world(nil)
	w.Send = func(_ context.Context, m Message) (*Answer, error) {
		sent = append(sent, m.Target+" "+strings.Join(m.Headers, "; "))
		a := answered(200, `{}`)
		a.Header.Set("Etag", `"e1"`)
		return a, nil
	}
	const goesOn = "> GET /b\n> If-None-Match: \"old\", <etag>\n> X-Code: <code>\n< 200\n< {}\n"
	if got := w.Lacks(parse(t, goesOn)); !strings.Contains(got, codeWord) {
		t.Errorf("a code in a header needs %q", got)
	}
	w.Code = func(context.Context) (string, error) { return "123456", nil }
	for text, want := range map[string]string{
		"> GET /a\n< 200\n< {}\n" + goesOn: `/a ,/b If-None-Match: "old", "e1"; X-Code: 123456`,
		"> GET /a\n> as: stranger\n< 200\n< {}\n" + goesOn + "> GET /c?after=<after>\n< 200\n< {}\n":   "",
		goesOn + "> GET /a\n> as: stranger\n< 200\n< {}\n> GET /c\n< 200\n< {\"after\":\"<after>\"}\n": `/b If-None-Match: "old", <etag>; X-Code: 123456,/c `,
	} {
		sent = nil
		if _, err := (Run{World: w, Files: []File{{"reads.txt", parse(t, text)}}}).All(t.Context()); err != nil {
			t.Error(err)
		}
		if got := strings.Join(sent, ","); got != want {
			t.Errorf("%q sends %s, want %s", text, got, want)
		}
	}
}

// An answer that breaks off may hold anything: no secret of it is in what is said of it.
func TestAnAnswerThatBreaksOffIsNotShown(t *testing.T) {
	for _, raw := range []string{
		"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{\"access_token\":\"SECRETSECRETSECRET\"}",
		"HTTP/1.1 200 OK\r\nX: SECRETSECRETSECRET\r\n", "HTTP/1.1 200 OK " + strings.Repeat("x", 1<<20),
	} {
		_, _, err := ReadAnswer("GET", raw)
		if err == nil || strings.Contains(err.Error(), "SECRET") || !strings.Contains(err.Error(), "HTTP/1.1 200 OK") || len(err.Error()) > 1000 {
			t.Errorf("%.300v", err)
		}
	}
}
