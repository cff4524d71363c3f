package pages_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/purserhq/purser/internal/pages"
	"github.com/purserhq/purser/internal/wallet"
)

var verbs = regexp.MustCompile(`%[a-z]`)

// Whoever changes a text in one language is told to change it in the other.
func TestBothLanguagesSayTheSame(t *testing.T) {
	english, lithuanian := pages.Texts()["en"], pages.Texts()["lt"]
	for key, text := range english {
		other, there := lithuanian[key]
		if !there {
			t.Errorf("%s has no Lithuanian text", key)
		}
		if text == "" || other == "" || !slices.Equal(verbs.FindAllString(text, -1), verbs.FindAllString(other, -1)) {
			t.Errorf("%s: %q and %q do not carry the same values", key, text, other)
		}
		if text == other && key != "inbox.sms" {
			t.Errorf("%s is not translated", key)
		}
	}
	for key := range lithuanian {
		if _, there := english[key]; !there {
			t.Errorf("%s has no English text", key)
		}
	}
}

// A text that is asked for exists, and one that nobody asks for is dropped.
func TestEveryTextIsThereAndUsed(t *testing.T) {
	texts := pages.Texts()["en"]
	used := map[string]bool{}
	uses := func(pattern, glob, prefix string) {
		files, err := filepath.Glob(glob)
		if err != nil || len(files) == 0 {
			t.Fatal(files, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") || file == "english.go" || file == "lithuanian.go" {
				continue
			}
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, found := range regexp.MustCompile(pattern).FindAllStringSubmatch(string(source), -1) {
				key := prefix + found[1]
				used[key] = true
				if texts[key] == "" && !strings.HasSuffix(key, ".") {
					t.Errorf("%s: there is no text %s", file, key)
				}
			}
		}
	}
	uses(`\bt "([^"]*)"`, "templates/*.html", "")
	uses(`language\.text\("([^"]*)"`, "*.go", "")
	uses(`\bl\.text\("([^"]*)"`, "*.go", "")
	uses(`"((?:consent|invitation|error|pay)\.[a-z_.]+)"`, "*.go", "")
	uses(`notice=([a-z-]+)`, "*.go", "notice.")
	uses(`\b(?:saved|savedProject)\("([a-z-]+)"`, "*.go", "notice.")
	for key := range texts {
		// Which field is wrong, and which code, is found out while the server runs.
		if !used[key] && !strings.HasPrefix(key, "wrong.") && !strings.HasPrefix(key, "error.") {
			t.Errorf("nobody uses the text %s", key)
		}
	}
	for _, code := range []wallet.Code{wallet.InvalidRequest, wallet.InvalidParameters, wallet.Forbidden, wallet.NotFound, wallet.MethodNotAllowed,
		wallet.InvalidState, wallet.RateLimitExceeded, wallet.RequestTooLarge, wallet.InternalServerError, wallet.ServiceUnavailable,
		// Why somebody cannot pay.
		wallet.NotEnoughFunds, wallet.LimitsExceeded, wallet.RestrictionLimitsExceeded, wallet.NoRights, wallet.PaymentToSameAccount, wallet.RestrictionViolation,
		wallet.ClientNotVerified, wallet.BeneficiaryAccountInactive, wallet.PayerAccountInactive, wallet.ClientRestricted} {
		if texts["error."+string(code)] == "" {
			t.Errorf("there are no words for %s", code)
		}
	}
}

// People read what a scope opens, never what it is called.
func TestEveryScopeHasWords(t *testing.T) {
	all := slices.Concat(wallet.OrdinaryScopes(), wallet.ExtendedScopes())
	for _, s := range all {
		english, lithuanian := pages.ScopeWords("en", s), pages.ScopeWords("lt", s)
		if english == "" || lithuanian == "" || english == lithuanian {
			t.Errorf("%s: %q and %q", s, english, lithuanian)
		}
	}
	if len(pages.LithuanianScopes()) != len(all) {
		t.Errorf("there are words for %d scopes, and %d scopes", len(pages.LithuanianScopes()), len(all))
	}
}
