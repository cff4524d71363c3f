package auth

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"hash"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/purserhq/purser/walletapi"
)

var updateMistakes = flag.Bool("update", false, "write testdata/vectors/mac-mistakes.json anew")

const mistakesFile = "../../testdata/vectors/mac-mistakes.json"

// mistake is one row of testdata/vectors/mac-mistakes.json: a request as it was sent, and
// what is wrong with it. The authors of other clients read the file too.
type mistake struct {
	Name  string `json:"name"`
	Story string `json:"story"`
	// The request as sent; Host is the value of the Host header.
	Method        string `json:"method"`
	Target        string `json:"target"`
	Host          string `json:"host"`
	Authorization string `json:"authorization"`
	Body          string `json:"body"`
	// Signed is the text that the client put under its MAC.
	Signed string `json:"signed"`
	// Key is the right one of the id, OtherKeys are those that lie beside it.
	Key       string            `json:"key"`
	OtherKeys map[string]string `json:"other_keys,omitempty"`
	// Now is the server's clock in UNIX seconds; NonceUsed, that it knows the nonce already.
	Now       int64 `json:"now"`
	NonceUsed bool  `json:"nonce_used,omitempty"`
	// Origins are public addresses, host:port; DefaultPort is 80 for plain http, else absent.
	Origins     []string `json:"origins,omitempty"`
	DefaultPort int      `json:"default_port,omitempty"`
	// Causes is the diagnosis, Accepted says whether purser takes the request nevertheless.
	Causes   []Cause `json:"causes"`
	Accepted bool    `json:"accepted"`
}

func (m mistake) evidence(t testing.TB) Evidence {
	t.Helper()
	header, err := walletapi.ParseAuthorization(m.Authorization)
	if err != nil {
		t.Fatal(err)
	}
	var origins []Origin
	for _, origin := range m.Origins {
		host, port, err := net.SplitHostPort(origin)
		if err != nil {
			t.Fatal(err)
		}
		origins = append(origins, Origin{Host: host, Port: port})
	}
	return Evidence{
		Request: RawRequest{Method: m.Method, Target: m.Target, Host: m.Host, Authorization: header, Body: []byte(m.Body)},
		Key:     m.Key, OtherKeys: m.OtherKeys, Now: time.Unix(m.Now, 0), NonceUsed: m.NonceUsed,
		Origins: origins, DefaultPort: m.DefaultPort,
	}
}

// scene is a request in the making: a story changes what is sent, then what is signed.
type scene struct {
	mistake
	id, ts, nonce, ext string
	// host and port are what a right client signs, signKey what it signs with.
	host, port, signKey string
	// text is signed instead of the right one, mac is sent instead of the right one.
	text, mac string
}

// lines are the seven elements that a right client signs. They are written down here and not
// taken from the code under test.
func (s *scene) lines() []string {
	return []string{s.ts, s.nonce, s.Method, s.Target, s.host, s.port, s.ext}
}

// sign makes the signed text of the right lines after a change of one of them.
func (s *scene) sign(line int, value string) {
	lines := s.lines()
	lines[line] = value
	s.text = strings.Join(lines, "\n") + "\n"
}

func (s *scene) right() string { return strings.Join(s.lines(), "\n") + "\n" }

// hash says which body ext carries the hash of.
func (s *scene) hash(body string) { s.ext = "body_hash=" + url.QueryEscape(sha256Base64(body)) }

// done makes the header of a scene.
func (s *scene) done() mistake {
	if s.text == "" {
		s.text = s.right()
	}
	if s.mac == "" {
		s.mac = base64.StdEncoding.EncodeToString(hmacOf(sha256.New, s.signKey, s.text))
	}
	s.Signed = s.text
	s.Authorization = `MAC id="` + s.id + `", ts="` + s.ts + `", nonce="` + s.nonce + `", mac="` + s.mac + `"`
	if s.ext != "" {
		s.Authorization += `, ext="` + s.ext + `"`
	}
	return s.mistake
}

