package exchange

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/purserhq/purser/walletapi"
)

// Memory is what requests refer to of earlier answers.
type Memory struct {
	// requestID names the request before this one.
	requestID string
	// registered signs for the client that was registered last.
	registered walletapi.MAC
	// tokens are those that were given out, each once.
	tokens []walletapi.Token
	// keys are those of transactions, payments and allowances their numbers, each once; code is the last that a payer made,
	// barcode the last that works once, and moments the last times by what they are called.
	keys       []string
	payments   []string
	allowances []string
	code       string
	barcode    string
	moments    map[string]int64
	// cursors are where pages of lists and copies of places stand, each once, by the name in _metadata; etag is the last ETag.
	cursors map[string][]string
	etag    string
}

// Words of an exchange for what is remembered. A token's word may have a number: the first is 1, and
// without one the last is meant.
const (
	requestIDWord = "<request_id>"
	codeWord      = "<code>"
	// What is made up for payments: the key of a transaction, the number of a payment, a code that a payer made.
	keyWord         = "<transaction_key>"
	paymentIDWord   = "<payment_id>"
	allowanceIDWord = "<allowance_id>"
	reserveCodeWord = "<reserve_code>"
	barcodeWord     = "<one_time_barcode>"
	etagWord        = "<etag>"
	registeredName  = "registered"
	tokenName       = "token"
)

// Learn keeps what later requests may refer to.
func (m *Memory) Learn(header http.Header, body string) {
	m.requestID = header.Get("paysera-correlation-id")
	if etag := header.Get("Etag"); etag != "" {
		m.etag = etag
	}
	m.learnCursors(body)
	var client walletapi.ClientInfo
	if json.Unmarshal([]byte(body), &client) == nil && client.Credentials != nil && client.Credentials.MACKey != "" {
		m.registered = walletapi.MAC{ID: client.Credentials.AccessToken, Secret: client.Credentials.MACKey}
	}
	var token walletapi.Token
	known := func(t walletapi.Token) bool { return t.AccessToken == token.AccessToken }
	m.learnPayments(body)
	if json.Unmarshal([]byte(body), &token) == nil && token.MACKey != "" && !slices.ContainsFunc(m.tokens, known) {
		m.tokens = append(m.tokens, token)
	}
}

// learnCursors keeps where a list or a copy goes on.
func (m *Memory) learnCursors(body string) {
	var list struct {
		Metadata struct {
			After string `json:"after"`
			Sync  string `json:"sync"`
		} `json:"_metadata"`
	}
	if json.Unmarshal([]byte(body), &list) != nil {
		return
	}
	for name, cursor := range map[string]string{"after": list.Metadata.After, "sync": list.Metadata.Sync} {
		if cursor == "" || slices.Contains(m.cursors[name], cursor) {
			continue
		}
		if m.cursors == nil {
			m.cursors = map[string][]string{}
		}
		m.cursors[name] = append(m.cursors[name], cursor)
	}
}

// cursorWord is where a list or a copy goes on, such as <after> or <sync 2>.
var cursorWord = regexp.MustCompile(`<(after|sync)( [0-9]+)?>`)

// keysAndNumbers are the keys of transactions in an answer, and the numbers of payments and allowances: the former say whether they can be
// canceled.
var keysAndNumbers = regexp.MustCompile(`(?:"id":([0-9]+),)?"transaction_key":"([a-z2-7]{26})"(?:,"created_at":[0-9]+,"status":"[a-z_]+"(,"cancelable")?)?`)

// moments are the times in an answer at which something was made, or that figures are of.
var moments = regexp.MustCompile(`"(as_of|created_at)":([0-9]{1,11})\b`)

// learnPayments keeps the keys of transactions, the numbers of payments and allowances, and a payer's code.
func (m *Memory) learnPayments(body string) {
	for _, found := range keysAndNumbers.FindAllStringSubmatch(body, -1) {
		if !slices.Contains(m.keys, found[2]) {
			m.keys = append(m.keys, found[2])
		}
		numbers := &m.allowances
		if found[3] != "" {
			numbers = &m.payments
		}
		if found[1] != "" && !slices.Contains(*numbers, found[1]) {
			*numbers = append(*numbers, found[1])
		}
	}
	for _, found := range moments.FindAllStringSubmatch(body, -1) {
		seconds, _ := strconv.ParseInt(found[2], 10, 64) // digits
		if m.moments == nil {
			m.moments = map[string]int64{}
		}
		m.moments[found[1]] = seconds
	}
	var code walletapi.ReserveCode
	if json.Unmarshal([]byte(body), &code) == nil && code.ExpiresAt != 0 && code.Code != "" {
		m.code = code.Code
	}
	var barcode walletapi.OneTimeBarcode
	if json.Unmarshal([]byte(body), &barcode) == nil && barcode.ExpiresAt != 0 && barcode.Barcode != "" {
		m.barcode = barcode.Barcode
	}
}

