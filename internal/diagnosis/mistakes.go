package diagnosis

import (
	"cmp"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/purserhq/purser/walletapi"
)

// usual are the kinds of mistakes that also happen two at once, the most usual first; rare
// ones have thousands of variants and are made alone only.
var (
	usual = []kind{
		wrongSeparators, wrongLines, wrongExt, wrongTarget, wrongHost, wrongPort, wrongMethod, wrongTS, wrongNonce, wrongKey, wrongSum,
	}
	rare = []kind{otherTime, otherProject, cutKey, wrongOrder}
)

// wrongSeparators put the right elements together wrongly.
func wrongSeparators(a *attempts) {
	join := func(cause Cause, separator string, ends ...string) {
		for _, end := range ends {
			did := fmt.Sprintf("The elements were signed with %q between them and %q after the last one, ext.", separator, end)
			a.change(cause, did, func(s *signing) { s.separator, s.end = separator, end })
		}
	}
	join(noLastNewline, "\n", "")
	join(noNewlines, "", "")
	join(spaces, " ", "", " ", "\n")
	join(escapedNewlines, `\n`, `\n`, "", "\n")
	join(crlf, "\r\n", "\r\n", "")
	for _, separator := range []string{",", "|", "&", ":", ";", "\t", "\r", "."} {
		join(otherSeparator, separator, "", separator, "\n")
	}
	join(extraNewline, "\n", "\n\n", "\n ")
}

// wrongLines sign too few lines or too many.
func wrongLines(a *attempts) {
	for e := lineTS; e < linePort; e++ {
		a.leaveOut(elementLeftOut, e, a.end)
	}
	a.leaveOut(portLeftOut, linePort, a.end)
	if a.right.Ext == "" {
		a.leaveOut(extLineLeftOut, lineExt, "") // with the port's line feed it is noLastNewline
	}
	if ts, nonce := a.at(lineTS), a.at(lineNonce); ts >= 0 && nonce >= 0 {
		a.change(tsNonceSwapped, "The nonce and the ts have changed places.", func(s *signing) {
			s.lines[ts], s.lines[nonce] = s.lines[nonce], s.lines[ts]
		})
	}
	add := func(cause Cause, at int, text, did string) {
		a.change(cause, did, func(s *signing) { s.lines = slices.Insert(s.lines, at, line{stray, text}) })
	}
	id, last := a.in.Request.Authorization.ID, len(a.lines)
	add(extraNewline, 0, "", "The signed text begins with an empty line.")
	add(elementAdded, 0, id, "The signed text begins with a line for the id.")
	add(elementAdded, last, id, "The signed text ends with a line for the id.")
	add(elementAdded, last, a.body, "The signed text ends with a line that holds the body.")
	add(elementAdded, last, a.bodyHash, "The signed text ends with a line that holds the hash of the body.")
}

// wrongTarget signs the path or the query otherwise than the request line has them.
func wrongTarget(a *attempts) {
	target := a.value(lineTarget)
	path, query, hasQuery := strings.Cut(target, "?")
	tail := target[len(path):]
	for _, host := range []string{a.right.Host, a.right.Host + ":" + a.right.Port, a.in.Request.Host} {
		a.sign(fullURL, lineTarget, "https://"+host+target, "http://"+host+target, "//"+host+target, host+target)
	}
	if hasQuery {
		a.sign(queryLeftOut, lineTarget, path, path+query)
		a.sign(pathLeftOut, lineTarget, query, "?"+query)
		for _, spelled := range slices.Concat(decodings(query), respellings(query)) {
			a.sign(queryReencoded, lineTarget, path+"?"+spelled)
		}
		for _, arranged := range arrangements(query) {
			a.sign(querySorted, lineTarget, path+"?"+arranged)
		}
	} else {
		a.sign(queryReencoded, lineTarget, path+"?")
	}
	for _, spelled := range slices.Concat(decodings(path), respellings(path), []string{strings.ToLower(path)}) {
		a.sign(pathReencoded, lineTarget, spelled+tail)
	}
	a.sign(slashAdded, lineTarget, path+"/"+tail)
	a.sign(slashLeftOut, lineTarget, strings.TrimSuffix(path, "/")+tail)
	a.sign(firstSlashLeftOut, lineTarget, strings.TrimPrefix(target, "/"))
	rest := path
	for range 4 {
		_, after, ok := strings.Cut(strings.TrimPrefix(rest, "/"), "/")
		if !ok {
			break
		}
		rest = "/" + after
		a.sign(prefixLeftOut, lineTarget, rest+tail, after+tail)
	}
	for _, prefix := range []string{"/wallet", "/rest/v1", "/wallet/rest/v1", "/rest", "/v1", "/api", "/api/v1", "/"} {
		a.sign(prefixAdded, lineTarget, prefix+target)
	}
}

