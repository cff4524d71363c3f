package merkle

// Deletions are the leaves that deleted transactions. What is deleted may be removed for good, so that the last of its leaves has no
// row; and one may be deleted more than once. Leaves of several writers may come in any order.
type Deletions map[int64][]deletion

// deletion is a leaf that deleted a transaction, and the one before it.
type deletion struct {
	leaf, previous int64
	// row says that the transaction's row stands below it.
	row bool
}

// Add notes what a leaf says of a transaction, where it is that it was deleted.
func (d Deletions) Add(t *Transaction, leaf int64) {
	if t.Status == Deleted {
		d[t.ID] = append(d[t.ID], deletion{leaf: leaf, previous: t.Previous})
	}
}

// addRow notes that the leaf which was added last has the transaction's row.
func (d Deletions) addRow(transaction int64) {
	if all := d[transaction]; len(all) > 0 {
		all[len(all)-1].row = true
	}
}

// Last is the one leaf that deleted a transaction and is followed by no other that did; ok is false where that is none, or not one.
func (d Deletions) Last(transaction int64) (leaf int64, ok bool) {
	last, ok := d.last(transaction)
	return last.leaf, ok
}

func (d Deletions) last(transaction int64) (last deletion, ok bool) {
	all := d[transaction]
	followed := make(map[int64]bool, len(all))
	for _, one := range all {
		followed[one.previous] = true
	}
	for _, one := range all {
		if followed[one.leaf] {
			continue
		}
		if ok {
			return deletion{}, false
		}
		last, ok = one, true
	}
	return last, ok
}
