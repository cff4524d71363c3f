// Package auth proves who sent a request: a MAC binds its time, nonce, method, target, host,
// port, ext and, through ext, its body to a secret of a client or of an access token.
//
// Checks come in this order: the header's form, the id, the MAC, the body's hash, the time,
// the nonce, the token's life, and the project and place that the request names. So nothing
// is told to somebody who cannot sign, the time of a request is judged only when it is
// really its own, and a nonce is used up by the first request that proves itself, even if
// that is refused later on. auth never decides what a caller may do: wallet.May does.
//
// What it cannot know: behind a proxy the host and port that a client signed are not those of
// the connection, so they are tried from a configured list.
package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/walletapi"
)

// Limits of the time window.
const (
	// DefaultWindow is how far a request's ts may be from the wall clock, to either side
	// (spec/wallet-api.md §2.5).
	DefaultWindow = 300 * time.Second
	// MaxWindow is the largest window that can be set.
	MaxWindow = 500 * time.Second
)

// Origin is an address that clients sign: what they call the server from outside.
type Origin struct{ Host, Port string }

// Options say how requests are proven. Fields without a word on their zero value are needed.
type Options struct {
	DB *store.DB
	// WallClock is what ts is compared with, BusinessClock what tokens and keys expire by.
	WallClock, BusinessClock func() time.Time
	// Window is how far ts may be off; at most MaxWindow.
	Window time.Duration
	// Nonces remembers what was used.
	Nonces *Nonces
	// Origins are public addresses beside the Host header's.
	Origins []Origin
	// PlainHTTP also tries port 80, for clients that call http:// without a port.
	PlainHTTP bool
	// Proxies are believed about who called them; none are when it is empty.
	Proxies Proxies
	// CertificateHeader is where those proxies pass a client certificate on; empty for nowhere.
	CertificateHeader string
}

// Authenticator proves requests. Make one with New; it is safe for concurrent use.
type Authenticator struct{ Options }

// New returns an Authenticator.
func New(o Options) *Authenticator { return &Authenticator{o} }

// Sentences that tests and clients know.
const (
	// NotProven is the one answer to an unknown id and to a wrong MAC (decisions.md 7).
	NotProven = "The id is not known here, or the MAC does not match the request. Check the key and what was signed: " +
		"ts, nonce, method, path with query, host, port and ext, each followed by a line feed; `purser mac explain` finds the difference."
	// NotCertified is the one answer to a certificate that does not stand for a client.
	NotCertified = "The TLS client certificate does not stand for a client here: it is not known, not valid at this time, not made for " +
		"clients, or revoked. The operator of this server can see which, by the paysera-correlation-id of this answer."
	// FromAnotherSite is the answer to what a page of another site had a browser send.
	FromAnotherSite = "A page of another site had a browser send this: a certificate that a browser shows by itself proves no change that its user did not ask for."
	// OtherCertificate is the answer to credentials of one client over the certificate of another.
	OtherCertificate = "The TLS client certificate is another client's than the one that signed: use the two of one client."
	// TooOld and InFuture are matched by the phone SDKs, to the letter (spec/mobile-sdks.md §0.2).
	TooOld   = "Timestamp lifetime exceeded"
	InFuture = "Timestamp is in future"
	// Expired is matched by the SDKs that refresh a token (decisions.md 1).
	Expired = "Token has expired"
)

// Address is the network address of who sent the request.
func (a *Authenticator) Address(r *http.Request) string { return a.Proxies.Address(r) }

// Authenticate proves the request, whose body has been read already, and returns who calls, speaking for
// the project and place that the request names. The error is a *wallet.Error, or ours when the store fails.
func (a *Authenticator) Authenticate(ctx context.Context, r *http.Request, body []byte, requestID string) (wallet.Caller, error) {
	caller, ext, err := a.whoCalls(ctx, r, body, requestID)
	if err != nil {
		return wallet.Caller{}, err
	}
	named, err := inHeaders(r, wallet.Named{ProjectID: ext.ProjectID, LocationID: ext.LocationID})
	if err == nil {
		caller, err = a.inContext(ctx, caller, named)
	}
	if err == nil {
		caller.Once, err = once(r, body, caller, ext)
	}
	if err != nil {
		a.Settle(caller)
		return wallet.Caller{}, explained(err, caller.Client.ID)
	}
	return caller, nil
}

// AuthenticateAlone is Authenticate for calls that are about no project: whatever project and place the
// request names, right or wrong, nobody looks at them (decisions.md 3).
func (a *Authenticator) AuthenticateAlone(ctx context.Context, r *http.Request, body []byte, requestID string) (wallet.Caller, error) {
	caller, ext, err := a.whoCalls(ctx, r, body, requestID)
	if err != nil {
		return wallet.Caller{}, err
	}
	if caller.Once, err = once(r, body, caller, ext); err != nil {
		a.Settle(caller)
		return wallet.Caller{}, explained(err, caller.Client.ID)
	}
	return caller, nil
}

// Settle ends what Authenticate began, when the request has been answered: the nonce that a commit has claimed is
// the database's to remember, any other stays used up here, over a restart too (decisions.md 22).
func (a *Authenticator) Settle(c wallet.Caller) {
	switch {
	case c.Claim == nil:
	case c.Claim.Committed():
		a.Nonces.Forget(c.Nonce.TS, c.Claim.Record)
	default:
		a.Nonces.Keep(c.Claim.Record)
	}
}

// whoCalls proves the request. ext is what its signature covers beside the address and the body.
func (a *Authenticator) whoCalls(ctx context.Context, r *http.Request, body []byte, requestID string) (caller wallet.Caller, ext walletapi.Ext, err error) {
	from := wallet.Origin{RequestID: requestID, Address: a.Address(r), Agent: r.UserAgent()}
	certificate, err := a.certificate(r)
	if err != nil {
		return wallet.Caller{}, walletapi.Ext{}, err
	}
	if len(r.Header["Authorization"]) == 0 && certificate != nil {
		caller, err = a.byCertificate(ctx, r, certificate, from)
	} else if caller, ext, err = a.byMAC(ctx, r, body, from); err == nil && certificate != nil {
		if err = a.sameClient(ctx, certificate, caller); err != nil {
			a.Settle(caller)
		}
	}
	if err != nil {
		return wallet.Caller{}, walletapi.Ext{}, err
	}
	caller.From = from
	return caller, ext, nil
}

// byMAC proves a request by its signature.
func (a *Authenticator) byMAC(ctx context.Context, r *http.Request, body []byte, from wallet.Origin) (wallet.Caller, walletapi.Ext, error) {
	nobody := func(err error) (wallet.Caller, walletapi.Ext, error) { return wallet.Caller{}, walletapi.Ext{}, err }
	header, err := authorization(r)
	if err != nil {
		return nobody(err)
	}
	credential, key, err := a.prove(ctx, r, header)
	if err != nil {
		return nobody(err)
	}
	if key == nil || credential.Client.Revoked() {
		return nobody(unproven(credential))
	}
	// From here on it is known who was refused, and its owner may ask why.
	nobody = func(err error) (wallet.Caller, walletapi.Ext, error) {
		return wallet.Caller{}, walletapi.Ext{}, explained(err, credential.Client.ID)
	}
	ext, err := readExt(header.Ext, body)
	if err != nil {
		return nobody(err)
	}
	ts, record, err := a.checkTime(header)
	if err != nil {
		return nobody(err)
	}
	caller := wallet.Caller{Kind: wallet.ByClient, Client: credential.Client}
	expired := false
	if credential.Token != nil {
		caller.Kind, caller.Token = wallet.ByToken, credential.Token
		expired = !a.BusinessClock().Before(credential.Token.ExpiresAt)
	}
	if reads := r.Method == http.MethodGet || r.Method == http.MethodHead; reads || expired {
		a.Nonces.Keep(record)
	} else {
		caller.Nonce = wallet.Nonce{Fingerprint: nonceFingerprint(header), TS: ts}
		caller.Claim = &wallet.Claim{Record: record}
	}
	if expired {
		return nobody(wallet.Errorf(wallet.InvalidGrant, Expired))
	}
	a.DB.NoteKey(key, wallet.Use{At: a.BusinessClock(), Address: from.Address, Agent: from.Agent})
	return caller, ext, nil
}

// explained keeps for the owner of a client what it was refused for, where that is no secret to it.
func explained(err error, client int64) error {
	var refused *wallet.Error
	if errors.As(err, &refused) && refused.Refusal == nil {
		refused.Refusal = &wallet.Refusal{ClientID: client, Error: refused.Code, Reason: refused.Description}
	}
	return err
}

