package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/purserhq/purser/internal/merkle"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/walletapi"
)

// newLog is `purser log`: the ledger for those who check it.
func newLog(p *program) *cobra.Command {
	command := &cobra.Command{Use: "log", Short: "The Merkle log of the ledger: checkpoints, proofs, export, and the keys that sign"}
	command.AddCommand(newLogCheckpoint(p), newLogProof(p), newLogConsistency(p), newLogExport(p), newLogVerify(p), newLogRotate(p))
	return command
}

// logCheckpoint is the newest checkpoint with the keys that sign.
type logCheckpoint struct {
	Checkpoint string   `json:"checkpoint"`
	Keys       []string `json:"public_keys"`
}

func newLogCheckpoint(p *program) *cobra.Command {
	command := &cobra.Command{
		Use: "checkpoint", Short: "Show the newest signed checkpoint, everything committed included",
		Long: "Puts what was committed into the log, and shows the signed checkpoint: what an outsider keeps, to check later that the\n" +
			"log has only grown. With --keys it shows the public keys instead.",
		Args: cobra.NoArgs,
	}
	var keys bool
	return newVerb(p, command, func(flags *pflag.FlagSet) { flags.BoolVar(&keys, "keys", false, "show the public keys that sign") }, func(v *verb) error {
		now, err := ask[logCheckpoint](v, "log/checkpoint", struct{}{})
		if err != nil {
			return err
		}
		return v.answer(now, func(p *page) {
			if keys {
				p.verbatim(strings.Join(now.Keys, "\n") + "\n")
			} else {
				p.verbatim(now.Checkpoint)
			}
		})
	})
}

// logProofQuery asks for a receipt by the key of a transaction.
type logProofQuery struct {
	Key string `json:"transaction_key"`
}

func newLogProof(p *program) *cobra.Command {
	command := &cobra.Command{
		Use: "proof TRANSACTION-KEY", Short: "Show the receipt of a transaction: its leaves, and proofs that they are in the log",
		Long: "Shows, as JSON, what GET /rest/v1/transaction/KEY/receipt answers. `purser log verify` checks it.",
		Args: cobra.ExactArgs(1),
	}
	return newVerb(p, command, nil, func(v *verb) error {
		receipt, err := ask[walletapi.LogReceipt](v, "log/proof", logProofQuery{v.args[0]})
		if err != nil {
			return err
		}
		return v.writeJSON(receipt)
	})
}

// logConsistencyQuery asks for a proof between two sizes; both are sizes that the log has had.
type logConsistencyQuery struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

func newLogConsistency(p *program) *cobra.Command {
	command := &cobra.Command{
		Use: "consistency OLD-CHECKPOINT-FILE [NEW-CHECKPOINT-FILE]", Short: "Prove that the log has only grown since a checkpoint",
		Long: "Reads checkpoints that were kept, makes the proof between them, or up to now, and checks it. The proof is shown with --json.",
		Args: cobra.RangeArgs(1, 2),
	}
	return newVerb(p, command, nil, func(v *verb) error {
		now, err := ask[logCheckpoint](v, "log/checkpoint", struct{}{})
		if err != nil {
			return err
		}
		kept, err := keptCheckpoints(v.args)
		if err != nil {
			return err
		}
		origin, newest, err := merkle.ParseCheckpoint([]byte(now.Checkpoint))
		if err != nil {
			return err
		}
		trees := make([]tlog.Tree, 0, 3)
		for _, k := range kept {
			if k.Origin != origin || k.N > newest.N {
				return &store.Behind{Kept: k, Origin: origin, Size: newest.N}
			}
			trees = append(trees, k.Tree)
		}
		trees = append(trees, newest)
		proven, err := ask[walletapi.LogConsistency](v, "log/consistency", logConsistencyQuery{trees[0].N, trees[1].N})
		if err != nil {
			return err
		}
		hashes, err := merkle.ParseHashes(proven.Proof)
		if err == nil {
			err = tlog.CheckTree(hashes, trees[1].N, trees[1].Hash, trees[0].N, trees[0].Hash)
		}
		if err != nil {
			return fmt.Errorf("the log is NOT the one of that checkpoint with more behind it, as after a backup was restored (docs/log.md): %w", err)
		}
		return v.answer(proven, func(p *page) {
			p.line("The log with %d leaves is the one of %d leaves, with %d more behind them.", trees[1].N, trees[0].N, trees[1].N-trees[0].N)
		})
	})
}

// logRotated are the keys after a rotation.
type logRotated struct {
	Applied bool     `json:"applied"`
	Keys    []string `json:"public_keys,omitempty"`
}