func sha256Base64(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func hmacOf(algorithm func() hash.Hash, key, text string) []byte {
	mac := hmac.New(algorithm, []byte(key))
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

const (
	sceneKey   = "IrdTc8uQodU7PRpLzzLTW6wqZAO6tAMU"
	sceneToken = "u9Xw0gY2mQk7RzT4bN1cV6sL8dF3hJ5p"
	sceneNow   = 1343811600
	sceneBody  = `{"description":"Knygos ąžuolui","price":1299,"currency":"EUR","redirect_uri":"https://shop.example/back"}`
	// The same object as other libraries write it, by hand.
	scenePretty = "{\n    \"description\": \"Knygos ąžuolui\",\n    \"price\": 1299,\n    \"currency\": \"EUR\",\n" +
		"    \"redirect_uri\": \"https://shop.example/back\"\n}"
	scenePHP    = `{"description":"Knygos \u0105\u017euolui","price":1299,"currency":"EUR","redirect_uri":"https:\/\/shop.example\/back"}`
	scenePython = `{"description": "Knygos \u0105\u017euolui", "price": 1299, "currency": "EUR", "redirect_uri": "https://shop.example/back"}`
	sceneSorted = `{"currency":"EUR","description":"Knygos ąžuolui","price":1299,"redirect_uri":"https://shop.example/back"}`
)

// storyteller collects rows.
type storyteller struct{ rows []mistake }

// get tells a story about a GET without a body.
func (st *storyteller) get(name, story string, change func(*scene), causes ...Cause) {
	st.tell(name, story, "GET", "/rest/v1/wallet/14471/balance", "", change, causes)
}

// list tells a story about a GET with a query.
func (st *storyteller) list(name, story string, change func(*scene), causes ...Cause) {
	st.tell(name, story, "GET", "/rest/v1/locations?status=active%2Cinactive&name=two+words&limit=20", "", change, causes)
}

// post tells a story about a POST with a body.
func (st *storyteller) post(name, story string, change func(*scene), causes ...Cause) {
	st.tell(name, story, "POST", "/rest/v1/payment", sceneBody, change, causes)
}

func (st *storyteller) tell(name, story, method, target, body string, change func(*scene), causes []Cause) {
	s := &scene{
		mistake: mistake{
			Name: name, Story: story, Method: method, Target: target, Host: "wallet.example", Body: body,
			Key: sceneKey, Now: sceneNow, Causes: causes,
		},
		id: "wkVd93h2uS", ts: strconv.Itoa(sceneNow), nonce: "nQnNaSNyubfPErjRO55yaaEYo9YZfKHN",
		host: "wallet.example", port: "443", signKey: sceneKey,
	}
	if body != "" {
		s.hash(body)
	}
	change(s)
	st.rows = append(st.rows, s.done())
}

// mistakes makes every row. Each really makes its mistake, so the MACs are those of real
// clients and not of the code that explains them.
func mistakes() []mistake {
	st := &storyteller{}
	st.rightRequests()
	st.layoutMistakes()
	st.lineMistakes()
	st.addressMistakes()
	st.portMistakes()
	st.targetMistakes()
	st.extMistakes()
	st.bodyMistakes()
	st.bodySpellings()
	st.macMistakes()
	st.keyMistakes()
	st.sumMistakes()
	st.timeMistakes()
	st.nonceMistakes()
	st.twoAtOnce()
	return st.rows
}

func (st *storyteller) rightRequests() {
	ok := func(change func(*scene)) func(*scene) {
		return func(s *scene) { s.Accepted = true; change(s) }
	}
	st.get("right: GET", "A right request without a body.", ok(func(*scene) {}), causeAllRight)
	st.post("right: POST", "A right request with a body.", ok(func(*scene) {}), causeAllRight)
	st.get("right: Swift without a body", "The ext begins with an ampersand.", ok(func(s *scene) { s.ext = "&project_id=1221" }), causeAllRight)
	st.get("right: awkward nonce", "The nonce holds blanks, commas and equals signs.", ok(func(s *scene) { s.nonce = " a, b=c;d'e " }), causeAllRight)
	st.get("right: fraction of a second", "The Python connector sends str(time.time()).", ok(func(s *scene) { s.ts += ".12" }), causeAllRight)
	st.get("right: behind a proxy", "The proxy replaces the Host header; the public address is configured.", ok(func(s *scene) {
		s.Host, s.Origins, s.host = "10.0.0.7:8080", []string{"wallet.example:443"}, "wallet.example"
	}), causeAllRight)
	st.get("right: plain http", "Port 80 is signed where the Host header has none.", ok(func(s *scene) {
		s.DefaultPort, s.port = 80, "80"
	}), causeAllRight)
	st.get("right: whole URL on the request line", "Clients that speak to a proxy send the whole URL, and sign path and query.", ok(func(s *scene) {
		s.sign(3, s.Target)
		s.Target = "https://wallet.example" + s.Target
	}), causeAllRight)
	st.get("tolerated: 443 on another port", "Swift and every sample sign the constant 443.", ok(func(s *scene) {
		s.Host, s.port = "wallet.example:8443", "443"
	}), causePortAlways)
	st.get("tolerated: capitals of the Host header", "PHP signs the host as the URL has it.", ok(func(s *scene) {
		s.Host, s.host = "Wallet.Example", "Wallet.Example"
	}), causeHostCase)
	st.post("tolerated: bare plus in body_hash", "The base64 went into ext without URL-encoding.", ok(func(s *scene) {
		s.Body = `{"type":"app_client","info":{"device_id":"d3"}}`
		s.ext = "body_hash=ht4a2ELvGfibvTSUC5oiO1Hh+IfmPAgwbHyH3/WwAuQ="
	}), causeBodyHashNotEncoded)
	st.get("unknown", "The text is of another request altogether.", func(s *scene) { s.text = "something else" }, causeUnknown)
	st.get("unknown: not base64", "A placeholder stands where the mac belongs.", func(s *scene) { s.mac = "your mac here!" }, causeUnknown)
}

func (st *storyteller) layoutMistakes() {
	joined := func(separator, end string) func(*scene) {
		return func(s *scene) { s.text = strings.Join(s.lines(), separator) + end }
	}
	st.get("no last newline", "implode of seven elements, the last one empty.", joined("\n", ""), causeNoLastNewline)
	st.post("no last newline after ext", "The text ends with ext.", joined("\n", ""), causeNoLastNewline)
	st.get("no newlines", "The elements are simply concatenated.", joined("", ""), causeNoNewlines)
	st.post("blanks", "The elements are joined by blanks.", joined(" ", ""), causeSpaces)
	st.post("escaped newlines", `PHP '\n' in single quotes is two characters.`, joined(`\n`, `\n`), causeEscapedNewlines)
	st.get("CRLF", "The line end of Windows.", joined("\r\n", "\r\n"), causeCRLF)
	st.get("another separator", "The elements are joined by |.", joined("|", ""), causeOtherSeparator)
	st.get("extra newline", "A println after the last line feed.", joined("\n", "\n\n"), causeExtraNewline)
}

func (st *storyteller) lineMistakes() {
	without := func(element int) func(*scene) {
		return func(s *scene) { s.text = strings.Join(slices.Delete(s.lines(), element, element+1), "\n") + "\n" }
	}
	st.get("ext line omitted", "join of six elements, without any line feed at the end.", func(s *scene) {
		s.text = strings.Join(s.lines()[:6], "\n")
	}, causeExtLineLeftOut)
	st.post("port missing as element", "Six elements: the port is thought to be a part of the host.", without(5), causePortLeftOut)
	st.get("host missing as element", "Six elements.", without(4), causeElementLeftOut)
	st.get("nonce missing as element", "Six elements.", without(1), causeElementLeftOut)
	st.get("id signed", "The header's id begins the text.", func(s *scene) { s.text = s.id + "\n" + s.right() }, causeElementAdded)
	st.post("body signed", "The body ends the text.", func(s *scene) { s.text = s.right() + s.Body + "\n" }, causeElementAdded)
	st.get("ts and nonce swapped", "The nonce is signed first.", func(s *scene) {
		lines := s.lines()
		lines[0], lines[1] = lines[1], lines[0]
		s.text = strings.Join(lines, "\n") + "\n"
	}, causeTSNonceSwapped)
	st.get("ts and nonce swapped in the header", "The text is right, the header names them wrongly.", func(s *scene) {
		s.text = s.right()
		s.ts, s.nonce = s.nonce, s.ts
	}, causeTSNonceSwapped)
	st.get("ts and nonce swapped everywhere", "The MAC fits its header; the ts is no time.", func(s *scene) {
		s.ts, s.nonce = s.nonce, s.ts
	}, causeTSNonceSwapped)
	st.post("order", "Method and path first, as in another protocol.", func(s *scene) {
		l := s.lines()
		s.text = strings.Join([]string{l[2], l[3], l[4], l[5], l[0], l[1], l[6]}, "\n") + "\n"
	}, causeOrderWrong)
}

func (st *storyteller) addressMistakes() {
	st.get("host in capitals", "The host comes from a setting in capitals, and the library lowers it.", func(s *scene) {
		s.sign(4, "WALLET.EXAMPLE")
	}, causeHostCase)
	st.get("host with its port", "The Host header is signed as it is.", func(s *scene) {
		s.Host, s.port = "wallet.example:8443", "8443"
		s.sign(4, "wallet.example:8443")
	}, causeHostWithPort)
	st.get("host with the usual port", "URL.host with the port added.", func(s *scene) { s.sign(4, "wallet.example:443") }, causeHostWithPort)
	st.get("host with its scheme", "The base URL is signed as host.", func(s *scene) { s.sign(4, "https://wallet.example") }, causeHostWithScheme)
	st.get("IPv6 without brackets", "URL.hostname of some languages.", func(s *scene) {
		s.Host, s.host, s.port = "[::1]:8443", "[::1]", "8443"
		s.sign(4, "::1")
	}, causeHostBrackets)
	st.get("host of the documentation", "The sample's constant host was kept.", func(s *scene) { s.sign(4, "wallet.paysera.com") }, causeHostOther)
	st.get("localhost", "The server is called by its name, the text says localhost.", func(s *scene) { s.sign(4, "localhost") }, causeHostOther)
	st.get("method in lower case", "axios and fetch like lower case.", func(s *scene) { s.sign(2, "get") }, causeMethodCase)
	st.post("another method", "The helper signs GET always.", func(s *scene) { s.sign(2, "GET") }, causeMethodOther)
	st.get("method sent in lower case", "The request line says get, the text GET.", func(s *scene) {
		s.text = s.right()
		s.Method = "get"
	}, causeMethodCase)
}

func (st *storyteller) portMistakes() {
	st.get("port 80", "The scheme was taken for http.", func(s *scene) { s.sign(5, "80") }, causePortWrong)
	st.get("port 8080", "The port behind the proxy is signed.", func(s *scene) { s.sign(5, "8080") }, causePortWrong)
	st.get("port 8443 not signed but 80", "The server listens on 8443.", func(s *scene) {
		s.Host = "wallet.example:8443"
		s.sign(5, "80")
	}, causePortWrong)
	st.get("port of the inner server", "The client signs the port of the address behind the proxy.", func(s *scene) {
		s.Host, s.Origins, s.host = "wallet.example", []string{"wallet.example:9443"}, "wallet.example"
		s.sign(5, "9000")
	}, causePortWrong)
	st.get("empty port", "parse_url has no port for the usual one.", func(s *scene) { s.sign(5, "") }, causePortEmpty)
	st.get("port -1", "java.net.URL.getPort says -1 for the usual one.", func(s *scene) { s.sign(5, "-1") }, causePortUnset)
	st.get("port None", "Python's urlparse says None for the usual one.", func(s *scene) { s.sign(5, "None") }, causePortUnset)
}

func (st *storyteller) targetMistakes() {
	st.list("path without query", "URL.pathname.", func(s *scene) { s.sign(3, "/rest/v1/locations") }, causeQueryLeftOut)
	st.list("query without path", "URL.search.", func(s *scene) { s.sign(3, strings.TrimPrefix(s.Target, "/rest/v1/locations")) }, causePathLeftOut)
	st.get("full URL", "The whole URL is signed as path.", func(s *scene) { s.sign(3, "https://wallet.example"+s.Target) }, causeFullURL)
	st.list("comma decoded", "%2C on the wire, a comma in the text.", func(s *scene) {
		s.sign(3, strings.ReplaceAll(s.Target, "%2C", ","))
	}, causeQueryReencoded)
	st.list("plus for a blank", "+ on the wire, %20 in the text.", func(s *scene) {
		s.sign(3, strings.ReplaceAll(s.Target, "+", "%20"))
	}, causeQueryReencoded)
	st.get("blank as %20", "%20 on the wire, + in the text.", func(s *scene) {
		s.Target = "/rest/v1/locations?name=two%20words"
		s.sign(3, "/rest/v1/locations?name=two+words")
	}, causeQueryReencoded)
	st.get("encoded again", "Commas on the wire, parameters encoded by a library in the text.", func(s *scene) {
		s.Target = "/rest/v1/client?fields=*,orders.transaction"
		s.sign(3, "/rest/v1/client?fields=%2A%2Corders.transaction")
	}, causeQueryReencoded)
	st.list("sorted", "A library sorts the parameters before signing.", func(s *scene) {
		s.sign(3, "/rest/v1/locations?limit=20&name=two+words&status=active%2Cinactive")
	}, causeQuerySorted)
	st.get("path decoded", "The text has the path decoded.", func(s *scene) {
		s.Target = "/rest/v1/wallet/by/a%40b.example"
		s.sign(3, "/rest/v1/wallet/by/a@b.example")
	}, causePathReencoded)
	st.list("without /rest/v1", "The path is signed relative to the base URL.", func(s *scene) {
		s.sign(3, strings.TrimPrefix(s.Target, "/rest/v1"))
	}, causePrefixLeftOut)
	st.get("with a prefix", "A proxy takes /wallet away.", func(s *scene) { s.sign(3, "/wallet"+s.Target) }, causePrefixAdded)
	st.list("slash added", "A slash at the end of the path is signed.", func(s *scene) {
		s.sign(3, strings.Replace(s.Target, "?", "/?", 1))
	}, causeSlashAdded)
	st.get("slash left out", "The slash at the end of the path is sent and not signed.", func(s *scene) {
		s.sign(3, s.Target)
		s.Target += "/"
	}, causeSlashLeftOut)
	st.get("first slash left out", "The path is signed as rest/v1/….", func(s *scene) { s.sign(3, s.Target[1:]) }, causeFirstSlashLeftOut)
}

func (st *storyteller) extMistakes() {
	st.post("ext decoded", "The text has body_hash before URL-encoding.", func(s *scene) {
		s.sign(6, "body_hash="+sha256Base64(s.Body))
	}, causeExtDecoded)
	st.post("ext encoded in the text only", "The header has body_hash before URL-encoding.", func(s *scene) {
		s.Body = `{"type":"app_client","info":{"device_id":"d3"}}`
		s.ext = "body_hash=ht4a2ELvGfibvTSUC5oiO1Hh%2BIfmPAgwbHyH3/WwAuQ="
		s.sign(6, "body_hash=ht4a2ELvGfibvTSUC5oiO1Hh%2BIfmPAgwbHyH3%2FWwAuQ%3D")
	}, causeExtReencoded)
	st.post("ext with other escapes", "Escapes in lower case in the header, in upper case in the text.", func(s *scene) {
		upper := s.ext
		s.ext = strings.ReplaceAll(strings.ReplaceAll(s.ext, "%2F", "%2f"), "%3D", "%3d")
		s.sign(6, upper)
	}, causeExtReencoded)
	st.post("ext missing from the text", "The last line is empty although ext is sent.", func(s *scene) { s.sign(6, "") }, causeExtNotSigned)
	st.post("ext line missing from the text", "The text ends with the port although ext is sent.", func(s *scene) {
		s.text = strings.Join(s.lines()[:6], "\n") + "\n"
	}, causeExtNotSigned)
	st.post("project added after signing", "Only body_hash is signed; the project is put into the header.", func(s *scene) {
		s.sign(6, s.ext)
		s.ext += "&project_id=1221&location_id=456"
	}, causeExtPartlySigned)
	st.post("location added after signing", "The place is put into the header only.", func(s *scene) {
		s.ext += "&project_id=1221"
		s.sign(6, s.ext)
		s.ext += "&location_id=456"
	}, causeExtPartlySigned)
	st.post("ext signed and not sent", "The header is built without ext.", func(s *scene) {
		s.text = s.right()
		s.ext = ""
	}, causeExtNotSent)
	st.post("ext in another order", "Two maps are iterated in two orders.", func(s *scene) {
		s.sign(6, "project_id=1221&"+s.ext)
		s.ext += "&project_id=1221"
	}, causeExtReordered)
	st.post("ext with its name", `The line reads ext="…".`, func(s *scene) { s.sign(6, `ext="`+s.ext+`"`) }, causeExtOtherText)
	st.post("body for ext", "The last line is the body.", func(s *scene) { s.sign(6, s.Body) }, causeExtOtherText)
	st.get("ext null", "The language writes null.", func(s *scene) { s.sign(6, "null") }, causeExtOtherText)
	st.get("another project", "The worked example of the documentation: project_id=1221 is sent, project_id=3 signed.", func(s *scene) {
		s.Host, s.host = "wallet.paysera.com", "wallet.paysera.com"
		s.ext = "project_id=1221"
		s.sign(6, "project_id=3")
	}, causeExtOtherProject)
	st.get("ext with a lone percent sign", "The MAC is right, the ext cannot be read.", func(s *scene) { s.ext = "project_id=100%" }, causeExtUnreadable)
	st.get("project twice", "The MAC is right, the project stands twice.", func(s *scene) { s.ext = "project_id=1&project_id=2" }, causeExtUnreadable)
}

func (st *storyteller) bodyMistakes() {
	hashed := func(body string) func(*scene) { return func(s *scene) { s.hash(body) } }
	st.post("compact sent, pretty hashed", "The documentation hashes pretty-printed JSON, the library sends it compact.", hashed(scenePretty), causeBodyHashReserialised)
	st.post("pretty sent, compact hashed", "The other way round.", func(s *scene) {
		s.Body = scenePretty
		s.hash(sceneBody)
	}, causeBodyHashReserialised)
	st.post("hashed as PHP writes it", `json_encode escapes / and letters beyond ASCII, the HTTP library does not.`, hashed(scenePHP), causeBodyHashReserialised)
	st.post("sent as PHP writes it", "The other way round.", func(s *scene) {
		s.Body = scenePHP
		s.hash(sceneBody)
	}, causeBodyHashReserialised)
	st.post("hashed as Python writes it", "json.dumps puts blanks after commas and colons.", hashed(scenePython), causeBodyHashReserialised)
	st.post("keys sorted", "The hash is of the object with its keys sorted.", hashed(sceneSorted), causeBodyHashReserialised)
	st.post("letters escaped", `The hash is of \u escapes, the body has letters.`, hashed(strings.NewReplacer("ą", `\u0105`, "ž", `\u017e`).Replace(sceneBody)),
		causeBodyHashReserialised)
	st.post("html escaped", "Go's json.Marshal escapes &.", func(s *scene) {
		s.Body = `{"redirect_uri":"https://shop.example/?a=1&b=2"}`
		s.hash(`{"redirect_uri":"https://shop.example/?a=1\u0026b=2"}`)
	}, causeBodyHashReserialised)
	st.post("form sorted", "The hash is of the form with its fields sorted.", func(s *scene) {
		s.Target, s.Body = "/oauth/v1/token", "grant_type=authorization_code&code=SplxlOBeZQQYbYS6WxSbIA"
		s.hash("code=SplxlOBeZQQYbYS6WxSbIA&grant_type=authorization_code")
	}, causeBodyHashReserialised)
	st.post("object for an empty list", "The hash is of {}, [] was sent.", func(s *scene) {
		s.Body = "[]"
		s.hash("{}")
	}, causeBodyHashReserialised)
	st.post("newline not sent", "echo adds a line feed before hashing.", hashed(sceneBody+"\n"), causeBodyHashLineEnd)
	st.post("newline sent", "curl -d @file keeps none, --data-binary keeps it.", func(s *scene) {
		s.Body = sceneBody + "\n"
		s.hash(sceneBody)
	}, causeBodyHashLineEnd)
	st.post("body_hash missing", "A POST signed like a GET.", func(s *scene) { s.ext = "" }, causeBodyHashMissing)
	st.post("hash of nothing", "The stream was read before it was hashed.", hashed(""), causeBodyHashOfNothing)
	st.post("another body", "The body was changed after signing.", hashed(`{"price":1}`), causeBodyHashWrong)
	st.post("body lost", "A redirect dropped the body.", func(s *scene) { s.Body = "" }, causeBodyLost)
}

func (st *storyteller) bodySpellings() {
	sum := sha256.Sum256([]byte(sceneBody))
	spelled := func(text string) func(*scene) { return func(s *scene) { s.ext = "body_hash=" + text } }
	st.post("body_hash in hex", "sha256 hexdigest.", spelled(hex.EncodeToString(sum[:])), causeBodyHashHex)
	st.post("body_hash in base64 of hex", "PHP base64_encode(hash('sha256', $body)).", func(s *scene) {
		s.ext = "body_hash=" + url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString(sum[:]))))
	}, causeBodyHashHex)
	st.post("body_hash in URL-safe base64", "urlsafe_b64encode.", func(s *scene) {
		s.Body = `{"type":"app_client","info":{"device_id":"d3"}}`
		s.ext = "body_hash=ht4a2ELvGfibvTSUC5oiO1Hh-IfmPAgwbHyH3_WwAuQ="
	}, causeBodyHashURLSafe)
	st.post("body_hash encoded twice", "The query builder encodes what is encoded.", func(s *scene) {
		s.ext = "body_hash=" + url.QueryEscape(url.QueryEscape(sha256Base64(s.Body)))
	}, causeBodyHashTwiceEncoded)
	st.post("body_hash in SHA-1", "Another algorithm.", func(s *scene) {
		sum := sha1.Sum([]byte(s.Body))
		s.ext = "body_hash=" + url.QueryEscape(base64.StdEncoding.EncodeToString(sum[:]))
	}, causeBodyHashAlgorithm)
	st.post("body_hash in MD5", "Another algorithm.", func(s *scene) {
		sum := md5.Sum([]byte(s.Body))
		s.ext = "body_hash=" + url.QueryEscape(base64.StdEncoding.EncodeToString(sum[:]))
	}, causeBodyHashAlgorithm)
	st.post("pretty hashed in hex", "Two mistakes in one hash.", func(s *scene) {
		sum := sha256.Sum256([]byte(scenePretty))
		s.ext = "body_hash=" + hex.EncodeToString(sum[:])
	}, causeBodyHashReserialised, causeBodyHashHex)
}

