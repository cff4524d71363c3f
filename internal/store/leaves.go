package store

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/purserhq/purser/internal/ledger"
	"github.com/purserhq/purser/internal/merkle"
	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/wallet"
)

// Each command that posts something, keeps a transaction or an allowance, or sets a limit is a leaf of the log, or as many as it changes
// transactions. They are made when the command has decided, and committed with what it did.

// madeLeaf is a leaf that is to be committed.
type madeLeaf struct {
	id           int64
	hash, record []byte
}

// leafBits are those of a leaf's number that count within its writer.
const leafBits = 40

// firstLeaf is the number below all those of a writer's leaves.
func firstLeaf(writer int64) int64 { return writer << leafBits }

// leafWriter numbers the leaves of a writer.
type leafWriter struct {
	// made is how many it has numbered. What is numbered and not committed leaves a gap.
	made int64
	// announced is when the log was told of the writer last.
	announced time.Time
}

// announceEvery is how often the log is told of a writer, less than the time after which it forgets silent ones.
const announceEvery = time.Hour

// batchLog is what the commands of a batch add to the log.
type batchLog struct {
	leaves []madeLeaf
	salts  []byte
	// documents are those of transactions that were kept, so that none is written twice.
	documents map[*wallet.Transaction]string
	// limits are those that the command which is deciding has set, allowances what it has kept.
	limits     []merkle.Limit
	allowances []decidedAllowance
	// allowanceDocuments are those of allowances that were kept.
	allowanceDocuments map[*wallet.Allowance]string
}

// begin forgets what the command before has done.
func (g *batchLog) begin() { g.limits, g.allowances = nil, nil }

// allowance notes that an allowance was kept; of one that the command keeps more than once, what it was at first.
func (g *batchLog) allowance(before, now *wallet.Allowance) {
	for i := range g.allowances {
		if g.allowances[i].now.ID == now.ID {
			g.allowances[i].now = now
			return
		}
	}
	g.allowances = append(g.allowances, decidedAllowance{before, now})
}

// allowanceDocument is the document of an allowance that will not be changed any more.
func (g *batchLog) allowanceDocument(a *wallet.Allowance) (string, error) {
	if text, ok := g.allowanceDocuments[a]; ok {
		return text, nil
	}
	text, err := json.Marshal(a)
	if err != nil {
		return "", err
	}
	if g.allowanceDocuments == nil {
		g.allowanceDocuments = map[*wallet.Allowance]string{}
	}
	g.allowanceDocuments[a] = string(text)
	return string(text), nil
}

// limit notes that an account may go below zero so far.
func (g *batchLog) limit(k ledger.Key, was, now int64) {
	if was != now {
		g.limits = append(g.limits, merkle.Limit{Account: accountName(k), Was: was, Now: now})
	}
}

// document is the document of a transaction that will not be changed any more.
func (g *batchLog) document(t *wallet.Transaction) (string, error) {
	if text, ok := g.documents[t]; ok {
		return text, nil
	}
	text, err := documentOf(t)
	if err != nil {
		return "", err
	}
	if g.documents == nil {
		g.documents = map[*wallet.Transaction]string{}
	}
	g.documents[t] = text
	return text, nil
}

// document is that of a transaction which is written.
func (e *transactionEffects) document(t *wallet.Transaction) (string, error) {
	if text, ok := e.documents[t]; ok {
		return text, nil
	}
	return documentOf(t)
}

// salt is the next salt. Many are drawn at a time.
func (g *batchLog) salt() (salt [16]byte) {
	if len(g.salts) == 0 {
		g.salts = secret.RandomBytes(64 * len(salt))
	}
	n := copy(salt[:], g.salts)
	g.salts = g.salts[n:]
	return salt
}

// leafPart is what one leaf tells of a command.
type leafPart struct {
	entries    []ledger.Entry
	changes    []Change
	limits     []merkle.Limit
	allowances []decidedAllowance
}