func newLogRotate(p *program) *cobra.Command {
	command := &cobra.Command{
		Use: "rotate-key", Short: "Make a new key that signs checkpoints; the old one signs beside it for 30 days",
		Args: cobra.NoArgs,
	}
	return newVerb(p, command, applyFlag, func(v *verb) error {
		if !v.applies() {
			return v.answer(logRotated{}, func(p *page) {
				p.line("This makes a new key that signs checkpoints; the old one signs beside it for 30 days. %s", notDone)
			})
		}
		done, err := ask[logRotated](v, "log/rotate", struct{}{})
		if err != nil {
			return err
		}
		return v.answer(done, func(p *page) { p.verbatim(strings.Join(done.Keys, "\n") + "\n") })
	})
}

// address is the database that the settings name, for what only reads it.
func (v *verb) address() (string, error) {
	if v.config.database != "" {
		return v.config.database, nil
	}
	path := filepath.Join(v.config.data, dataFile)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("there is no database in %s: name its folder with --data", v.config.data)
	}
	return "sqlite:" + path, nil
}

// exported is what was exported.
type exported struct {
	File    string `json:"file"`
	Leaves  int64  `json:"leaves"`
	Waiting int64  `json:"waiting"`
}

func newLogExport(p *program) *cobra.Command {
	command := &cobra.Command{
		Use: "export FILE", Short: "Write the whole ledger as text that is checked offline with purser verify --export",
		Long: "Writes every leaf of the log with all that it speaks of, every transaction and every balance, as text, one record per line,\n" +
			"with the signed checkpoint. The file holds everything about everybody: it is made for its owner alone (mode 0600). It\n" +
			"only reads the database, needs no key, and may run beside a server.",
		Example: "  purser log export ledger.txt --data /var/lib/purser\n  purser verify --export ledger.txt",
		Args:    cobra.ExactArgs(1),
	}
	return newVerb(p, command, nil, func(v *verb) error {
		address, err := v.address()
		if err != nil {
			return err
		}
		file, err := os.OpenFile(v.args[0], os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		progress, done := v.progress()
		a := exported{File: v.args[0]}
		a.Leaves, a.Waiting, err = store.Export(v.ctx, address, file, progress)
		done()
		if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
			return errors.Join(err, os.Remove(v.args[0]))
		}
		return v.answer(a, func(p *page) {
			p.line("%d leaves are in %s.", a.Leaves, a.File)
			if a.Waiting > 0 {
				p.line("%d of them were not in the log yet, and are not signed: purser verify --export lets them pass with --allow-waiting alone.", a.Waiting)
			}
		})
	})
}

func newLogVerify(p *program) *cobra.Command {
	var keys []string
	command := &cobra.Command{
		Use: "verify RECEIPT-FILE", Short: "Check a receipt offline: that its leaves are in a log that was signed",
		Long: "Checks a receipt (GET /rest/v1/transaction/KEY/receipt, or purser log proof) without a server or a database: that each leaf is\n" +
			"in the log that was signed, and that they are the changes of one transaction, none between them left out; and shows what they\n" +
			"say. Name the public keys that you trust with --key; without, those in the receipt are believed, which says nothing about who\n" +
			"signed.",
		Args: cobra.ExactArgs(1),
	}
	return newVerb(p, command, func(flags *pflag.FlagSet) {
		flags.StringSliceVar(&keys, "key", nil, "a public `key` that may have signed")
	}, func(v *verb) error {
		content, err := readInput(v, v.args[0])
		if err != nil {
			return err
		}
		var receipt walletapi.LogReceipt
		if err := json.Unmarshal(content, &receipt); err != nil {
			return fmt.Errorf("%s is no receipt: %w", v.args[0], err)
		}
		trusted := keys
		if len(trusted) == 0 {
			trusted = receipt.PublicKeys
		}
		checked, err := checkReceipt(receipt, trusted)
		if err != nil {
			return err
		}
		return v.answer(checked, func(p *page) { showReceipt(p, receipt, checked, len(keys) > 0) })
	})
}

// receiptAnswer is what a receipt proves, in JSON.
type receiptAnswer struct {
	Right       bool     `json:"right"`
	Leaves      int      `json:"leaves"`
	Size        int64    `json:"log_size"`
	Transaction int64    `json:"transaction"`
	Texts       []string `json:"texts"`
	// Before is the leaf before the oldest of them, where the receipt has no more.
	Before int64 `json:"before,omitempty"`
}

