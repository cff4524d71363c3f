package diagnosis

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
	"flag"
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

	"github.com/purserhq/purser/internal/auth"
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
	var origins []auth.Origin
	for _, origin := range m.Origins {
		host, port, err := net.SplitHostPort(origin)
		if err != nil {
			t.Fatal(err)
		}
		origins = append(origins, auth.Origin{Host: host, Port: port})
	}
	return Evidence{
		Request: Request{Method: m.Method, Target: m.Target, Host: m.Host, Authorization: header, Body: []byte(m.Body)},
		Key:     m.Key, OtherKeys: m.OtherKeys, Now: time.Unix(m.Now, 0), NonceUsed: m.NonceUsed,
		Origins: origins, PlainHTTP: m.DefaultPort == 80,
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
	st.get("right: GET", "A right request without a body.", ok(func(*scene) {}), allRight)
	st.post("right: POST", "A right request with a body.", ok(func(*scene) {}), allRight)
	st.get("right: Swift without a body", "The ext begins with an ampersand.", ok(func(s *scene) { s.ext = "&project_id=1221" }), allRight)
	st.get("right: awkward nonce", "The nonce holds blanks, commas and equals signs.", ok(func(s *scene) { s.nonce = " a, b=c;d'e " }), allRight)
	st.get("right: fraction of a second", "The Python connector sends str(time.time()).", ok(func(s *scene) { s.ts += ".12" }), allRight)
	st.get("right: behind a proxy", "The proxy replaces the Host header; the public address is configured.", ok(func(s *scene) {
		s.Host, s.Origins, s.host = "10.0.0.7:8080", []string{"wallet.example:443"}, "wallet.example"
	}), allRight)
	st.get("right: plain http", "Port 80 is signed where the Host header has none.", ok(func(s *scene) {
		s.DefaultPort, s.port = 80, "80"
	}), allRight)
	st.get("right: whole URL on the request line", "Clients that speak to a proxy send the whole URL, and sign path and query.", ok(func(s *scene) {
		s.sign(3, s.Target)
		s.Target = "https://wallet.example" + s.Target
	}), allRight)
	st.get("tolerated: 443 on another port", "Swift and every sample sign the constant 443.", ok(func(s *scene) {
		s.Host, s.port = "wallet.example:8443", "443"
	}), portAlways)
	st.get("tolerated: capitals of the Host header", "PHP signs the host as the URL has it.", ok(func(s *scene) {
		s.Host, s.host = "Wallet.Example", "Wallet.Example"
	}), hostCase)
	st.post("tolerated: bare plus in body_hash", "The base64 went into ext without URL-encoding.", ok(func(s *scene) {
		s.Body = `{"type":"app_client","info":{"device_id":"d3"}}`
		s.ext = "body_hash=ht4a2ELvGfibvTSUC5oiO1Hh+IfmPAgwbHyH3/WwAuQ="
	}), bodyHashNotEncoded)
	st.get("unknown", "The text is of another request altogether.", func(s *scene) { s.text = "something else" }, unknown)
	st.get("unknown: not base64", "A placeholder stands where the mac belongs.", func(s *scene) { s.mac = "your mac here!" }, unknown)
}

func (st *storyteller) layoutMistakes() {
	joined := func(separator, end string) func(*scene) {
		return func(s *scene) { s.text = strings.Join(s.lines(), separator) + end }
	}
	st.get("no last newline", "implode of seven elements, the last one empty.", joined("\n", ""), noLastNewline)
	st.post("no last newline after ext", "The text ends with ext.", joined("\n", ""), noLastNewline)
	st.get("no newlines", "The elements are simply concatenated.", joined("", ""), noNewlines)
	st.post("blanks", "The elements are joined by blanks.", joined(" ", ""), spaces)
	st.post("escaped newlines", `PHP '\n' in single quotes is two characters.`, joined(`\n`, `\n`), escapedNewlines)
	st.get("CRLF", "The line end of Windows.", joined("\r\n", "\r\n"), crlf)
	st.get("another separator", "The elements are joined by |.", joined("|", ""), otherSeparator)
	st.get("extra newline", "A println after the last line feed.", joined("\n", "\n\n"), extraNewline)
}