// parts are what the command that has decided did, from that entry on. Where it changed several transactions each has a part of its own: the
// parties of one, who read its leaves, are told nothing of another. What is of none of them is in the last.
func (m *MoneyTx) parts(from int) []leafPart {
	entries, changes := m.book.Entries()[from:], m.Changes()
	if len(changes) < 2 {
		return []leafPart{{entries, changes, m.log.limits, m.log.allowances}}
	}
	parts := make([]leafPart, len(changes))
	of := func(its func(t *wallet.Transaction) bool) *leafPart {
		for i := range slices.Backward(changes) {
			if its(changes[i].After) {
				return &parts[i]
			}
		}
		return &parts[len(parts)-1]
	}
	for i := range changes {
		parts[i].changes = changes[i : i+1]
	}
	for _, e := range entries {
		p := of(func(t *wallet.Transaction) bool { return t.Payment(e.PaymentID) != nil })
		p.entries = append(p.entries, e)
	}
	for _, a := range m.log.allowances {
		p := of(func(t *wallet.Transaction) bool { return t.AllowanceID == a.now.ID || t.PaidBy == a.now.ID })
		p.allowances = append(p.allowances, a)
	}
	parts[len(parts)-1].limits = m.log.limits
	return parts
}

// addLeaves makes the leaves of the command that has decided: of the entries from that one on, and of what it kept.
func (m *MoneyTx) addLeaves(from int) error {
	for _, p := range m.parts(from) {
		if err := m.addLeaf(p); err != nil {
			return err
		}
	}
	return nil
}

func (m *MoneyTx) addLeaf(p leafPart) error {
	if len(p.entries)+len(p.changes)+len(p.limits)+len(p.allowances) == 0 {
		return nil
	}
	leaves := &m.w.leaves
	leaves.made++
	f := merkle.Leaf{
		ID: firstLeaf(m.w.id) + leaves.made, At: micros(m.now), Salt: m.log.salt(), Limits: p.limits,
		Entries: make([]merkle.Entry, len(p.entries)), Transactions: make([]merkle.Transaction, 0, len(p.changes)),
	}
	for i := range p.entries {
		f.Entries[i] = leafEntry(&p.entries[i])
	}
	for _, c := range p.changes {
		document, err := m.log.document(c.After)
		if err != nil {
			return err
		}
		var previous int64
		if c.Before != nil {
			previous = c.Before.LastLeaf
		}
		c.After.LastLeaf = f.ID
		f.Transactions = append(f.Transactions, leafTransaction(c.After, previous, document, f.Salt))
	}
	if err := m.log.addAllowances(&f, p.allowances); err != nil {
		return err
	}
	hash := f.Hash()
	m.log.leaves = append(m.log.leaves, madeLeaf{f.ID, hash[:], f.Record()})
	return nil
}

// addAllowances adds to a leaf what its command kept of allowances.
func (g *batchLog) addAllowances(f *merkle.Leaf, kept []decidedAllowance) error {
	for _, d := range kept {
		document, err := g.allowanceDocument(d.now)
		if err != nil {
			return err
		}
		var previous int64
		if d.before != nil {
			previous = d.before.LastLeaf
		}
		d.now.LastLeaf = f.ID
		f.Allowances = append(f.Allowances, leafAllowance(d.now, previous, document, f.Salt))
	}
	return nil
}

// leafAllowance is what a leaf says of an allowance.
func leafAllowance(a *wallet.Allowance, previous int64, document string, salt [16]byte) merkle.Allowance {
	row := merkle.AllowanceRow{
		ID: a.ID, Status: string(a.Status), ClientID: a.ClientID, ProjectID: a.ProjectID, TransactionID: a.TransactionID, WalletID: a.WalletID,
		CreatedAt: micros(a.CreatedAt), Document: document,
	}
	return merkle.Allowance{ID: a.ID, Status: row.Status, Previous: previous, Digest: row.Digest(salt)}
}

