package walletapi

import (
	"context"
	"fmt"
	"net/http"
)

// What lets others check that the ledger only grows; all of it is purser's own. These calls read what the server says: to prove it, give
// that to `purser log verify`, or to any tool for transparency logs.

// TransactionReceipt is what the log says of a transaction, with proofs, for its parties. A leaf has none for the first second.
func (c *Client) TransactionReceipt(ctx context.Context, key string) (*LogReceipt, error) {
	return get[LogReceipt](ctx, c, nil, "/transaction/{}/receipt", key)
}

// LogConsistency proves that the log of the second size begins with the one of the first; 0 is the empty log for the first, and the
// newest for the second.
func (c *Client) LogConsistency(ctx context.Context, from, to int64) (*LogConsistency, error) {
	p := params{}
	p.number("from", from)
	p.number("to", to)
	return get[LogConsistency](ctx, c, p, "/log/consistency")
}

// LogCheckpoint is the newest size and root of the log, as a signed note (C2SP tlog-checkpoint).
func (c *Client) LogCheckpoint(ctx context.Context) ([]byte, error) {
	return c.file(ctx, "/log/checkpoint")
}

// LogKeys are the keys that sign checkpoints, the newest first, one in a line (C2SP signed-note). Keep them: whoever asks a server for
// its keys each time believes it.
func (c *Client) LogKeys(ctx context.Context) ([]byte, error) { return c.file(ctx, "/log/keys") }

// LogTile are the hashes of a tile, 32 bytes each: the first ones, as many as width says, or all 256 where it is 0 (C2SP tlog-tiles).
func (c *Client) LogTile(ctx context.Context, level int, number int64, width int) ([]byte, error) {
	if level < 0 || number < 0 || width < 0 || width > tileWidth {
		return nil, fmt.Errorf("walletapi: there is no tile %d/%d of width %d", level, number, width)
	}
	path := fmt.Sprintf("%03d", number%1000)
	for number /= 1000; number > 0; number /= 1000 {
		path = fmt.Sprintf("x%03d/%s", number%1000, path)
	}
	if width > 0 && width < tileWidth {
		path += fmt.Sprintf(".p/%d", width)
	}
	return c.file(ctx, fmt.Sprintf("/log/tile/%d/%s", level, path))
}

// tileWidth is how many hashes a tile has that is full.
const tileWidth = 256

// file reads what is open to everybody and is no JSON.
func (c *Client) file(ctx context.Context, target string) ([]byte, error) {
	answer, err := c.repeat(ctx, Call{Method: http.MethodGet, Target: target}, nil)
	if err != nil {
		return nil, err
	}
	if answer.Status != http.StatusOK {
		return nil, answer.Decode(nil)
	}
	return answer.Body, nil
}