func (st *storyteller) lineMistakes() {
	without := func(element int) func(*scene) {
		return func(s *scene) { s.text = strings.Join(slices.Delete(s.lines(), element, element+1), "\n") + "\n" }
	}
	st.get("ext line omitted", "join of six elements, without any line feed at the end.", func(s *scene) {
		s.text = strings.Join(s.lines()[:6], "\n")
	}, extLineLeftOut)
	st.post("port missing as element", "Six elements: the port is thought to be a part of the host.", without(5), portLeftOut)
	st.get("host missing as element", "Six elements.", without(4), elementLeftOut)
	st.get("nonce missing as element", "Six elements.", without(1), elementLeftOut)
	st.get("id signed", "The header's id begins the text.", func(s *scene) { s.text = s.id + "\n" + s.right() }, elementAdded)
	st.post("body signed", "The body ends the text.", func(s *scene) { s.text = s.right() + s.Body + "\n" }, elementAdded)
	st.get("ts and nonce swapped", "The nonce is signed first.", func(s *scene) {
		lines := s.lines()
		lines[0], lines[1] = lines[1], lines[0]
		s.text = strings.Join(lines, "\n") + "\n"
	}, tsNonceSwapped)
	st.get("ts and nonce swapped in the header", "The text is right, the header names them wrongly.", func(s *scene) {
		s.text = s.right()
		s.ts, s.nonce = s.nonce, s.ts
	}, tsNonceSwapped)
	st.get("ts and nonce swapped everywhere", "The MAC fits its header; the ts is no time.", func(s *scene) {
		s.ts, s.nonce = s.nonce, s.ts
	}, tsNonceSwapped)
	st.post("order", "Method and path first, as in another protocol.", func(s *scene) {
		l := s.lines()
		s.text = strings.Join([]string{l[2], l[3], l[4], l[5], l[0], l[1], l[6]}, "\n") + "\n"
	}, orderWrong)
}

func (st *storyteller) addressMistakes() {
	st.get("host in capitals", "The host comes from a setting in capitals, and the library lowers it.", func(s *scene) {
		s.sign(4, "WALLET.EXAMPLE")
	}, hostCase)
	st.get("host with its port", "The Host header is signed as it is.", func(s *scene) {
		s.Host, s.port = "wallet.example:8443", "8443"
		s.sign(4, "wallet.example:8443")
	}, hostWithPort)
	st.get("host with the usual port", "URL.host with the port added.", func(s *scene) { s.sign(4, "wallet.example:443") }, hostWithPort)
	st.get("host with its scheme", "The base URL is signed as host.", func(s *scene) { s.sign(4, "https://wallet.example") }, hostWithScheme)
	st.get("IPv6 without brackets", "URL.hostname of some languages.", func(s *scene) {
		s.Host, s.host, s.port = "[::1]:8443", "[::1]", "8443"
		s.sign(4, "::1")
	}, hostBrackets)
	st.get("host of the documentation", "The sample's constant host was kept.", func(s *scene) { s.sign(4, "wallet.paysera.com") }, hostOther)
	st.get("localhost", "The server is called by its name, the text says localhost.", func(s *scene) { s.sign(4, "localhost") }, hostOther)
	st.get("method in lower case", "axios and fetch like lower case.", func(s *scene) { s.sign(2, "get") }, methodCase)
	st.post("another method", "The helper signs GET always.", func(s *scene) { s.sign(2, "GET") }, methodOther)
	st.get("method sent in lower case", "The request line says get, the text GET.", func(s *scene) {
		s.text = s.right()
		s.Method = "get"
	}, methodCase)
}

func (st *storyteller) portMistakes() {
	st.get("port 80", "The scheme was taken for http.", func(s *scene) { s.sign(5, "80") }, portWrong)
	st.get("port 8080", "The port behind the proxy is signed.", func(s *scene) { s.sign(5, "8080") }, portWrong)
	st.get("port 8443 not signed but 80", "The server listens on 8443.", func(s *scene) {
		s.Host = "wallet.example:8443"
		s.sign(5, "80")
	}, portWrong)
	st.get("port of the inner server", "The client signs the port of the address behind the proxy.", func(s *scene) {
		s.Host, s.Origins, s.host = "wallet.example", []string{"wallet.example:9443"}, "wallet.example"
		s.sign(5, "9000")
	}, portWrong)
	st.get("empty port", "parse_url has no port for the usual one.", func(s *scene) { s.sign(5, "") }, portEmpty)
	st.get("port -1", "java.net.URL.getPort says -1 for the usual one.", func(s *scene) { s.sign(5, "-1") }, portUnset)
	st.get("port None", "Python's urlparse says None for the usual one.", func(s *scene) { s.sign(5, "None") }, portUnset)
}

