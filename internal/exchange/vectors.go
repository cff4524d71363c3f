package exchange

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/purserhq/purser/walletapi"
)

// Probe is a vector as a call: one that must be refused because of its signature, or one that must not.
type Probe struct {
	// Name is the vector's, and what was changed in it.
	Name string
	// Messages makes what is sent, one after the other, for the moment; the answer to the last one counts.
	Messages func() []Message
	// Refused is the status that the server must answer with; 0 lets it answer anything but 401.
	Refused int
	// Changes says that the call may change something where it is not refused.
	Changes bool
	// LeftOut says why the vector is no call; the rest is empty then.
	LeftOut string
}

// VectorFile is a file of vectors, as calls to one server.
type VectorFile struct {
	Name   string
	Probes []Probe
	// LeftOut says why none of it is a call; empty where some are.
	LeftOut string
}

// Live is the server that vectors are turned into calls for.
type Live struct {
	// Scheme, Host and Prefix are where it answers: the Host header, and what stands before every path.
	Scheme, Host, Prefix string
	// MAC is who signs, in the place of the client of the vectors.
	MAC walletapi.MAC
	// Now is the clock that signatures are judged by.
	Now func() time.Time
	// Nonce makes a nonce of letters and digits.
	Nonce func() string
	// Routes are method and path of what the API has, such as "GET /rest/v1/project/{id}".
	Routes []string
}

// Vectors turns the files of testdata/vectors in a folder into calls.
func Vectors(folder fs.FS, live Live) ([]VectorFile, error) {
	var files []VectorFile
	for _, name := range []string{"client-mac.json", "documentation-mac.json"} {
		var vectors []macVector
		if ok, err := readVectors(folder, name, &vectors); err != nil || !ok {
			if err != nil {
				return nil, err
			}
			continue
		}
		file := VectorFile{Name: name}
		for _, v := range vectors {
			file.Probes = append(file.Probes, live.signatures(v)...)
		}
		files = append(files, file)
	}
	var mistakes []mistakeVector
	ok, err := readVectors(folder, "mac-mistakes.json", &mistakes)
	if err != nil {
		return nil, err
	}
	if ok {
		file := VectorFile{Name: "mac-mistakes.json"}
		for _, v := range mistakes {
			file.Probes = append(file.Probes, live.mistake(v))
		}
		files = append(files, file)
	}
	for name, why := range map[string]string{
		"hosts.json":     "where a client may send users back to is not seen in one call",
		"callback.event": "what a client must take, with callback.sign and callback.pem, and no server",
	} {
		if _, err := fs.Stat(folder, name); err == nil {
			files = append(files, VectorFile{Name: name, LeftOut: why})
		}
	}
	slices.SortStableFunc(files, func(a, b VectorFile) int { return strings.Compare(a.Name, b.Name) })
	return files, nil
}

// readVectors reads a file of vectors; false where there is none.
func readVectors(folder fs.FS, name string, into any) (bool, error) {
	text, err := fs.ReadFile(folder, name)
	if err != nil {
		return false, nil
	}
	if err := json.Unmarshal(text, into); err != nil {
		return false, fmt.Errorf("%s: %w", name, err)
	}
	return true, nil
}

// macVector is a row of client-mac.json, or of documentation-mac.json.
type macVector struct {
	Name   string `json:"name"`
	Method string `json:"method"`
	// RequestTarget is called uri in the one, and request_target in the other.
	RequestTarget string `json:"request_target"`
	URI           string `json:"uri"`
	Ext           string `json:"ext"`
	Body          string `json:"body"`
	Expect        *bool  `json:"expect"`
}

// oldPrefix is what paths of the API began with where the vectors come from.
const oldPrefix = "/wallet"

// Public places are answered without a look at the signature: what vectors ask for there is asked where it matters.
const (
	openPath   = "/locations"
	signedPath = "/clients"
)

