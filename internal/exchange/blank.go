package exchange

import (
	"regexp"
	"strings"
)

// madeUp is what a server makes up anew every time: the word that stands in an expected answer in
// place of it, what it looks like, and the member that holds it.
var madeUp = []struct{ word, form, member string }{
	{`"<mac_id>"`, `"[A-Z2-7]{10}"`, "access_token"},
	{`"<mac_key>"`, `"[A-Za-z0-9]{32}"`, "mac_key"},
	{`"<access_token>"`, `"[A-Z2-7]{32}"`, "access_token"},
	{`"<refresh_token>"`, `"[A-Za-z0-9]{32}"`, "refresh_token"},
	{`"<key>"`, `"[A-Za-z0-9]{32}"`, "key"},
	{`"` + requestIDWord + `"`, `"[0-9a-f]{16}"`, "request_id"},
	{`"` + keyWord + `"`, `"[a-z2-7]{26}"`, "transaction_key"},
	{`"` + reserveCodeWord + `"`, `"[0-9]{12}"`, "code"},
	{`"` + barcodeWord + `"`, `"EVO[0-9]{12}"`, "barcode"},
	{`"<after>"`, `"[A-Za-z0-9_-]{39}"`, "after"},
	{`"<sync>"`, `"[A-Za-z0-9_-]+"`, "sync"},
	{`"<leaf>"`, `"purser leaf [^"]*"`, "leaf"},
	{`"<index>"`, `[0-9]+`, "index"},
	{`"<hash>"`, `"[A-Za-z0-9+/]{43}="`, "(?:hash|from_root|to_root)"},
	{`"<proof>"`, `\[[^\]]*\]`, "proof"},
	{`"<checkpoint>"`, `"purser/ledger\\n[^"]*"`, "checkpoint"},
	{`"<public_keys>"`, `\[[^\]]*\]`, "public_keys"},
}

// Blank puts words in place of what a server makes up anew, in the members that hold it: <mac_id> or
// <access_token>, <mac_key>, <refresh_token>, <key> and <request_id>, and <minute> in place of times inside texts. What does not look like such a value stays.
func Blank(text string) string {
	for _, m := range madeUp {
		text = regexp.MustCompile(`("`+m.member+`": ?)`+m.form).ReplaceAllString(text, "${1}"+m.word)
	}
	return anyMinute.ReplaceAllString(text, minuteWord)
}

// minuteWord stands inside a text for a time that people read.
const minuteWord = "<minute>"

var (
	anyMinute = regexp.MustCompile(`[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}`)
	anyTime   = regexp.MustCompile(`("[a-z_]+"):<(?:seconds|entry|count)>`)
)

// truthWord stands for whether a place is open, which depends on when one asks.
const truthWord = "<truth>"

var anyTruth = regexp.MustCompile(`"open_now":(?:true|false)`)

// dayWord stands for a day that figures are of.
const dayWord = "<day>"

var anyDay = regexp.MustCompile(`("(?:day|today|from)":)"[0-9]{4}-[0-9]{2}-[0-9]{2}"`)

// paymentID is the number of a payment or an allowance where it stands.
var paymentID = regexp.MustCompile(`"id":[0-9]+,"transaction_key"`)

// blankAlike gives what the expected answer leaves open one and the same text in both.
func blankAlike(want, got string) (string, string) {
	for _, m := range madeUp {
		if strings.Contains(want, m.word) {
			got = regexp.MustCompile(`("`+m.member+`":)`+m.form).ReplaceAllString(got, "${1}"+m.word)
		}
	}
	want = strings.ReplaceAll(want, allowanceIDWord, paymentIDWord)
	if strings.Contains(want, dayWord) {
		got = anyDay.ReplaceAllString(got, `${1}"`+dayWord+`"`)
	}
	if strings.Contains(want, paymentIDWord) {
		got = paymentID.ReplaceAllString(got, `"id":`+paymentIDWord+`,"transaction_key"`)
	}
	if strings.Contains(want, minuteWord) {
		got = anyMinute.ReplaceAllString(got, minuteWord)
	}
	if strings.Contains(want, truthWord) {
		want, got = strings.ReplaceAll(want, truthWord, `"`+truthWord+`"`), anyTruth.ReplaceAllString(got, `"open_now":"`+truthWord+`"`)
	}
	for _, found := range anyTime.FindAllStringSubmatch(want, -1) {
		times := regexp.MustCompile(regexp.QuoteMeta(found[1]) + `:[0-9]+`)
		got = times.ReplaceAllString(got, found[1]+`:"<seconds>"`)
	}
	return anyTime.ReplaceAllString(want, `$1:"<seconds>"`), got
}
