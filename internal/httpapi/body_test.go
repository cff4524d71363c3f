package httpapi

import (
	"encoding/json"
	"errors"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
)

// parsed is a body that can be read.
func parsed(t *testing.T, text string) *body {
	t.Helper()
	b, err := newBody([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return b
}

// refusals are the refused fields with their sentences, nil when none is.
func refusals(t *testing.T, b *body) map[string][]string {
	t.Helper()
	err := b.err()
	if err == nil {
		return nil
	}
	var refused *wallet.Error
	if !errors.As(err, &refused) || refused.Code != wallet.InvalidParameters {
		t.Fatalf("%v", err)
	}
	return refused.Properties
}

func TestABodyIsAnObject(t *testing.T) {
	for _, text := range []string{"", " \r\n\t", "{}", "[]", " [ ] ", "{\n}", `{"a":1}`, " {\"a\":null}\n"} {
		if _, err := newBody([]byte(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range []string{
		"null", "true", "7", `"{}"`, "[1]", "[null]", "[[]]", "{", `{"a"}`, `{"a":1,}`, `{"a":1}{"a":2}`, "{} x", "title=Reader",
		"\xef\xbb\xbf{}", "[", "]", "\x00", strings.Repeat("[", 20000), strings.Repeat(`{"a":`, 20000),
	} {
		_, err := newBody([]byte(text))
		var refused *wallet.Error
		if !errors.As(err, &refused) || refused.Code != wallet.InvalidRequest || refused.Properties != nil {
			t.Errorf("%.40q: %v", text, err)
		}
	}
}

// Ids come as numbers and, from PHP, as text. Nothing is rounded, cut or guessed at.
func TestIDsInABody(t *testing.T) {
	for text, want := range map[string]int64{"1": 1, `"1"`: 1, "1221": 1221, `"1221"`: 1221, "2147483647": 1<<31 - 1, "null": 0} {
		b := parsed(t, `{"id":`+text+`}`)
		if got := b.idOr("id"); got != want || b.err() != nil {
			t.Errorf("%s: %d, %v", text, got, b.err())
		}
	}
	for _, text := range []string{
		"0", "-1", "1.5", "1.0", "1e3", "2147483648", "4294967297", "9223372036854775808", "1e400", "true", "{}", "[]", "[1]",
		`""`, `" 1"`, `"1 "`, `"one"`, `"0x10"`, `"1.0"`, `"-1"`, `"+1"`, `"1_000"`, `"\u0031"`, `"1\""`, `"٣"`, `{"id":1}`,
	} {
		b := parsed(t, `{"id":`+text+`}`)
		if b.id("id") != nil || len(refusals(t, b)["id"]) != 1 {
			t.Errorf("%s is taken: %v", text, b.err())
		}
	}
}

func TestPlainFieldsInABody(t *testing.T) {
	for _, c := range []struct {
		text string
		read func(b *body) any
		want any
		ok   bool
	}{
		{`"Till 4"`, func(b *body) any { return b.textOr("x") }, "Till 4", true},
		{`"\u00e9<&>"`, func(b *body) any { return b.textOr("x") }, "é<&>", true},
		{`""`, func(b *body) any { return b.textOr("x") }, "", true},
		{`null`, func(b *body) any { return b.textOr("x") }, "", true},
		{`7`, func(b *body) any { return b.textOr("x") }, "", false},
		{`["a"]`, func(b *body) any { return b.textOr("x") }, "", false},
		{`{}`, func(b *body) any { return b.textOr("x") }, "", false},
		{`true`, func(b *body) any { return b.flag("x") }, true, true},
		{`false`, func(b *body) any { return b.flag("x") }, false, true},
		{`null`, func(b *body) any { return b.flag("x") }, false, true},
		{`1`, func(b *body) any { return b.flag("x") }, false, false},
		{`"true"`, func(b *body) any { return b.flag("x") }, false, false},
		{`{"a":[1, 2.50,null], "b":"<>"}`, func(b *body) any { return b.object("x") }, `{"a":[1,2.50,null],"b":"<>"}`, true},
		{`{"big":12345678901234567890.1234567890}`, func(b *body) any { return b.object("x") }, `{"big":12345678901234567890.1234567890}`, true},
		{`[]`, func(b *body) any { return b.object("x") }, "{}", true},
		{`{}`, func(b *body) any { return b.object("x") }, "{}", true},
		{`null`, func(b *body) any { return b.object("x") }, "", true},
		{`[1]`, func(b *body) any { return b.object("x") }, "", false},
		{`"{}"`, func(b *body) any { return b.object("x") }, "", false},
		{`0`, func(b *body) any { return b.object("x") }, "", false},
	} {
		b := parsed(t, `{"x":`+c.text+`}`)
		if got := c.read(b); got != c.want || (b.err() == nil) != c.ok || !c.ok && len(refusals(t, b)["x"]) != 1 {
			t.Errorf("%s: %v, %v", c.text, got, b.err())
		}
	}
}

// What is null, [] or {} says nothing, and what is not there is nothing.
func TestWhatABodySays(t *testing.T) {
	b := parsed(t, `{"null":null,"list":[],"object":{},"blank":[ ],"zero":0,"no":false,"empty":"","some":[1]}`)
	for field, want := range map[string]bool{
		"null": false, "list": false, "object": false, "blank": false, "absent": false, "zero": true, "no": true, "empty": true, "some": true,
	} {
		if b.says(field) != want {
			t.Errorf("%s: %v", field, !want)
		}
	}
	if b.id("absent") != nil || b.permissions("absent") != nil || b.permissions("null") != nil || b.object("absent") != "" || b.err() != nil {
		t.Errorf("what is not given is read: %v", b.err())
	}
}

// PHP writes a list that lost an element as an object, and an empty object as a list.
func TestListsWithHoles(t *testing.T) {
	const a, b, c = wallet.AcceptWithPIN, wallet.ShowInFrame, wallet.UseWalletAPI
	for text, want := range map[string][]wallet.Permission{
		`[]`: {}, `{}`: {}, `["A","B"]`: {a, b}, `{"0":"A","1":"B"}`: {a, b}, `{"1":"B"}`: {b}, `{"10":"C","9":"B","2":"A"}`: {a, b, c},
	} {
		text = strings.NewReplacer("A", string(a), "B", string(b), "C", string(c)).Replace(text)
		b := parsed(t, `{"list":`+text+`}`)
		if got := b.permissions("list"); got == nil || len(*got) != len(want) || len(want) > 0 && !reflect.DeepEqual(*got, want) || b.err() != nil {
			t.Errorf("%s: %v, %v", text, got, b.err())
		}
	}
	many := strings.TrimSuffix(strings.Repeat(`"show_in_frame",`, maxList), ",")
	if b := parsed(t, `{"list":[`+many+`]}`); len(*b.permissions("list")) != maxList {
		t.Errorf("%d elements are refused: %v", maxList, b.err())
	}
	for _, text := range []string{`"a"`, `7`, `true`, `[1]`, `[["a"]]`, `[{}]`, `{"first":"a"}`, `{"0":"a","x":"b"}`, `{"1.5":"a"}`, `{"99999999999999999999":"a"}`, `[` + many + `,"show_in_frame"]`} {
		b := parsed(t, `{"list":`+text+`}`)
		if got := b.permissions("list"); got != nil || len(refusals(t, b)["list"]) != 1 {
			t.Errorf("%.60s is taken: %v, %v", text, got, b.err())
		}
	}
}

// What a list may name is named one by one when it is nothing: null too.
func TestUnknownNamesInLists(t *testing.T) {
	b := parsed(t, `{"permissions":["use_wallet_api","fly",null],"rights":[{"wallet_id":1,"scopes":["balance","email"]},{"wallet_id":1,"scopes":[]},{"wallet_id":1}]}`)
	b.permissions("permissions")
	b.rights("rights")
	want := map[string][]string{
		"permissions":      {`"fly" is not a permission`, `"" is not a permission`},
		"rights[0].scopes": {`"email" is not one of balance and statements`},
		"rights[2].scopes": {"must be given"},
	}
	if got := refusals(t, b); !reflect.DeepEqual(got, want) {
		t.Errorf("%q", got)
	}
}

// What is wrong inside a list is named by where it stands, and all of it at once.
func TestRefusedFieldsInsideLists(t *testing.T) {
	b := parsed(t, `{
		"hosts":[{"host":"shop.example","port":80.5},{"host":["x"],"path":7,"protocol":{},"any_port":"yes","any_subdomain":1},{"port":null}],
		"permissions_to_wallets":{"3":{"wallet_id":"x","scopes":"balance"},"5":{"scopes":[1]},"7":{"wallet":{"id":1.5}}}
	}`)
	b.hosts("hosts")
	b.rights("permissions_to_wallets")
	want := map[string]bool{
		"hosts[0].port": true, "hosts[1].host": true, "hosts[1].path": true, "hosts[1].protocol": true, "hosts[1].any_port": true, "hosts[1].any_subdomain": true,
		"permissions_to_wallets[0].wallet_id": true, "permissions_to_wallets[0].scopes": true,
		"permissions_to_wallets[1].wallet_id": true, "permissions_to_wallets[1].scopes": true,
		"permissions_to_wallets[2].wallet_id": true, "permissions_to_wallets[2].wallet.id": true, "permissions_to_wallets[2].scopes": true,
	}
	got := refusals(t, b)
	for field := range want {
		if len(got[field]) == 0 {
			t.Errorf("%s is not named", field)
		}
	}
	for field := range got {
		if !want[field] {
			t.Errorf("%s is named: %q", field, got[field])
		}
	}
	for _, text := range []string{`[7]`, `["shop.example"]`, `[[1]]`, `"shop.example"`, `[null]`} {
		b := parsed(t, `{"hosts":`+text+`}`)
		if b.hosts("hosts"); len(refusals(t, b)["hosts"]) != 1 {
			t.Errorf("%s is taken: %v", text, b.err())
		}
	}
}

// A host and a right as PHP writes them, and a right as it is read.
func TestHostsAndRightsOfABody(t *testing.T) {
	b := parsed(t, `{
		"hosts":[{"host":"shop.example","port":null,"path":"/p","protocol":null,"any_port":true,"any_subdomain":false},{"host":"localhost","port":"8080"},[]],
		"permissions_to_wallets":[
			{"wallet_id":2112,"account_number":"EVP000000002112","scopes":["balance","statements"]},
			{"wallet":{"id":2113,"owner":1235},"scopes":{"1":"balance"}},
			{"account_number":"EVP000000014471","wallet":null,"scopes":[]}
		]
	}`)
	hosts, rights := b.hosts("hosts"), b.rights("permissions_to_wallets")
	if err := b.err(); err != nil {
		t.Fatal(err)
	}
	wantHosts := []wallet.Host{{Host: "shop.example", Path: "/p", AnyPort: true}, {Host: "localhost", Port: 8080}, {}}
	wantRights := []service.RightChange{
		{WalletID: 2112, AccountNumber: "EVP000000002112", Scopes: []wallet.Scope{wallet.ScopeBalance, wallet.ScopeStatements}},
		{WalletID: 2113, Scopes: []wallet.Scope{wallet.ScopeBalance}},
		{AccountNumber: "EVP000000014471", Scopes: []wallet.Scope{}},
	}
	if !reflect.DeepEqual(*hosts, wantHosts) || !reflect.DeepEqual(*rights, wantRights) {
		t.Errorf("%+v\n%+v", *hosts, *rights)
	}
}

// everything is what can be read of the body of a client.
type everything struct {
	Type, Title, Info   string
	Permissions         *[]wallet.Permission
	Project, Agreement  *int64
	Hosts               *[]wallet.Host
	Rights              *[]service.RightChange
	Refused             string
	AnyHost, AnyChanges bool
}

// readAll reads a body in every way; nil when it is no object.
func readAll(t *testing.T, raw []byte) *everything {
	b, err := newBody(raw)
	if err != nil {
		return nil
	}
	out := &everything{
		Type: b.textOr("type"), Title: b.textOr("title"), Info: b.object("info"), Permissions: b.permissions("permissions"),
		Project: b.id("project_id"), Agreement: b.id("service_agreement_id"), Hosts: b.hosts("hosts"), Rights: b.rights("permissions_to_wallets"),
		AnyHost: b.says("hosts"), AnyChanges: b.says("permissions"),
	}
	for field, sentences := range b.refused {
		if !fieldPath.MatchString(field) || len(sentences) == 0 {
			t.Errorf("%q is no field: %q", field, sentences)
		}
	}
	if err := b.err(); err != nil {
		out.Refused = err.Error()
	}
	return out
}

// fieldPath is how a refused field is named: type, hosts[0].port, permissions_to_wallets[2].wallet.id.
var fieldPath = regexp.MustCompile(`^[a-z_]+(\[[0-9]+\])?(\.[a-z_]+){0,2}$`)

// FuzzBody: whatever is sent, the decoder answers with values inside their bounds or with an error that
// names fields as callers know them, and the same body is read the same again.
func FuzzBody(f *testing.F) {
	for _, seed := range []string{
		`{"type":"app_client","info":{"device_id":"d-81f2","os":"Android 15","model":"Pixel 9"}}`,
		`{"type":null,"permissions":{"1":"accept_with_flash"},"project_id":"1221","hosts":[],"permissions_to_wallets":[],"info":[]}`,
		`{"permissions_to_wallets":[{"wallet_id":2112,"account_number":"EVP000000002112","scopes":["balance"]}],"hosts":[{"host":"shop.example","port":null}]}`,
		`{"hosts":{"3":{"port":1e9},"-1":[]},"permissions_to_wallets":[{"wallet":{"id":0.5}}],"service_agreement_id":99999999999}`,
		"", "[]", "null", `{"info":"x","info":{}}`, `{"hosts":[null,7]}`, `{"project_id":"\"1"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		out := readAll(t, raw)
		if again := readAll(t, raw); !reflect.DeepEqual(out, again) {
			t.Fatalf("%+v, then %+v", out, again)
		}
		if out == nil || out.Refused != "" {
			return
		}
		for _, id := range []*int64{out.Project, out.Agreement} {
			if id != nil && (*id < 1 || *id > maxBodyID) {
				t.Errorf("the id %d is taken", *id)
			}
		}
		if out.Info != "" && (out.Info[0] != '{' || !json.Valid([]byte(out.Info))) {
			t.Errorf("%q is no object", out.Info)
		}
		if out.Hosts != nil {
			for _, host := range *out.Hosts {
				if host.Port < 0 || host.Port > maxPort {
					t.Errorf("the port %d is taken", host.Port)
				}
			}
		}
		if out.Rights != nil {
			for _, right := range *out.Rights {
				if right.WalletID < 1 && right.AccountNumber == "" || right.WalletID > maxBodyID {
					t.Errorf("%+v names no wallet", right)
				}
			}
		}
	})
}
