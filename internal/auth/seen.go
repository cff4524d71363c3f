package auth

import (
	"context"
	"net/http"

	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/walletapi"
)

// Seen is a request as it looks before anybody has judged it: for who watches a sandbox, and makes trouble in it. It permits nothing.
type Seen struct {
	// Header is the signature, nil where there is none that can be read, and Signed what it covers, for the address that it
	// is good for or, where it is good for none, for the one that the request went to.
	Header *walletapi.Authorization
	Signed walletapi.Request
	// Client is who the request says that it is from, nil for nobody that is known, and Token what it says to have signed with.
	Client *wallet.Client
	Token  *wallet.Token
	// Matches says that one of their keys made the signature.
	Matches bool

	keys []*store.Key
}

// Look reads who a request says that it is from, and uses nothing up.
func (a *Authenticator) Look(ctx context.Context, r *http.Request) (Seen, error) {
	var s Seen
	header, err := authorization(r)
	if err != nil || len(header.ID) > maxID {
		certificate, err := a.certificate(r)
		if err != nil || certificate == nil || len(r.Header["Authorization"]) > 0 {
			return s, nil
		}
		if s.Client, err = a.certified(ctx, certificate); err != nil {
			s.Client = nil
		}
		return s, nil
	}
	s.Header = &header
	s.Signed = walletapi.Request{TS: header.TS, Nonce: header.Nonce, Method: r.Method, Target: target(r), Ext: header.Ext}
	credential, err := a.DB.Credential(ctx, header.ID)
	if err != nil {
		return s, err
	}
	key, address := a.signer(r, header, credential)
	if key == nil {
		var list [maxAddresses]Origin
		address = Addresses(list[:0], r.Host, a.Origins, a.PlainHTTP)[0]
	}
	s.Signed.Host, s.Signed.Port, s.Matches = address.Host, address.Port, key != nil
	if credential.Known {
		s.Client, s.Token, s.keys = credential.Client, credential.Token, credential.Keys
	}
	return s, nil
}

// Sign signs a request anew for who the request said that it is from, with the first of their keys that is good; ok is false
// where nobody is known. It is for sandboxes, which repeat a request for those who look at it.
func (a *Authenticator) Sign(s Seen, anew walletapi.Request) (mac [32]byte, ok bool) {
	now := a.BusinessClock()
	for _, key := range s.keys {
		if key.Live(now) {
			return key.Sum(anew.AppendNormalized(nil)), true
		}
	}
	return mac, false
}
