package httpapi

import (
	"context"
	"net/http"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/walletapi"
)

// logRoutes are those of the Merkle log, beside the files below /log/.
func (a *API) logRoutes() []route {
	return []route{
		{"GET /rest/v1/log/consistency", public(a.logConsistency)},
		{"GET /rest/v1/transaction/{key}/receipt", a.signed(a.logReceipt)},
	}
}

// logFiles registers what tools for transparency logs read (C2SP tlog-tiles), which is not JSON.
func (a *API) logFiles(mux *http.ServeMux) {
	mux.HandleFunc("GET /log/checkpoint", func(w http.ResponseWriter, r *http.Request) {
		a.file(w, r, "GET /log/checkpoint", "text/plain; charset=utf-8", a.Service.LogCheckpoint)
	})
	mux.HandleFunc("GET /log/keys", func(w http.ResponseWriter, r *http.Request) {
		a.file(w, r, "GET /log/keys", "text/plain; charset=utf-8", a.Service.LogKeys)
	})
	mux.HandleFunc("GET /log/tile/{path...}", func(w http.ResponseWriter, r *http.Request) {
		a.file(w, r, "GET /log/tile/{path...}", "application/octet-stream", func(ctx context.Context, c wallet.Caller) ([]byte, error) {
			return a.Service.LogTile(ctx, c, strings.TrimPrefix(r.URL.Path, "/log/"))
		})
	})
}

// logConsistency: GET /log/consistency, additive.
func (a *API) logConsistency(ctx context.Context, r *request) (any, error) {
	q, err := newQuery(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	from, to := q.whole("from", 0, 0, 1<<53), q.whole("to", -1, 0, 1<<53)
	if err := q.err(); err != nil {
		return nil, err
	}
	p, err := a.Service.ProveLogConsistency(ctx, r.caller, from, to)
	if err != nil {
		return nil, err
	}
	return walletapi.LogConsistency{
		From: p.From, To: p.To, FromRoot: p.FromRoot.String(), ToRoot: p.ToRoot.String(), Proof: wireHashes(p.Proof), Checkpoint: string(p.Checkpoint),
	}, nil
}

// wireHashes are hashes in base64; none is an empty list.
func wireHashes(hashes []tlog.Hash) []string {
	texts := make([]string, len(hashes))
	for i, h := range hashes {
		texts[i] = h.String()
	}
	return texts
}

// logReceipt: GET /transaction/{key}/receipt, additive.
func (a *API) logReceipt(ctx context.Context, r *request) (any, error) {
	receipt, err := a.Service.GetLogReceipt(ctx, r.caller, r.PathValue("key"))
	if err != nil {
		return nil, err
	}
	wire := walletapi.LogReceipt{
		TransactionKey: receipt.TransactionKey, Checkpoint: string(receipt.Checkpoint),
		Leaves: make([]walletapi.LogLeaf, len(receipt.Leaves)), PublicKeys: append([]string{}, receipt.Keys...),
	}
	for i, l := range receipt.Leaves {
		wire.Leaves[i] = walletapi.LogLeaf{Leaf: string(l.Text), Hash: l.Hash.String()}
		if l.Index >= 0 {
			wire.Leaves[i].Index, wire.Leaves[i].Proof = &receipt.Leaves[i].Index, wireHashes(l.Proof)
		}
	}
	return wire, nil
}
