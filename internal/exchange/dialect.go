package exchange

import (
	"encoding/base64"
	"regexp"
	"slices"
	"strings"
)

// mark is what tells one client's signatures from another's.
type mark struct {
	nonce, ts string
	// ext is left out, empty or there.
	ext string
	// slash is how a / in body_hash is written: bare or encoded; empty where none is in it.
	slash string
	// leading says that ext begins with &.
	leading bool
	// usualPort says that 443 is signed at another port, and portTells that it could be seen.
	usualPort, portTells bool
}

// What nonces look like.
const (
	noncePrintable = "32 characters of all that is printable"
	nonceBase64    = "base64 of 32 bytes"
	nonceLong      = "64 letters and digits"
	nonceHex       = "32 hexadecimal digits"
	nonceURLSafe   = "32 characters of URL-safe base64"
	nonceWord      = "letters and digits"
	nonceOther     = "another form"
)

var nonceForms = []struct {
	name string
	fits func(string) bool
}{
	{nonceHex, regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString},
	{nonceLong, regexp.MustCompile(`^[A-Za-z0-9]{64}$`).MatchString},
	{nonceBase64, func(nonce string) bool {
		raw, err := base64.StdEncoding.DecodeString(nonce)
		return err == nil && len(raw) == 32 && strings.HasSuffix(nonce, "=")
	}},
	{nonceURLSafe, regexp.MustCompile(`^[A-Za-z0-9_-]{32}$`).MatchString},
	{nonceWord, regexp.MustCompile(`^[A-Za-z0-9]+$`).MatchString},
	{noncePrintable, regexp.MustCompile(`^[ -~]{32}$`).MatchString},
}

// Forms of ts and ext.
const (
	tsWhole    = "whole seconds"
	tsFraction = "seconds with a fraction"
	tsOther    = "no seconds"
	extOut     = "left out"
	extEmpty   = "empty"
	extThere   = "there"
	slashBare  = "bare"
	slashCoded = "encoded"
)

var (
	wholeSeconds    = regexp.MustCompile(`^[0-9]{1,11}$`)
	fractionSeconds = regexp.MustCompile(`^[0-9]{1,11}\.[0-9]+$`)
	hashInExt       = regexp.MustCompile(`(?:^|&)body_hash=([^&]*)`)
)

// markOf reads the mark of a signature.
func markOf(s Seen) mark {
	a := s.Authorization
	m := mark{nonce: nonceOther, ts: tsOther, ext: extThere, leading: strings.HasPrefix(a.Ext, "&")}
	if at := slices.IndexFunc(nonceForms, func(f struct {
		name string
		fits func(string) bool
	}) bool {
		return f.fits(a.Nonce)
	}); at >= 0 {
		m.nonce = nonceForms[at].name
	}
	switch {
	case wholeSeconds.MatchString(a.TS):
		m.ts = tsWhole
	case fractionSeconds.MatchString(a.TS):
		m.ts = tsFraction
	}
	switch header := s.Header.Get("Authorization"); {
	case a.Ext == "" && strings.Contains(header, `ext="`):
		m.ext = extEmpty
	case a.Ext == "":
		m.ext = extOut
	}
	if hash := hashInExt.FindStringSubmatch(a.Ext); hash != nil {
		switch {
		case strings.Contains(hash[1], "/"):
			m.slash = slashBare
		case strings.Contains(strings.ToUpper(hash[1]), "%2F"):
			m.slash = slashCoded
		}
	}
	m.portTells = strings.Contains(strings.TrimSuffix(s.Host, ":443"), ":")
	m.usualPort = slices.ContainsFunc(s.Mistakes, func(m Mistake) bool { return m.Cause == "port_always" })
	return m
}

// traits are the mark in words.
func (m mark) traits() []string {
	traits := []string{"nonce: " + m.nonce, "ts: " + m.ts, "ext: " + m.ext}
	if m.slash != "" {
		traits = append(traits, "ext: / in body_hash "+m.slash)
	}
	if m.leading {
		traits = append(traits, "ext: begins with &")
	}
	if m.usualPort {
		traits = append(traits, "port: 443 is signed at another port")
	}
	return traits
}

// rule is something that is true of every signature of a dialect.
type rule struct {
	says  string
	holds func(mark) bool
}

// nonceIs, tsIs, extIsNever and slashIs are the rules that dialects have in common.
func nonceIs(forms ...string) rule {
	return rule{"its nonces are " + forms[0], func(m mark) bool { return slices.Contains(forms, m.nonce) }}
}

func tsIs(form string) rule {
	return rule{"its ts are " + form, func(m mark) bool { return m.ts == form }}
}

func extIsNever(form string) rule {
	return rule{"its ext is never " + form, func(m mark) bool { return m.ext != form }}
}

// signsItsPort and signs443 are rules on the port, which only another one than 443 tells apart.
func signsItsPort() rule {
	return rule{"it signs the port of the address", func(m mark) bool { return !m.usualPort }}
}

func signs443() rule {
	return rule{"it signs port 443 at any address", func(m mark) bool { return m.usualPort || !m.portTells }}
}

func slashIs(form string) rule {
	return rule{"its body_hash has / " + form, func(m mark) bool { return m.slash == "" || m.slash == form }}
}

// The clients that are known.
const (
	dialectPHP     = "lib-wallet-php-client (PHP)"
	dialectJava    = "java-lib-wallet-sdk (Java)"
	dialectSwift   = "swift-lib-wallet-sdk (Swift)"
	dialectPython  = "the accounting connector (Python)"
	dialectSamples = "the samples of the documentation"
	dialectOurs    = "walletapi (Go) and purser-wallet (JavaScript)"
)

// dialects are how the clients that there are sign, by what can be seen of it.
var dialects = []struct {
	name  string
	rules []rule
}{
	{dialectPHP, []rule{nonceIs(noncePrintable), tsIs(tsWhole), extIsNever(extEmpty), slashIs(slashCoded), signsItsPort()}},
	{dialectJava, []rule{nonceIs(nonceBase64), tsIs(tsWhole), extIsNever(extOut), slashIs(slashCoded), signsItsPort()}},
	{dialectSwift, []rule{nonceIs(nonceLong), tsIs(tsWhole), extIsNever(extOut), slashIs(slashBare), signs443()}},
	{dialectPython, []rule{nonceIs(nonceWord, nonceLong, nonceHex), tsIs(tsFraction), extIsNever(extEmpty)}},
	{dialectSamples, []rule{nonceIs(nonceHex), tsIs(tsWhole), extIsNever(extEmpty), slashIs(slashCoded)}},
	{dialectOurs, []rule{nonceIs(nonceURLSafe), tsIs(tsWhole), extIsNever(extEmpty), slashIs(slashCoded), signsItsPort()}},
}