// signatures are the call of a vector, which must not be refused, and the same with one thing changed, which must be.
func (l Live) signatures(v macVector) []Probe {
	target := strings.TrimPrefix(v.RequestTarget+v.URI, oldPrefix+"/")
	if target != v.RequestTarget+v.URI {
		target = "/" + target
	}
	target = strings.Replace(target, openPath, signedPath, 1)
	switch {
	case v.Expect != nil && !*v.Expect:
		return []Probe{{Name: v.Name, LeftOut: "the signature that the documentation prints for it is wrong"}}
	case !l.isRoute(v.Method, target):
		return []Probe{{Name: v.Name, LeftOut: "its path is none of the API"}}
	}
	m := Message{Method: v.Method, Target: target, Body: v.Body, ContentType: contentType(v.Body), MAC: l.MAC}
	if v.Ext != "" {
		m.Ext = &v.Ext
	}
	probes := []Probe{{Name: v.Name, Messages: func() []Message { return []Message{l.signed(m)} }, Changes: !reads(v.Method)}}
	for _, mutation := range mutations {
		if mutation.body && v.Body == "" {
			continue
		}
		changed := m
		changed.Signing = []func(*walletapi.Request){mutation.sign}
		if mutation.key {
			changed.MAC.Secret += "x"
		}
		if mutation.id {
			changed.MAC.ID += "x"
		}
		mutated := func() []Message {
			sent := l.signed(changed)
			if mutation.body {
				sent.Body += " "
			}
			return []Message{sent}
		}
		probes = append(probes, Probe{Name: v.Name + ": " + mutation.name, Messages: mutated, Refused: http.StatusUnauthorized, Changes: !reads(v.Method)})
	}
	if reads(v.Method) {
		twice := func() []Message {
			once := l.signed(m)
			return []Message{once, once}
		}
		probes = append(probes, Probe{Name: v.Name + ": sent twice", Messages: twice, Refused: http.StatusUnauthorized})
	}
	return probes
}

// mutations are what is changed in a right signature, one thing at a time: in what is signed, unless a field says otherwise.
var mutations = []struct {
	name          string
	sign          func(*walletapi.Request)
	key, id, body bool
}{
	{name: "another ts signed", sign: func(r *walletapi.Request) { r.TS += "0" }},
	{name: "another nonce signed", sign: func(r *walletapi.Request) { r.Nonce += "x" }},
	{name: "another method signed", sign: func(r *walletapi.Request) { r.Method = "PATCH" }},
	{name: "another target signed", sign: func(r *walletapi.Request) { r.Target += "/" }},
	{name: "another host signed", sign: func(r *walletapi.Request) { r.Host = "other." + r.Host }},
	{name: "another port signed", sign: func(r *walletapi.Request) { r.Port = "1" }},
	{name: "another ext signed", sign: func(r *walletapi.Request) { r.Ext += "&x=1" }},
	{name: "another key", sign: func(*walletapi.Request) {}, key: true},
	{name: "an id of nobody", sign: func(*walletapi.Request) {}, id: true},
	{name: "another body sent", sign: func(*walletapi.Request) {}, body: true},
}

// signed is a message with its Authorization header written out: signed as Signing says, sent as it is.
func (l Live) signed(m Message) Message {
	host, port := l.hostAndPort()
	ext := walletapi.Ext{BodyHash: walletapi.BodyHash([]byte(m.Body)), HasBodyHash: m.Body != ""}.String()
	if m.Ext != nil {
		ext = *m.Ext
	}
	sent := walletapi.Request{
		TS: strconv.FormatInt(l.Now().Unix(), 10), Nonce: l.Nonce(), Method: m.Method, Target: l.Prefix + m.Target, Host: host, Port: port, Ext: ext,
	}
	signed := sent
	for _, change := range m.Signing {
		change(&signed)
	}
	header := walletapi.Authorization{ID: m.MAC.ID, TS: sent.TS, Nonce: sent.Nonce, MAC: signed.Sign(m.MAC.Secret), Ext: sent.Ext}.String()
	m.Authorization, m.Signing = &header, nil
	return m
}

// hostAndPort are what a right client signs of the server's address.
func (l Live) hostAndPort() (host, port string) {
	host, port = hostAndPort(l.Host)
	if l.Scheme == "http" && host == strings.ToLower(l.Host) {
		port = "80"
	}
	return host, port
}

// isRoute says whether a call is one of the API's.
func (l Live) isRoute(method, target string) bool {
	path, _, _ := strings.Cut(target, "?")
	return slices.ContainsFunc(l.Routes, func(pattern string) bool { return Matches(pattern, method, path) })
}