// mostPairs bounds how many parameters of an ext are left out or changed; clients know three.
const mostPairs = 5

// wrongExt signs another ext than the header carries.
func wrongExt(a *attempts) {
	ext := a.value(lineExt)
	if ext != "" {
		a.sign(extNotSigned, lineExt, "")
		a.leaveOut(extNotSigned, lineExt, a.end)
		a.leaveOut(extNotSigned, lineExt, "")
	}
	a.sign(extDecoded, lineExt, decodings(ext)...)
	a.sign(extReencoded, lineExt, respellings(ext)...)
	a.sign(extReencoded, lineExt, strings.TrimPrefix(ext, "&"), "&"+ext)
	pairs := strings.Split(ext, "&")
	for i, pair := range pairs[:min(len(pairs), mostPairs)] {
		if pair != "" && len(pairs) > 1 {
			a.sign(extPartlySigned, lineExt, pair, strings.Join(slices.Concat(pairs[:i], pairs[i+1:]), "&"))
		}
	}
	a.sign(extReordered, lineExt, arrangements(ext)...)
	a.sign(extOtherText, lineExt, `"`+ext+`"`, `ext="`+ext+`"`, "ext="+ext, "?"+ext, a.bodyHash, url.QueryEscape(a.bodyHash))
	if at := a.at(lineExt); at >= 0 && a.body != "" {
		a.change(extOtherText, "The line of ext was signed as the body itself.", func(s *signing) { s.lines[at].text = a.body })
	}
	if ext == "" {
		a.sign(extOtherText, lineExt, "null", "None", "nil", "undefined", "false", "[]", "{}")
	}
	if strings.Contains(ext, "body_hash") {
		return
	}
	given := walletapi.Ext{BodyHash: a.bodyHash, HasBodyHash: true}.String()
	for _, hash := range []string{given, "body_hash=" + a.bodyHash, strings.ReplaceAll(given, "%2F", "/")} {
		a.sign(extNotSent, lineExt, hash, hash+"&"+strings.TrimPrefix(ext, "&"), ext+"&"+hash)
	}
}

// wrongHost signs another spelling of the host, or another host.
func wrongHost(a *attempts) {
	host := a.value(lineHost)
	_, sentPort := cutPort(a.in.Request.Host)
	a.sign(hostCase, lineHost, strings.ToUpper(host), capital(host))
	a.sign(hostWithPort, lineHost, host+":"+a.right.Port, host+":"+sentPort)
	for _, scheme := range []string{"https://", "http://"} {
		a.sign(hostWithScheme, lineHost, scheme+host, scheme+host+"/", scheme+host+":"+a.right.Port, scheme+host+":"+sentPort)
	}
	if bare, ok := strings.CutPrefix(host, "["); ok {
		a.sign(hostBrackets, lineHost, strings.TrimSuffix(bare, "]"))
	}
	_, parent, _ := strings.Cut(host, ".")
	// The first one stands in every sample of the public documentation, and scripts keep it.
	a.sign(hostOther, lineHost, "wallet.paysera.com", "localhost", "127.0.0.1", "0.0.0.0", "[::1]", "www."+host, parent, host+".", "")
}

