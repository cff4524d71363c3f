package service_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/pki"
	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
)

const day = 24 * time.Hour

// live are the numbers of the keys of a client that are neither retired nor expired.
func (w world) live(client int64) (numbers []int) {
	w.t.Helper()
	all, err := w.ListCredentials(ctx, operator, client)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, k := range all.Keys {
		if k.Live(w.business.Now()) {
			numbers = append(numbers, k.Number)
		}
	}
	return numbers
}

// A key is replaced without a gap: the next one is made, both sign, the old one is retired. Each step
// that would leave a client with three keys, or with none, is refused.
func TestAKeyIsRotated(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		made, err := w.RotateKey(ctx, operator, shop, 0)
		if err != nil || made.Number != 2 || made.MACID != "Shop000002" || len(made.Key.Reveal()) != 32 || !made.ExpiresAt.IsZero() {
			t.Fatalf("the next key is %+v, %v", made.Number, err)
		}
		credential, err := w.db.Credential(ctx, "Shop000002")
		if err != nil || len(credential.Keys) != 2 || credential.Keys[0].Sum([]byte("m")) != signer(made.Key).Sum([]byte("m")) {
			t.Errorf("%d keys sign, or not the one that was handed out: %v", len(credential.Keys), err)
		}
		third := refuses(t, "a third key", keyError(w.RotateKey(ctx, operator, shop, 0)), wallet.InvalidState)
		if want := "Client 2 has two keys that sign, 1 and 2: retire the old one first."; third.Description != want {
			t.Errorf("told %q, want %q", third.Description, want)
		}
		refuses(t, "a key that never was", w.RetireKey(ctx, operator, shop, 7), wallet.NotFound)
		if err := w.RetireKey(ctx, operator, shop, 1); err != nil {
			t.Fatal(err)
		}
		refuses(t, "a key that is retired", w.RetireKey(ctx, operator, shop, 1), wallet.NotFound)
		refuses(t, "the last key", w.RetireKey(ctx, operator, shop, 2), wallet.InvalidState)
		// A key for a day; when it is over another may come, and the dead one may be put away.
		brief, err := w.RotateKey(ctx, operator, shop, day)
		if err != nil || !brief.ExpiresAt.Equal(w.business.Now().Add(day)) || brief.Number != 3 {
			t.Fatalf("a key for a day is %d until %v, %v", brief.Number, brief.ExpiresAt, err)
		}
		w.business.Advance(day)
		refuses(t, "the last key that signs", w.RetireKey(ctx, operator, shop, 2), wallet.InvalidState)
		if again, err := w.RotateKey(ctx, operator, shop, 0); err != nil || again.Number != 4 {
			t.Errorf("after it expired: key %d, %v", again.Number, err)
		}
		if err := w.RetireKey(ctx, operator, shop, 3); err != nil {
			t.Errorf("an expired key: %v", err)
		}
		if got := w.live(shop); !slices.Equal(got, []int{2, 4}) {
			t.Errorf("the keys %v sign, want 2 and 4", got)
		}
		refuses(t, "nobody's key", keyError(w.RotateKey(ctx, operator, 99, 0)), wallet.NotFound)
		refuses(t, "nobody's old key", w.RetireKey(ctx, operator, 99, 1), wallet.NotFound)
		refuses(t, "a key of yesterday", keyError(w.RotateKey(ctx, operator, shop, -time.Second)), wallet.InvalidParameters, "lifetime")
		w.keysInTheTrail(shop, []string{"create", "rotate key", "retire key", "rotate key", "rotate key", "retire key"}, made.Key, brief.Key)
	})
}

func keyError(made service.NewKey, err error) error {
	if err != nil && (made.Key != "" || made.MACID != "") {
		panic("it fails and hands out a key")
	}
	return err
}

// keysInTheTrail holds the audit trail of a client against what was done, and against its keys.
func (w world) keysInTheTrail(client int64, want []string, keys ...secret.Text) {
	w.t.Helper()
	var actions []string
	for _, entry := range slices.Backward(w.trail(client)) {
		actions = append(actions, entry.Action)
		if entry.Actor != "the operator" || entry.From.Agent != "ona" {
			w.t.Errorf("the audit trail says %+v", entry)
		}
		for _, key := range keys {
			if strings.Contains(entry.Before+entry.After, key.Reveal()) {
				w.t.Errorf("a key stands in the audit trail: %+v", entry.Action)
			}
		}
	}
	if !slices.Equal(actions, want) {
		w.t.Errorf("the audit trail has %v, want %v", actions, want)
	}
}

// A key was replaced a month ago and has been quiet since: it is retired, told of, and written into
// the audit trail; nothing is when nobody asked for it. What expires is told of in time.
func TestQuietKeysAreRetiredAloud(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		use := func(macID string, at int) {
			t.Helper()
			credential, err := w.db.Credential(ctx, macID)
			if err != nil {
				t.Fatal(err)
			}
			w.db.NoteKey(credential.Keys[at], wallet.Use{At: w.business.Now(), Address: "192.0.2.7"})
			if err := w.db.WriteUses(ctx); err != nil {
				t.Fatal(err)
			}
		}
		use("Shop000002", 0)
		w.business.Advance(day)
		for _, client := range []int64{shop, manager} {
			if err := keyError(w.RotateKey(ctx, operator, client, 100*day)); err != nil {
				t.Fatal(err)
			}
		}
		use("Shop000002", 0) // the new one; the manager's is never used
		w.business.Advance(40 * day)
		told := func(within time.Duration) (retired, expiring []int64) {
			t.Helper()
			endings, err := w.Upkeep(ctx, operator, within)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range endings {
				if e.Retired {
					retired = append(retired, e.ClientID)
				} else {
					expiring = append(expiring, e.ClientID)
				}
			}
			return retired, expiring
		}
		if retired, expiring := told(59 * day); retired != nil || expiring != nil {
			t.Errorf("nobody asked, and %v were retired, %v expire", retired, expiring)
		}
		w.QuietKeyDays = 41
		if retired, expiring := told(60 * day); retired != nil || !slices.Equal(expiring, []int64{manager, shop}) {
			t.Errorf("a day early, %v were retired, %v expire", retired, expiring)
		}
		w.QuietKeyDays = 30
		if retired, _ := told(0); !slices.Equal(retired, []int64{shop}) || !slices.Equal(w.live(shop), []int{2}) || !slices.Equal(w.live(manager), []int{1, 2}) {
			t.Errorf("of the clients %v keys were retired; left are %v and %v", retired, w.live(shop), w.live(manager))
		}
		if retired, _ := told(0); retired != nil {
			t.Errorf("again, of %v", retired)
		}
		w.keysInTheTrail(shop, []string{"create", "rotate key", "retire quiet key"})
		w.keysInTheTrail(manager, []string{"create", "rotate key"})
	})
}

// request is a signing request in DER; pinned is a certificate that somebody brings.
func request(t testing.TB) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "whoever"}}, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func pinned(t testing.TB, from, to time.Time, use x509.ExtKeyUsage) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(from.UnixNano()), Subject: pkix.Name{CommonName: "brought"}, NotBefore: from, NotAfter: to,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{use}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// The server's own authority is made once; a second one has to be asked for, and signs from then on,
// while what the first one signed stays good. Its key is sealed.
func TestTheAuthority(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		refuses(t, "signing before", second(w.SignCertificate(ctx, operator, shop, request(t), 0)), wallet.NotFound)
		refuses(t, "the certificate before", second(w.AuthorityCertificate(ctx, wallet.Caller{Kind: wallet.Anonymous})), wallet.NotFound)
		refuses(t, "the list before", second(w.RevocationList(ctx, wallet.Caller{Kind: wallet.Anonymous}, 1)), wallet.NotFound)
		refuses(t, "somebody else's that is none", second(w.InitAuthority(ctx, operator, []byte("x"), "y", false)), wallet.InvalidParameters, "certificate")
		first, err := w.InitAuthority(ctx, operator, nil, "", false)
		if err != nil {
			t.Fatal(err)
		}
		refuses(t, "a second one", second(w.InitAuthority(ctx, operator, nil, "", false)), wallet.InvalidState)
		old, err := w.SignCertificate(ctx, operator, shop, request(t), 0)
		if err != nil || old.CheckSignatureFrom(first) != nil {
			t.Fatal(err)
		}
		replacement, err := w.InitAuthority(ctx, operator, nil, "", true)
		if err != nil {
			t.Fatal(err)
		}
		fresh, err := w.SignCertificate(ctx, operator, shop, request(t), 0)
		if err != nil || fresh.CheckSignatureFrom(replacement) != nil || fresh.CheckSignatureFrom(first) == nil {
			t.Errorf("the new one does not sign: %v", err)
		}
		for _, x := range []*x509.Certificate{old, fresh} {
			if stored, err := w.db.Certificate(ctx, pki.Fingerprint(x)); err != nil || stored == nil || stored.ClientID != shop || !stored.RevokedAt.IsZero() {
				t.Errorf("a certificate is %+v, %v", stored, err)
			}
		}
		// One that was made outside is taken over.
		outside, err := pki.NewAuthority("outside", w.wall.Now(), 365*day)
		if err != nil {
			t.Fatal(err)
		}
		key, err := outside.KeyPEM()
		if err != nil {
			t.Fatal(err)
		}
		if taken, err := w.InitAuthority(ctx, operator, outside.CertificatePEM(), key, true); err != nil || !taken.Equal(outside.Certificate) {
			t.Errorf("taken over is %v, %v", taken, err)
		}
		if text, err := w.AuthorityCertificate(ctx, wallet.Caller{Kind: wallet.Anonymous}); err != nil || string(text) != string(outside.CertificatePEM()) {
			t.Errorf("shown is %s, %v", text, err)
		}
		entries, err := w.AuditTrail(ctx, operator, "authority", 0, 10)
		if err != nil || len(entries) != 3 {
			t.Fatalf("the audit trail has %d entries, %v", len(entries), err)
		}
		for _, e := range entries {
			if e.Action != "init" || strings.Contains(e.After, "PRIVATE") || !strings.Contains(e.After, "Fingerprint") {
				t.Errorf("the audit trail says %+v", e)
			}
		}
	})
}

// A certificate is signed for a client: for ninety days unless asked otherwise, with its name and
// the address of the revocation list in it. A renewed one is good beside the old one.
func TestACertificateIsSigned(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		if _, err := w.InitAuthority(ctx, operator, nil, "", false); err != nil {
			t.Fatal(err)
		}
		made, err := w.SignCertificate(ctx, operator, shop, request(t), 0)
		if err != nil {
			t.Fatal(err)
		}
		if !made.NotAfter.Equal(w.wall.Now().Add(90*day).Truncate(time.Second)) || !slices.Equal(made.CRLDistributionPoints, []string{"https://wallet.example/crl/1"}) {
			t.Errorf("it is good until %v, and its list at %v", made.NotAfter, made.CRLDistributionPoints)
		}
		if strings.Contains(made.Subject.String(), "whoever") {
			t.Errorf("it is made out to whom the request names: %v", made.Subject)
		}
		if brief, err := w.SignCertificate(ctx, operator, shop, request(t), time.Hour); err != nil || !brief.NotAfter.Equal(w.wall.Now().Add(time.Hour)) {
			t.Errorf("for an hour: %v", err)
		}
		refuses(t, "of the past", second(w.SignCertificate(ctx, operator, shop, request(t), -time.Hour)), wallet.InvalidParameters, "request")
		refuses(t, "no request", second(w.SignCertificate(ctx, operator, shop, []byte("x"), 0)), wallet.InvalidParameters, "request")
		refuses(t, "nobody's", second(w.SignCertificate(ctx, operator, 99, request(t), 0)), wallet.NotFound)
		refuses(t, "client 0's", second(w.SignCertificate(ctx, operator, 0, request(t), 0)), wallet.NotFound)
		all, err := w.ListCredentials(ctx, operator, shop)
		if err != nil || len(all.Certificates) != 2 || all.Certificates[0].AuthorityID != 1 {
			t.Errorf("it has %+v, %v", all.Certificates, err)
		}
	})
}

// A client brings its own certificate: that very one is good, whoever issued it, four at a time, and
// for one client only. What is not for TLS clients, or over, is not taken.
func TestACertificateIsPinned(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		now := w.wall.Now()
		brought := func(from, to time.Duration) []byte {
			return pinned(t, now.Add(from), now.Add(to), x509.ExtKeyUsageClientAuth)
		}
		text := brought(-day, day)
		x, err := w.PinCertificate(ctx, operator, shop, text)
		if err != nil {
			t.Fatal(err)
		}
		if stored, err := w.db.Certificate(ctx, pki.Fingerprint(x)); err != nil || stored == nil || stored.ClientID != shop || stored.AuthorityID != 0 {
			t.Errorf("it is %+v, %v", stored, err)
		}
		refuses(t, "the same again", second(w.PinCertificate(ctx, operator, shop, text)), wallet.InvalidParameters, "certificate")
		refuses(t, "the same for another", second(w.PinCertificate(ctx, operator, manager, text)), wallet.InvalidParameters, "certificate")
		refuses(t, "one that is over", second(w.PinCertificate(ctx, operator, shop, brought(-2*day, -day))), wallet.InvalidParameters, "certificate")
		refuses(t, "a server's", second(w.PinCertificate(ctx, operator, shop, pinned(t, now.Add(-day), now.Add(day), x509.ExtKeyUsageServerAuth))),
			wallet.InvalidParameters, "certificate")
		refuses(t, "none", second(w.PinCertificate(ctx, operator, shop, nil)), wallet.InvalidParameters, "certificate")
		refuses(t, "nobody's", second(w.PinCertificate(ctx, operator, 99, brought(-day, day))), wallet.NotFound)
		if _, err := w.PinCertificate(ctx, operator, shop, brought(day, 2*day)); err != nil {
			t.Errorf("one for tomorrow: %v", err)
		}
		for range 2 {
			if _, err := w.PinCertificate(ctx, operator, shop, brought(-day, 3*day)); err != nil {
				t.Fatal(err)
			}
		}
		refuses(t, "a fifth", second(w.PinCertificate(ctx, operator, shop, brought(-day, day))), wallet.InvalidState)
		if err := w.RevokeCertificate(ctx, operator, shop, pki.Fingerprint(x)); err != nil {
			t.Fatal(err)
		}
		if _, err := w.PinCertificate(ctx, operator, shop, brought(-day, day)); err != nil {
			t.Errorf("after one was revoked: %v", err)
		}
		refuses(t, "one that was revoked", second(w.PinCertificate(ctx, operator, shop, text)), wallet.InvalidState)
		w.wall.Advance(4 * day)
		refuses(t, "one that was revoked, with room for it", second(w.PinCertificate(ctx, operator, manager, text)), wallet.InvalidParameters, "certificate")
	})
}

// A certificate is revoked: its authority's list says so, signed, and is fresh whenever it is asked
// for. What was pinned is on no list.
func TestACertificateIsRevoked(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		authority, err := w.InitAuthority(ctx, operator, nil, "", false)
		if err != nil {
			t.Fatal(err)
		}
		signed, err := w.SignCertificate(ctx, operator, shop, request(t), 0)
		if err != nil {
			t.Fatal(err)
		}
		brought, err := w.PinCertificate(ctx, operator, shop, pinned(t, w.wall.Now(), w.wall.Now().Add(day), x509.ExtKeyUsageClientAuth))
		if err != nil {
			t.Fatal(err)
		}
		list := func() *x509.RevocationList {
			t.Helper()
			der, err := w.RevocationList(ctx, wallet.Caller{Kind: wallet.Anonymous}, 1)
			if err != nil {
				t.Fatal(err)
			}
			list, err := x509.ParseRevocationList(der)
			if err != nil || list.CheckSignatureFrom(authority) != nil {
				t.Fatal(err)
			}
			return list
		}
		before := list()
		if len(before.RevokedCertificateEntries) != 0 {
			t.Errorf("before: %+v", before.RevokedCertificateEntries)
		}
		refuses(t, "another client's", w.RevokeCertificate(ctx, operator, manager, pki.Fingerprint(signed)), wallet.NotFound)
		refuses(t, "nobody's", w.RevokeCertificate(ctx, operator, shop, [32]byte{1}), wallet.NotFound)
		w.wall.Advance(time.Hour)
		for _, x := range []*x509.Certificate{signed, brought} {
			if err := w.RevokeCertificate(ctx, operator, shop, pki.Fingerprint(x)); err != nil {
				t.Fatal(err)
			}
			refuses(t, "again", w.RevokeCertificate(ctx, operator, shop, pki.Fingerprint(x)), wallet.NotFound)
		}
		after := list()
		if len(after.RevokedCertificateEntries) != 1 || after.RevokedCertificateEntries[0].SerialNumber.Cmp(signed.SerialNumber) != 0 ||
			after.Number.Cmp(before.Number) <= 0 || !after.NextUpdate.After(w.wall.Now()) {
			t.Errorf("after: number %v after %v, until %v: %+v", after.Number, before.Number, after.NextUpdate, after.RevokedCertificateEntries)
		}
		last := w.trail(shop)[1]
		fingerprint := pki.Fingerprint(signed)
		if last.Action != "revoke certificate" || !strings.Contains(last.Before, hex.EncodeToString(fingerprint[:])) {
			t.Errorf("the audit trail says %+v", last)
		}
	})
}

// Devices are revoked: one, those of an application, of a version, or where all that is said. Asked
// only, nothing happens; and everything at once is not for asking.
func TestClientsAreRevoked(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		old := w.device(app, `{"app_version":"1.0"}`)
		newer, ritas := w.device(app, `{"app_version":"1.1"}`), w.device(ritasApp, `{"app_version":"1.0"}`)
		if _, err := w.RotateKey(ctx, operator, old.ID, 0); err != nil {
			t.Fatal(err)
		}
		x, err := w.PinCertificate(ctx, operator, old.ID, pinned(t, w.wall.Now(), w.wall.Now().Add(day), x509.ExtKeyUsageClientAuth))
		if err != nil {
			t.Fatal(err)
		}
		refuses(t, "everything", second(w.Revoke(ctx, operator, store.Revocation{}, true)), wallet.InvalidParameters, "client")
		w.business.Advance(time.Hour)
		for _, step := range []struct {
			what  string
			r     store.Revocation
			apply bool
			want  []int64
		}{
			{"asked only", store.Revocation{AppVersion: "1.0"}, false, []int64{old.ID, ritas.ID}},
			{"of an application and a version", store.Revocation{Application: app, AppVersion: "1.0"}, true, []int64{old.ID}},
			{"again", store.Revocation{Application: app, AppVersion: "1.0"}, true, nil},
			{"of a version", store.Revocation{AppVersion: "1.0"}, true, []int64{ritas.ID}},
			{"of an application", store.Revocation{Application: app}, true, []int64{newer.ID}},
			{"one", store.Revocation{ClientID: shop}, true, []int64{shop}},
			{"nobody", store.Revocation{ClientID: 99}, true, nil},
		} {
			got, err := w.Revoke(ctx, operator, step.r, step.apply)
			if !slices.Equal(got, step.want) || err != nil {
				t.Errorf("%s: %v, %v, want %v", step.what, got, err, step.want)
			}
			for _, id := range got {
				client, err := w.db.Client(ctx, id)
				if err != nil || client.Revoked() != step.apply {
					t.Errorf("%s: client %d is revoked: %v, %v", step.what, id, client.Revoked(), err)
				}
			}
		}
		all, err := w.ListCredentials(ctx, operator, old.ID)
		if err != nil || len(all.Keys) != 2 || len(w.live(old.ID)) != 0 || all.Certificates[0].Fingerprint != pki.Fingerprint(x) || all.Certificates[0].RevokedAt.IsZero() {
			t.Errorf("what is left of it: %+v, %v", all, err)
		}
		view, err := w.GetOtherClient(ctx, w.by(manager), old.ID)
		if err != nil || service.StatusOf(view.Client) != service.ClientRevoked || !view.RevokedAt.Equal(w.business.Now()) {
			t.Errorf("its manager sees %+v, %v", view.Client, err)
		}
		// For good: nothing is given to it any more.
		refuses(t, "another key", keyError(w.RotateKey(ctx, operator, old.ID, 0)), wallet.InvalidState)
		refuses(t, "no key", w.RetireKey(ctx, operator, old.ID, 1), wallet.InvalidState)
		refuses(t, "another certificate", second(w.PinCertificate(ctx, operator, old.ID, pinned(t, w.wall.Now(), w.wall.Now().Add(day), x509.ExtKeyUsageClientAuth))), wallet.InvalidState)
		if entry := w.trail(old.ID)[0]; entry.Action != "revoke" || entry.After != `{"AppVersion":"1.0","Application":5}` {
			t.Errorf("the audit trail says %+v", entry)
		}
		if n := len(w.trail(99)); n != 0 {
			t.Errorf("the audit trail has %d entries of nobody", n)
		}
	})
}

// Keys, certificates and revocations are the operator's; so is the audit trail.
func TestCredentialsAreTheOperators(t *testing.T) {
	inWorld(t, func(t *testing.T, w world) {
		for _, c := range []wallet.Caller{w.by(manager), w.by(app), w.withToken(manager, 1, wallet.ScopeProjects), {Kind: wallet.Anonymous}} {
			for what, err := range map[string]error{
				"rotate": keyError(w.RotateKey(ctx, c, shop, 0)), "rotate backwards": keyError(w.RotateKey(ctx, c, shop, -1)), "retire": w.RetireKey(ctx, c, shop, 1),
				"list": second(w.ListCredentials(ctx, c, shop)), "revoke": second(w.Revoke(ctx, c, store.Revocation{ClientID: shop}, true)),
				"init": second(w.InitAuthority(ctx, c, nil, "", false)), "sign": second(w.SignCertificate(ctx, c, shop, nil, 0)),
				"pin": second(w.PinCertificate(ctx, c, shop, nil)), "revoke a certificate": w.RevokeCertificate(ctx, c, shop, [32]byte{}),
				"upkeep": second(w.Upkeep(ctx, c, 0)), "read the audit trail": second(w.AuditTrail(ctx, c, "", 0, 1)),
			} {
				refuses(t, c.Name()+" wants to "+what, err, wallet.Forbidden)
			}
		}
	})
}
