package merkle_test

import (
	"bytes"
	"crypto/rand"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/purserhq/purser/internal/merkle"
)

const testOrigin = "purser.example/ledger"

// newKey makes a key that signs.
func newKey(t *testing.T) (private, public string) {
	t.Helper()
	private, public, err := merkle.NewKey(rand.Reader, testOrigin)
	if err != nil {
		t.Fatal(err)
	}
	return private, public
}

// writtenLeaf is a leaf of a small ledger, with the rows below it.
type writtenLeaf struct {
	leaf merkle.Leaf
	rows map[int64]merkle.Row
}

// writeLedger exports a small ledger: leaves that are signed with all keys, then leaves that nobody has signed.
func writeLedger(t *testing.T, private, public []string, signed, waiting []writtenLeaf, accounts ...merkle.Account) string {
	t.Helper()
	g := &grown{tiles: map[[2]int64][]byte{}}
	for i := range signed {
		g.grow(t, signed[i].leaf.Hash())
	}
	checkpoint, err := merkle.SignCheckpoint(testOrigin, tlog.Tree{N: g.size, Hash: g.root}, private...)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	x := merkle.NewExporter(&out, testOrigin, public, checkpoint)
	for i, all := range [][]writtenLeaf{signed, waiting} {
		for k := range all {
			if err := x.Leaf(&all[k].leaf, all[k].leaf.Hash(), i == 1, merkle.Rows{Transactions: all[k].rows}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, a := range accounts {
		if err := x.Account(a); err != nil {
			t.Fatal(err)
		}
	}
	if err := x.End(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// paid is a leaf in which the wallet with that number got so much.
func paid(id, wallet, minor int64) writtenLeaf {
	return writtenLeaf{leaf: merkle.Leaf{ID: id, At: id, Entries: []merkle.Entry{{
		ID: id, At: id, Kind: "transfer", Debit: "funding:0:EUR", Credit: merkle.AccountName("wallet", wallet, "EUR"), Minor: minor,
	}}}}
}

// became is a leaf after which transaction 7 has a status; with its row, where it is the last.
func became(id int64, status string, previous int64, last bool) writtenLeaf {
	row := merkle.Row{ID: 7, Status: status, ClientID: 1, Document: `{}`}
	w := writtenLeaf{leaf: merkle.Leaf{ID: id, At: id}}
	w.leaf.Transactions = []merkle.Transaction{{ID: 7, Status: status, Previous: previous, Digest: row.Digest(w.leaf.Salt)}}
	if last {
		w.rows = map[int64]merkle.Row{7: row}
	}
	return w
}

// A transaction may be deleted again, and be removed for good or not: its chain of leaves is one in any case, and nothing else is.
func TestDeletedMoreThanOnce(t *testing.T) {
	private, public := newKey(t)
	begun := became(1, "new", 0, false)
	for name, c := range map[string]struct {
		leaves []writtenLeaf
		right  bool
	}{
		"once, and removed":             {[]writtenLeaf{begun, became(2, merkle.Deleted, 1, false)}, true},
		"once, and there":               {[]writtenLeaf{begun, became(2, merkle.Deleted, 1, true)}, true},
		"twice, and removed":            {[]writtenLeaf{begun, became(2, merkle.Deleted, 1, false), became(3, merkle.Deleted, 2, false)}, true},
		"twice, and there":              {[]writtenLeaf{begun, became(2, merkle.Deleted, 1, false), became(3, merkle.Deleted, 2, true)}, true},
		"twice, by two servers":         {[]writtenLeaf{begun, became(9, merkle.Deleted, 2, false), became(2, merkle.Deleted, 1, false)}, true},
		"three times":                   {[]writtenLeaf{begun, became(2, merkle.Deleted, 1, false), became(3, merkle.Deleted, 2, false), became(4, merkle.Deleted, 3, false)}, true},
		"twice, and both are the last":  {[]writtenLeaf{begun, became(2, merkle.Deleted, 1, false), became(3, merkle.Deleted, 1, false)}, false},
		"twice, with two rows":          {[]writtenLeaf{begun, became(2, merkle.Deleted, 1, true), became(3, merkle.Deleted, 2, true)}, false},
		"twice, and the first is there": {[]writtenLeaf{begun, became(2, merkle.Deleted, 1, true), became(3, merkle.Deleted, 2, false)}, false},
		"behind a leaf that is none":    {[]writtenLeaf{begun, became(2, merkle.Deleted, 5, false)}, false},
		"never, and removed":            {[]writtenLeaf{begun}, false},
		"and confirmed":                 {[]writtenLeaf{begun, became(2, merkle.Deleted, 1, false), became(3, "confirmed", 2, true)}, false},
	} {
		text := writeLedger(t, []string{private}, []string{public}, c.leaves, nil)
		if seen, err := merkle.VerifyExport(strings.NewReader(text), false, public); (err == nil) != c.right || c.right && seen.Transactions != 1 {
			t.Errorf("%s: %+v, %v", name, seen, err)
		}
	}
}

// While a key is replaced two sign: who trusts one of them believes it, who trusts none does not.
func TestExportOfTwoKeys(t *testing.T) {
	oldPrivate, oldPublic := newKey(t)
	private, public := newKey(t)
	_, stranger := newKey(t)
	text := writeLedger(t, []string{private, oldPrivate}, []string{public, oldPublic}, []writtenLeaf{became(1, "new", 0, true)}, nil)
	for _, trusted := range [][]string{{oldPublic}, {public}, {public, oldPublic}, {stranger, oldPublic}, nil} {
		if seen, err := merkle.VerifyExport(strings.NewReader(text), false, trusted...); err != nil || len(seen.Keys) != 2 {
			t.Errorf("who trusts %v: %+v, %v", trusted, seen, err)
		}
	}
	if _, err := merkle.VerifyExport(strings.NewReader(text), false, stranger); err == nil || !strings.Contains(err.Error(), "signed by one key that is trusted") {
		t.Errorf("who trusts a stranger: %v", err)
	}
	// A key that is named and has not signed covers nothing.
	text = writeLedger(t, []string{private}, []string{public, oldPublic}, []writtenLeaf{became(1, "new", 0, true)}, nil)
	if _, err := merkle.VerifyExport(strings.NewReader(text), false, public); err == nil {
		t.Error("a key that has not signed is listed")
	}
}

// Anybody can write a leaf that waits, and below it what they like: no balance comes of it, and none passes unless that is said.
func TestForgedWaitingLeaf(t *testing.T) {
	private, public := newKey(t)
	signed := []writtenLeaf{paid(1, 1, 500), became(2, "new", 0, false)}
	true500 := []merkle.Account{{Name: "funding:0:EUR", Available: -500}, {Name: "wallet:1:EUR", Available: 500}}
	forged := []writtenLeaf{paid(3, 1, 1_000_000), became(4, "confirmed", 2, true)}
	forged[0].leaf.Limits = []merkle.Limit{{Account: "wallet:1:EUR", Now: 99}}
	for name, c := range map[string]struct {
		accounts []merkle.Account
		allow    bool
		want     string
	}{
		"nothing is allowed":       {true500, false, "line 8: the line is a leaf that nobody has signed, and must be one of the log"},
		"balances of signed ones":  {true500, true, ""},
		"a balance that is forged": {[]merkle.Account{{Name: "funding:0:EUR", Available: -1_000_500}, {Name: "wallet:1:EUR", Available: 1_000_500}}, true, "account's available is -1000500, and must be -500"},
		"a limit that is forged":   {[]merkle.Account{true500[0], {Name: "wallet:1:EUR", Available: 500, CreditLimit: 99}}, true, "account's credit limit is 99, and must be 0"},
	} {
		text := writeLedger(t, []string{private}, []string{public}, signed, forged, c.accounts...)
		seen, err := merkle.VerifyExport(strings.NewReader(text), c.allow, public)
		switch {
		case c.want == "" && (err != nil || seen.Waiting != 2 || seen.Unsigned != 1 || seen.Entries != 1 || seen.N != 2):
			t.Errorf("%s: %+v, %v", name, seen, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v", name, err)
		}
	}
	// A wallet that only they speak of has no balance at all.
	text := writeLedger(t, []string{private}, []string{public}, signed[:1], []writtenLeaf{paid(3, 2, 5)}, true500[0], true500[1], merkle.Account{Name: "wallet:2:EUR", Available: 5})
	if _, err := merkle.VerifyExport(strings.NewReader(text), true, public); err == nil || !strings.Contains(err.Error(), "one that the leaves speak of") {
		t.Errorf("an account of a forged leaf: %v", err)
	}
}
