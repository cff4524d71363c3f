package wallet

import (
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits of a host pattern and of the addresses that are compared with one.
const (
	maxHost     = 253
	maxPath     = 500
	maxProtocol = 50
	maxAddress  = 2048
	maxPort     = 65535
	maxLabel    = 63
)

// webSchemes are protocols whose addresses always have a host.
var webSchemes = []string{"http", "https", "ftp", "ws", "wss"}

// deadlySchemes run code, read local files or wrap an address of any other scheme.
var deadlySchemes = []string{"javascript", "data", "vbscript", "file", "blob", "filesystem", "about", "view-source", "intent"}

// MayReturnTo says whether a user may be sent back to the address on behalf of the client.
func (c *Client) MayReturnTo(address string) bool {
	return slices.ContainsFunc(c.Hosts, func(h Host) bool { return h.Matches(address) })
}

// SendsPayersTo says whether a payer's browser is led to the address by itself once they have answered: to one of the
// client's own, or to any https address where it has named none. Others are only shown, so that nobody is led to a site
// that they did not choose (an address that two readers could take for different ones is among those).
func (c *Client) SendsPayersTo(address string) bool {
	if len(c.Hosts) > 0 {
		return c.MayReturnTo(address)
	}
	to, err := url.Parse(address)
	return err == nil && to.Scheme == "https" && Host{Protocol: "https", Host: to.Hostname(), AnyPort: true}.Matches(address)
}

// Frames are the sites that may show pages of this client's payments in a frame, as a Content-Security-Policy writes them:
// none without the permission show_in_frame (spec/wallet-api.md §4.2).
func (c *Client) Frames() (sources []string) {
	if !c.Has(ShowInFrame) {
		return nil
	}
	for _, h := range c.Hosts {
		sources = append(sources, h.sources()...)
	}
	slices.Sort(sources)
	return slices.Compact(sources)
}

// sources are the sites of a pattern as a Content-Security-Policy writes them. It has no words for paths here, nor for
// addresses in brackets and names with an underscore: those are no site's.
func (h Host) sources() (sources []string) {
	scheme := strings.ToLower(h.Protocol)
	if _, problem := h.Check(); problem != "" || h.Host == "" || strings.ContainsAny(h.Host, "[_") || !slices.Contains([]string{"", "http", "https"}, scheme) {
		return nil
	}
	if scheme == "" {
		scheme = "http" // which is https too
	}
	port := ""
	switch {
	case h.AnyPort:
		port = ":*"
	case h.Port != 0:
		port = ":" + strconv.Itoa(h.Port)
	}
	name := strings.ToLower(h.Host)
	sources = []string{scheme + "://" + name + port}
	if h.AnySubdomain {
		sources = append(sources, scheme+"://*."+name+port)
	}
	return sources
}

// Matches says whether the absolute address falls under the pattern (spec/php-client.md §8.1).
// An address that two readers could take for different ones matches nothing, and neither does
// a pattern that Check refuses.
func (h Host) Matches(address string) bool {
	if _, problem := h.Check(); problem != "" || len(address) > maxAddress || !isPlain(address) {
		return false
	}
	scheme, rest, absolute := strings.Cut(address, "://")
	if !absolute || !h.takesScheme(scheme) {
		return false
	}
	if end := strings.IndexAny(rest, "?#"); end >= 0 {
		rest = rest[:end]
	}
	authority, path := rest, ""
	if end := strings.IndexByte(rest, '/'); end >= 0 {
		authority, path = rest[:end], rest[end:]
	}
	if h.Host == "" {
		// In a link to an app the path begins where others have the host.
		return !strings.ContainsAny(authority, "@:[]%") && h.takesPath("/"+rest)
	}
	name, port, ok := splitAuthority(authority)
	return ok && h.takesName(name) && h.takesPort(port) && h.takesPath(path)
}

func (h Host) takesScheme(scheme string) bool {
	if h.Protocol == "" {
		return strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https")
	}
	return strings.EqualFold(scheme, h.Protocol)
}

func (h Host) takesName(name string) bool {
	above := len(name) - len(h.Host)
	if above < 0 || !strings.EqualFold(name[above:], h.Host) {
		return false
	}
	if above == 0 {
		return true
	}
	labels, dotted := strings.CutSuffix(name[:above], ".")
	if !h.AnySubdomain || !dotted {
		return false
	}
	for label := range strings.SplitSeq(labels, ".") {
		if !isLabel(label) {
			return false
		}
	}
	return true
}

// takesPort judges the port of an address, 0 when it has none: a port that is left out is not
// the same as the one that its protocol stands for.
func (h Host) takesPort(port int) bool { return h.AnyPort || port == h.Port }

// takesPath says whether the path is the pattern's or lies below it. There must be one: readers
// disagree about where the host ends in https://shop.example?@evil.example.
func (h Host) takesPath(path string) bool {
	if pathProblem(path) != "" {
		return false
	}
	below, ok := strings.CutPrefix(path, strings.TrimSuffix(h.Path, "/"))
	if strings.HasSuffix(h.Path, "/") {
		return ok && strings.HasPrefix(below, "/")
	}
	return ok && (below == "" || below[0] == '/')
}

// splitAuthority takes a host apart from its port, which is 0 when there is none.
func splitAuthority(authority string) (name string, port int, ok bool) {
	colon := strings.IndexByte(authority, ':')
	if strings.HasPrefix(authority, "[") {
		end := strings.IndexByte(authority, ']') + 1
		if end == 0 || end < len(authority) && authority[end] != ':' {
			return "", 0, false
		}
		colon = -1
		if end < len(authority) {
			colon = end
		}
	}
	if colon < 0 {
		return authority, 0, true
	}
	digits := authority[colon+1:]
	port, err := strconv.Atoi(digits)
	ok = err == nil && port >= 1 && port <= maxPort && strconv.Itoa(port) == digits
	return authority[:colon], port, ok
}

// Check names the field of a pattern that is nonsense or would match too much, and says what
// it must be; both are empty when the pattern is fine.
func (h Host) Check() (field, problem string) {
	if problem := protocolProblem(h.Protocol); problem != "" {
		return "protocol", problem
	}
	if problem := h.hostProblem(); problem != "" {
		return "host", problem
	}
	switch {
	case h.Port < 0 || h.Port > maxPort:
		return "port", "must be from 1 to 65535"
	case h.Port != 0 && h.Host == "":
		return "port", "must be left out where there is no host"
	case len(h.Path) > maxPath:
		return "path", "must not be longer than 500 characters"
	case h.Path == "":
		return "", ""
	case !isPlain(h.Path) || strings.ContainsAny(h.Path, "?#"):
		return "path", "must hold only characters of a URL's path"
	}
	if problem := pathProblem(h.Path); problem != "" {
		return "path", problem
	}
	return "", ""
}

func (h Host) hostProblem() string {
	isWeb := h.Protocol == "" || slices.Contains(webSchemes, strings.ToLower(h.Protocol))
	switch {
	case h.Host == "" && isWeb:
		return "must be given, unless protocol is an app's own"
	case len(h.Host) > maxHost:
		return "must not be longer than 253 characters"
	case h.Host == "" && !h.AnySubdomain:
		return ""
	}
	if strings.HasPrefix(h.Host, "[") || strings.Contains(h.Host, "::") {
		if !isBracketedIPv6(h.Host) {
			return "must hold an IPv6 address in brackets, without a zone"
		}
	} else if h.Host != "" && !isHostName(h.Host) {
		return "must be a name or an IP address, without port, path or wildcard"
	}
	if h.AnySubdomain && !mayHaveSubdomains(h.Host) {
		return "must be a name with a dot when any_subdomain is set"
	}
	return ""
}

func protocolProblem(protocol string) string {
	if len(protocol) > maxProtocol {
		return "must not be longer than 50 characters"
	}
	for i := range len(protocol) {
		c := protocol[i]
		if !isLetter(c) && (i == 0 || !isDigit(c) && c != '+' && c != '-' && c != '.') {
			return "must be the name of a URL's scheme, such as https, without ://"
		}
	}
	if slices.Contains(deadlySchemes, strings.ToLower(protocol)) {
		return "must not be one that runs code, opens files or wraps other addresses"
	}
	return ""
}

// pathProblem refuses what servers, proxies and browsers would turn into another path: dots
// that lead upwards, slashes that could begin a host, and anything of that in disguise.
func pathProblem(path string) string {
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") {
		return "must begin with one /"
	}
	for segment := range strings.SplitSeq(path, "/") {
		// Some servers cut a segment at its first semicolon and read "..;" as "..".
		if segment == "." || strings.HasPrefix(segment, "..") {
			return "must not have a segment that is . or begins with .."
		}
	}
	if decoded, err := url.PathUnescape(path); err != nil || !utf8.ValidString(decoded) {
		return "must be UTF-8, with every % before two hexadecimal digits"
	}
	for i := range len(path) {
		if path[i] != '%' {
			continue
		}
		high, low := path[i+1], path[i+2]|0x20
		// The C0 characters, DEL, %, ., / and \.
		if high <= '1' || high == '7' && low == 'f' || high == '2' && strings.IndexByte("5ef", low) >= 0 || high == '5' && low == 'c' {
			return `must not hold an encoded ., /, \, % or control character`
		}
	}
	return ""
}

