package merkle

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
)

// ErrText says that a text is none of a leaf.
var ErrText = errors.New("merkle: this is not what a leaf says")

// ParseText reads of a leaf's text its number, its time and what it says of transactions. The rest of it are digests, which tell
// nobody anything who does not know the salt.
func ParseText(text []byte) (*Leaf, error) {
	head, rest, _ := bytes.Cut(text, []byte("\n"))
	words, ok := bytes.CutPrefix(head, []byte("purser leaf "))
	f := &fields{content: head, rest: words, ok: ok}
	leaf := &Leaf{ID: f.number(), At: f.number()}
	var l line
	l.kind("purser leaf")
	l.number(leaf.ID, leaf.At)
	if !f.same(l) || len(rest) > 0 && rest[len(rest)-1] != '\n' {
		return nil, ErrText
	}
	for one := range bytes.Lines(rest) {
		content := bytes.TrimSuffix(one, []byte("\n"))
		kind, words, _ := cut(content)
		if kind != "transaction" {
			continue
		}
		f := &fields{content: content, rest: words, ok: true}
		t := f.transaction()
		l = l[:0]
		if t.line(&l); !f.same(l) {
			return nil, ErrText
		}
		leaf.Transactions = append(leaf.Transactions, t)
	}
	return leaf, nil
}

// ErrChain says that leaves do not follow one another.
var ErrChain = errors.New("merkle: these leaves are not the changes of one transaction, one after the other")

// Chain finds the transaction whose changes these leaves are, the newest first: each names the one behind it as the one before
// it. before is the leaf before the last of them, 0 where that began the transaction.
func Chain(leaves []*Leaf) (transaction, before int64, err error) {
	if len(leaves) == 0 {
		return 0, 0, fmt.Errorf("%w: there are none", ErrChain)
	}
	for _, t := range leaves[0].Transactions {
		if before, ok := follow(leaves, t.ID); ok {
			return t.ID, before, nil
		}
	}
	return 0, 0, ErrChain
}

// follow says whether the leaves are the changes of a transaction, and which one is before them.
func follow(leaves []*Leaf, transaction int64) (before int64, ok bool) {
	for i, f := range leaves {
		k := slices.IndexFunc(f.Transactions, func(t Transaction) bool { return t.ID == transaction })
		if k < 0 || i > 0 && f.ID != before {
			return 0, false
		}
		before = f.Transactions[k].Previous
	}
	return before, true
}