func (st *storyteller) macMistakes() {
	sent := func(write func([]byte) string) func(*scene) {
		return func(s *scene) { s.mac = write(hmacOf(sha256.New, s.signKey, s.right())) }
	}
	st.get("mac in hex", "hash_hmac without its last argument.", sent(hex.EncodeToString), causeMACHex)
	st.get("mac in base64 of hex", "base64_encode(hash_hmac('sha256', $text, $key)).", sent(func(sum []byte) string {
		return base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString(sum)))
	}), causeMACHex)
	st.list("mac in URL-safe base64", "urlsafe_b64encode.", sent(base64.URLEncoding.EncodeToString), causeMACURLSafe)
	st.list("mac in URL-safe base64 without padding", "JWT libraries.", sent(base64.RawURLEncoding.EncodeToString), causeMACURLSafe)
	st.get("mac without padding", "The = is cut off.", sent(base64.RawStdEncoding.EncodeToString), causeMACUnpadded)
	st.get("mac URL-encoded", "The header is built like a query.", sent(func(sum []byte) string {
		return url.QueryEscape(base64.StdEncoding.EncodeToString(sum))
	}), causeMACURLEncoded)
}

func (st *storyteller) keyMistakes() {
	keyed := func(key func(*scene) string) func(*scene) {
		return func(s *scene) { s.signKey = key(s) }
	}
	st.get("key base64-decoded", "The key looks like base64 and is not.", keyed(func(s *scene) string {
		raw, _ := base64.StdEncoding.DecodeString(s.Key)
		return string(raw)
	}), causeKeyBase64)
	st.get("key hex-decoded", "The key looks like hexadecimal and is not.", func(s *scene) {
		s.Key = "8f14e45fceea167a5a36dedd4bea2543"
		raw, _ := hex.DecodeString(s.Key)
		s.signKey = string(raw)
	}, causeKeyHex)
	st.get("key with a newline", "The key is read from a file as it is.", keyed(func(s *scene) string { return s.Key + "\n" }), causeKeyWhitespace)
	st.get("key with a blank", "The key is copied with a blank before it.", keyed(func(s *scene) string { return " " + s.Key }), causeKeyWhitespace)
	st.get("held key with a newline", "The client trims; whoever asks holds the untrimmed key.", func(s *scene) { s.Key += "\n" }, causeKeyWhitespace)
	st.get("empty key", "The variable is not set.", keyed(func(*scene) string { return "" }), causeKeyEmpty)
	st.get("key in quotes", "The quotes of the settings file.", keyed(func(s *scene) string { return `"` + s.Key + `"` }), causeKeyRespelled)
	st.get("key cut", "The column is too short.", keyed(func(s *scene) string { return s.Key[:30] }), causeKeyCut)
	st.get("key without its first letter", "A hasty copy.", keyed(func(s *scene) string { return s.Key[1:] }), causeKeyCut)
	st.get("key of the token", "The id is the client's, the key is the access token's.", func(s *scene) {
		s.OtherKeys = map[string]string{"access token": sceneToken, "old key": "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm"}
		s.signKey = sceneToken
	}, causeKeyOther)
	st.get("id as key", "Both arguments are the id.", keyed(func(s *scene) string { return s.id }), causeIDAsKey)
	st.get("id and key swapped", "The key stands in the header, the id signs.", func(s *scene) {
		s.signKey, s.id = s.id, s.Key
	}, causeIDKeySwapped)
}

