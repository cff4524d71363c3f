// Package walletapi is the Go side of the Wallet API v1: it signs requests, reads answers
// and holds the one definition of the wire that the server and its clients share.
//
// A request is signed with a MAC over its time, a nonce, the method, the raw target, the host,
// the port and a small query string called ext, which carries the hash of the body and the
// project and place that the request speaks for. MAC holds the credentials of a client or of
// an access token; both are signed alike.
//
// The package does not retry, does not keep state between calls and never logs.
package walletapi
