package service

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/purserhq/purser/internal/pki"
	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
)

// clientToOperateOn loads a client inside an operator's change. It fails with NotFound, and with
// InvalidState for a client that is revoked.
func clientToOperateOn(tx *store.Tx, id int64) (*wallet.Client, error) {
	client, err := tx.Client(id)
	switch {
	case err != nil:
		return nil, err
	case client == nil:
		return nil, noSuchClient(id)
	case client.Revoked():
		return nil, wallet.Errorf(wallet.InvalidState, "client %d was revoked at %s: make a new one.", id, client.RevokedAt.Format(time.RFC3339))
	}
	return client, nil
}

// NewKey is a MAC key as it is handed out, once.
type NewKey struct {
	// MACID is what the client signs as, whichever key it uses.
	MACID  string
	Number int
	Key    secret.Text
	// ExpiresAt is zero for a key that does not expire.
	ExpiresAt time.Time
}

// RotateKey gives a client another key beside the one it has: both sign, until the old one is
// retired. lifetime 0 is for good. It fails with Forbidden, NotFound and, when the client has two
// keys already or is revoked, with InvalidState.
func (s *Service) RotateKey(ctx context.Context, c wallet.Caller, id int64, lifetime time.Duration) (NewKey, error) {
	made := NewKey{Key: secret.NewKey()}
	if lifetime < 0 {
		return NewKey{}, errors.Join(wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(), wallet.FieldError("lifetime", "must not be negative"))
	}
	if lifetime > 0 {
		made.ExpiresAt = s.BusinessClock().Add(lifetime)
	}
	err := s.operate(ctx, c, func(tx *store.Tx) error {
		client, err := clientToOperateOn(tx, id)
		if err != nil {
			return err
		}
		live, err := tx.LiveKeys(id)
		if err != nil {
			return err
		}
		if len(live) >= store.LiveKeys {
			return wallet.Errorf(wallet.InvalidState, "client %d has two keys that sign, %d and %d: retire the old one first.", id, live[0].Number, live[1].Number)
		}
		if made.Number, err = tx.NextKeyNumber(id); err != nil {
			return err
		}
		made.MACID = client.MACID
		if err := tx.AddClientKey(*client, made.Number, made.Key, made.ExpiresAt); err != nil {
			return err
		}
		return s.audit(tx, c, "rotate key", clientObject, id, nil, wallet.ClientKey{Number: made.Number, ExpiresAt: made.ExpiresAt})
	})
	if err != nil {
		return NewKey{}, err
	}
	return made, nil
}

// RetireKey ends a key of a client for good; the other one goes on signing. It fails with Forbidden,
// NotFound and, when no other key of the client signs, with InvalidState: revoke the client instead.
func (s *Service) RetireKey(ctx context.Context, c wallet.Caller, id int64, number int) error {
	return s.operate(ctx, c, func(tx *store.Tx) error {
		client, err := clientToOperateOn(tx, id)
		if err != nil {
			return err
		}
		live, err := tx.LiveKeys(id)
		if err != nil {
			return err
		}
		others := slices.DeleteFunc(live, func(k wallet.ClientKey) bool { return k.Number == number })
		if len(others) == 0 {
			return wallet.Errorf(wallet.InvalidState, "key %d is the only one of client %d that signs: rotate first, or revoke the client.", number, id)
		}
		retired, err := tx.RetireClientKey(*client, number)
		if err != nil {
			return err
		}
		if !retired {
			return wallet.Errorf(wallet.NotFound, "client %d has no key %d that is not retired.", id, number)
		}
		return s.audit(tx, c, "retire key", clientObject, id, wallet.ClientKey{Number: number}, nil)
	})
}

// Credentials are what is known of a client's keys and certificates, without secrets.
type Credentials struct {
	Keys         []wallet.ClientKey
	Certificates []wallet.Certificate
}

// ListCredentials returns all keys and certificates that a client ever had. It fails with Forbidden.
func (s *Service) ListCredentials(ctx context.Context, c wallet.Caller, id int64) (Credentials, error) {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return Credentials{}, err
	}
	if err := s.db.WriteUses(ctx); err != nil { // so that the last uses are true
		return Credentials{}, err
	}
	keys, err := s.db.ClientKeys(ctx, id)
	if err != nil {
		return Credentials{}, err
	}
	certificates, err := s.db.Certificates(ctx, id)
	return Credentials{keys, certificates}, err
}

// Revocation says which clients are revoked.
type Revocation = store.Revocation

// Revoke ends clients for good, with all their keys, certificates and tokens: one, all devices of an
// application, those of an app version, or what all conditions given leave. It returns their
// numbers; without apply it only tells which they would be. It fails with Forbidden and
// InvalidParameters.
func (s *Service) Revoke(ctx context.Context, c wallet.Caller, r Revocation, apply bool) (revoked []int64, err error) {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return nil, err
	}
	if r == (Revocation{}) {
		return nil, wallet.FieldError("client", "name a client, an application or an app version: not everything at once")
	}
	err = s.operate(ctx, c, func(tx *store.Tx) error {
		if revoked, err = tx.Revocable(r); err != nil || !apply || len(revoked) == 0 {
			return err
		}
		if err := tx.RevokeClients(revoked, s.WallClock()); err != nil {
			return err
		}
		for _, id := range revoked {
			if err := s.audit(tx, c, "revoke", clientObject, id, nil, r); err != nil {
				return err
			}
		}
		return nil
	})
	return revoked, err
}

// Lifetimes of certificates and what surrounds them.
const (
	// DefaultCertificateLifetime is how long a client certificate is valid.
	DefaultCertificateLifetime = 90 * 24 * time.Hour
	authorityLifetime          = 10 * 365 * 24 * time.Hour
	crlLifetime                = 24 * time.Hour
	// crlInterval is how long a list is given out before another one is signed.
	crlInterval = 10 * time.Second
	// maxLiveCertificates is how many certificates of a client are good at a time: room for two
	// ways of connecting, each while it is being renewed.
	maxLiveCertificates = 4
)

// InitAuthority makes the server's own certificate authority, or takes one over that was made
// outside when certificate and key, PEM, are given. Its key is sealed. Where there is one already,
// replace must be true: the new one signs from then on, and what the old one signed stays good. It
// returns the authority's certificate. It fails with Forbidden, InvalidParameters and InvalidState.
func (s *Service) InitAuthority(ctx context.Context, c wallet.Caller, certificate []byte, key secret.Text, replace bool) (*x509.Certificate, error) {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return nil, err
	}
	var made *pki.Authority
	var err error
	if len(certificate) > 0 || key != "" {
		if made, err = pki.LoadAuthority(certificate, key); err != nil {
			return nil, wallet.FieldError("certificate", "%s", err)
		}
	} else if made, err = pki.NewAuthority("purser client certificates", s.WallClock(), authorityLifetime); err != nil {
		return nil, err
	}
	if _, err := made.CRL(1, nil, s.WallClock(), s.WallClock().Add(crlLifetime)); err != nil {
		return nil, wallet.FieldError("certificate", "%s", err)
	}
	sealed, err := made.KeyPEM()
	if err != nil {
		return nil, err
	}
	err = s.operate(ctx, c, func(tx *store.Tx) error {
		switch there, err := tx.HasAuthority(); {
		case err != nil:
			return err
		case there && !replace:
			return wallet.Errorf(wallet.InvalidState, "this server has a certificate authority already: replace it (`purser ca init --replace --apply`) to have a new one sign from now on.")
		}
		id, err := tx.InsertAuthority(store.Authority{PEM: made.CertificatePEM(), Key: sealed})
		if err != nil {
			return err
		}
		return s.audit(tx, c, "init", authorityObject, id, nil, struct{ Fingerprint string }{fmt.Sprintf("%x", pki.Fingerprint(made.Certificate))})
	})
	if err != nil {
		return nil, err
	}
	return made.Certificate, nil
}

// authority is the one with that number, the one that signs for 0. It fails with NotFound.
func (s *Service) authority(ctx context.Context, id int64) (int64, *pki.Authority, error) {
	stored, err := s.db.Authority(ctx, id)
	if err != nil {
		return 0, nil, err
	}
	if stored == nil {
		return 0, nil, wallet.Errorf(wallet.NotFound, "this server has no such certificate authority: `purser ca init` makes one.")
	}
	loaded, err := pki.LoadAuthority(stored.PEM, stored.Key)
	return stored.ID, loaded, err
}

// SignCertificate signs a client's certificate signing request, PEM or DER, and returns the
// certificate, which is good at once; older ones stay good beside it. lifetime 0 is
// DefaultCertificateLifetime. It fails with Forbidden, NotFound, InvalidParameters and InvalidState.
func (s *Service) SignCertificate(ctx context.Context, c wallet.Caller, client int64, request []byte, lifetime time.Duration) (*x509.Certificate, error) {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return nil, err
	}
	if lifetime == 0 {
		lifetime = DefaultCertificateLifetime
	}
	id, signer, err := s.authority(ctx, 0)
	if err != nil {
		return nil, err
	}
	holder, err := s.db.Client(ctx, client)
	if err != nil {
		return nil, err
	}
	if holder == nil || holder.ID == 0 {
		return nil, noSuchClient(client)
	}
	crl := ""
	if s.PublicURL != "" {
		crl = fmt.Sprintf("%s/crl/%d", s.PublicURL, id)
	}
	made, err := signer.SignClient(request, pki.Client{ID: client, MACID: holder.MACID}, s.WallClock(), lifetime, crl)
	if err != nil {
		return nil, wallet.FieldError("request", "%s", err)
	}
	return s.addCertificate(ctx, c, "sign certificate", wallet.Certificate{ClientID: client, AuthorityID: id}, made)
}

// PinCertificate lets a client use a certificate that it brings, PEM or DER, whoever issued it: that
// very certificate and no other. It fails with Forbidden, NotFound, InvalidParameters and
// InvalidState.
func (s *Service) PinCertificate(ctx context.Context, c wallet.Caller, client int64, certificate []byte) (*x509.Certificate, error) {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return nil, err
	}
	brought, err := pki.Parse(certificate)
	if err == nil {
		err = pki.Check(brought, nil, nil, s.WallClock())
	}
	if err != nil && !errors.Is(err, pki.ErrNotYetValid) {
		return nil, wallet.FieldError("certificate", "%s", err)
	}
	return s.addCertificate(ctx, c, "pin certificate", wallet.Certificate{ClientID: client}, brought)
}

func (s *Service) addCertificate(ctx context.Context, c wallet.Caller, action string, entry wallet.Certificate, x *x509.Certificate) (*x509.Certificate, error) {
	entry.Fingerprint, entry.DER, entry.NotAfter = pki.Fingerprint(x), x.Raw, x.NotAfter
	err := s.operate(ctx, c, func(tx *store.Tx) error {
		if _, err := clientToOperateOn(tx, entry.ClientID); err != nil {
			return err
		}
		live, err := tx.LiveCertificates(entry.ClientID, s.WallClock())
		if err != nil {
			return err
		}
		if live >= maxLiveCertificates {
			return wallet.Errorf(wallet.InvalidState, "client %d has %d certificates that are good: revoke one first.", entry.ClientID, live)
		}
		added, err := tx.InsertCertificate(entry)
		if err := unless(added, err, "certificate", "is some client's already, or was"); err != nil {
			return err
		}
		return s.audit(tx, c, action, clientObject, entry.ClientID, nil, certificateNote(entry.Fingerprint))
	})
	if err != nil {
		return nil, err
	}
	return x, nil
}

func certificateNote(sha256 [32]byte) any {
	return struct{ Certificate string }{fmt.Sprintf("%x", sha256)}
}

// RevokeCertificate ends a certificate of a client for good, on this server at once. It fails with
// Forbidden and NotFound.
func (s *Service) RevokeCertificate(ctx context.Context, c wallet.Caller, client int64, sha256 [32]byte) error {
	return s.operate(ctx, c, func(tx *store.Tx) error {
		revoked, err := tx.RevokeCertificate(client, sha256, s.WallClock())
		if err != nil {
			return err
		}
		if !revoked {
			return wallet.Errorf(wallet.NotFound, "client %d has no such certificate that is not revoked.", client)
		}
		return s.audit(tx, c, "revoke certificate", clientObject, client, certificateNote(sha256), nil)
	})
}