// numbered is which of all values a word stands for: the one of its number, the last without one in a request. In an answer such a
// word is what is made up anew, and stays, as does one that stands for nothing.
func numbered(word, number string, all []string, isAnswer bool) string {
	at := len(all)
	if number = strings.TrimSpace(number); number != "" {
		at, _ = strconv.Atoi(number)
	} else if isAnswer {
		return word
	}
	if at < 1 || at > len(all) {
		return word
	}
	return all[at-1]
}

// paymentWord is the key of a transaction, or the number of a payment or an allowance, such as <transaction_key> or <payment_id 2>.
var paymentWord = regexp.MustCompile(`<(transaction_key|payment_id|allowance_id)( [0-9]+)?>`)

// recallPayments puts keys and numbers in the place of their words, as recall does.
func (m *Memory) recallPayments(text string, isAnswer bool) string {
	if !isAnswer && m.code != "" {
		text = strings.ReplaceAll(text, reserveCodeWord, m.code)
	}
	if !isAnswer && m.barcode != "" {
		text = strings.ReplaceAll(text, barcodeWord, m.barcode)
	}
	if !isAnswer {
		text = momentWord.ReplaceAllStringFunc(text, m.moment)
	}
	return paymentWord.ReplaceAllStringFunc(text, func(word string) string {
		found := paymentWord.FindStringSubmatch(word)
		all := map[string][]string{"transaction_key": m.keys, "payment_id": m.payments, "allowance_id": m.allowances}[found[1]]
		return numbered(word, found[2], all, isAnswer)
	})
}

// momentWord is a time of an earlier answer, or one so many seconds later, such as <as_of> or <created_at +3600>.
var momentWord = regexp.MustCompile(`<(as_of|created_at)(?: \+([0-9]{1,9}))?>`)

// moment is the time that a word stands for, in seconds; the word where there is none.
func (m *Memory) moment(word string) string {
	found := momentWord.FindStringSubmatch(word)
	seconds, known := m.moments[found[1]]
	if !known {
		return word
	}
	later, _ := strconv.ParseInt(found[2], 10, 64) // digits, or nothing
	return strconv.FormatInt(seconds+later, 10)
}

// tokenWord is a token of an earlier answer, such as <refresh_token> or <access_token 2>.
var tokenWord = regexp.MustCompile(`<(access_token|refresh_token)( [0-9]+)?>`)

// Recall puts what is remembered in the place of its words: in an answer of those with a number alone, since
// the others stand for what is made up anew.
func (m *Memory) Recall(text string, isAnswer bool) string {
	text = m.recallPayments(strings.ReplaceAll(text, requestIDWord, m.requestID), isAnswer)
	if !isAnswer && m.etag != "" {
		text = strings.ReplaceAll(text, etagWord, m.etag)
	}
	text = cursorWord.ReplaceAllStringFunc(text, func(word string) string {
		found := cursorWord.FindStringSubmatch(word)
		return numbered(word, found[2], m.cursors[found[1]], isAnswer)
	})
	return tokenWord.ReplaceAllStringFunc(text, func(word string) string {
		found := tokenWord.FindStringSubmatch(word)
		token, ok := m.token(found[2])
		switch {
		case isAnswer && found[2] == "" || !ok:
			return word
		case found[1] == "access_token":
			return token.AccessToken
		}
		return token.RefreshToken
	})
}

// token is the one of that number, the last one for none.
func (m *Memory) token(number string) (walletapi.Token, bool) {
	at := len(m.tokens)
	if number = strings.TrimSpace(number); number != "" {
		at, _ = strconv.Atoi(number)
	}
	if at < 1 || at > len(m.tokens) {
		return walletapi.Token{}, false
	}
	return m.tokens[at-1], true
}

// Signer is what somebody signs with who is named by what is remembered; false for anybody else.
func (m *Memory) Signer(as string) (walletapi.MAC, bool) {
	if as == registeredName {
		return m.registered, true
	}
	if number, ok := strings.CutPrefix(as, tokenName); ok && !strings.HasPrefix(number, ":") {
		token, _ := m.token(number)
		return walletapi.MAC{ID: token.AccessToken, Secret: token.MACKey}, true
	}
	return walletapi.MAC{}, false
}

// Issued are what was given out last, to sign with: to a client, and with a token.
func (m *Memory) Issued() (issued []walletapi.MAC) {
	if m.registered.ID != "" {
		issued = append(issued, m.registered)
	}
	if token, ok := m.token(""); ok {
		issued = append(issued, walletapi.MAC{ID: token.AccessToken, Secret: token.MACKey})
	}
	return issued
}

// secrets are the texts of what is remembered that nobody is shown.
func (m *Memory) secrets() []string {
	all := []string{m.registered.Secret, m.code, m.barcode}
	for _, t := range m.tokens {
		all = append(all, t.AccessToken, t.MACKey, t.RefreshToken)
	}
	return all
}