// nonceFingerprint tells requests apart, wherever they arrive.
func nonceFingerprint(header walletapi.Authorization) [16]byte {
	return [16]byte(secret.Fingerprint(secret.Text(header.ID + "\x00" + header.TS + "\x00" + header.Nonce)))
}

// prove finds the key that signed the request; nil when none did. Before somebody is refused, what
// other processes changed is looked at: a client that was registered there a moment ago, or whose
// key was, is known here too.
func (a *Authenticator) prove(ctx context.Context, r *http.Request, header walletapi.Authorization) (store.Credential, *store.Key, error) {
	macID := header.ID
	if len(macID) > maxID {
		macID = ""
	}
	for again := false; ; again = true {
		credential, err := a.DB.Credential(ctx, macID)
		if err != nil {
			return credential, nil, err
		}
		key, _ := a.signer(r, header, credential)
		if key != nil || again {
			return credential, key, nil
		}
		if more, err := a.DB.Refresh(ctx); err != nil || !more {
			return credential, nil, err
		}
	}
}

// unproven refuses a signature. To the outside there is one answer; the operator can see more.
func unproven(credential store.Credential) error {
	reason := "the MAC matches none of the client's live keys"
	switch {
	case !credential.Known:
		reason = "no client and no token has this id"
	case credential.Client.Revoked():
		reason = "the client was revoked"
	}
	return refusal(NotProven, credential.Client.ID, reason)
}

// refusal is a 401 whose reason only the operator sees.
func refusal(sentence string, client int64, reason string) error {
	err := wallet.Errorf(wallet.Unauthorized, "%s", sentence)
	err.Refusal = &wallet.Refusal{ClientID: client, Error: wallet.Unauthorized, Reason: wallet.Errorf(wallet.Unauthorized, "%s.", reason).Description}
	return err
}

// maxID is longer than any id that purser gives out; what is longer is nobody's, and is not
// looked up.
const maxID = 64

// authorization reads the one Authorization header.
func authorization(r *http.Request) (walletapi.Authorization, error) {
	headers := r.Header["Authorization"]
	switch len(headers) {
	case 0:
		return walletapi.Authorization{}, wallet.Errorf(wallet.Unauthorized,
			`This call must be signed: send Authorization: MAC id="…", ts="…", nonce="…", mac="…" and, with a body, ext="body_hash=…"; or connect with a TLS client certificate.`)
	case 1:
	default:
		return walletapi.Authorization{}, wallet.Errorf(wallet.Unauthorized, "Send one Authorization header, not %d.", len(headers))
	}
	header, err := walletapi.ParseAuthorization(headers[0])
	if err != nil {
		var what walletapi.ErrAuthorization
		errors.As(err, &what)
		return header, wallet.Errorf(wallet.Unauthorized, "The signature cannot be read: %s.", string(what))
	}
	return header, nil
}

// signer is the credential's key that signed the request, and for which of the addresses that the client may
// have called it by; nil when there is none. The first one that matches wins. All are tried only on
// the way to a refusal, which costs the same for an id that is not known (decisions.md 30).
func (a *Authenticator) signer(r *http.Request, header walletapi.Authorization, credential store.Credential) (*store.Key, Origin) {
	var room [sha256.Size + 1]byte
	given := room[:0]
	if base64.StdEncoding.DecodedLen(len(header.MAC)) <= len(room)+2 {
		if raw, err := base64.StdEncoding.AppendDecode(given, []byte(header.MAC)); err == nil {
			given = raw
		}
	}
	now := a.BusinessClock()
	keys := store.Strangers
	for i := range min(len(keys), len(credential.Keys)) {
		if credential.Keys[i].Live(now) {
			keys[i] = credential.Keys[i]
		}
	}
	request := walletapi.Request{TS: header.TS, Nonce: header.Nonce, Method: r.Method, Target: target(r), Ext: header.Ext}
	var addresses [maxAddresses]Origin
	var text [512]byte
	for _, address := range Addresses(addresses[:0], r.Host, a.Origins, a.PlainHTTP) {
		request.Host, request.Port = address.Host, address.Port
		normalized := request.AppendNormalized(text[:0])
		for _, key := range keys {
			sum := key.Sum(normalized)
			if hmac.Equal(sum[:], given) && !key.IsStranger() {
				return key, address
			}
		}
	}
	return nil, Origin{}
}