// RevocationList is the list of an authority's revoked certificates, DER, for whoever wants to
// check them without asking this server. It fails with NotFound.
func (s *Service) RevocationList(ctx context.Context, c wallet.Caller, authority int64) ([]byte, error) {
	if err := wallet.May(c, wallet.ReadPublic, wallet.Subject{}).Err(); err != nil {
		return nil, err
	}
	now := s.WallClock()
	s.listsLock.Lock()
	defer s.listsLock.Unlock()
	if last, ok := s.lists[authority]; ok && now.Sub(last.at).Abs() < crlInterval {
		return last.der, nil
	}
	id, signer, err := s.authority(ctx, authority)
	if err != nil {
		return nil, err
	}
	certificates, err := s.db.RevokedCertificates(ctx, id, now)
	if err != nil {
		return nil, err
	}
	var revoked []pki.Revoked
	for _, entry := range certificates {
		x, err := x509.ParseCertificate(entry.DER)
		if err != nil {
			return nil, err
		}
		revoked = append(revoked, pki.Revoked{Serial: x.SerialNumber, At: entry.RevokedAt})
	}
	// The number only has to rise, and seconds do.
	der, err := signer.CRL(now.Unix(), revoked, now, now.Add(crlLifetime))
	if err == nil {
		s.lists[authority] = signedList{now, der}
	}
	return der, err
}

// signedList is a revocation list that was signed lately. Anybody may ask for it, and to sign one anew
// each time is work.
type signedList struct {
	at  time.Time
	der []byte
}

// AuthorityCertificate is the certificate of the authority that signs, PEM, for those who check
// client certificates before this server does. It fails with NotFound.
func (s *Service) AuthorityCertificate(ctx context.Context, c wallet.Caller) ([]byte, error) {
	if err := wallet.May(c, wallet.ReadPublic, wallet.Subject{}).Err(); err != nil {
		return nil, err
	}
	_, signer, err := s.authority(ctx, 0)
	if err != nil {
		return nil, err
	}
	return signer.CertificatePEM(), nil
}

// ServerCertificate is a certificate, with its key as PEM, for a server of these host names and
// addresses, signed by the own authority: a sandbox has no other. It fails with Forbidden and NotFound.
func (s *Service) ServerCertificate(ctx context.Context, c wallet.Caller, hosts []string) (*x509.Certificate, secret.Text, error) {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return nil, "", err
	}
	_, signer, err := s.authority(ctx, 0)
	if err != nil {
		return nil, "", err
	}
	return signer.SignServer(hosts, s.WallClock(), DefaultCertificateLifetime)
}

// Expiring returns what expires within that time, or has in the last thirty days, and changes nothing. It fails with
// Forbidden.
func (s *Service) Expiring(ctx context.Context, c wallet.Caller, within time.Duration) ([]Ending, error) {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return nil, err
	}
	business, wall := s.BusinessClock(), s.WallClock()
	expiring, err := s.db.Expiring(ctx, business.Add(within), wall.Add(within))
	var endings []Ending
	for _, e := range expiring {
		now := business
		if e.Key == 0 {
			now = wall
		}
		if now.Sub(e.At) <= toldAfterwards {
			endings = append(endings, Ending{Ending: e})
		}
	}
	return endings, err
}

// toldAfterwards is how long what has expired is told.
const toldAfterwards = 30 * 24 * time.Hour

// Ending is a key or certificate that ends soon, has ended, or was retired because it was quiet.
type Ending struct {
	store.Ending
	// Retired says that it was retired just now.
	Retired bool
}

// Upkeep retires replaced keys that have been quiet for QuietKeyDays, forgets nonces that are out of
// every window, and returns those keys and what expires within that time. It fails with Forbidden.
func (s *Service) Upkeep(ctx context.Context, c wallet.Caller, within time.Duration) ([]Ending, error) {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return nil, err
	}
	if err := s.db.ForgetNonces(ctx, s.WallClock()); err != nil {
		return nil, err
	}
	var endings []Ending
	if s.QuietKeyDays > 0 {
		err := s.operate(ctx, c, func(tx *store.Tx) error {
			endings = nil
			quiet, err := tx.QuietKeys(s.BusinessClock().AddDate(0, 0, -s.QuietKeyDays))
			if err != nil {
				return err
			}
			for _, q := range quiet {
				client, err := tx.Client(q.ClientID)
				if err != nil {
					return err
				}
				if _, err := tx.RetireClientKey(*client, q.Key); err != nil {
					return err
				}
				if err := s.audit(tx, c, "retire quiet key", clientObject, q.ClientID, wallet.ClientKey{Number: q.Key}, nil); err != nil {
					return err
				}
				endings = append(endings, Ending{q, true})
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	expiring, err := s.Expiring(ctx, c, within)
	return append(endings, expiring...), err
}
