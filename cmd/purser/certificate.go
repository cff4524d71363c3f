package main

import (
	"context"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/purserhq/purser/internal/pki"
	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
)

// certificateAnswer is a client's certificate in JSON.
type certificateAnswer struct {
	// Fingerprint is the SHA-256 of its DER in hex.
	Fingerprint string `json:"fingerprint"`
	ClientID    int64  `json:"client_id"`
	Status      string `json:"status"`
	// Kind is signed, by this server's authority, or pinned.
	Kind        string     `json:"kind"`
	AuthorityID int64      `json:"authority_id,omitempty"`
	Subject     string     `json:"subject"`
	Serial      string     `json:"serial"`
	NotBefore   time.Time  `json:"not_before"`
	NotAfter    time.Time  `json:"not_after"`
	CreatedAt   time.Time  `json:"created_at,omitzero"`
	RevokedAt   time.Time  `json:"revoked_at,omitzero"`
	LastUse     *useAnswer `json:"last_use,omitempty"`
	// PEM is the certificate itself; in the answers of sign and pin only.
	PEM string `json:"pem,omitempty"`
}

// describe fills in what the certificate says of itself.
func (a *certificateAnswer) describe(x *x509.Certificate) {
	a.Subject, a.Serial = x.Subject.String(), x.SerialNumber.Text(16)
	a.NotBefore, a.NotAfter = instant(x.NotBefore), instant(x.NotAfter)
}

func certificatesToAnswer(certificates []wallet.Certificate, now time.Time) []certificateAnswer {
	var all []certificateAnswer
	for _, c := range certificates {
		a := certificateAnswer{
			Fingerprint: hex.EncodeToString(c.Fingerprint[:]), ClientID: c.ClientID, Status: statusGood, Kind: "signed", AuthorityID: c.AuthorityID,
			NotAfter: instant(c.NotAfter), CreatedAt: instant(c.CreatedAt), RevokedAt: instant(c.RevokedAt), LastUse: useToAnswer(c.LastUse),
		}
		if c.AuthorityID == 0 {
			a.Kind = "pinned"
		}
		switch {
		case !c.RevokedAt.IsZero():
			a.Status = statusRevoked
		case !now.Before(c.NotAfter):
			a.Status = statusExpired
		}
		if x, err := x509.ParseCertificate(c.DER); err == nil {
			a.describe(x)
		}
		all = append(all, a)
	}
	return all
}

// writeCertificates shows certificates by fingerprints that are long enough to tell them apart.
func writeCertificates(p *page, certificates []certificateAnswer) {
	var rows [][]string
	for _, c := range certificates {
		rows = append(rows, append([]string{c.Fingerprint[:16], c.Status, c.Kind, stamp(c.CreatedAt), stamp(c.NotAfter), stamp(c.RevokedAt)}, c.LastUse.cells()...))
	}
	p.table([]string{"CERTIFICATE", "STATUS", "KIND", "CREATED", "EXPIRES", "REVOKED", "LAST USE", "FROM", "BY"}, rows)
}

// newCA is `purser ca`: the authority that signs client certificates.
func newCA(p *program) *cobra.Command {
	command := &cobra.Command{Use: "ca", Short: "Make and show the authority that signs client certificates"}
	command.AddCommand(newCAInit(p), newCAShow(p))
	return command
}

// authorityRequest asks for an authority.
type authorityRequest struct {
	// Certificate and Key, PEM, are those of one that was made outside.
	Certificate string `json:"certificate"`
	Key         string `json:"key"`
	Replace     bool   `json:"replace"`
	Apply       bool   `json:"apply"`
}

// authorityAnswer is the certificate authority in JSON.
type authorityAnswer struct {
	Applied     bool      `json:"applied"`
	Fingerprint string    `json:"fingerprint"`
	Subject     string    `json:"subject"`
	NotBefore   time.Time `json:"not_before"`
	NotAfter    time.Time `json:"not_after"`
	// PEM is its certificate, which is public.
	PEM string `json:"pem"`
}

func authorityToAnswer(x *x509.Certificate, applied bool) authorityAnswer {
	return authorityAnswer{
		Applied: applied, Fingerprint: fmt.Sprintf("%x", pki.Fingerprint(x)), Subject: x.Subject.String(),
		NotBefore: instant(x.NotBefore), NotAfter: instant(x.NotAfter), PEM: string(pki.PEM(x)),
	}
}

func (a authorityAnswer) write(p *page) {
	p.fields("subject", a.Subject, "fingerprint", a.Fingerprint, "valid from", stamp(a.NotBefore), "valid to", stamp(a.NotAfter))
}