// target is the path and query as they stand on the request line. Some proxies and clients
// send the whole URL there.
func target(r *http.Request) string {
	raw := r.RequestURI
	if scheme := strings.Index(raw, "://"); scheme > 0 && raw[0] != '/' {
		if path := strings.IndexByte(raw[scheme+3:], '/'); path >= 0 {
			return raw[scheme+3+path:]
		}
	}
	return raw
}

// maxAddresses is how many addresses are on the stack; more configured origins are possible.
const maxAddresses = 8

// Addresses lists the hosts and ports that a client may have signed, appended to list: the
// Host header's, those configured, and the constant 443 that some clients sign always
// (spec/mobile-sdks.md §0.5); over plain HTTP also 80. Hosts are signed in lower case by some
// and as written by others.
func Addresses(list []Origin, hostHeader string, origins []Origin, plainHTTP bool) []Origin {
	host, port := splitHost(hostHeader)
	lower := strings.ToLower(host)
	add := func(o Origin) {
		for _, known := range list {
			if known == o {
				return
			}
		}
		list = append(list, o)
	}
	if port != "" {
		add(Origin{lower, port})
		add(Origin{host, port})
	}
	for _, origin := range origins {
		add(origin)
	}
	add(Origin{lower, "443"})
	add(Origin{host, "443"})
	if plainHTTP {
		add(Origin{lower, "80"})
		add(Origin{host, "80"})
	}
	return list
}

// splitHost parts the Host header; the brackets of an IPv6 address stay, as clients sign them.
func splitHost(header string) (host, port string) {
	colon := strings.LastIndexByte(header, ':')
	if colon < 0 || strings.HasSuffix(header, "]") {
		return header, ""
	}
	return header[:colon], header[colon+1:]
}

// readExt reads ext and checks the body against it (spec/wallet-api.md §2.4).
func readExt(raw string, body []byte) (walletapi.Ext, error) {
	ext, err := walletapi.ParseExt(raw)
	switch {
	case errors.Is(err, walletapi.ErrExtTwice):
		return ext, wallet.FieldError("ext", "body_hash, project_id, location_id and idempotency_key may stand in it once each")
	case err != nil:
		return ext, wallet.Errorf(wallet.InvalidRequest, "The value of ext cannot be read: write it as a URL-encoded query string, such as project_id=1221.")
	case len(body) > 0 && !ext.HasBodyHash:
		return ext, wallet.Errorf(wallet.Unauthorized, "A request with a body needs body_hash in ext: the SHA-256 of the raw body, in base64, URL-encoded.")
	case ext.HasBodyHash && !ext.Matches(body):
		return ext, wallet.Errorf(wallet.Unauthorized, "The body_hash in ext is not the SHA-256 of the body that arrived: hash exactly the bytes that are sent.")
	}
	return ext, nil
}

// checkTime judges ts, which it returns, and uses up the nonce, whose record it returns. Only a clock that is off is invalid_timestamp:
// clients repeat after that without limit (spec/mobile-sdks.md §0.3).
func (a *Authenticator) checkTime(header walletapi.Authorization) (seconds int64, record uint64, err error) {
	ts, ok := parseTS(header.TS)
	if !ok {
		return 0, 0, wallet.Errorf(wallet.Unauthorized, "The ts must be UNIX seconds, such as 1343811600.")
	}
	now := a.WallClock()
	switch off := ts - now.UnixMicro(); {
	case off > a.Window.Microseconds():
		return 0, 0, wallet.Errorf(wallet.InvalidTimestamp, InFuture)
	case off < -a.Window.Microseconds():
		return 0, 0, wallet.Errorf(wallet.InvalidTimestamp, TooOld)
	}
	record, err = a.Nonces.Claim(now, ts/1e6, header.ID, header.TS, header.Nonce)
	switch {
	case errors.Is(err, errReplay):
		return 0, 0, wallet.Errorf(wallet.Unauthorized, wallet.NonceUsed)
	case err != nil:
		return 0, 0, wallet.Errorf(wallet.ServiceUnavailable, "The server is taking more signed requests than it can remember; try again in a minute.")
	}
	return ts / 1e6, record, nil
}

