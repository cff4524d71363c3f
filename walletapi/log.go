package walletapi

// LogReceipt is what the log of the ledger says of a transaction, with proofs; additive to the protocol.
type LogReceipt struct {
	TransactionKey string    `json:"transaction_key"`
	Leaves         []LogLeaf `json:"leaves"`
	// Checkpoint is the signed note under which the proofs hold, PublicKeys are those that sign now.
	Checkpoint string   `json:"checkpoint,omitempty"`
	PublicKeys []string `json:"public_keys"`
}

// LogLeaf is one leaf. Index and Proof are absent while it waits for the next checkpoint, a second at most.
type LogLeaf struct {
	Index *int64 `json:"index,omitempty"`
	// Leaf is its text; SHA-256 of a zero byte and that text is Hash, in base64 (RFC 6962 §2.1).
	Leaf  string   `json:"leaf"`
	Hash  string   `json:"hash"`
	Proof []string `json:"proof,omitempty"`
}

// LogConsistency proves that a log has only grown (RFC 6962 §2.1.2). Roots and hashes are base64.
type LogConsistency struct {
	From     int64    `json:"from"`
	To       int64    `json:"to"`
	FromRoot string   `json:"from_root"`
	ToRoot   string   `json:"to_root"`
	Proof    []string `json:"proof"`
	// Checkpoint is the newest signed note.
	Checkpoint string `json:"checkpoint"`
}
