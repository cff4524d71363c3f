package callback

import (
	"errors"
	"fmt"
	"net/netip"
)

// errForbidden says that a callback would go to an address that is not a public one.
var errForbidden = errors.New("callback: the address is not a public one")

// closed are the networks, within those that are public otherwise, that a callback must not reach: where machines stand
// that trust whoever reaches them. Source: the special-purpose registries of IANA, and what clouds answer their guests on.
var closed = prefixes(
	"0.0.0.0/8",         // this network
	"10.0.0.0/8",        // private
	"100.64.0.0/10",     // behind a carrier's NAT; 100.100.100.200 tells metadata of a cloud
	"127.0.0.0/8",       // loopback
	"168.63.129.16/32",  // a cloud's host, which its guests trust
	"169.254.0.0/16",    // link-local; 169.254.169.254 tells metadata
	"172.16.0.0/12",     // private
	"192.0.0.0/24",      // protocol assignments; 192.0.0.192 tells metadata
	"192.0.2.0/24",      // documentation
	"192.31.196.0/24",   // AS112
	"192.52.193.0/24",   // AMT
	"192.88.99.0/24",    // relays of 6to4
	"192.168.0.0/16",    // private
	"192.175.48.0/24",   // AS112
	"198.18.0.0/15",     // benchmarks
	"198.51.100.0/24",   // documentation
	"203.0.113.0/24",    // documentation
	"224.0.0.0/4",       // multicast
	"240.0.0.0/4",       // reserved, and broadcast
	"2001::/23",         // protocol assignments: Teredo, benchmarks, ORCHID
	"2001:db8::/32",     // documentation
	"2002::/16",         // 6to4: any IPv4 address, wrapped
	"2620:4f:8000::/48", // AS112
	"3fff::/20",         // documentation
)

var (
	// global is what of IPv6 is handed out to anybody: everything else is loopback, private, local, multicast or reserved.
	global = netip.MustParsePrefix("2000::/3")
	// nat64 wraps IPv4 addresses for networks that have none: the one inside counts.
	nat64 = netip.MustParsePrefix("64:ff9b::/96")
)

func prefixes(texts ...string) []netip.Prefix {
	all := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		all[i] = netip.MustParsePrefix(text)
	}
	return all
}

// public says whether anybody may be sent there.
func public(ip netip.Addr) bool {
	if !ip.IsValid() || ip.Zone() != "" {
		return false
	}
	ip = ip.Unmap()
	if nat64.Contains(ip) {
		b := ip.As16()
		ip = netip.AddrFrom4([4]byte(b[12:]))
	}
	if ip.Is6() && !global.Contains(ip) {
		return false
	}
	for _, network := range closed {
		if network.Contains(ip) {
			return false
		}
	}
	return true
}

// check refuses an address that no callback may reach. loopback allows this machine as well.
func check(ip netip.Addr, loopback bool) error {
	if public(ip) || loopback && ip.Unmap().IsLoopback() {
		return nil
	}
	return fmt.Errorf("%w: %s", errForbidden, ip)
}