func newCAInit(p *program) *cobra.Command {
	var r authorityRequest
	var certificate, key string
	command := &cobra.Command{
		Use:   "init",
		Short: "Make the server's own certificate authority, or take one over",
		Long: "Makes a small certificate authority for client certificates, or takes over one that was made outside.\n" +
			"Its key is kept sealed in the database and never shown. With --replace a new one signs from then on;\n" +
			"what the old one signed stays good until it expires or is revoked.",
		Args: cobra.NoArgs,
	}
	bind := func(flags *pflag.FlagSet) {
		flags.StringVar(&certificate, "certificate", "", "PEM `file` of an authority made outside")
		flags.StringVar(&key, "key", "", "PEM `file` of that authority's private key, without a passphrase")
		flags.BoolVar(&r.Replace, "replace", false, "have the new one sign in the place of the one that is there; needs --apply")
		applyFlag(flags)
	}
	return newVerb(p, command, bind, func(v *verb) (err error) {
		if (certificate == "") != (key == "") {
			return errors.New("--certificate and --key belong together: name both files, or none to have an authority made")
		}
		if certificate != "" {
			if r.Certificate, err = readText(certificate); err != nil {
				return err
			}
			if r.Key, err = readText(key); err != nil {
				return err
			}
		}
		r.Apply = v.applies()
		done, err := ask[authorityAnswer](v, "ca/init", r)
		if err != nil {
			return err
		}
		return v.answer(done, func(p *page) {
			if !done.Applied {
				p.line("This has a new authority sign from now on. The one that signs now, and what it signed, stays good:")
				done.write(p)
				p.line(notDone)
				return
			}
			p.line("This authority signs client certificates from now on:")
			done.write(p)
			p.line("%s", v.proposed("Sign a client's request with `purser certificate sign CLIENT --request csr.pem`."))
		})
	})
}

func newCAShow(p *program) *cobra.Command {
	command := &cobra.Command{
		Use:   "show",
		Short: "Show the authority's certificate, for proxies that check client certificates",
		Args:  cobra.NoArgs,
	}
	return newVerb(p, command, nil, func(v *verb) error {
		found, err := ask[authorityAnswer](v, "ca/show", struct{}{})
		if err != nil {
			return err
		}
		return v.answer(found, func(p *page) {
			found.write(p)
			p.verbatim(found.PEM)
		})
	})
}

// maxFile bounds a file that a verb reads, in bytes.
const maxFile = pki.MaxText

// readText reads a small file.
func readText(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("%s is larger than %d bytes: is it the right file?", path, maxFile)
	}
	return string(text), err
}

// newCertificate is `purser certificate`: what clients connect with.
func newCertificate(p *program) *cobra.Command {
	command := &cobra.Command{Use: "certificate", Short: "Sign, pin, list and revoke the TLS certificates of clients"}
	command.AddCommand(newCertificateSign(p), newCertificatePin(p), newCertificateList(p), newCertificateRevoke(p))
	return command
}

// certificateRequest asks for a certificate to be signed, or pinned.
type certificateRequest struct {
	ID int64 `json:"id"`
	// File is the signing request, or the certificate: PEM or DER.
	File []byte `json:"file"`
	// Lifetime in seconds; 0 is the usual one.
	Lifetime int64 `json:"lifetime"`
}

func newCertificateSign(p *program) *cobra.Command {
	var request, out string
	lifetime := span(service.DefaultCertificateLifetime)
	command := &cobra.Command{
		Use:   "sign CLIENT",
		Short: "Sign a client's certificate signing request",
		Long: "Signs the key in a request for a client. The certificate is good at once, and older ones stay good\n" +
			"beside it. Its holder keeps the private key: it is no part of the request.",
		Example: "  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -subj /CN=shop -out csr.pem\n" +
			"  purser certificate sign 7 --request csr.pem --out cert.pem",
		Args: cobra.ExactArgs(1),
	}
	bind := func(flags *pflag.FlagSet) {
		flags.StringVar(&request, "request", "", "`file` with the signing request, PEM or DER")
		flags.Var(&lifetime, "lifetime", "how long it is valid, such as 720h or 30d")
		flags.StringVar(&out, "out", "", "`file` to write the certificate to, rather than show it")
	}
	return newVerb(p, command, bind, func(v *verb) error {
		id, err := v.id(0, "client")
		if err != nil {
			return err
		}
		if request == "" {
			return errors.New("name the signing request with --request; `purser certificate sign --help` shows how to make one")
		}
		text, err := readText(request)
		if err != nil {
			return err
		}
		made, err := ask[certificateAnswer](v, "certificate/sign", certificateRequest{id, []byte(text), lifetime.seconds()})
		if err != nil {
			return err
		}
		if out != "" {
			if err := os.WriteFile(out, []byte(made.PEM), 0o644); err != nil {
				return fmt.Errorf("%w; the certificate was signed all the same: revoke it with `%s`", err, v.onData(fmt.Sprintf("purser certificate revoke %d --fingerprint %s --apply", id, made.Fingerprint)))
			}
		}
		return v.answer(made, func(p *page) {
			made.write(p)
			if out == "" {
				p.verbatim(made.PEM)
			} else {
				p.line("The certificate is in %s.", out)
			}
		})
	})
}