// wrongPort signs another port, or no number at all.
func wrongPort(a *attempts) {
	_, sent := cutPort(a.in.Request.Host)
	a.sign(portWrong, linePort, "80", "443", "8080", "8443", "8000", "8008", "8888", "3000", "5000", "9000", cmp.Or(sent, "443"))
	for _, origin := range a.in.Origins {
		a.sign(portWrong, linePort, origin.Port)
	}
	a.sign(portEmpty, linePort, "")
	// The first ones are how languages say that the URL has none.
	a.sign(portUnset, linePort, "-1", "0", "null", "None", "nil", "undefined", "NaN", ":"+a.right.Port)
}

// wrongMethod signs another spelling of the method, or another method.
func wrongMethod(a *attempts) {
	method := a.value(lineMethod)
	a.sign(methodCase, lineMethod, strings.ToLower(method), strings.ToUpper(method), capital(strings.ToLower(method)))
	a.sign(methodOther, lineMethod, "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "")
}

// capital writes the first letter large.
func capital(word string) string {
	if word == "" {
		return ""
	}
	return strings.ToUpper(word[:1]) + word[1:]
}

// wrongTS signs another spelling of ts than the header carries.
func wrongTS(a *attempts) {
	ts := a.value(lineTS)
	seconds, _, fractional := strings.Cut(ts, ".")
	if n, err := strconv.ParseInt(seconds, 10, 64); err == nil && fractional {
		a.sign(tsRounded, lineTS, seconds, strconv.FormatInt(n+1, 10))
	}
	a.sign(tsRounded, lineTS, ts+".0")
	if len(ts) == 13 {
		a.sign(tsMilliseconds, lineTS, ts[:10])
	}
	a.sign(tsMillisecondsSigned, lineTS, ts+"000")
}

// wrongNonce signs another spelling of the nonce than the header carries.
func wrongNonce(a *attempts) {
	nonce := a.value(lineNonce)
	a.sign(nonceTrimmed, lineNonce, strings.TrimSpace(nonce), strings.TrimLeft(nonce, " "), strings.TrimRight(nonce, " "))
	a.sign(nonceChanged, lineNonce, url.QueryEscape(nonce), url.PathEscape(nonce), strings.ToLower(nonce), strings.ToUpper(nonce), `"`+nonce+`"`, "")
	a.sign(nonceChanged, lineNonce, decodings(nonce)...)
}

// wrongKey uses another key than the bytes that the mac_key is written with.
func wrongKey(a *attempts) {
	key := a.key
	for _, reading := range readings(key) {
		if reading.spelled == hexadecimal {
			a.use(keyHex, "The mac_key was read as hexadecimal and decoded.", string(reading.bytes))
		} else {
			a.use(keyBase64, "The mac_key was read as base64 and decoded.", string(reading.bytes))
		}
	}
	a.use(keyWhitespace, "The mac_key at hand has blanks or a line feed around it, and it was used without them.", strings.TrimSpace(key))
	a.use(keyWhitespace, "The mac_key was used with a blank or a line end around it.",
		key+"\n", key+"\r\n", key+"\r", key+" ", " "+key, " "+key+" ", key+"\t", "\t"+key, "\n"+key)
	a.use(keyEmpty, "The MAC was made with an empty key.", "")
	a.use(keyRespelled, "The mac_key was used with quotes around it.", `"`+key+`"`, "'"+key+"'")
	a.use(keyRespelled, "The mac_key was encoded before use, or used in another case.",
		base64.StdEncoding.EncodeToString([]byte(key)), hex.EncodeToString([]byte(key)), strings.ToLower(key), strings.ToUpper(key))
	a.use(idAsKey, "The MAC was made with the id as its key.", a.in.Request.Authorization.ID)
	for _, name := range slices.Sorted(maps.Keys(a.in.OtherKeys)) {
		a.use(keyOther, `The MAC was made with the key called "`+name+`".`, a.in.OtherKeys[name])
	}
}

// wrongSum makes something else than an HMAC-SHA-256 of the text under the key.
func wrongSum(a *attempts) {
	try := func(cause Cause, did string, sum func(key, text string) []byte) {
		a.change(cause, did, func(s *signing) { s.sum = sum })
	}
	for _, other := range []struct {
		name      string
		algorithm func() hash.Hash
	}{{"SHA-1", sha1.New}, {"MD5", md5.New}, {"SHA-512", sha512.New}, {"SHA-384", sha512.New384}, {"SHA-224", sha256.New224}} {
		try(hmacOther, "The MAC is an HMAC with "+other.name+".", func(key, text string) []byte { return hmacWith(other.algorithm, key, text) })
	}
	plain := func(text string) []byte {
		sum := sha256.Sum256([]byte(text))
		return sum[:]
	}
	try(plainHash, "The MAC is the plain SHA-256 of the key and the text.", func(key, text string) []byte { return plain(key + text) })
	try(plainHash, "The MAC is the plain SHA-256 of the text and the key.", func(key, text string) []byte { return plain(text + key) })
	try(keyTextSwapped, "The HMAC took the text for its key and the key for its text.", func(key, text string) []byte { return hmacSHA256(text, key) })
	try(inUTF16, "The text and the key were used in UTF-16.", func(key, text string) []byte { return hmacSHA256(wide(key), wide(text)) })
	try(inUTF16, "The text was signed in UTF-16.", func(key, text string) []byte { return hmacSHA256(key, wide(text)) })
}

// wide is a text in UTF-16 with the low byte first, as .NET calls Unicode.
func wide(text string) string {
	var bytes []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		bytes = append(bytes, byte(unit), byte(unit>>8))
	}
	return string(bytes)
}

