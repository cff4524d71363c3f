package auth

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// maxForwarded bounds how many addresses of an X-Forwarded-For are looked at, from the end.
const maxForwarded = 32

// Proxies are the addresses of proxies whose headers are believed.
type Proxies []netip.Prefix

// ParseProxies reads addresses, such as 127.0.0.1 or ::1, and networks, such as 10.0.0.0/8.
func ParseProxies(list []string) (Proxies, error) {
	var proxies Proxies
	for _, text := range list {
		prefix, err := parseProxy(strings.TrimSpace(text))
		if err != nil {
			return nil, err
		}
		proxies = append(proxies, prefix)
	}
	return proxies, nil
}

func parseProxy(text string) (netip.Prefix, error) {
	if !strings.Contains(text, "/") {
		address, err := netip.ParseAddr(text)
		if err != nil {
			return netip.Prefix{}, fmt.Errorf("%q is neither an IP address nor a network such as 10.0.0.0/8", text)
		}
		address = address.Unmap().WithZone("")
		return netip.PrefixFrom(address, address.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is neither an IP address nor a network such as 10.0.0.0/8", text)
	}
	// Who wrote 10.1.2.3/8 may have meant one address, and would trust sixteen million.
	if prefix != prefix.Masked() {
		return netip.Prefix{}, fmt.Errorf("%q is an address within a network: write %s for the network, or %s for the address",
			text, prefix.Masked(), prefix.Addr())
	}
	// Callers are compared as IPv4, so an IPv4 network in IPv6's spelling must be one as well.
	const mapped = 128 - 32
	if prefix.Addr().Is4In6() && prefix.Bits() >= mapped {
		prefix = netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-mapped)
	}
	return prefix, nil
}

// Trusts says whether a connection from the address, as in http.Request.RemoteAddr, is one of
// the proxies'.
func (p Proxies) Trusts(remoteAddr string) bool {
	address, ok := parseAddress(remoteAddr)
	return ok && p.contain(address)
}

func (p Proxies) contain(address netip.Addr) bool {
	return slices.ContainsFunc(p, func(known netip.Prefix) bool { return known.Contains(address) })
}

// Address is the address of who calls, without port: the connection's or, when that comes from
// a proxy, the last one in X-Forwarded-For that is not a proxy's. Every proxy adds who called
// it at the end, so what stands before that address is only what somebody claims; and from an
// entry that is no address on, nothing more is believed.
func (p Proxies) Address(r *http.Request) string {
	if host, _, found := strings.Cut(r.RemoteAddr, ":"); len(p) == 0 && found && strings.Trim(host, "0123456789.") == "" && host != "" {
		return host // the usual case, as it is
	}
	address, ok := parseAddress(r.RemoteAddr)
	if !ok {
		return r.RemoteAddr
	}
	lines := r.Header["X-Forwarded-For"]
	for looked, line := 0, len(lines)-1; line >= 0; line-- {
		for rest, more := lines[line], true; more; looked++ {
			if looked == maxForwarded || !p.contain(address) {
				return address.String()
			}
			comma := strings.LastIndexByte(rest, ',')
			next, ok := parseAddress(strings.Trim(rest[comma+1:], " \t"))
			if !ok {
				return address.String()
			}
			address = next
			if more = comma >= 0; more {
				rest = rest[:comma]
			}
		}
	}
	return address.String()
}

// parseAddress reads an address with or without a port. An IPv4 address in IPv6's spelling is
// taken for itself, and a zone, which means something on one machine only, is left out.
func parseAddress(text string) (address netip.Addr, ok bool) {
	inside, bracketed := strings.CutPrefix(text, "[")
	inside, closed := strings.CutSuffix(inside, "]")
	address, err := netip.ParseAddr(inside)
	if err != nil || bracketed != closed || bracketed && address.Is4() {
		withPort, err := netip.ParseAddrPort(text)
		if err != nil {
			return netip.Addr{}, false
		}
		address = withPort.Addr()
	}
	return address.Unmap().WithZone(""), true
}