func (st *storyteller) targetMistakes() {
	st.list("path without query", "URL.pathname.", func(s *scene) { s.sign(3, "/rest/v1/locations") }, queryLeftOut)
	st.list("query without path", "URL.search.", func(s *scene) { s.sign(3, strings.TrimPrefix(s.Target, "/rest/v1/locations")) }, pathLeftOut)
	st.get("full URL", "The whole URL is signed as path.", func(s *scene) { s.sign(3, "https://wallet.example"+s.Target) }, fullURL)
	st.list("comma decoded", "%2C on the wire, a comma in the text.", func(s *scene) {
		s.sign(3, strings.ReplaceAll(s.Target, "%2C", ","))
	}, queryReencoded)
	st.list("plus for a blank", "+ on the wire, %20 in the text.", func(s *scene) {
		s.sign(3, strings.ReplaceAll(s.Target, "+", "%20"))
	}, queryReencoded)
	st.get("blank as %20", "%20 on the wire, + in the text.", func(s *scene) {
		s.Target = "/rest/v1/locations?name=two%20words"
		s.sign(3, "/rest/v1/locations?name=two+words")
	}, queryReencoded)
	st.get("encoded again", "Commas on the wire, parameters encoded by a library in the text.", func(s *scene) {
		s.Target = "/rest/v1/client?fields=*,orders.transaction"
		s.sign(3, "/rest/v1/client?fields=%2A%2Corders.transaction")
	}, queryReencoded)
	st.list("sorted", "A library sorts the parameters before signing.", func(s *scene) {
		s.sign(3, "/rest/v1/locations?limit=20&name=two+words&status=active%2Cinactive")
	}, querySorted)
	st.get("path decoded", "The text has the path decoded.", func(s *scene) {
		s.Target = "/rest/v1/wallet/by/a%40b.example"
		s.sign(3, "/rest/v1/wallet/by/a@b.example")
	}, pathReencoded)
	st.list("without /rest/v1", "The path is signed relative to the base URL.", func(s *scene) {
		s.sign(3, strings.TrimPrefix(s.Target, "/rest/v1"))
	}, prefixLeftOut)
	st.get("with a prefix", "A proxy takes /wallet away.", func(s *scene) { s.sign(3, "/wallet"+s.Target) }, prefixAdded)
	st.list("slash added", "A slash at the end of the path is signed.", func(s *scene) {
		s.sign(3, strings.Replace(s.Target, "?", "/?", 1))
	}, slashAdded)
	st.get("slash left out", "The slash at the end of the path is sent and not signed.", func(s *scene) {
		s.sign(3, s.Target)
		s.Target += "/"
	}, slashLeftOut)
	st.get("first slash left out", "The path is signed as rest/v1/….", func(s *scene) { s.sign(3, s.Target[1:]) }, firstSlashLeftOut)
}

func (st *storyteller) extMistakes() {
	st.post("ext decoded", "The text has body_hash before URL-encoding.", func(s *scene) {
		s.sign(6, "body_hash="+sha256Base64(s.Body))
	}, extDecoded)
	st.post("ext encoded in the text only", "The header has body_hash before URL-encoding.", func(s *scene) {
		s.Body = `{"type":"app_client","info":{"device_id":"d3"}}`
		s.ext = "body_hash=ht4a2ELvGfibvTSUC5oiO1Hh%2BIfmPAgwbHyH3/WwAuQ="
		s.sign(6, "body_hash=ht4a2ELvGfibvTSUC5oiO1Hh%2BIfmPAgwbHyH3%2FWwAuQ%3D")
	}, extReencoded)
	st.post("ext with other escapes", "Escapes in lower case in the header, in upper case in the text.", func(s *scene) {
		upper := s.ext
		s.ext = strings.ReplaceAll(strings.ReplaceAll(s.ext, "%2F", "%2f"), "%3D", "%3d")
		s.sign(6, upper)
	}, extReencoded)
	st.post("ext missing from the text", "The last line is empty although ext is sent.", func(s *scene) { s.sign(6, "") }, extNotSigned)
	st.post("ext line missing from the text", "The text ends with the port although ext is sent.", func(s *scene) {
		s.text = strings.Join(s.lines()[:6], "\n") + "\n"
	}, extNotSigned)
	st.post("project added after signing", "Only body_hash is signed; the project is put into the header.", func(s *scene) {
		s.sign(6, s.ext)
		s.ext += "&project_id=1221&location_id=456"
	}, extPartlySigned)
	st.post("location added after signing", "The place is put into the header only.", func(s *scene) {
		s.ext += "&project_id=1221"
		s.sign(6, s.ext)
		s.ext += "&location_id=456"
	}, extPartlySigned)
	st.post("ext signed and not sent", "The header is built without ext.", func(s *scene) {
		s.text = s.right()
		s.ext = ""
	}, extNotSent)
	st.post("ext in another order", "Two maps are iterated in two orders.", func(s *scene) {
		s.sign(6, "project_id=1221&"+s.ext)
		s.ext += "&project_id=1221"
	}, extReordered)
	st.post("ext with its name", `The line reads ext="…".`, func(s *scene) { s.sign(6, `ext="`+s.ext+`"`) }, extOtherText)
	st.post("body for ext", "The last line is the body.", func(s *scene) { s.sign(6, s.Body) }, extOtherText)
	st.get("ext null", "The language writes null.", func(s *scene) { s.sign(6, "null") }, extOtherText)
	st.get("another project", "The worked example of the documentation: project_id=1221 is sent, project_id=3 signed.", func(s *scene) {
		s.Host, s.host = "wallet.paysera.com", "wallet.paysera.com"
		s.ext = "project_id=1221"
		s.sign(6, "project_id=3")
	}, extOtherProject)
	st.get("ext with a lone percent sign", "The MAC is right, the ext cannot be read.", func(s *scene) { s.ext = "project_id=100%" }, extUnreadable)
	st.get("project twice", "The MAC is right, the project stands twice.", func(s *scene) { s.ext = "project_id=1&project_id=2" }, extUnreadable)
}

func (st *storyteller) bodyMistakes() {
	hashed := func(body string) func(*scene) { return func(s *scene) { s.hash(body) } }
	st.post("compact sent, pretty hashed", "The documentation hashes pretty-printed JSON, the library sends it compact.", hashed(scenePretty), bodyHashReserialised)
	st.post("pretty sent, compact hashed", "The other way round.", func(s *scene) {
		s.Body = scenePretty
		s.hash(sceneBody)
	}, bodyHashReserialised)
	st.post("hashed as PHP writes it", `json_encode escapes / and letters beyond ASCII, the HTTP library does not.`, hashed(scenePHP), bodyHashReserialised)
	st.post("sent as PHP writes it", "The other way round.", func(s *scene) {
		s.Body = scenePHP
		s.hash(sceneBody)
	}, bodyHashReserialised)
	st.post("hashed as Python writes it", "json.dumps puts blanks after commas and colons.", hashed(scenePython), bodyHashReserialised)
	st.post("keys sorted", "The hash is of the object with its keys sorted.", hashed(sceneSorted), bodyHashReserialised)
	st.post("letters escaped", `The hash is of \u escapes, the body has letters.`, hashed(strings.NewReplacer("ą", `\u0105`, "ž", `\u017e`).Replace(sceneBody)),
		bodyHashReserialised)
	st.post("html escaped", "Go's json.Marshal escapes &.", func(s *scene) {
		s.Body = `{"redirect_uri":"https://shop.example/?a=1&b=2"}`
		s.hash(`{"redirect_uri":"https://shop.example/?a=1\u0026b=2"}`)
	}, bodyHashReserialised)
	st.post("form sorted", "The hash is of the form with its fields sorted.", func(s *scene) {
		s.Target, s.Body = "/oauth/v1/token", "grant_type=authorization_code&code=SplxlOBeZQQYbYS6WxSbIA"
		s.hash("code=SplxlOBeZQQYbYS6WxSbIA&grant_type=authorization_code")
	}, bodyHashReserialised)
	st.post("object for an empty list", "The hash is of {}, [] was sent.", func(s *scene) {
		s.Body = "[]"
		s.hash("{}")
	}, bodyHashReserialised)
	st.post("newline not sent", "echo adds a line feed before hashing.", hashed(sceneBody+"\n"), bodyHashLineEnd)
	st.post("newline sent", "curl -d @file keeps none, --data-binary keeps it.", func(s *scene) {
		s.Body = sceneBody + "\n"
		s.hash(sceneBody)
	}, bodyHashLineEnd)
	st.post("body_hash missing", "A POST signed like a GET.", func(s *scene) { s.ext = "" }, bodyHashMissing)
	st.post("hash of nothing", "The stream was read before it was hashed.", hashed(""), bodyHashOfNothing)
	st.post("another body", "The body was changed after signing.", hashed(`{"price":1}`), bodyHashWrong)
	st.post("body lost", "A redirect dropped the body.", func(s *scene) { s.Body = "" }, bodyLost)
}

