package exchange

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"

	"github.com/purserhq/purser/walletapi"
)

// DialectFile is what the calls in the dialects of the known clients are called in a report.
const DialectFile = "dialects"

// speech is how a known client signs.
type speech struct {
	name string
	// nonce makes a nonce in its form of one of 32 hexadecimal digits.
	nonce func(drawn string) string
	// emptyExt has ext="" where there is nothing in it, leading begins a context with &, and bare leaves / in body_hash as it is.
	emptyExt, leading, bare bool
	// fraction is added to ts, and port is signed whatever the address has; empty for its own.
	fraction, port string
}

// hashed is 32 bytes of a nonce.
func hashed(drawn string) []byte {
	sum := sha256.Sum256([]byte(drawn))
	return sum[:]
}

// speeches are how the known clients sign; the dialects of the same names are how they are told.
var speeches = []speech{
	{name: dialectPHP, nonce: func(drawn string) string { return " ,='(mac=) ~" + drawn[:20] }},
	{name: dialectJava, nonce: func(drawn string) string { return base64.StdEncoding.EncodeToString(hashed(drawn)) }, emptyExt: true},
	{name: dialectSwift, nonce: func(drawn string) string { return drawn + strings.ToUpper(drawn) }, emptyExt: true, leading: true, bare: true, port: "443"},
	{name: dialectPython, nonce: func(drawn string) string { return "n" + drawn[:20] }, fraction: ".25"},
	{name: dialectSamples, nonce: func(drawn string) string { return drawn }},
	{name: dialectOurs, nonce: func(drawn string) string {
		return "-" + base64.RawURLEncoding.EncodeToString(hashed(drawn)[:24])[:31]
	}},
}

// Dialects are calls as the known clients sign them, none of which changes anything: without a context, with one, and with a body. A
// server that talks to those clients answers none of them with 401.
func Dialects(l Live) VectorFile {
	file := VectorFile{Name: DialectFile}
	for _, s := range speeches {
		for _, call := range []struct{ name, method, target, context, body string }{
			{"GET", http.MethodGet, "/rest/v1/client", "", ""},
			{"GET for a project", http.MethodGet, "/rest/v1/client", "project_id=1221", ""},
			// Refused for its price, so that nothing comes of it; the hash of this body has a + and a / in it.
			{"POST", http.MethodPost, "/rest/v1/payment", "", `{"price":"none, as this is a try 1"}`},
		} {
			file.Probes = append(file.Probes, Probe{Name: s.name + ": " + call.name, Messages: func() []Message {
				return []Message{l.spoken(s, Message{Method: call.method, Target: call.target, Body: call.body, ContentType: contentType(call.body)}, call.context)}
			}})
		}
	}
	return file
}

// spoken signs a message in a dialect.
func (l Live) spoken(s speech, m Message, context string) Message {
	if m.Body != "" {
		hash := walletapi.Ext{BodyHash: walletapi.BodyHash([]byte(m.Body)), HasBodyHash: true}.String()
		if s.bare {
			hash = strings.ReplaceAll(hash, "%2F", "/")
		}
		context = strings.TrimSuffix(hash+"&"+context, "&")
	} else if s.leading && context != "" {
		context = "&" + context
	}
	host, port := l.hostAndPort()
	if s.port != "" {
		port = s.port
	}
	r := walletapi.Request{
		TS: strconv.FormatInt(l.Now().Unix(), 10) + s.fraction, Nonce: s.nonce(l.Nonce()), Method: m.Method, Target: l.Prefix + m.Target,
		Host: host, Port: port, Ext: context,
	}
	header := walletapi.Authorization{ID: l.MAC.ID, TS: r.TS, Nonce: r.Nonce, MAC: r.Sign(l.MAC.Secret), Ext: r.Ext}.String()
	if context == "" && s.emptyExt {
		header += `, ext=""`
	}
	m.Authorization = &header
	return m
}