func (a certificateAnswer) write(p *page) {
	p.line("Client %d may connect with this certificate:", a.ClientID)
	p.fields("fingerprint", a.Fingerprint, "subject", a.Subject, "valid from", stamp(a.NotBefore), "valid to", stamp(a.NotAfter))
}

func newCertificatePin(p *program) *cobra.Command {
	var file string
	command := &cobra.Command{
		Use:   "pin CLIENT",
		Short: "Let a client use a certificate that it brings, whoever issued it",
		Long: "Lets a client use that very certificate and no other. It must be made for TLS clients and be valid;\n" +
			"docs/clients.md has the openssl command.",
		Args: cobra.ExactArgs(1),
	}
	bind := func(flags *pflag.FlagSet) {
		flags.StringVar(&file, "file", "", "`file` with the certificate alone, PEM or DER")
	}
	return newVerb(p, command, bind, func(v *verb) error {
		id, err := v.id(0, "client")
		if err != nil {
			return err
		}
		if file == "" {
			return errors.New("name the certificate with --file; docs/clients.md shows how to make one")
		}
		text, err := readText(file)
		if err != nil {
			return err
		}
		pinned, err := ask[certificateAnswer](v, "certificate/pin", certificateRequest{ID: id, File: []byte(text)})
		if err != nil {
			return err
		}
		return v.answer(pinned, pinned.write)
	})
}

type certificatesAnswer struct {
	Certificates []certificateAnswer `json:"certificates"`
}

func newCertificateList(p *program) *cobra.Command {
	command := &cobra.Command{
		Use:   "list CLIENT",
		Short: "List all certificates that a client ever had",
		Args:  cobra.ExactArgs(1),
	}
	return newVerb(p, command, nil, func(v *verb) error {
		id, err := v.id(0, "client")
		if err != nil {
			return err
		}
		found, err := ask[certificatesAnswer](v, "certificate/list", idQuery{id})
		if err != nil {
			return err
		}
		return v.answer(found, func(p *page) {
			if len(found.Certificates) == 0 {
				p.line("Client %d has no certificates.%s", id, v.proposed(fmt.Sprintf(
					" Sign one with `purser certificate sign %d --request csr.pem`, or pin one with `purser certificate pin %d --file cert.pem`.", id, id)))
				return
			}
			writeCertificates(p, found.Certificates)
		})
	})
}

// certificateRevocation ends a certificate.
type certificateRevocation struct {
	ID int64 `json:"id"`
	// Fingerprint may be cut, to 8 digits at least.
	Fingerprint string `json:"fingerprint"`
	Apply       bool   `json:"apply"`
}

type certificateRevoked struct {
	Applied     bool              `json:"applied"`
	Certificate certificateAnswer `json:"certificate"`
}

func newCertificateRevoke(p *program) *cobra.Command {
	var r certificateRevocation
	command := &cobra.Command{
		Use:     "revoke CLIENT",
		Short:   "End a certificate of a client for good",
		Example: "  purser certificate revoke 7 --fingerprint 1f3a5c7e9b2d4f60 --apply",
		Args:    cobra.ExactArgs(1),
	}
	bind := func(flags *pflag.FlagSet) {
		flags.StringVar(&r.Fingerprint, "fingerprint", "", "SHA-256 of the certificate in `hex`, or its first 8 digits or more")
		applyFlag(flags)
	}
	return newVerb(p, command, bind, func(v *verb) (err error) {
		if r.ID, err = v.id(0, "client"); err != nil {
			return err
		}
		r.Apply = v.applies()
		done, err := ask[certificateRevoked](v, "certificate/revoke", r)
		if err != nil {
			return err
		}
		return v.answer(done, func(p *page) {
			c := done.Certificate
			if done.Applied {
				p.line("Certificate %s of client %d is revoked.", c.Fingerprint, r.ID)
				return
			}
			p.line("This revokes certificate %s of client %d for good: valid to %s, last used %s.", c.Fingerprint, r.ID, stamp(c.NotAfter),
				strings.TrimRight(strings.Join(c.LastUse.cells(), " "), " "))
			p.line(notDone)
		})
	})
}