func (st *storyteller) bodySpellings() {
	sum := sha256.Sum256([]byte(sceneBody))
	spelled := func(text string) func(*scene) { return func(s *scene) { s.ext = "body_hash=" + text } }
	st.post("body_hash in hex", "sha256 hexdigest.", spelled(hex.EncodeToString(sum[:])), bodyHashHex)
	st.post("body_hash in base64 of hex", "PHP base64_encode(hash('sha256', $body)).", func(s *scene) {
		s.ext = "body_hash=" + url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString(sum[:]))))
	}, bodyHashHex)
	st.post("body_hash in URL-safe base64", "urlsafe_b64encode.", func(s *scene) {
		s.Body = `{"type":"app_client","info":{"device_id":"d3"}}`
		s.ext = "body_hash=ht4a2ELvGfibvTSUC5oiO1Hh-IfmPAgwbHyH3_WwAuQ="
	}, bodyHashURLSafe)
	st.post("body_hash encoded twice", "The query builder encodes what is encoded.", func(s *scene) {
		s.ext = "body_hash=" + url.QueryEscape(url.QueryEscape(sha256Base64(s.Body)))
	}, bodyHashTwiceEncoded)
	st.post("body_hash in SHA-1", "Another algorithm.", func(s *scene) {
		sum := sha1.Sum([]byte(s.Body))
		s.ext = "body_hash=" + url.QueryEscape(base64.StdEncoding.EncodeToString(sum[:]))
	}, bodyHashAlgorithm)
	st.post("body_hash in MD5", "Another algorithm.", func(s *scene) {
		sum := md5.Sum([]byte(s.Body))
		s.ext = "body_hash=" + url.QueryEscape(base64.StdEncoding.EncodeToString(sum[:]))
	}, bodyHashAlgorithm)
	st.post("pretty hashed in hex", "Two mistakes in one hash.", func(s *scene) {
		sum := sha256.Sum256([]byte(scenePretty))
		s.ext = "body_hash=" + hex.EncodeToString(sum[:])
	}, bodyHashReserialised, bodyHashHex)
}

func (st *storyteller) macMistakes() {
	sent := func(write func([]byte) string) func(*scene) {
		return func(s *scene) { s.mac = write(hmacOf(sha256.New, s.signKey, s.right())) }
	}
	st.get("mac in hex", "hash_hmac without its last argument.", sent(hex.EncodeToString), macHex)
	st.get("mac in base64 of hex", "base64_encode(hash_hmac('sha256', $text, $key)).", sent(func(sum []byte) string {
		return base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString(sum)))
	}), macHex)
	st.list("mac in URL-safe base64", "urlsafe_b64encode.", sent(base64.URLEncoding.EncodeToString), macURLSafe)
	st.list("mac in URL-safe base64 without padding", "JWT libraries.", sent(base64.RawURLEncoding.EncodeToString), macURLSafe)
	st.get("mac without padding", "The = is cut off.", sent(base64.RawStdEncoding.EncodeToString), macUnpadded)
	st.get("mac URL-encoded", "The header is built like a query.", sent(func(sum []byte) string {
		return url.QueryEscape(base64.StdEncoding.EncodeToString(sum))
	}), macURLEncoded)
}

func (st *storyteller) keyMistakes() {
	keyed := func(key func(*scene) string) func(*scene) {
		return func(s *scene) { s.signKey = key(s) }
	}
	st.get("key base64-decoded", "The key looks like base64 and is not.", keyed(func(s *scene) string {
		raw, _ := base64.StdEncoding.DecodeString(s.Key)
		return string(raw)
	}), keyBase64)
	st.get("key hex-decoded", "The key looks like hexadecimal and is not.", func(s *scene) {
		s.Key = "8f14e45fceea167a5a36dedd4bea2543"
		raw, _ := hex.DecodeString(s.Key)
		s.signKey = string(raw)
	}, keyHex)
	st.get("key with a newline", "The key is read from a file as it is.", keyed(func(s *scene) string { return s.Key + "\n" }), keyWhitespace)
	st.get("key with a blank", "The key is copied with a blank before it.", keyed(func(s *scene) string { return " " + s.Key }), keyWhitespace)
	st.get("held key with a newline", "The client trims; whoever asks holds the untrimmed key.", func(s *scene) { s.Key += "\n" }, keyWhitespace)
	st.get("empty key", "The variable is not set.", keyed(func(*scene) string { return "" }), keyEmpty)
	st.get("key in quotes", "The quotes of the settings file.", keyed(func(s *scene) string { return `"` + s.Key + `"` }), keyRespelled)
	st.get("key cut", "The column is too short.", keyed(func(s *scene) string { return s.Key[:30] }), keyCut)
	st.get("key without its first letter", "A hasty copy.", keyed(func(s *scene) string { return s.Key[1:] }), keyCut)
	st.get("key of the token", "The id is the client's, the key is the access token's.", func(s *scene) {
		s.OtherKeys = map[string]string{"access token": sceneToken, "old key": "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm"}
		s.signKey = sceneToken
	}, keyOther)
	st.get("id as key", "Both arguments are the id.", keyed(func(s *scene) string { return s.id }), idAsKey)
	st.get("id and key swapped", "The key stands in the header, the id signs.", func(s *scene) {
		s.signKey, s.id = s.id, s.Key
	}, idKeySwapped)
}

func (st *storyteller) sumMistakes() {
	summed := func(sum func(key, text string) []byte) func(*scene) {
		return func(s *scene) { s.mac = base64.StdEncoding.EncodeToString(sum(s.Key, s.right())) }
	}
	st.get("HMAC-SHA-1", "The default of OAuth 1.", summed(func(key, text string) []byte { return hmacOf(sha1.New, key, text) }), hmacOther)
	st.get("HMAC-SHA-512", "Another hash.", summed(func(key, text string) []byte { return hmacOf(sha512.New, key, text) }), hmacOther)
	st.get("plain SHA-256", "The key is put before the text.", summed(func(key, text string) []byte {
		sum := sha256.Sum256([]byte(key + text))
		return sum[:]
	}), plainHash)
	st.get("key and text swapped", "The arguments of the HMAC function.", summed(func(key, text string) []byte { return hmacOf(sha256.New, text, key) }), keyTextSwapped)
	st.get("UTF-16", "Encoding.Unicode of .NET.", summed(func(key, text string) []byte {
		wide := func(text string) string {
			var b []byte
			for _, u := range utf16.Encode([]rune(text)) {
				b = append(b, byte(u), byte(u>>8))
			}
			return string(b)
		}
		return hmacOf(sha256.New, wide(key), wide(text))
	}), inUTF16)
}

func (st *storyteller) timeMistakes() {
	st.get("ts in milliseconds", "Date.now() in header and text.", func(s *scene) { s.ts += "123" }, tsMilliseconds)
	st.get("ts in nanoseconds", "time.Now().UnixNano().", func(s *scene) { s.ts += "123456789" }, tsMilliseconds)
	st.get("ts in milliseconds in the header only", "The text has seconds.", func(s *scene) {
		s.text = s.right()
		s.ts += "123"
	}, tsMilliseconds)
	st.get("ts in milliseconds in the text only", "The header has seconds.", func(s *scene) { s.sign(0, s.ts+"123") }, tsMillisecondsSigned)
	st.get("ts rounded in the text", "The header has a fraction.", func(s *scene) {
		s.text = s.right()
		s.ts += ".75"
	}, tsRounded)
	st.get("clock read twice", "The second changed between text and header.", func(s *scene) {
		s.text = s.right()
		s.ts = strconv.Itoa(sceneNow + 1)
	}, tsTwice)
	st.get("ts as a date", "An ISO date.", func(s *scene) { s.ts = "2012-08-01T09:00:00Z" }, tsNotANumber)
	st.get("clock behind", "The MAC is right, the clock is 301 seconds behind.", func(s *scene) { s.Now += 301 }, clockBehind)
	st.get("clock ahead", "The MAC is right, the clock is 301 seconds ahead.", func(s *scene) { s.Now -= 301 }, clockAhead)
	st.get("time zone", "Local time is taken for UTC.", func(s *scene) { s.Now -= 3 * 3600 }, clockAhead)
	st.get("clock at the edge", "300 seconds are allowed.", func(s *scene) {
		s.Now += 300
		s.Accepted = true
	}, allRight)
}

