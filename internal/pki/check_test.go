package pki_test

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/pki"
)

// A certificate is good from its first second to its last. The tolerance is in notBefore.
func TestACertificateInTime(t *testing.T) {
	a := house()
	c := must(a.SignClient(request(newKey()), till, noon, day, ""))
	for moment, want := range map[time.Duration]error{
		-5*time.Minute - time.Second: pki.ErrNotYetValid,
		-5 * time.Minute:             nil,
		0:                            nil,
		day:                          nil,
		day + time.Second:            pki.ErrExpired,
		1000 * day:                   pki.ErrExpired, // the authority's time is over as well
		-1000 * day:                  pki.ErrNotYetValid,
	} {
		wantError(t, "pinned at "+moment.String(), pki.Check(c, nil, nil, noon.Add(moment)), want)
		wantError(t, "issued at "+moment.String(), pki.Check(c, nil, a.Certificate, noon.Add(moment)), want)
	}
	// A clock that was never set must not become the machine's.
	wantError(t, "no time", pki.Check(c, nil, a.Certificate, time.Time{}), pki.ErrNotYetValid)
}

func TestWhatACertificateIsFor(t *testing.T) {
	uses := func(all ...x509.ExtKeyUsage) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.ExtKeyUsage = all }
	}
	root := outsider("root", nil, asAuthority)
	for name, made := range map[string]struct {
		change func(*x509.Certificate)
		want   error
	}{
		"clients":             {uses(x509.ExtKeyUsageClientAuth), nil},
		"clients and servers": {uses(x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth), nil},
		"anything":            {uses(x509.ExtKeyUsageAny), nil},
		"whatever":            {uses(), nil},
		"no stated key usage": {func(c *x509.Certificate) { c.KeyUsage = 0 }, nil},
		"servers":             {uses(x509.ExtKeyUsageServerAuth), pki.ErrUse},
		"something of its own": {func(c *x509.Certificate) {
			c.ExtKeyUsage, c.UnknownExtKeyUsage = nil, []asn1.ObjectIdentifier{{1, 2, 3}}
		}, pki.ErrUse},
		"encryption only": {func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }, pki.ErrUse},
		"an authority":    {asAuthority, pki.ErrUse},
		"what openssl req -x509 makes by default": {func(c *x509.Certificate) { asAuthority(c); c.KeyUsage = 0 }, pki.ErrUse},
		"what nobody here understands": {func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
		}, pki.ErrUse},
	} {
		wantError(t, "pinned, for "+name, pki.Check(outsider("c", nil, made.change).Certificate, nil, nil, noon), made.want)
		wantError(t, "issued, for "+name, pki.Check(outsider("c", root, made.change).Certificate, nil, root.Certificate, noon), made.want)
	}
	wantError(t, "the authority for itself", pki.Check(root.Certificate, nil, root.Certificate, noon), pki.ErrUse)
}

func TestAWeakKeyStandsForNobody(t *testing.T) {
	root := outsider("root", nil, asAuthority)
	for _, made := range []struct {
		bits     uint
		exponent int
		want     error
	}{
		{1024, 65537, pki.ErrKey},
		{2047, 65537, pki.ErrKey},
		{2048, 65537, nil},
		{2048, 3, nil},
		{2048, 1, pki.ErrKey}, // every message would be its own signature
		{8192, 65537, nil},
		{8193, 65537, pki.ErrKey},
	} {
		n := new(big.Int).Lsh(big.NewInt(1), made.bits-1)
		key := &rsa.PublicKey{N: n.SetBit(n, 0, 1), E: made.exponent}
		template := outsider("c", nil, nil).Certificate
		der := must(x509.CreateCertificate(nil, template, root.Certificate, key, root.key))
		c := must(x509.ParseCertificate(der))
		name := fmt.Sprintf("%d bits, exponent %d", made.bits, made.exponent)
		wantError(t, name+", pinned", pki.Check(c, nil, nil, noon), made.want)
		wantError(t, name+", issued", pki.Check(c, nil, root.Certificate, noon), made.want)
	}
}

