package wallet

// Once makes a request that changes something have its effect once, however often it is repeated: the caller
// gave it a key (decisions.md 9). The answer is stored in the commit of the effect, and who repeats the request gets
// the same bytes again.
type Once struct {
	// Key is the SHA-256 of who calls (client id, user id of the token or 0) and the caller's key.
	Key [32]byte
	// Request is the SHA-256 of method, path with query, project and location context, and body.
	Request [32]byte
	// Encode writes the answer as it goes over the wire. It may be called several times: what it said last is what
	// is stored.
	Encode func(answer any) ([]byte, error)
	// Secret answers hold credentials, or what is only stored sealed elsewhere; they are stored sealed.
	Secret bool
}

// Answered is the error of a request that had its effect before: the answer that it got then.
type Answered struct{ Body []byte }

// Error says what happened, for the log.
func (*Answered) Error() string { return "the request was answered before" }

// OtherRequest is the sentence for a key that comes with another request than the one it was used for.
const OtherRequest = "This idempotency key was used for another request: choose a new one for each."