func (st *storyteller) sumMistakes() {
	summed := func(sum func(key, text string) []byte) func(*scene) {
		return func(s *scene) { s.mac = base64.StdEncoding.EncodeToString(sum(s.Key, s.right())) }
	}
	st.get("HMAC-SHA-1", "The default of OAuth 1.", summed(func(key, text string) []byte { return hmacOf(sha1.New, key, text) }), causeHMACOther)
	st.get("HMAC-SHA-512", "Another hash.", summed(func(key, text string) []byte { return hmacOf(sha512.New, key, text) }), causeHMACOther)
	st.get("plain SHA-256", "The key is put before the text.", summed(func(key, text string) []byte {
		sum := sha256.Sum256([]byte(key + text))
		return sum[:]
	}), causePlainHash)
	st.get("key and text swapped", "The arguments of the HMAC function.", summed(func(key, text string) []byte { return hmacOf(sha256.New, text, key) }), causeKeyTextSwapped)
	st.get("UTF-16", "Encoding.Unicode of .NET.", summed(func(key, text string) []byte {
		wide := func(text string) string {
			var b []byte
			for _, u := range utf16.Encode([]rune(text)) {
				b = append(b, byte(u), byte(u>>8))
			}
			return string(b)
		}
		return hmacOf(sha256.New, wide(key), wide(text))
	}), causeUTF16)
}