// Matches says whether a request falls under a pattern such as "GET /rest/v1/project/{id}".
func Matches(pattern, method, path string) bool {
	wanted, template, _ := strings.Cut(pattern, " ")
	parts, given := strings.Split(template, "/"), strings.Split(path, "/")
	if method != wanted || len(parts) != len(given) {
		return false
	}
	for i, part := range parts {
		if part != given[i] && !strings.HasPrefix(part, "{") {
			return false
		}
	}
	return true
}

// contentType is what a body is sent as.
func contentType(body string) string {
	if body == "" || body[0] == '{' || body[0] == '[' {
		return "application/json"
	}
	return "application/x-www-form-urlencoded"
}

// mistakeVector is a row of mac-mistakes.json.
type mistakeVector struct {
	Name          string   `json:"name"`
	Method        string   `json:"method"`
	Target        string   `json:"target"`
	Host          string   `json:"host"`
	Authorization string   `json:"authorization"`
	Body          string   `json:"body"`
	Signed        string   `json:"signed"`
	Key           string   `json:"key"`
	Now           int64    `json:"now"`
	Accepted      bool     `json:"accepted"`
	Causes        []string `json:"causes"`
	Origins       []string `json:"origins"`
	NonceUsed     bool     `json:"nonce_used"`
	DefaultPort   int      `json:"default_port"`
}

// wordForm is what a nonce is told by: a run of letters and digits.
var wordForm = regexp.MustCompile(`[A-Za-z0-9]{8,}`)

// mistake makes the same mistake at the live server: its time, a new nonce, its address and the live key stand in the place of the vector's, in the header and
// in the text that was signed.
func (l Live) mistake(v mistakeVector) Probe {
	p := Probe{Name: v.Name, Changes: !reads(v.Method)}
	if !v.Accepted {
		p.Refused = http.StatusUnauthorized
	}
	if slices.Contains(v.Causes, "ext_unreadable") { // the signature is right
		p.Refused = http.StatusBadRequest
	}
	header, err := walletapi.ParseAuthorization(v.Authorization)
	switch {
	case len(v.Origins) > 0:
		return Probe{Name: v.Name, LeftOut: "it is about an address that the server is told of"}
	case v.DefaultPort != 0 && (l.Scheme != "http" || v.Accepted && strings.Contains(l.Host, ":")):
		return Probe{Name: v.Name, LeftOut: "it is about plain HTTP without a port"}
	case !l.isRoute(v.Method, strings.Replace(strings.TrimPrefix(v.Target, "https://"+v.Host), openPath, signedPath, 1)):
		return Probe{Name: v.Name, LeftOut: "its path is none of the API"}
	case atTheEdge(header.TS, v.Now):
		return Probe{Name: v.Name, LeftOut: "it is about the last second of the time that a clock may be off, which a call cannot hit"}
	case err != nil:
		return Probe{Name: v.Name, LeftOut: "its header cannot be taken apart"}
	}
	method := madeBy(v.Key, header.ID, v.Signed, header.MAC)
	if method == nil {
		return Probe{Name: v.Name, LeftOut: "how its MAC was made cannot be told from the vector"}
	}
	p.Messages = func() []Message {
		m, differs := l.transplant(v, header, method)
		for try := 1; !differs && try < triesForADifference; try++ {
			m, differs = l.transplant(v, header, method)
		}
		switch {
		case !differs:
			return nil
		case v.NonceUsed:
			return []Message{m, m}
		}
		return []Message{m}
	}
	if p.Messages() == nil {
		return Probe{Name: v.Name, LeftOut: "the mistake makes no difference at this address, or with this key"}
	}
	return p
}

// atTheEdge says that a signer's clock is right at the end of the window that servers allow, where a call is too slow to tell.
func atTheEdge(ts string, now int64) bool {
	seconds, err := strconv.ParseInt(ts, 10, 64)
	ahead := seconds - now
	return err == nil && (ahead >= window-1 && ahead <= window+2 || -ahead >= window-2 && -ahead <= window)
}

// window is how far a signer's clock may be off, in seconds.
const window = 300

// triesForADifference is how often a nonce is drawn until a MAC has a character in it that two spellings of base64 differ in.
const triesForADifference = 50