// leafTransaction is what a leaf says of a transaction.
func leafTransaction(t *wallet.Transaction, previous int64, document string, salt [16]byte) merkle.Transaction {
	row := merkle.Row{
		ID: t.ID, Status: string(t.Status), ClientID: t.ClientID, ProjectID: t.ProjectID, LocationID: t.LocationID, WalletID: t.WalletID,
		CreatedAt: micros(t.CreatedAt), Document: document,
	}
	said := merkle.Transaction{ID: t.ID, Status: row.Status, Previous: previous, Payments: make([]int64, len(t.Payments)), Digest: row.Digest(salt)}
	for i := range t.Payments {
		said.Payments[i] = t.Payments[i].ID
	}
	return said
}

func accountName(k ledger.Key) string {
	return merkle.AccountName(string(k.Purpose), k.WalletID, string(k.Currency))
}

func leafEntry(e *ledger.Entry) merkle.Entry {
	return merkle.Entry{
		ID: e.ID, At: micros(e.At), Kind: e.Kind, Debit: accountName(e.Debit), DebitPart: int64(e.From), Credit: accountName(e.Credit), CreditPart: int64(e.To),
		Minor: e.Amount.Minor, DebitAfter: e.DebitAfter, CreditAfter: e.CreditAfter, DebitPrevious: e.DebitPrevious, CreditPrevious: e.CreditPrevious,
		PaymentID: e.PaymentID, Details: e.Details,
	}
}

// announceWriter tells the log of a writer that it may not know.
const announceWriter = `INSERT INTO log_writers (writer, leaf) VALUES ($1, $2) ON CONFLICT (writer) DO NOTHING`

// announce adds the leaves to what is written, and what tells the log of the writer, where that is to be done again.
func (m *MoneyTx) announce(e *effects) {
	e.leaves, e.transactions.documents = m.log.leaves, m.log.documents
	if since := m.now.Sub(m.w.leaves.announced); len(e.leaves) > 0 && (since >= announceEvery || since < 0) {
		e.others = append(e.others, statement{announceWriter, []any{m.w.id, e.leaves[0].id - 1}})
	}
}

// told notes that a batch was committed, with what announce added.
func (w *leafWriter) told(e *effects) {
	if since := e.at.Sub(w.announced); len(e.leaves) > 0 && (since >= announceEvery || since < 0) {
		w.announced = e.at
	}
}

// insertLeaf adds one leaf.
const insertLeaf = `INSERT INTO leaves (id, hash, record) VALUES ($1, $2, $3)`

// leafArrays are the columns of leaves.
func leafArrays(leaves []madeLeaf) (ids []int64, hashes, records [][]byte) {
	for _, f := range leaves {
		ids, hashes, records = append(ids, f.id), append(hashes, f.hash), append(records, f.record)
	}
	return ids, hashes, records
}

// leavesAtOnce is how many leaves one statement adds on SQLite, where that is cheaper than one each.
const leavesAtOnce = 8

var insertSomeLeaves = `INSERT INTO leaves (id, hash, record) VALUES ` + strings.TrimSuffix(strings.Repeat(`(?, ?, ?), `, leavesAtOnce), `, `)

// writeLeaves adds the leaves of a batch.
func (b *sqliteBatch) writeLeaves(leaves []madeLeaf) error {
	for ; len(leaves) >= leavesAtOnce; leaves = leaves[leavesAtOnce:] {
		args := make([]any, 0, 3*leavesAtOnce)
		for _, f := range leaves[:leavesAtOnce] {
			args = append(args, f.id, f.hash, f.record)
		}
		if _, err := b.run(insertSomeLeaves, args...); err != nil {
			return fmt.Errorf("adding leaves: %w", err)
		}
	}
	for i := range leaves {
		if err := b.one(insertLeaf, leaves[i].id, leaves[i].hash, leaves[i].record); err != nil {
			return fmt.Errorf("adding a leaf: %w", err)
		}
	}
	return nil
}