// otherTime signs another time than the header carries, but a near one.
func otherTime(a *attempts) {
	ts, err := strconv.ParseInt(a.right.TS, 10, 64)
	if err != nil {
		return
	}
	for ms := range int64(1000) {
		a.sign(tsMillisecondsSigned, lineTS, fmt.Sprintf("%d%03d", ts, ms))
	}
	for apart := int64(1); apart <= 600; apart++ {
		a.sign(tsTwice, lineTS, strconv.FormatInt(ts-apart, 10), strconv.FormatInt(ts+apart, 10))
	}
}

// otherProject signs the small number of another project or place, as a worked example of the
// public documentation does, which prints one project and signs another
// (spec/wallet-api.md §2.8).
func otherProject(a *attempts) {
	pairs := strings.Split(a.right.Ext, "&")
	for i, pair := range pairs[:min(len(pairs), mostPairs)] {
		name, _, _ := strings.Cut(pair, "=")
		if name != "project_id" && name != "location_id" {
			continue
		}
		for id := range 2000 {
			other := slices.Clone(pairs)
			other[i] = name + "=" + strconv.Itoa(id)
			a.sign(extOtherProject, lineExt, strings.Join(other, "&"))
		}
	}
}

// cutKey uses a part of the key.
func cutKey(a *attempts) {
	for n := 1; n < min(len(a.key), 256); n++ {
		a.use(keyCut, "The MAC was made with a part of the mac_key.", a.key[:n], a.key[n:])
	}
}

// wrongOrder signs the right elements in every other order.
func wrongOrder(a *attempts) {
	for _, order := range permutations(len(a.lines)) {
		said := make([]string, len(order))
		for to, from := range order {
			said[to] = names[from]
		}
		a.change(orderWrong, "The elements were signed in the order "+strings.Join(said, ", ")+".", func(s *signing) {
			for to, from := range order {
				s.lines[to] = a.lines[from]
			}
		})
	}
}