// transplant is the message of a vector at the live server. It is not different where the mistake comes to nothing there.
func (l Live) transplant(v mistakeVector, header walletapi.Authorization, method *madeMAC) (m Message, differs bool) {
	liveHost, livePort := l.hostAndPort()
	host, port := hostAndPort(v.Host)
	var pairs []string
	if ts, _, _ := strings.Cut(header.TS, "."); len(ts) >= 10 && strings.Trim(ts, "0123456789") == "" {
		seconds, _ := strconv.ParseInt(ts[:10], 10, 64) // ten digits
		pairs = append(pairs, ts[:10], strconv.FormatInt(l.Now().Unix()+seconds-v.Now, 10))
	}
	if run := wordForm.FindString(header.Nonce); run != "" && !strings.HasPrefix(header.Nonce, header.TS) {
		pairs = append(pairs, run, l.Nonce())
	}
	pairs = append(pairs, openPath, signedPath, "https://"+v.Host, l.Scheme+"://"+l.Host+l.Prefix, host, liveHost, strings.ToUpper(host), strings.ToUpper(liveHost), "\n"+port+"\n", "\n"+livePort+"\n", ":"+port, ":"+livePort)
	if capital := wordsCapital(host); capital != host {
		pairs = append(pairs, capital, wordsCapital(liveHost))
	}
	swap := strings.NewReplacer(pairs...)
	signed := swap.Replace(v.Signed)
	m = Message{Method: v.Method, Target: swap.Replace(v.Target), Body: v.Body, ContentType: contentType(v.Body)}
	switch {
	case strings.HasPrefix(v.Host, wordsCapital(host)):
		m.Host = wordsCapital(l.Host)
	case v.Host != strings.ToLower(v.Host):
		m.Host = strings.ToUpper(l.Host)
	}
	if l.Prefix != "" {
		path := swap.Replace(pathAndQuery(v.Target))
		signed = strings.Replace(signed, path, l.Prefix+path, 1)
	}
	sent := walletapi.Authorization{ID: l.MAC.ID, TS: swap.Replace(header.TS), Nonce: swap.Replace(header.Nonce), Ext: header.Ext}
	if header.ID == v.Key {
		sent.ID = l.MAC.Secret
	}
	sent.MAC = method.of(l.MAC.Secret, l.MAC.ID, signed)
	text := sent.String()
	m.Authorization = &text
	wrongText := v.Signed != walletapi.Request{
		TS: header.TS, Nonce: header.Nonce, Method: v.Method, Target: pathAndQuery(v.Target), Host: host, Port: port, Ext: header.Ext,
	}.Normalized()
	right := l.rightMACs(m, sent)
	return m, v.Accepted || !(wrongText || !method.plain) || !slices.Contains(right, sent.MAC)
}

// rightMACs are what the server may take for a message: for its host in both spellings, for the port that it answers at and for those
// that clients sign always.
func (l Live) rightMACs(m Message, sent walletapi.Authorization) (all []string) {
	host, port := l.hostAndPort()
	hosts := []string{host}
	if m.Host != "" { // as it is written in the header
		hosts = append(hosts, strings.TrimSuffix(m.Host, ":"+port))
	}
	target := m.Target
	if strings.HasPrefix(target, "/") {
		target = l.Prefix + target
	}
	for _, host := range hosts {
		for _, port := range []string{port, "443", "80"} {
			all = append(all, walletapi.Request{
				TS: sent.TS, Nonce: sent.Nonce, Method: m.Method, Target: pathAndQuery(target), Host: host, Port: port, Ext: sent.Ext,
			}.Sign(l.MAC.Secret))
		}
	}
	return all
}

// pathAndQuery is the target of a request, which may be a whole URL.
func pathAndQuery(target string) string {
	if u, err := url.Parse(target); err == nil && u.Host != "" && !strings.HasPrefix(target, "/") {
		return u.RequestURI()
	}
	return target
}

// wordsCapital is a host with a capital at the beginning of each of its parts.
func wordsCapital(host string) string {
	parts := strings.Split(host, ".")
	for i, part := range parts {
		if part != "" {
			parts[i] = strings.ToUpper(part[:1]) + part[1:]
		}
	}
	return strings.Join(parts, ".")
}