func (st *storyteller) timeMistakes() {
	st.get("ts in milliseconds", "Date.now() in header and text.", func(s *scene) { s.ts += "123" }, causeTSMilliseconds)
	st.get("ts in nanoseconds", "time.Now().UnixNano().", func(s *scene) { s.ts += "123456789" }, causeTSMilliseconds)
	st.get("ts in milliseconds in the header only", "The text has seconds.", func(s *scene) {
		s.text = s.right()
		s.ts += "123"
	}, causeTSMilliseconds)
	st.get("ts in milliseconds in the text only", "The header has seconds.", func(s *scene) { s.sign(0, s.ts+"123") }, causeTSMillisecondsSigned)
	st.get("ts rounded in the text", "The header has a fraction.", func(s *scene) {
		s.text = s.right()
		s.ts += ".75"
	}, causeTSRounded)
	st.get("clock read twice", "The second changed between text and header.", func(s *scene) {
		s.text = s.right()
		s.ts = strconv.Itoa(sceneNow + 1)
	}, causeTSTwice)
	st.get("ts as a date", "An ISO date.", func(s *scene) { s.ts = "2012-08-01T09:00:00Z" }, causeTSNotANumber)
	st.get("clock behind", "The MAC is right, the clock is 301 seconds behind.", func(s *scene) { s.Now += 301 }, causeClockBehind)
	st.get("clock ahead", "The MAC is right, the clock is 301 seconds ahead.", func(s *scene) { s.Now -= 301 }, causeClockAhead)
	st.get("time zone", "Local time is taken for UTC.", func(s *scene) { s.Now -= 3 * 3600 }, causeClockAhead)
	st.get("clock at the edge", "300 seconds are allowed.", func(s *scene) {
		s.Now += 300
		s.Accepted = true
	}, causeAllRight)
}

func (st *storyteller) nonceMistakes() {
	st.get("nonce trimmed", "A template trims what it signs.", func(s *scene) {
		s.nonce = " nQnNaSNyubfPErjRO55yaaEYo9YZfKH"
		s.sign(1, strings.TrimSpace(s.nonce))
	}, causeNonceTrimmed)
	st.get("nonce URL-encoded", "The text has the nonce encoded.", func(s *scene) {
		s.nonce = "9kX3+0aZ/4fQ=="
		s.sign(1, url.QueryEscape(s.nonce))
	}, causeNonceChanged)
	st.get("nonce used", "The same header is sent twice.", func(s *scene) { s.NonceUsed = true }, causeNonceUsed)
}

func (st *storyteller) twoAtOnce() {
	st.get("two: no last newline and port 8080", "Two mistakes.", func(s *scene) {
		s.port = "8080"
		s.text = strings.Join(s.lines(), "\n")
		s.port = "443"
	}, causeNoLastNewline, causePortWrong)
	st.post("two: ext decoded and method in lower case", "Two mistakes.", func(s *scene) {
		lines := s.lines()
		lines[2], lines[6] = "post", "body_hash="+sha256Base64(s.Body)
		s.text = strings.Join(lines, "\n") + "\n"
	}, causeExtDecoded, causeMethodCase)
	st.list("two: query left out and key decoded", "Two mistakes.", func(s *scene) {
		s.sign(3, "/rest/v1/locations")
		raw, _ := base64.StdEncoding.DecodeString(s.Key)
		s.signKey = string(raw)
	}, causeQueryLeftOut, causeKeyBase64)
	st.get("two: host with its port, and no line for the port", "One line for host and port.", func(s *scene) {
		s.text = strings.Join([]string{s.ts, s.nonce, s.Method, s.Target, "wallet.example:443", ""}, "\n") + "\n"
	}, causePortLeftOut, causeHostWithPort)
	st.get("two: CRLF and hex", "Two mistakes.", func(s *scene) {
		s.text = strings.Join(s.lines(), "\r\n") + "\r\n"
		s.mac = hex.EncodeToString(hmacOf(sha256.New, s.signKey, s.text))
	}, causeCRLF, causeMACHex)
	st.get("two: path without its beginning, HMAC-SHA-1", "Two mistakes.", func(s *scene) {
		s.sign(3, "/wallet/14471/balance")
		s.mac = base64.StdEncoding.EncodeToString(hmacOf(sha1.New, s.Key, s.text))
	}, causePrefixLeftOut, causeHMACOther)
	st.list("two: sorted and with a slash", "Two mistakes in the path and query.", func(s *scene) {
		s.sign(3, "/rest/v1/locations/?limit=20&name=two+words&status=active%2Cinactive")
	}, causeQuerySorted, causeSlashAdded)
	st.post("two: host in capitals and clock behind", "Two mistakes, of which the clock has nothing to do with the MAC.", func(s *scene) {
		s.sign(4, "WALLET.EXAMPLE")
		s.Now += 7200
	}, causeHostCase, causeClockBehind)
	st.post("two: pretty JSON hashed and no last newline", "Two mistakes, of which the hash has nothing to do with the MAC.", func(s *scene) {
		s.hash(scenePretty)
		s.text = strings.Join(s.lines(), "\n")
	}, causeNoLastNewline, causeBodyHashReserialised)
	st.post("two: nonce used and clock behind", "A request is replayed much later.", func(s *scene) {
		s.Now += 4000
		s.NonceUsed = true
	}, causeClockBehind, causeNonceUsed)
	st.get("two: 443 on another port, and no last newline", "The port is tolerated, the line feed is not.", func(s *scene) {
		s.Host, s.port = "wallet.example:8443", "443"
		s.text = strings.Join(s.lines(), "\n")
	}, causeNoLastNewline, causePortAlways)
}

