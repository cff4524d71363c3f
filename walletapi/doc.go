// Package walletapi is the Go side of the Wallet API v1: a client with a method for every call of the API, and the one definition of the
// wire that the server and its clients share. It needs nothing beyond the standard library.
//
// # Getting started
//
// A [Client] needs an address, and most calls need somebody who calls:
//
//	client := &walletapi.Client{
//		BaseURL: "https://wallet.example",
//		Auth:    walletapi.MAC{ID: "wkVd93h2uS", Secret: os.Getenv("PURSER_MAC_KEY")},
//	}
//	project, err := client.Project(ctx, 1221)
//
// A Client may be used by many goroutines at once. Its zero value, with an address, calls what is public. [LoadConfig] makes one of a
// file, which holds no secrets; the key comes from the environment or from a file of mode 0600.
//
// # Who calls
//
// [Auth] proves it. [MAC] signs with the credentials of a client: the time, a nonce, the method, the raw target, the host, the port and a
// small query string called ext, which carries the hash of the body, the project, the place and the idempotency key. [Certificate]
// shows a TLS client certificate instead. [TokenAuth] signs as a user and renews the token when it has expired, once for all
// goroutines; [Client.WithToken] makes a client that does. When nothing renews it any more, calls fail with [ErrSignedOut].
//
// # Projects and places
//
// A client that represents several projects says which one a call speaks for, and a till at which place it stands:
//
//	till := client.InProject(1221).AtLocation(456)
//
// Such a client is another one; the first stays as it is. So a context never leaks from one request of a program to another.
// [ProjectCache] keeps projects for a while, [Client.EnsureProject] checks a user's access, [SelectProject] and [ProjectSwitcher]
// are for programs whose users choose. [Client.ProjectsOverview] has all of them in one call; [Client.ProjectBalances],
// [Client.ProjectStatistics] and [EachProject] ask about each of them, at once.
//
// # Money
//
// Amounts are integers of cents, which is the amount times one hundred in every currency, or decimal text: price 1250 and price_decimal
// "12.50". What is written has one of the two, what is read has both. There are no floating-point numbers.
//
// # Allowances and cash
//
// A payer who gave an allowance ([Client.CreateAllowance], [NewTransaction]) is not asked again: [Client.ReserveFrom] with an empty
// [Reservation] takes what it lets be taken. [Client.PayCashIn] and [Client.PayCashOut] are for tills that hold cash.
//
// # Numbers and me
//
// Users, wallets, projects and places go by number. [Me] stands for the user of the token and for that user's wallet. 0 is
// nobody: a call with it is refused before it is sent.
//
// # Errors
//
// What the server refuses is an [*APIError] with a code, a status, a sentence that says what to do, the refused fields, and the request's
// id, by which its operator finds the reason:
//
//	var refused *walletapi.APIError
//	if errors.As(err, &refused) && refused.Code == walletapi.CodeNotFound { … }
//	if walletapi.HasCode(err, walletapi.CodeNotEnoughFunds, walletapi.CodeLimitsExceeded) { … }
//
// Any other error says that there was no answer, or none that can be read. No error holds a key or a token, and MAC, Token, TokenAuth and
// Credentials print without theirs.
//
// # Repeating
//
// A call that got no answer, or one that says that another try may help (500, 502, 503, 504, 429, and 409 with Retry-After), is
// repeated after a pause, a few times, as [Retry] says; signed anew each time. That is done where it cannot do harm: GET is repeated, and
// POST and PUT go under an idempotency key, which this package makes unless [Client.Once] gives one, so that they take effect
// once however often they arrive. DELETE takes no key, and is repeated only when it was refused for coming too often. The context
// bounds everything: pauses too. Each attempt has half a minute, unless Client.HTTP says otherwise.
//
// When the server finds the clock wrong, the client asks it for the time and goes on by that, once in a call.
//
// # Lists
//
// A method such as [Client.Transactions] reads one page; [Client.AllTransactions] reads all, page after page, as a loop asks for them:
//
//	for t, err := range client.AllTransactions(ctx, walletapi.TransactionFilter{}) {
//		if err != nil {
//			return err
//		}
//		…
//	}
//
// [Client.AllStatements] and [Client.AllLocations] miss nothing and meet nothing twice, whatever moves meanwhile.
//
// # Callbacks
//
// [CallbackHandler] is an http.Handler that verifies signatures with the server's public keys, reads events, and passes each on once.
//
// # Proofs
//
// [Client.TransactionReceipt], [Client.LogCheckpoint] and [Client.LogConsistency] read what lets others check that the ledger was not
// altered. This package reads proofs, and does not check them: `purser log verify` and tools for transparency logs do.
//
// # Calls that have no method
//
// [Client.Send] sends any [Call] like all others; [Client.Do] sends one once and returns the answer, whatever it is. [Sign] is for
// programs that send with something else.
package walletapi