func (st *storyteller) nonceMistakes() {
	st.get("nonce trimmed", "A template trims what it signs.", func(s *scene) {
		s.nonce = " nQnNaSNyubfPErjRO55yaaEYo9YZfKH"
		s.sign(1, strings.TrimSpace(s.nonce))
	}, nonceTrimmed)
	st.get("nonce URL-encoded", "The text has the nonce encoded.", func(s *scene) {
		s.nonce = "9kX3+0aZ/4fQ=="
		s.sign(1, url.QueryEscape(s.nonce))
	}, nonceChanged)
	st.get("nonce used", "The same header is sent twice.", func(s *scene) { s.NonceUsed = true }, nonceUsed)
}

func (st *storyteller) twoAtOnce() {
	st.get("two: no last newline and port 8080", "Two mistakes.", func(s *scene) {
		s.port = "8080"
		s.text = strings.Join(s.lines(), "\n")
		s.port = "443"
	}, noLastNewline, portWrong)
	st.post("two: ext decoded and method in lower case", "Two mistakes.", func(s *scene) {
		lines := s.lines()
		lines[2], lines[6] = "post", "body_hash="+sha256Base64(s.Body)
		s.text = strings.Join(lines, "\n") + "\n"
	}, extDecoded, methodCase)
	st.list("two: query left out and key decoded", "Two mistakes.", func(s *scene) {
		s.sign(3, "/rest/v1/locations")
		raw, _ := base64.StdEncoding.DecodeString(s.Key)
		s.signKey = string(raw)
	}, queryLeftOut, keyBase64)
	st.get("two: host with its port, and no line for the port", "One line for host and port.", func(s *scene) {
		s.text = strings.Join([]string{s.ts, s.nonce, s.Method, s.Target, "wallet.example:443", ""}, "\n") + "\n"
	}, portLeftOut, hostWithPort)
	st.get("two: CRLF and hex", "Two mistakes.", func(s *scene) {
		s.text = strings.Join(s.lines(), "\r\n") + "\r\n"
		s.mac = hex.EncodeToString(hmacOf(sha256.New, s.signKey, s.text))
	}, crlf, macHex)
	st.get("two: path without its beginning, HMAC-SHA-1", "Two mistakes.", func(s *scene) {
		s.sign(3, "/wallet/14471/balance")
		s.mac = base64.StdEncoding.EncodeToString(hmacOf(sha1.New, s.Key, s.text))
	}, prefixLeftOut, hmacOther)
	st.list("two: sorted and with a slash", "Two mistakes in the path and query.", func(s *scene) {
		s.sign(3, "/rest/v1/locations/?limit=20&name=two+words&status=active%2Cinactive")
	}, querySorted, slashAdded)
	st.post("two: host in capitals and clock behind", "Two mistakes, of which the clock has nothing to do with the MAC.", func(s *scene) {
		s.sign(4, "WALLET.EXAMPLE")
		s.Now += 7200
	}, hostCase, clockBehind)
	st.post("two: pretty JSON hashed and no last newline", "Two mistakes, of which the hash has nothing to do with the MAC.", func(s *scene) {
		s.hash(scenePretty)
		s.text = strings.Join(s.lines(), "\n")
	}, noLastNewline, bodyHashReserialised)
	st.post("two: nonce used and clock behind", "A request is replayed much later.", func(s *scene) {
		s.Now += 4000
		s.NonceUsed = true
	}, clockBehind, nonceUsed)
	st.get("two: 443 on another port, and no last newline", "The port is tolerated, the line feed is not.", func(s *scene) {
		s.Host, s.port = "wallet.example:8443", "443"
		s.text = strings.Join(s.lines(), "\n")
	}, noLastNewline, portAlways)
}

// The file is written with go test ./internal/diagnosis -run TestMistakesFile -update.
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