// certificateVerbs answer the verbs on the authority and on certificates.
func certificateVerbs(mux *http.ServeMux, s *service.Service) {
	handleVerb(mux, "ca/init", func(ctx context.Context, c wallet.Caller, r authorityRequest) (authorityAnswer, error) {
		if r.Replace && !r.Apply {
			return showAuthority(ctx, s, c)
		}
		made, err := s.InitAuthority(ctx, c, []byte(r.Certificate), secret.Text(r.Key), r.Replace)
		if err != nil {
			return authorityAnswer{}, err
		}
		return authorityToAnswer(made, true), nil
	})
	handleVerb(mux, "ca/show", func(ctx context.Context, c wallet.Caller, _ struct{}) (authorityAnswer, error) {
		return showAuthority(ctx, s, c)
	})
	give := func(name, kind string, do func(context.Context, wallet.Caller, certificateRequest) (*x509.Certificate, error)) {
		handleVerb(mux, name, func(ctx context.Context, c wallet.Caller, r certificateRequest) (certificateAnswer, error) {
			made, err := do(ctx, c, r)
			if err != nil {
				return certificateAnswer{}, err
			}
			a := certificateAnswer{ClientID: r.ID, Status: statusGood, Kind: kind, Fingerprint: fmt.Sprintf("%x", pki.Fingerprint(made)), PEM: string(pki.PEM(made))}
			a.describe(made)
			return a, nil
		})
	}
	give("certificate/sign", "signed", func(ctx context.Context, c wallet.Caller, r certificateRequest) (*x509.Certificate, error) {
		return s.SignCertificate(ctx, c, r.ID, r.File, time.Duration(r.Lifetime)*time.Second)
	})
	give("certificate/pin", "pinned", func(ctx context.Context, c wallet.Caller, r certificateRequest) (*x509.Certificate, error) {
		return s.PinCertificate(ctx, c, r.ID, r.File)
	})
	handleVerb(mux, "certificate/list", func(ctx context.Context, c wallet.Caller, q idQuery) (certificatesAnswer, error) {
		if _, err := s.GetOtherClient(ctx, c, q.ID); err != nil {
			return certificatesAnswer{}, err
		}
		held, err := s.ListCredentials(ctx, c, q.ID)
		return certificatesAnswer{list(certificatesToAnswer(held.Certificates, s.WallClock()))}, err
	})
	handleVerb(mux, "certificate/revoke", func(ctx context.Context, c wallet.Caller, r certificateRevocation) (certificateRevoked, error) {
		return revokeCertificate(ctx, s, c, r)
	})
}

func showAuthority(ctx context.Context, s *service.Service, c wallet.Caller) (authorityAnswer, error) {
	text, err := s.AuthorityCertificate(ctx, c)
	if err != nil {
		return authorityAnswer{}, err
	}
	x, err := pki.Parse(text)
	if err != nil {
		return authorityAnswer{}, err
	}
	return authorityToAnswer(x, false), nil
}

// minFingerprint is how many digits of a fingerprint name a certificate.
const minFingerprint = 8

func revokeCertificate(ctx context.Context, s *service.Service, c wallet.Caller, r certificateRevocation) (certificateRevoked, error) {
	if _, err := s.GetOtherClient(ctx, c, r.ID); err != nil {
		return certificateRevoked{}, err
	}
	held, err := s.ListCredentials(ctx, c, r.ID)
	if err != nil {
		return certificateRevoked{}, err
	}
	digits := strings.ToLower(strings.ReplaceAll(r.Fingerprint, ":", ""))
	if len(digits) < minFingerprint {
		return certificateRevoked{}, wallet.FieldError("fingerprint", "must be at least %d hexadecimal digits; `purser certificate list %d` shows them", minFingerprint, r.ID)
	}
	found := slices.DeleteFunc(held.Certificates, func(c wallet.Certificate) bool {
		return !c.RevokedAt.IsZero() || !strings.HasPrefix(hex.EncodeToString(c.Fingerprint[:]), digits)
	})
	switch len(found) {
	case 0:
		return certificateRevoked{}, wallet.Errorf(wallet.NotFound, "client %d has no such certificate that is not revoked; `purser certificate list %d` shows them.", r.ID, r.ID)
	case 1:
	default:
		return certificateRevoked{}, wallet.FieldError("fingerprint", "several certificates begin with that: give more digits")
	}
	a := certificateRevoked{Certificate: certificatesToAnswer(found, s.WallClock())[0]}
	if !r.Apply {
		return a, nil
	}
	if err := s.RevokeCertificate(ctx, c, r.ID, found[0].Fingerprint); err != nil {
		return a, err
	}
	a.Applied, a.Certificate.Status = true, statusRevoked
	return a, nil
}