// The file is written with go test ./internal/auth -run TestMistakesFile -update.
func TestMistakesFile(t *testing.T) {
	var want bytes.Buffer
	encoder := json.NewEncoder(&want)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "    ")
	if err := encoder.Encode(mistakes()); err != nil {
		t.Fatal(err)
	}
	if *updateMistakes {
		if err := os.WriteFile(mistakesFile, want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(mistakesFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want.Bytes()) {
		t.Errorf("%s is not what this test makes: run it with -update", mistakesFile)
	}
}

func readMistakes(t testing.TB) []mistake {
	t.Helper()
	text, err := os.ReadFile(mistakesFile)
	if err != nil {
		t.Fatal(err)
	}
	var rows []mistake
	if err := json.Unmarshal(text, &rows); err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestEveryMistakeIsExplained(t *testing.T) {
	rows := readMistakes(t)
	if len(rows) < 30 {
		t.Fatalf("only %d rows", len(rows))
	}
	names := make(map[string]bool)
	seen := make(map[Cause]bool)
	for _, m := range rows {
		if names[m.Name] {
			t.Errorf("two rows are called %q", m.Name)
		}
		names[m.Name] = true
		t.Run(m.Name, func(t *testing.T) {
			d := Explain(m.evidence(t))
			if !slices.Equal(d.Causes(), m.Causes) {
				t.Errorf("causes %v, want %v", d.Causes(), m.Causes)
				for _, f := range d.Findings {
					t.Log(f.Did)
				}
			}
			if d.Accepted() != m.Accepted {
				t.Errorf("accepted: %v, want %v", d.Accepted(), m.Accepted)
			}
		})
		for _, cause := range m.Causes {
			seen[cause] = true
		}
	}
	for _, cause := range Causes() {
		if !seen[cause] {
			t.Errorf("no row of %s is about %s", mistakesFile, cause)
		}
	}
}

func TestCausesAreToldInWords(t *testing.T) {
	seen := make(map[Cause]bool)
	for _, cause := range Causes() {
		if seen[cause] {
			t.Errorf("%s is listed twice", cause)
		}
		seen[cause] = true
		if title := cause.Title(); title == "" || strings.HasSuffix(title, ".") || strings.Contains(title, "\n") {
			t.Errorf("%s: the title %q is not one line without a full stop", cause, title)
		}
		if cure := cause.Cure(); !strings.HasSuffix(cure, ".") {
			t.Errorf("%s: the cure %q is not a sentence", cause, cure)
		}
	}
	if stray := Cause("made_up"); stray.Title() != "made_up" || stray.Cure() != "" {
		t.Error("a cause that is not ours explains itself")
	}
}

// Every documented and every client vector is right, apart from the one that is printed wrong.
func TestExplainAgreesWithTheVectors(t *testing.T) {
	var documented []struct {
		Name, ID, Key, TS, Nonce, Method, URI, Host, Ext, Body, MAC string
		Expect                                                      bool
	}
	text, err := os.ReadFile("../../testdata/vectors/documentation-mac.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &documented); err != nil {
		t.Fatal(err)
	}
	for _, v := range documented {
		t.Run(v.Name, func(t *testing.T) {
			ts, _ := strconv.ParseInt(v.TS, 10, 64)
			d := Explain(Evidence{
				Request: RawRequest{
					Method: v.Method, Target: v.URI, Host: v.Host, Body: []byte(v.Body),
					Authorization: walletapi.Authorization{ID: v.ID, TS: v.TS, Nonce: v.Nonce, MAC: v.MAC, Ext: v.Ext},
				},
				Key: v.Key, Now: time.Unix(ts, 0),
			})
			want := causeAllRight
			if !v.Expect {
				want = causeExtOtherProject
			}
			if !slices.Equal(d.Causes(), []Cause{want}) {
				t.Errorf("causes %v, want %v", d.Causes(), want)
			}
		})
	}
}

// spoken is everything that a diagnosis shows to anybody.
func spoken(d Diagnosis) string {
	var all strings.Builder
	fmt.Fprintf(&all, "%+v\n%s\n", d, ExplainNormalized(d.Normalized))
	for _, f := range d.Findings {
		fmt.Fprintln(&all, f.Cause, f.Cause.Title(), f.Did, f.Cure)
	}
	return all.String()
}

// secrets are the spellings of everything that a diagnosis must not show: the keys, and the
// MACs that the server would take.
func secrets(in Evidence) []string {
	var all []string
	add := func(raw string) {
		all = append(all, raw, strings.TrimSpace(raw), strings.ToLower(raw), url.QueryEscape(raw), hex.EncodeToString([]byte(raw)),
			base64.StdEncoding.EncodeToString([]byte(raw)), base64.RawURLEncoding.EncodeToString([]byte(raw)))
	}
	add(in.Key)
	for _, key := range in.OtherKeys {
		add(key)
	}
	for _, place := range in.explainPlaces() {
		sum := place.signing.Request.Sum(in.Key)
		add(string(sum[:]))
	}
	return slices.DeleteFunc(all, func(s string) bool { return s == "" })
}

func TestExplainShowsNoSecret(t *testing.T) {
	check := func(t *testing.T, in Evidence) {
		t.Helper()
		text := spoken(Explain(in))
		for i, secret := range secrets(in) {
			if strings.Contains(text, secret) {
				t.Errorf("secret %d is shown", i)
			}
		}
	}
	for _, m := range readMistakes(t) {
		t.Run(m.Name, func(t *testing.T) { check(t, m.evidence(t)) })
	}
	right := readMistakes(t)[0].evidence(t)
	for name, change := range map[string]func(*Evidence){
		"key in the path":           func(in *Evidence) { in.Request.Target += "?key=" + sceneKey },
		"key in the nonce":          func(in *Evidence) { in.Request.Authorization.Nonce = sceneKey },
		"key in the ts":             func(in *Evidence) { in.Request.Authorization.TS = sceneKey },
		"key in ext":                func(in *Evidence) { in.Request.Authorization.Ext = "project_id=" + sceneKey },
		"key as host":               func(in *Evidence) { in.Request.Host = sceneKey + ":8443" },
		"key as id":                 func(in *Evidence) { in.Request.Authorization.ID = sceneKey },
		"key as mac":                func(in *Evidence) { in.Request.Authorization.MAC = sceneKey },
		"key as body":               func(in *Evidence) { in.Request.Body = []byte(sceneKey) },
		"key as method":             func(in *Evidence) { in.Request.Method = sceneKey },
		"other key in the path":     func(in *Evidence) { in.OtherKeys["token"] = "tok/en key+"; in.Request.Target += "?k=tok%2Fen+key%2B" },
		"a key inside another":      func(in *Evidence) { in.OtherKeys["short"] = sceneKey[:8]; in.Request.Target += "/" + sceneKey },
		"key with blanks around it": func(in *Evidence) { in.Key = " " + sceneKey + "\n"; in.Request.Target += "/" + sceneKey },
	} {
		t.Run(name, func(t *testing.T) {
			in := right
			in.OtherKeys = make(map[string]string)
			change(&in)
			check(t, in)
		})
	}
}

func TestExplainTellsNumbers(t *testing.T) {
	row := func(name string) Diagnosis {
		i := slices.IndexFunc(readMistakes(t), func(m mistake) bool { return m.Name == name })
		if i < 0 {
			t.Fatalf("no row %q", name)
		}
		return Explain(readMistakes(t)[i].evidence(t))
	}
	for name, words := range map[string]string{
		"clock behind":                "301 seconds behind",
		"clock ahead":                 "301 seconds ahead",
		"time zone":                   "3 h 00 min",
		"clock read twice":            "1 s apart",
		"another project":             "project_id=3 was signed",
		"key of the token":            `"access token"`,
		"port 8080":                   "signed as 8080, and the request went to port 443",
		"order":                       "method, target, host, port, ts, nonce, ext",
		"compact sent, pretty hashed": "indented by four blanks",
		"hashed as PHP writes it":     `with / as \/, with letters beyond ASCII as \u escapes`,
	} {
		if did := row(name).Findings[0].Did; !strings.Contains(did, words) {
			t.Errorf("%s: %q does not say %q", name, did, words)
		}
	}
}

func TestExplainNormalizedIsVisible(t *testing.T) {
	got := ExplainNormalized(walletapi.Request{
		TS: "1343811600", Nonce: " a, b ", Method: "GET", Target: "/x\x1b[2Ją\xff", Host: "wallet.example", Port: "443",
	})
	const want = `ts      1343811600\n
nonce    a, b \n
method  GET\n
target  /x\x1b[2Ją\xff\n
host    wallet.example\n
port    443\n
ext     \n
`
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// The addresses of a diagnosis are those that the server takes: a request that Explain calls
// right is accepted, and the other way round.
func TestExplainKnowsTheServersAddresses(t *testing.T) {
	for _, host := range []string{"wallet.example", "wallet.example:8443", "Wallet.Example:8443", "[::1]:80", "127.0.0.1:443", "10.0.0.7"} {
		for _, origins := range [][]Origin{nil, {{"wallet.example", "443"}}, {{"a.example", "443"}, {"b.example", "8443"}}} {
			for _, plain := range []bool{false, true} {
				in := Evidence{Request: RawRequest{Host: host}, Origins: origins}
				if plain {
					in.DefaultPort = 80
				}
				known := make(map[Origin]bool)
				for _, place := range in.explainPlaces() {
					known[Origin{place.signing.Host, place.signing.Port}] = true
				}
				for _, address := range New(Options{Origins: origins, PlainHTTP: plain}).addresses(nil, host) {
					if !known[address] {
						t.Errorf("%s, %v: the server takes %v, Explain does not know it", host, origins, address)
					}
					delete(known, address)
				}
				// Capitals on port 80 are the one address that only Explain forgives.
				delete(known, Origin{"Wallet.Example", "80"})
				if len(known) > 0 {
					t.Errorf("%s, %v, plain %v: Explain takes %v, the server does not", host, origins, plain, known)
				}
			}
		}
	}
}

func TestExplainURL(t *testing.T) {
	for raw, want := range map[string]walletapi.Request{
		"https://Wallet.Example/rest/v1/client":         {Target: "/rest/v1/client", Host: "wallet.example", Port: "443"},
		"http://localhost/x?a=b%2Cc,d#part":             {Target: "/x?a=b%2Cc,d", Host: "localhost", Port: "80"},
		"https://wallet.example:8443":                   {Target: "/", Host: "wallet.example", Port: "8443"},
		"HTTPS://wallet.example?a=1":                    {Target: "/?a=1", Host: "wallet.example", Port: "443"},
		"http://[::1]:8080/x":                           {Target: "/x", Host: "[::1]", Port: "8080"},
		"https://wallet.example/x?back=http://a@b/:9#c": {Target: "/x?back=http://a@b/:9", Host: "wallet.example", Port: "443"},
	} {
		if got, err := ExplainURL(raw); err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", raw, got, err, want)
		}
	}
	for _, raw := range []string{
		"", "wallet.example/x", "ftp://wallet.example/x", "https://", "https:///x", "https://user@wallet.example/", "https://:8443/x",
		"https://wallet.example:port/", "https://wallet.example:65536/", "https://wallet.example/two words", "https://wallet example/",
	} {
		var refused ErrRawRequest
		if _, err := ExplainURL(raw); !errors.As(err, &refused) {
			t.Errorf("%q: error %v, want an ErrRawRequest", raw, err)
		}
	}
}

const pastedHeader = `MAC id="wkVd93h2uS", ts="1343811600", nonce="n, n", mac="bWFj", ext="project_id=1221"`

func TestParseRawRequest(t *testing.T) {
	header, err := walletapi.ParseAuthorization(pastedHeader)
	if err != nil {
		t.Fatal(err)
	}
	want := RawRequest{Method: "GET", Target: "/rest/v1/client?a=b%2Cc", Host: "wallet.example:8443", Authorization: header}
	for _, story := range []struct{ name, text, body string }{
		{"as on the wire", "GET /rest/v1/client?a=b%2Cc HTTP/1.1\r\nHost: wallet.example:8443\r\nAuthorization: " + pastedHeader + "\r\n\r\n", ""},
		{"with single line feeds and without a version", "GET /rest/v1/client?a=b%2Cc\nHost: wallet.example:8443\nAuthorization: " + pastedHeader + "\n", ""},
		{"without a last line end", "GET /rest/v1/client?a=b%2Cc\nhost:wallet.example:8443\nAUTHORIZATION:" + pastedHeader, ""},
		{"with empty lines before it", "\r\n\n\ufeffGET /rest/v1/client?a=b%2Cc\nHost: wallet.example:8443\nAuthorization: " + pastedHeader, ""},
		{"folded with indentation", "GET /rest/v1/client?a=b%2Cc HTTP/1.1\r\nHost: wallet.example:8443\r\nAuthorization: MAC\r\n\tid=\"wkVd93h2uS\",\r\n" +
			"  ts=\"1343811600\", nonce=\"n, n\",\r\n mac=\"bWFj\",\r\n ext=\"project_id=1221\"\r\nAccept: */*\r\n\r\n", ""},
		{"folded as documents print it", "GET /rest/v1/client?a=b%2Cc HTTP/1.1\nHost: wallet.example:8443\nAuthorization: MAC id=\"wkVd93h2uS\",\n" +
			"ts=\"1343811600\",\nnonce=\"n, n\",\nmac=\"bWFj\",\next=\"project_id=1221\"\nAccept: */*\n\n", ""},
		{"with a body to the last byte", "GET /rest/v1/client?a=b%2Cc HTTP/1.1\r\nHost: wallet.example:8443\r\nAuthorization: " + pastedHeader +
			"\r\n\r\n{\n  \"a\": 1\r\n}\n\n", "{\n  \"a\": 1\r\n}\n\n"},
		{"with a length, and the editor's line feed", "GET /rest/v1/client?a=b%2Cc HTTP/1.1\nHost: wallet.example:8443\nContent-Length: 2\nAuthorization: " +
			pastedHeader + "\n\n[]\n", "[]"},
	} {
		t.Run(story.name, func(t *testing.T) {
			text := story.text
			if story.name == "with empty lines before it" {
				text = "\ufeff" + strings.Replace(text, "\ufeff", "", 1)
			}
			got, err := ParseRawRequest([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			if string(got.Body) != story.body {
				t.Errorf("body %q, want %q", got.Body, story.body)
			}
			got.Body = nil
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("got %+v\nwant %+v", got, want)
			}
		})
	}
	absolute, err := ParseRawRequest([]byte("GET http://Wallet.Example:8443/x HTTP/1.1\nAuthorization: " + pastedHeader))
	if err != nil || absolute.Host != "wallet.example" || absolute.Target != "http://Wallet.Example:8443/x" {
		t.Errorf("a whole URL needs no Host header: %+v, %v", absolute, err)
	}
}

func TestRefuseRawRequest(t *testing.T) {
	for _, story := range []struct{ name, text, why string }{
		{"nothing", "", "empty"},
		{"empty lines", "\r\n\n", "empty"},
		{"a header first", "Host: wallet.example\nAuthorization: x", "request line"},
		{"an answer", "HTTP/1.1 401 Unauthorized\n", "request line"},
		{"no path", "GET\nHost: h", "no path"},
		{"a version for a path", "GET HTTP/1.1\nHost: h", "request line"},
		{"a blank in the path", "GET /two words HTTP/1.1\nHost: h", "blank"},
		{"no slash", "GET rest/v1/client\nHost: h", "slash"},
		{"no Host", "GET /x\nAuthorization: " + pastedHeader, "Host header is missing"},
		{"an empty Host", "GET /x\nHost:\nAuthorization: " + pastedHeader, "Host header is missing"},
		{"no Authorization", "GET /x\nHost: h\n\n", "Authorization header is missing"},
		{"another scheme", "GET /x\nHost: h\nAuthorization: Bearer b", "scheme MAC"},
		{"no mac", `GET /x` + "\nHost: h\n" + `Authorization: MAC id="i", ts="1", nonce="n"`, "needs id, ts, nonce and mac"},
		{"two Hosts", "GET /x\nHost: h\nHost: i\nAuthorization: " + pastedHeader, "host stands twice"},
		{"two Authorizations", "GET /x\nHost: h\nAuthorization: " + pastedHeader + "\nAuthorization: " + pastedHeader, "authorization stands twice"},
		{"words among the headers", "GET /x\nHost: h\nand so on", "line 3"},
		{"a fold with nothing before it", "GET /x\n Host: h", "line 2"},
		{"a length that is none", "GET /x\nHost: h\nContent-Length: two\nAuthorization: " + pastedHeader, "not a number"},
		{"a body too short", "GET /x\nHost: h\nContent-Length: 3\nAuthorization: " + pastedHeader + "\n\n[]", "says 3 bytes, and 2 bytes"},
		{"a body too long", "GET /x\nHost: h\nContent-Length: 1\nAuthorization: " + pastedHeader + "\n\n[]", "says 1 bytes, and 2 bytes"},
		{"too much", "GET /x\nHost: h\n\n" + strings.Repeat("x", MaxRawRequest), "longer than"},
	} {
		t.Run(story.name, func(t *testing.T) {
			_, err := ParseRawRequest([]byte(story.text))
			if err == nil || !strings.Contains(err.Error(), story.why) {
				t.Errorf("error %v, want one about %q", err, story.why)
			}
		})
	}
}

// render writes a request as it goes over the wire.
func render(r RawRequest) []byte {
	return fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: %s\r\nAuthorization: %s\r\n\r\n%s", r.Method, r.Target, r.Host, r.Authorization, r.Body)
}

func FuzzParseRawRequest(f *testing.F) {
	for _, m := range readMistakes(f) {
		f.Add(render(m.evidence(f).Request))
	}
	f.Add([]byte("GET /x\nHost: h\nAuthorization: MAC id=\"i\",\nts=\"1\",\n nonce=\"n\",\n\tmac=\"m\"\nContent-Length: 2\n\n[]\n"))
	f.Add([]byte("get http://[::1]:8080/x?a=b HTTP/1.0\r\nAuthorization: " + pastedHeader + "\r\n\r\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := ParseRawRequest(text)
		if err != nil {
			var refused ErrRawRequest
			var header walletapi.ErrAuthorization
			if !errors.As(err, &refused) && !errors.As(err, &header) {
				t.Fatalf("error %v is of another kind", err)
			}
			return
		}
		if r.Method == "" || r.Target == "" || r.Host == "" || r.Authorization.MAC == "" {
			t.Fatalf("%q reads as %+v", text, r)
		}
		// Written again the header may grow beyond what is read.
		if len(r.Authorization.String()) > walletapi.MaxAuthorization {
			return
		}
		again, err := ParseRawRequest(render(r))
		if err != nil || fmt.Sprintf("%q", again) != fmt.Sprintf("%q", r) {
			t.Fatalf("%q reads as %+v, %v; first %+v", render(r), again, err, r)
		}
	})
}

// FuzzExplain shows whatever stands in a request to Explain, and holds it to its one promise.
func FuzzExplain(f *testing.F) {
	for _, m := range readMistakes(f) {
		f.Add(render(m.evidence(f).Request), m.Key)
	}
	f.Fuzz(func(t *testing.T, text []byte, key string) {
		r, err := ParseRawRequest(text)
		if err != nil || len(strings.TrimSpace(key)) < 16 || len(text) > 2048 {
			return
		}
		in := Evidence{Request: r, Key: key, Now: time.Unix(sceneNow, 0)}
		d := Explain(in)
		if len(d.Findings) == 0 {
			t.Fatal("nothing is found")
		}
		if strings.Contains(spoken(d), key) {
			t.Fatal("the key is shown")
		}
	})
}

func BenchmarkExplainUnknown(b *testing.B) {
	for _, m := range readMistakes(b) {
		if m.Name == "unknown" {
			in := m.evidence(b)
			for b.Loop() {
				Explain(in)
			}
		}
	}
}