// parseTS reads UNIX seconds, which may have a fraction (spec/mobile-sdks.md §0.7), as
// microseconds.
func parseTS(text string) (us int64, ok bool) {
	whole, fraction, dotted := strings.Cut(text, ".")
	if len(whole) == 0 || len(whole) > 15 || !digits(whole) || (dotted && fraction == "") || !digits(fraction) {
		return 0, false
	}
	seconds, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || seconds > 1e12 {
		// Milliseconds, say: far in the future, whatever their unit.
		return 1e12 * 1e6, err == nil
	}
	us = seconds * 1e6
	for i, unit := 0, int64(100_000); i < len(fraction) && unit > 0; i, unit = i+1, unit/10 {
		us += int64(fraction[i]-'0') * unit
	}
	return us, true
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// Headers that carry the context beside a client certificate (spec/wallet-api.md §2.9).
const (
	projectHeader  = "Wallet-Api-Project-Id"
	locationHeader = "Wallet-Api-Location-Id"
)

// headersRepeat lets the context headers stand beside a MAC only when they say what ext says:
// the MAC does not cover them (decisions.md 2).
func headersRepeat(r *http.Request, named wallet.Named) error {
	if len(r.Header[projectHeader])+len(r.Header[locationHeader]) == 0 {
		return nil
	}
	refused := wallet.FieldErrors{}
	for _, context := range [...]struct{ header, field, inExt string }{
		{projectHeader, "project_id", named.ProjectID},
		{locationHeader, "location_id", named.LocationID},
	} {
		for _, value := range r.Header[context.header] {
			if value != context.inExt {
				refused.Refuse(context.field, "the header %s is not covered by the MAC: put %s into ext instead", context.header, context.field)
			}
		}
	}
	return refused.Err()
}

// inHeaders adds what headers say of the project and the place: all of it where a certificate proves the
// request, and nothing new beside a signature.
func inHeaders(r *http.Request, signed wallet.Named) (wallet.Named, error) {
	if len(r.Header["Authorization"]) == 0 {
		return namedInHeaders(r)
	}
	return signed, headersRepeat(r, signed)
}

// inContext has the caller speak for the project and place that the request names.
func (a *Authenticator) inContext(ctx context.Context, caller wallet.Caller, named wallet.Named) (wallet.Caller, error) {
	if named == (wallet.Named{}) {
		return caller.InContext(0, 0, nil)
	}
	project, location, err := named.IDs()
	if err != nil {
		return caller, err
	}
	if project != 0 && !caller.Represents(project) {
		there, err := a.DB.Project(ctx, project)
		if err != nil {
			return caller, err
		}
		if there == nil {
			return caller, noSuchProject(caller, project)
		}
	}
	var place *wallet.Location
	if location != 0 {
		if place, err = a.DB.Location(ctx, location); err != nil {
			return caller, err
		}
	}
	return caller.InContext(project, location, place)
}

// AlsoNamed is the caller of a proven request whose body names a project or a place too: each counts where the
// request itself names none, and must be the same where it does (decisions.md 2). The two are judged like those that
// a request names. It fails with InvalidParameters, naming the field, and with NotFound.
func (a *Authenticator) AlsoNamed(ctx context.Context, caller wallet.Caller, body wallet.Named) (wallet.Caller, error) {
	if body == (wallet.Named{}) {
		return caller, nil
	}
	named, refused := caller.Names(), wallet.FieldErrors{}
	for _, context := range [...]struct {
		field  string
		ext    *string
		inBody string
	}{{"project_id", &named.ProjectID, body.ProjectID}, {"location_id", &named.LocationID, body.LocationID}} {
		switch {
		case context.inBody == "" || *context.ext == context.inBody:
		case *context.ext == "":
			*context.ext = context.inBody
		default:
			refused.Refuse(context.field, "is %s in the body and %s in what the request names: name one of them, once", context.inBody, *context.ext)
		}
	}
	err := refused.Err()
	if err == nil {
		caller, err = a.inContext(ctx, caller, named)
	}
	if err != nil {
		return caller, explained(err, caller.Client.ID)
	}
	return caller, nil
}

func noSuchProject(caller wallet.Caller, project int64) error {
	if !caller.OwnsClient() {
		return wallet.Errorf(wallet.NotFound, "there is no project %d, which the request names.", project)
	}
	return wallet.Errorf(wallet.NotFound, "there is no project %d, which the request names: %s.", project, caller.ProjectsSentence())
}