// showReceipt tells people what a receipt proves.
func showReceipt(p *page, r walletapi.LogReceipt, a receiptAnswer, trusted bool) {
	p.line("All %d leaves are in the log of %d leaves that was signed, and are the changes of transaction %d, the newest first.", a.Leaves, a.Size, a.Transaction)
	if a.Before != 0 {
		p.line("Leaf %d is before them: a receipt has the newest %d.", a.Before, service.ReceiptLeaves)
	}
	if !trusted {
		p.line("The key was taken from the receipt itself: compare it with one that you have from elsewhere, or name that with --key.")
	}
	for i, text := range a.Texts {
		p.verbatim("\n")
		p.line("Number %d of the log:", *r.Leaves[i].Index)
		for one := range strings.Lines(text) {
			p.line("  %s", strings.TrimSuffix(one, "\n"))
		}
	}
}

// readInput reads a file, or what is piped in for "-".
func readInput(v *verb, path string) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(v.in)
	}
	return os.ReadFile(path)
}

// checkReceipt checks all proofs of a receipt, and that its leaves follow one another back to the first, or that there are as many
// as a receipt has at most.
func checkReceipt(r walletapi.LogReceipt, trusted []string) (a receiptAnswer, err error) {
	_, tree, err := merkle.OpenCheckpoint([]byte(r.Checkpoint), trusted...)
	if err != nil {
		return a, err
	}
	leaves := make([]*merkle.Leaf, len(r.Leaves))
	for i, l := range r.Leaves {
		proof, err := merkle.ParseHashes(l.Proof)
		switch {
		case l.Index == nil:
			return a, fmt.Errorf("leaf %d of the receipt was not in the log yet: ask for the receipt again", i)
		case err != nil:
			return a, err
		}
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, *l.Index, tlog.RecordHash([]byte(l.Leaf))); err != nil {
			return a, fmt.Errorf("leaf %d of the receipt is NOT in the log that was signed: %w", i, err)
		}
		if leaves[i], err = merkle.ParseText([]byte(l.Leaf)); err != nil {
			return a, fmt.Errorf("leaf %d of the receipt: %w", i, err)
		}
		a.Texts = append(a.Texts, l.Leaf)
	}
	a.Right, a.Leaves, a.Size = true, len(leaves), tree.N
	if a.Transaction, a.Before, err = merkle.Chain(leaves); err != nil {
		return receiptAnswer{}, err
	}
	if a.Before != 0 && len(leaves) < service.ReceiptLeaves {
		return receiptAnswer{}, fmt.Errorf("leaf %d, which is before the oldest of the receipt, was left out of it", a.Before)
	}
	return a, nil
}

// logVerbs answers what the command line asks about the log.
func logVerbs(mux *http.ServeMux, s *service.Service) {
	handleVerb(mux, "log/checkpoint", func(ctx context.Context, c wallet.Caller, _ struct{}) (logCheckpoint, error) {
		if _, err := s.SequenceLog(ctx, c); err != nil {
			return logCheckpoint{}, err
		}
		signed, err := s.LogCheckpoint(ctx, c)
		if err != nil {
			return logCheckpoint{}, err
		}
		keys, err := s.LogKeys(ctx, c)
		return logCheckpoint{string(signed), strings.Fields(string(keys))}, err
	})
	handleVerb(mux, "log/proof", func(ctx context.Context, c wallet.Caller, q logProofQuery) (walletapi.LogReceipt, error) {
		if _, err := s.SequenceLog(ctx, c); err != nil {
			return walletapi.LogReceipt{}, err
		}
		receipt, err := s.GetLogReceipt(ctx, c, q.Key)
		return wireReceipt(receipt), err
	})
	handleVerb(mux, "log/consistency", func(ctx context.Context, c wallet.Caller, q logConsistencyQuery) (walletapi.LogConsistency, error) {
		p, err := s.ProveLogConsistency(ctx, c, q.From, q.To)
		return walletapi.LogConsistency{
			From: p.From, To: p.To, FromRoot: p.FromRoot.String(), ToRoot: p.ToRoot.String(), Proof: merkle.Hashes(p.Proof), Checkpoint: string(p.Checkpoint),
		}, err
	})
	handleVerb(mux, "log/rotate", func(ctx context.Context, c wallet.Caller, _ struct{}) (logRotated, error) {
		keys, err := s.RotateLogKey(ctx, c)
		done := logRotated{Applied: err == nil}
		for _, k := range keys {
			done.Keys = append(done.Keys, k.Public)
		}
		return done, err
	})
}

func wireReceipt(r service.LogReceipt) walletapi.LogReceipt {
	wire := walletapi.LogReceipt{TransactionKey: r.TransactionKey, Checkpoint: string(r.Checkpoint), PublicKeys: r.Keys}
	for i, l := range r.Leaves {
		leaf := walletapi.LogLeaf{Leaf: string(l.Text), Hash: l.Hash.String()}
		if l.Index >= 0 {
			leaf.Index, leaf.Proof = &r.Leaves[i].Index, merkle.Hashes(l.Proof)
		}
		wire.Leaves = append(wire.Leaves, leaf)
	}
	return wire
}
