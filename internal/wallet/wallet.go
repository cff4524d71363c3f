// Package wallet holds the nouns of the Wallet API and their rules, and does no I/O.
//
// A Caller is who asks, May decides whether they may, and an Error is how a refusal is told.
// Everything here is a function of its arguments: rows and the time are handed in by the
// caller, so every rule can be tested with no database, no clock and no network. The words
// are the field's own; the wire's spelling of them lives in walletapi.
//
// What this package does not know: SQL, HTTP, JSON, and how a caller proved its identity.
package wallet
