package wallet

import (
	"slices"
	"strings"
	"testing"
)

// What clients ask for is read as the protocol writes it: suffixes in one order, small letters, and each once.
func TestParseScopes(t *testing.T) {
	for text, want := range map[string]string{
		"":                                   "",
		"  balance\temail  balance ":         "balance email",
		"email_offline_optional email":       "email email_offline_optional",
		"convert_currency":                   "convert_currency",
		"projects_optional":                  "projects_optional",
		"statements_offline balance_offline": "balance_offline statements_offline",
	} {
		got, err := ParseScopes(text)
		if err != nil || ScopeNames(got) != want {
			t.Errorf("%q is read as %q, %v; want %q", text, ScopeNames(got), err, want)
		}
	}
	for _, text := range []string{
		"everything", "EMAIL", "email_optional_offline", "projects_offline", "convert_currency_optional", "make_bank_transfers_offline",
		"email,phone", "_offline", "email_offline_offline", "name", "balance\x00", strings.Repeat("email ", 201),
	} {
		if got, err := ParseScopes(text); err == nil {
			t.Errorf("%q is read as %q", text, ScopeNames(got))
		}
	}
}

// Whatever is read as scopes is written so that it is read as the same again.
func FuzzParseScopes(f *testing.F) {
	for _, text := range []string{"", "balance", "email_offline_optional phone", "a b  c", "EMAIL", "convert_currency"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, err := ParseScopes(text)
		if err != nil {
			return
		}
		again, err := ParseScopes(ScopeNames(list))
		if err != nil || !slices.Equal(list, again) {
			t.Errorf("%q is %v, and then %v, %v", text, list, again, err)
		}
	})
}
