package auth

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/http"

	"github.com/purserhq/purser/internal/pki"
	"github.com/purserhq/purser/internal/wallet"
)

// certificate is the TLS client certificate that the request came with; nil for none. The listener
// asks for one and verifies nothing but that the other end has its key; the rest is looked at here,
// for every request, also on a connection that was resumed (decisions.md 30). A proxy's header is
// believed from configured addresses only, and there the connection's own certificate is the proxy's.
func (a *Authenticator) certificate(r *http.Request) (*x509.Certificate, error) {
	if a.CertificateHeader != "" && a.Proxies.Trusts(r.RemoteAddr) {
		switch values := r.Header.Values(a.CertificateHeader); {
		case len(values) == 0 || len(values) == 1 && values[0] == "":
			return nil, nil
		case len(values) > 1:
			return nil, wallet.Errorf(wallet.Unauthorized, "The proxy sent %d headers %s: have it replace what comes in.", len(values), a.CertificateHeader)
		default:
			x, err := pki.FromProxy(values[0])
			if err != nil {
				return nil, refusal(NotCertified, 0, err.Error())
			}
			return x, nil
		}
	}
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return nil, nil
	}
	return r.TLS.PeerCertificates[0], nil
}

// foreign tells what a page of another site had a browser send.
var foreign http.CrossOriginProtection

// byCertificate proves a request by the certificate of its connection. A browser shows one to whatever page asks it to send
// something there, and the body may be of any content type: no form of another site is to move money.
func (a *Authenticator) byCertificate(ctx context.Context, r *http.Request, x *x509.Certificate, from wallet.Origin) (wallet.Caller, error) {
	if foreign.Check(r) != nil {
		return wallet.Caller{}, wallet.Errorf(wallet.Forbidden, FromAnotherSite)
	}
	client, err := a.certified(ctx, x)
	if err != nil {
		return wallet.Caller{}, err
	}
	if client == nil {
		return wallet.Caller{}, refusal(NotCertified, 0, "no client has this certificate"+unknownBecause(x, a))
	}
	a.DB.NoteCertificate(pki.Fingerprint(x), wallet.Use{At: a.BusinessClock(), Address: from.Address, Agent: from.Agent})
	return wallet.Caller{Kind: wallet.ByClient, Client: client}, nil
}

// unknownBecause adds what else is wrong with a certificate that nobody has, for the operator.
func unknownBecause(x *x509.Certificate, a *Authenticator) string {
	if err := pki.Check(x, nil, nil, a.WallClock()); err != nil {
		return "; also, " + err.Error()
	}
	return fmt.Sprintf(": it names %q, issued by %q", x.Subject, x.Issuer)
}

// certified is the client that the certificate stands for; nil when nobody has it. It fails with
// Unauthorized when somebody has it, but it is not good.
func (a *Authenticator) certified(ctx context.Context, x *x509.Certificate) (*wallet.Client, error) {
	sha256 := pki.Fingerprint(x)
	stored, err := a.DB.Certificate(ctx, sha256)
	if err == nil && stored == nil {
		var more bool
		if more, err = a.DB.Refresh(ctx); err == nil && more {
			stored, err = a.DB.Certificate(ctx, sha256)
		}
	}
	if err != nil || stored == nil {
		return nil, err
	}
	client, err := a.DB.Client(ctx, stored.ClientID)
	if err != nil {
		return nil, err
	}
	switch bad := pki.Check(x, nil, nil, a.WallClock()); {
	case !stored.RevokedAt.IsZero():
		return nil, refusal(NotCertified, client.ID, "the certificate was revoked")
	case client.Revoked():
		return nil, refusal(NotCertified, client.ID, "the client was revoked")
	case bad != nil:
		return nil, refusal(NotCertified, client.ID, bad.Error())
	}
	return client, nil
}

// sameClient refuses a signature over a connection whose certificate is another client's
// (decisions.md 19). A certificate that is nobody's here says nothing: some programs send one to
// whoever asks.
func (a *Authenticator) sameClient(ctx context.Context, x *x509.Certificate, caller wallet.Caller) error {
	client, err := a.certified(ctx, x)
	if err != nil || client == nil || client.ID == caller.Client.ID {
		return err
	}
	return refusal(OtherCertificate, caller.Client.ID, fmt.Sprintf("client %d signed on a connection with a certificate of client %d", caller.Client.ID, client.ID))
}

// namedInHeaders reads the context of a request that is proven by its certificate, which stands in headers
// (spec/wallet-api.md §2.9). It fails with
// InvalidParameters for a header that is there twice.
func namedInHeaders(r *http.Request) (wallet.Named, error) {
	refused := wallet.FieldErrors{}
	read := func(header, field string) string {
		values := r.Header[header]
		switch len(values) {
		case 0:
			return ""
		case 1:
			if values[0] == "" {
				refused.Refuse(field, "the header %s is empty: give a number, or leave it out", header)
			}
			return values[0]
		}
		refused.Refuse(field, "the header %s is given %d times; give it once", header, len(values))
		return ""
	}
	named := wallet.Named{ProjectID: read(projectHeader, "project_id"), LocationID: read(locationHeader, "location_id")}
	return named, refused.Err()
}