// isPlain says whether the text has only the characters of a URL (RFC 3986) and every % begins
// two hexadecimal digits.
func isPlain(text string) bool {
	for i := range len(text) {
		c := text[i]
		if c <= ' ' || c > '~' || strings.IndexByte("\"<>\\^`{|}", c) >= 0 {
			return false
		}
		if c == '%' && (i+2 >= len(text) || !isHex(text[i+1]) || !isHex(text[i+2])) {
			return false
		}
	}
	return true
}

// isHostName says whether the text is a name of labels or an IPv4 address.
func isHostName(name string) bool {
	for label := range strings.SplitSeq(name, ".") {
		if !isLabel(strings.ReplaceAll(label, "_", "a")) || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
	}
	// A browser reads every name whose last label is a number as an IPv4 address.
	address, err := netip.ParseAddr(name)
	return !endsInNumber(name) || err == nil && address.Is4()
}

func isBracketedIPv6(host string) bool {
	inside, opened := strings.CutPrefix(host, "[")
	inside, closed := strings.CutSuffix(inside, "]")
	address, err := netip.ParseAddr(inside)
	return opened && closed && err == nil && address.Is6() && address.Zone() == ""
}

// mayHaveSubdomains refuses top-level domains, and ends of IP addresses.
func mayHaveSubdomains(host string) bool {
	return strings.EqualFold(host, "localhost") ||
		strings.Contains(host, ".") && !strings.HasPrefix(host, "[") && !endsInNumber(host)
}

func endsInNumber(name string) bool {
	last := name[strings.LastIndexByte(name, '.')+1:]
	if len(last) > 1 && last[0] == '0' && last[1]|0x20 == 'x' {
		return !strings.ContainsFunc(last[2:], func(r rune) bool { return !isHex(byte(r)) })
	}
	return last != "" && !strings.ContainsFunc(last, func(r rune) bool { return !isDigit(byte(r)) })
}

func isLabel(label string) bool {
	for i := range len(label) {
		if c := label[i]; !isLetter(c) && !isDigit(c) && c != '-' {
			return false
		}
	}
	return label != "" && len(label) <= maxLabel
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isHex(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }
