package httpapi

import (
	"net/http"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/walletapi"
)

// Event writes a callback's event about a transaction (spec/wallet-api.md §4.10): the transaction looks as it does in
// answers.
func Event(kind string, t service.TransactionView) ([]byte, error) {
	return encode(walletapi.Event{Type: kind, Object: "transaction", Data: wireTransaction(t)})
}

// publicKey: GET /publickey, what callbacks are checked with, as PEM. PHP's OpenSSL reads the first of the blocks.
func (a *API) publicKey(w http.ResponseWriter, r *http.Request) {
	a.file(w, r, "GET /publickey", "application/x-pem-file", a.Service.PublicKeys)
}
