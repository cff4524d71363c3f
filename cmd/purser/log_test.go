package main

import (
	"crypto/rand"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/purserhq/purser/internal/merkle"
	"github.com/purserhq/purser/walletapi"
)

// madeReceipt is a receipt of transaction 7, with leaves of that many changes, the newest first, under a checkpoint of them all.
func madeReceipt(t *testing.T, changes int) (walletapi.LogReceipt, string) {
	t.Helper()
	private, public, err := merkle.NewKey(rand.Reader, "purser/ledger")
	if err != nil {
		t.Fatal(err)
	}
	var all []*merkle.Leaf
	var hashes []tlog.Hash
	for id := range int64(changes) {
		// Another transaction is changed by the same leaves, in no chain.
		all = append(all, &merkle.Leaf{ID: id + 1, At: id, Transactions: []merkle.Transaction{{ID: 6, Status: "new"}, {ID: 7, Status: "new", Previous: id}}})
		hashes = append(hashes, all[id].Hash())
	}
	tiles := map[[2]int64][]byte{}
	root, changed, err := merkle.Grow(0, hashes, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tile := range changed {
		tiles[[2]int64{int64(tile.Level), tile.Number}] = tile.Hashes
	}
	tree := merkle.Tree{Tree: tlog.Tree{N: int64(changes), Hash: root}, Read: func(level int, number int64) ([]byte, error) { return tiles[[2]int64{int64(level), number}], nil }}
	signed, err := merkle.SignCheckpoint("purser/ledger", tree.Tree, private)
	if err != nil {
		t.Fatal(err)
	}
	r := walletapi.LogReceipt{Checkpoint: string(signed), PublicKeys: []string{public}}
	for index := range slices.Backward(all) {
		proof, err := tree.Inclusion(int64(index))
		if err != nil {
			t.Fatal(err)
		}
		at := int64(index)
		r.Leaves = append(r.Leaves, walletapi.LogLeaf{Index: &at, Leaf: string(all[index].Text()), Hash: hashes[index].String(), Proof: merkle.Hashes(proof)})
	}
	return r, public
}

// A receipt proves all changes of a transaction, or nothing.
func TestReceiptIsAChain(t *testing.T) {
	r, public := madeReceipt(t, 5)
	if a, err := checkReceipt(r, []string{public}); err != nil || a.Transaction != 7 || a.Leaves != 5 || a.Size != 5 || a.Before != 0 || len(a.Texts) != 5 {
		t.Errorf("the receipt proves %+v, %v", a, err)
	}
	var shown page
	a, _ := checkReceipt(r, []string{public})
	showReceipt(&shown, r, a, true)
	if text := shown.text.String(); !strings.Contains(text, "transaction 7, the newest first") || !strings.Contains(text, "\nNumber 4 of the log:\n  purser leaf 5 4\n  transaction 6 new 0 - 00") {
		t.Errorf("it is shown as %s", text)
	}
	for name, c := range map[string]struct {
		leaves []walletapi.LogLeaf
		want   string
	}{
		"none":                 {nil, "there are none"},
		"one between left out": {slices.Delete(slices.Clone(r.Leaves), 2, 3), "one after the other"},
		"in another order":     {[]walletapi.LogLeaf{r.Leaves[1], r.Leaves[0]}, "one after the other"},
		"the oldest left out":  {r.Leaves[:4], "leaf 1, which is before the oldest of the receipt, was left out"},
		"one altered":          {[]walletapi.LogLeaf{{Index: r.Leaves[0].Index, Leaf: strings.Replace(r.Leaves[0].Leaf, "new", "confirmed", 1), Proof: r.Leaves[0].Proof}}, "NOT in the log"},
		"one that waits":       {[]walletapi.LogLeaf{{Leaf: r.Leaves[0].Leaf}}, "was not in the log yet"},
	} {
		some := r
		some.Leaves = c.leaves
		if _, err := checkReceipt(some, []string{public}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Of a transaction with more changes than that a receipt has the newest.
	r, public = madeReceipt(t, 103)
	r.Leaves = r.Leaves[:100]
	if a, err := checkReceipt(r, []string{public}); err != nil || a.Before != 3 {
		t.Errorf("a full receipt proves %+v, %v", a, err)
	}
}