// A client's certificate comes from an authority below the one that is trusted, and brings the
// link along.
func TestAChain(t *testing.T) {
	root := outsider("root", nil, asAuthority)
	link := outsider("link", root, asAuthority)
	c := outsider("client", link, nil).Certificate
	chain := []*x509.Certificate{link.Certificate}
	stranger := outsider("root", nil, asAuthority) // of the same name
	for name, checked := range map[string]struct {
		chain     []*x509.Certificate
		authority *x509.Certificate
		want      error
	}{
		"with the link":             {chain, root.Certificate, nil},
		"with the root, too":        {[]*x509.Certificate{root.Certificate, link.Certificate}, root.Certificate, nil},
		"the link itself trusted":   {nil, link.Certificate, nil},
		"without the link":          {nil, root.Certificate, pki.ErrIssuer},
		"another root":              {chain, stranger.Certificate, pki.ErrIssuer},
		"another root brought":      {[]*x509.Certificate{link.Certificate, root.Certificate}, stranger.Certificate, pki.ErrIssuer},
		"trusted, but a client's":   {nil, c, pki.ErrIssuer},
		"four certificates brought": {[]*x509.Certificate{root.Certificate, stranger.Certificate, c, link.Certificate}, root.Certificate, nil},
		"five certificates":         {[]*x509.Certificate{link.Certificate, root.Certificate, stranger.Certificate, c, c}, root.Certificate, pki.ErrIssuer},
	} {
		wantError(t, name, pki.Check(c, checked.chain, checked.authority, noon), checked.want)
	}
	forged := bytes.Clone(c.Raw)
	forged[len(forged)-1] ^= 1
	wantError(t, "forged", pki.Check(must(x509.ParseCertificate(forged)), chain, root.Certificate, noon), pki.ErrIssuer)
	// Whoever holds a client's key is no authority.
	client := outsider("client", root, nil)
	forger := outsider("forged", client, nil).Certificate
	wantError(t, "signed by a client", pki.Check(forger, []*x509.Certificate{client.Certificate}, root.Certificate, noon), pki.ErrIssuer)
}

// The house's own authority signs clients, and nobody can put an authority between.
func TestNoAuthorityBelowTheHouse(t *testing.T) {
	root := outsider("root", nil, all(asAuthority, func(c *x509.Certificate) { c.MaxPathLenZero = true }))
	link := outsider("link", root, asAuthority)
	c := outsider("client", link, nil).Certificate
	wantError(t, "between", pki.Check(c, []*x509.Certificate{link.Certificate}, root.Certificate, noon), pki.ErrIssuer)
}

// When several reasons apply, the first of issuer, not yet, expired, use is told; a pinned
// certificate has no issuer to ask for.
func TestReasonsInOrder(t *testing.T) {
	early, late := during(day, 2*day), during(-2*day, -day)
	servers := func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }
	root := outsider("root", nil, asAuthority)
	stranger := outsider("stranger", nil, asAuthority)
	for name, made := range map[string]struct {
		change func(*x509.Certificate)
		want   error
	}{
		"too early, for servers":         {all(early, servers), pki.ErrNotYetValid},
		"too late, for servers":          {all(late, servers), pki.ErrExpired},
		"never valid: early comes first": {during(day, -day), pki.ErrNotYetValid},
		"in time, for servers":           {servers, pki.ErrUse},
	} {
		c := outsider("client", root, made.change).Certificate
		wantError(t, "pinned, "+name, pki.Check(c, nil, nil, noon), made.want)
		wantError(t, "issued, "+name, pki.Check(c, nil, root.Certificate, noon), made.want)
		wantError(t, "by a stranger, "+name, pki.Check(c, nil, stranger.Certificate, noon), pki.ErrIssuer)
	}
}

// A client's own certificate may be right while something above it is not.
func TestWhatIsWrongAbove(t *testing.T) {
	servers := func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }
	over, root := during(-2*day, -day), outsider("root", nil, asAuthority)
	for name, above := range map[string]struct {
		root, link func(*x509.Certificate)
		want       error
	}{
		"a root whose time is over": {over, nil, pki.ErrIssuer},
		"a link whose time is over": {nil, over, pki.ErrIssuer},
		"a link for servers":        {nil, servers, pki.ErrUse},
		"nothing":                   {nil, nil, nil},
	} {
		top := root
		if above.root != nil {
			top = outsider("root", nil, all(asAuthority, above.root))
		}
		change := asAuthority
		if above.link != nil {
			change = all(asAuthority, above.link)
		}
		link := outsider("link", top, change)
		c := outsider("client", link, nil).Certificate
		wantError(t, name, pki.Check(c, []*x509.Certificate{link.Certificate}, top.Certificate, noon), above.want)
		// And its own time comes first.
		late := outsider("client", link, over).Certificate
		wantError(t, name+", and late", pki.Check(late, []*x509.Certificate{link.Certificate}, top.Certificate, noon), pki.ErrExpired)
	}
}
