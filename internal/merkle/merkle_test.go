package merkle_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	rand2 "math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/purserhq/purser/internal/merkle"
)

// grown is a log whose tiles are in memory.
type grown struct {
	tiles map[[2]int64][]byte
	size  int64
	root  tlog.Hash
}

func (g *grown) read(level int, number int64) ([]byte, error) {
	return g.tiles[[2]int64{int64(level), number}], nil
}

func (g *grown) grow(t *testing.T, leaves ...tlog.Hash) {
	t.Helper()
	root, changed, err := merkle.Grow(g.size, leaves, g.read)
	if err != nil {
		t.Fatal(err)
	}
	for _, tile := range changed {
		key := [2]int64{int64(tile.Level), tile.Number}
		if !bytes.HasPrefix(tile.Hashes, g.tiles[key]) {
			t.Fatalf("tile %v has lost hashes", key)
		}
		g.tiles[key] = tile.Hashes
	}
	g.size, g.root = g.size+int64(len(leaves)), root
}

func (g *grown) tree() merkle.Tree {
	return merkle.Tree{Tree: tlog.Tree{N: g.size, Hash: g.root}, Read: g.read}
}

func texts(hashes []tlog.Hash) (out [][]byte) {
	for _, hash := range hashes {
		out = append(out, hash[:])
	}
	return out
}

// A log grows by some leaves at a time, over two levels of tiles: its roots and proofs are those of RFC 6962.
func TestTreeIsThatOfRFC6962(t *testing.T) {
	random := rand2.New(rand2.NewPCG(1, 2))
	var data [][]byte
	g := &grown{tiles: map[[2]int64][]byte{}}
	roots := map[int64][]byte{0: mth(nil)}
	for step := range 60 {
		var leaves []tlog.Hash
		for range []int{0, 1, 3, 17, 255, 256}[random.IntN(6)] {
			leaf := fmt.Appendf(nil, "leaf %d of step %d", len(data), step)
			data, leaves = append(data, leaf), append(leaves, tlog.RecordHash(leaf))
		}
		g.grow(t, leaves...)
		roots[g.size] = mth(data)
		if !bytes.Equal(g.root[:], roots[g.size]) {
			t.Fatalf("the root of %d leaves is %v, want %x", g.size, g.root, roots[g.size])
		}
	}
	tree := g.tree()
	for range 300 {
		index := random.Int64N(g.size)
		proven, err := tree.Inclusion(index)
		if err != nil {
			t.Fatal(err)
		}
		if got := texts(proven); !reflect.DeepEqual(got, path(int(index), data)) || !included(mth(data[index:index+1]), uint64(index), uint64(g.size), got, g.root[:]) {
			t.Fatalf("the proof of leaf %d is not RFC 6962's", index)
		}
		if included(mth(data[index:index+1]), uint64(index+1), uint64(g.size), texts(proven), g.root[:]) {
			t.Fatalf("the proof of leaf %d holds for its neighbour", index)
		}
	}
	for size, root := range roots {
		if size == 0 {
			continue
		}
		proven, err := tree.Consistency(size)
		if err != nil {
			t.Fatal(err)
		}
		if got := texts(proven); !slices.EqualFunc(got, proof(int(size), data), bytes.Equal) || !consistent(uint64(size), uint64(g.size), got, root, g.root[:]) {
			t.Fatalf("the proof of consistency with %d leaves is not RFC 6962's", size)
		}
		if was, err := tree.Root(size); err != nil || !bytes.Equal(was[:], root) {
			t.Fatalf("the root of %d leaves is told as %v, %v", size, was, err)
		}
	}
	for _, outside := range []int64{-1, 0, g.size + 1} {
		if _, err := tree.Consistency(outside); !errors.Is(err, merkle.ErrNotInLog) {
			t.Errorf("consistency with %d leaves: %v", outside, err)
		}
	}
	if _, err := tree.Inclusion(g.size); !errors.Is(err, merkle.ErrNotInLog) {
		t.Errorf("inclusion of leaf %d: %v", g.size, err)
	}
	// A tile that was altered proves nothing any more.
	g.tiles[[2]int64{0, 1}][7] ^= 1
	if _, err := tree.Inclusion(256); err == nil {
		t.Error("a proof was made from a tile that was altered")
	}
}

func TestTilePaths(t *testing.T) {
	for path, tile := range map[string]tlog.Tile{
		"tile/0/x001/234":     {H: 8, L: 0, N: 1234, W: 256},
		"tile/1/000.p/17":     {H: 8, L: 1, N: 0, W: 17},
		"tile/7/x123/x456/78": {}, "tile/0/1": {}, "tile/data/001": {}, "tile/8/000": {}, "tile/0/000.p/256": {}, "0/000": {}, "tile/0/000.p/0": {},
	} {
		got, ok := merkle.ParseTilePath(path)
		if ok != (tile != tlog.Tile{}) || ok && (got != tile || merkle.TilePath(got) != path) {
			t.Errorf("%s is %+v, %t", path, got, ok)
		}
	}
}

// randomLeaf is a leaf with everything in it that there can be.
func randomLeaf(random *rand2.Rand, id int64) *merkle.Leaf {
	f := &merkle.Leaf{ID: id, At: 1_790_000_000_000_000 + id}
	rand.Read(f.Salt[:])
	accounts := []string{"funding:0:EUR", "wallet:1:EUR", "wallet:20:EUR"}
	for i := range random.IntN(3) {
		from := random.IntN(len(accounts))
		f.Entries = append(f.Entries, merkle.Entry{
			ID: id*10 + int64(i), At: f.At, Kind: "transfer", Debit: accounts[from], Credit: accounts[(from+1)%3], Minor: 1 + random.Int64N(5000),
			DebitAfter: -random.Int64N(1e9), CreditAfter: random.Int64N(1e9), DebitPrevious: random.Int64N(1000), PaymentID: id,
			Details: []string{"", "bread", "žuvis \"rūkyta\" \\ \n ~"}[random.IntN(3)],
		})
	}
	if random.IntN(10) == 0 {
		f.Limits = append(f.Limits, merkle.Limit{Account: "wallet:1:EUR", Was: 0, Now: 100})
	}
	return f
}

// made is a leaf of a ledger, with the rows below it.
type made struct {
	leaf       *merkle.Leaf
	rows       map[int64]merkle.Row
	allowances map[int64]merkle.AllowanceRow
}

// changeAllowance has the leaf change an allowance, of which all has the leaf before, where there is one.
func (m *made) changeAllowance(id int64, spent int, all []made, before int, changedBefore bool) {
	row := merkle.AllowanceRow{ID: id, Status: "active", ClientID: 1, WalletID: 3, CreatedAt: m.leaf.At, Document: fmt.Sprintf(`{"spent":%d}`, spent)}
	changed := merkle.Allowance{ID: id, Status: row.Status, Digest: row.Digest(m.leaf.Salt)}
	if changedBefore {
		changed.Previous = all[before].leaf.ID
		delete(all[before].allowances, id)
	}
	m.leaf.Allowances, m.allowances[id] = append(m.leaf.Allowances, changed), row
}

// ledgerText is a ledger of so many leaves as it is exported.
func ledgerText(t *testing.T, leaves int) (text []byte, public string) {
	t.Helper()
	random := rand2.New(rand2.NewPCG(3, 4))
	private, public, err := merkle.NewKey(rand.Reader, "purser.example/ledger")
	if err != nil {
		t.Fatal(err)
	}
	var all []made
	last := map[int64]int{}          // by transaction, its last leaf
	lastAllowance := map[int64]int{} // by allowance
	totals := map[string]*merkle.Account{}
	of := func(name string) *merkle.Account {
		if totals[name] == nil {
			totals[name] = &merkle.Account{Name: name}
		}
		return totals[name]
	}
	for i := range leaves {
		m := made{randomLeaf(random, int64(i+1)<<3), map[int64]merkle.Row{}, map[int64]merkle.AllowanceRow{}}
		for _, e := range m.leaf.Entries {
			of(e.Debit).Available -= e.Minor
			of(e.Credit).Available += e.Minor
		}
		for _, l := range m.leaf.Limits {
			of(l.Account).CreditLimit += l.Now - l.Was
		}
		if id := random.Int64N(int64(leaves)/3+1) + 1; random.IntN(4) > 0 {
			row := merkle.Row{ID: id, Status: "confirmed", ClientID: 1, ProjectID: 2, CreatedAt: m.leaf.At,
				Document: fmt.Sprintf(`{"payments":[{"ID":%d,"title":"Duona „juoda“","price":%d}]}`, id, random.IntN(900))}
			changed := merkle.Transaction{ID: id, Status: row.Status, Payments: []int64{id, id + 1}[:random.IntN(3)], Digest: row.Digest(m.leaf.Salt)}
			if before, ok := last[id]; ok {
				changed.Previous = all[before].leaf.ID
				delete(all[before].rows, id)
			}
			m.leaf.Transactions, m.rows[id], last[id] = append(m.leaf.Transactions, changed), row, len(all)
		}
		if id := random.Int64N(5) + 1; random.IntN(4) == 0 {
			before, ok := lastAllowance[id]
			m.changeAllowance(id, i, all, before, ok)
			lastAllowance[id] = len(all)
		}
		all = append(all, m)
	}
	g := &grown{tiles: map[[2]int64][]byte{}}
	for _, m := range all {
		g.grow(t, m.leaf.Hash())
	}
	checkpoint, err := merkle.SignCheckpoint("purser.example/ledger", tlog.Tree{N: g.size, Hash: g.root}, private)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	x := merkle.NewExporter(&out, "purser.example/ledger", []string{public}, checkpoint)
	for _, m := range all {
		if err := x.Leaf(m.leaf, m.leaf.Hash(), false, merkle.Rows{Transactions: m.rows, Allowances: m.allowances}); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(totals)) {
		if err := x.Account(*totals[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := x.End(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), public
}

func TestRecordTellsWhatTheJournalDoesNot(t *testing.T) {
	random := rand2.New(rand2.NewPCG(5, 6))
	for id := range int64(200) {
		f := randomLeaf(random, id)
		row := merkle.Row{ID: id, Status: "new", Document: "{}"}
		f.Transactions = []merkle.Transaction{{ID: id, Status: "new", Previous: 9, Payments: []int64{3, 1 << 40}, Digest: row.Digest(f.Salt)}}
		if id%2 == 0 {
			f.Allowances = []merkle.Allowance{{ID: id, Status: "active", Previous: 1 << 41, Digest: row.Digest(f.Salt)}, {ID: 2, Status: "inactive"}}
		}
		got, err := merkle.ParseRecord(id, f.Record())
		if err != nil || len(got.Entries) != len(f.Entries) {
			t.Fatalf("%v, %v", got, err)
		}
		for i := range got.Entries {
			if got.Entries[i].ID != f.Entries[i].ID {
				t.Fatalf("entry %d is told as %d", f.Entries[i].ID, got.Entries[i].ID)
			}
		}
		got.Entries = f.Entries
		if !reflect.DeepEqual(got, f) || got.Hash() != f.Hash() {
			t.Fatalf("%+v was read as %+v", f, got)
		}
		for _, broken := range [][]byte{nil, f.Record()[:5], append(f.Record(), 0)} {
			if _, err := merkle.ParseRecord(id, broken); err == nil {
				t.Fatal("a broken record was read")
			}
		}
	}
}

// flipsVariable says how many bytes TestEveryAlteredByteIsFound alters; 100,000 are the product's promise.
const flipsVariable = "PURSER_TEST_FLIPS"

// Any byte of an exported ledger, altered to any other: that is found, and named by line and byte.
func TestEveryAlteredByteIsFound(t *testing.T) {
	flips := 3000
	if text := os.Getenv(flipsVariable); text != "" {
		var err error
		if flips, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	text, public := ledgerText(t, 60)
	seen, err := merkle.VerifyExport(bytes.NewReader(text), false, public)
	if err != nil || seen.N != 60 || seen.Entries == 0 || seen.Transactions == 0 || seen.Allowances == 0 || seen.Accounts != 3 {
		t.Fatalf("the ledger is %+v, %v", seen, err)
	}
	random := rand2.New(rand2.NewPCG(rand2.Uint64(), 7))
	fields := map[string]int{}
	for flip := range flips {
		at := random.IntN(len(text))
		if flip%16 == 0 { // ends of lines are few, and hard
			for text[at] != '\n' {
				at = (at + 1) % len(text)
			}
		}
		was, is := text[at], byte(random.IntN(256))
		if flip%16 == 1 {
			is = '\n'
		}
		if is == was {
			is++
		}
		text[at] = is
		_, err := merkle.VerifyExport(bytes.NewReader(text), false, public)
		text[at] = was
		line, column := int64(1+bytes.Count(text[:at], []byte("\n"))), int64(at-bytes.LastIndexByte(text[:at], '\n'))
		var fault *merkle.Fault
		if !errors.As(err, &fault) || fault.Line != line || fault.Column != column {
			t.Fatalf("byte %d of line %d was altered from %q to %q: %v", column, line, was, is, err)
		}
		fields[fault.Field]++
	}
	t.Logf("%d bytes were altered, in %d kinds of fields", flips, len(fields))
	for _, field := range []string{"row's document", "leaf's salt", "entry's details", "the end of the line", "the check of the line", "checkpoint's signed note"} {
		if fields[field] == 0 {
			t.Errorf("no altered byte was said to be in %s", field)
		}
	}
}

// recheck writes the checks of all lines anew, as somebody would who alters a ledger on purpose.
func recheck(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		content := line[:strings.LastIndex(line, " ~")]
		out.Write(merkle.AppendCheck([]byte(content)))
		out.WriteByte('\n')
	}
	return out.String()
}

// Who alters a ledger on purpose, with the checks of its lines, is found by what is signed.
func TestAlteredOnPurposeIsFound(t *testing.T) {
	raw, public := ledgerText(t, 40)
	text := string(raw)
	lineOf := func(kind string) string {
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, kind+" ") {
				return line
			}
		}
		t.Fatalf("there is no %s", kind)
		return ""
	}
	replaced := func(kind, old, new string) string {
		line := lineOf(kind)
		if !strings.Contains(line, old) {
			t.Fatalf("%q is not in %q", old, line)
		}
		return strings.Replace(text, line, strings.Replace(line, old, new, 1), 1)
	}
	without := func(kind string) string {
		lines := strings.Count(text, "\n")
		return strings.Replace(strings.Replace(text, lineOf(kind), "", 1), fmt.Sprintf("end %d ", lines-1), fmt.Sprintf("end %d ", lines-2), 1)
	}
	_, other, _ := merkle.NewKey(rand.Reader, "purser.example/ledger")
	cases := map[string]struct{ text, want string }{
		"the price in a document":        {replaced("row", `price\":`, `price\":1`), "row is transaction"},
		"an entry's details":             {replaced("entry", " transfer ", " gift "), "leaf 0: its hash, or a line below it,"},
		"an account":                     {replaced("account", " 0 0 ~", " 7 0 ~"), "account's reserved is 7"},
		"what an allowance has taken":    {replaced("allowance-row", `spent\":`, `spent\":1`), "allowance-row is allowance"},
		"an allowance is left out":       {strings.Replace(text, lineOf("allowance"), "", 1), "must be"},
		"an allowance's row is left out": {without("allowance-row"), "each below the last leaf that changed it"},
		"a row is left out":              {without("row"), "each below the last leaf that changed it"},
		"an entry is left out":           {strings.Replace(text, lineOf("entry"), "", 1), "its hash, or a line below it,"},
		"an account is left out":         {strings.Replace(text, lineOf("account"), "", 1), "must be"},
		"the key":                        {strings.Replace(text, lineOf("key"), string(merkle.AppendCheck([]byte("key "+other)))+"\n", 1), "signed by "},
		"a line that nobody writes":      {replaced("leaf", "leaf 0 ", "leaf 00 "), "leaf is not written like that"},
		"a line of no kind":              {replaced("leaf", "leaf 0 ", "loaf 0 "), "the kind of the line"},
		"the text ends":                  {text[:strings.Index(text, "account ")], "at its end"},
		"something behind the text":      {text + lineOf("leaf"), "must be at its end"},
		"the size in the checkpoint":     {replaced("checkpoint", `ledger\n40\n`, `ledger\n39\n`), "the checkpoint is not signed by a known key"},
	}
	for name, c := range cases {
		var fault *merkle.Fault
		if _, err := merkle.VerifyExport(strings.NewReader(recheck(c.text)), false, public); !errors.As(err, &fault) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A checkpoint that two keys signed is good for who knows either, and for nobody else.
func TestCheckpoints(t *testing.T) {
	const origin = "purser.example/ledger"
	oldPrivate, oldPublic, _ := merkle.NewKey(rand.Reader, origin)
	private, public, _ := merkle.NewKey(rand.Reader, origin)
	_, stranger, _ := merkle.NewKey(rand.Reader, origin)
	tree := tlog.Tree{N: 7, Hash: tlog.RecordHash([]byte("x"))}
	signed, err := merkle.SignCheckpoint(origin, tree, private, oldPrivate)
	if err != nil {
		t.Fatal(err)
	}
	for _, keys := range [][]string{{oldPublic}, {public}, {stranger, public}} {
		if name, got, err := merkle.OpenCheckpoint(signed, keys...); err != nil || name != origin || got != tree {
			t.Errorf("%v: %s, %v, %v", keys, name, got, err)
		}
	}
	if _, _, err := merkle.OpenCheckpoint(signed, stranger); !errors.Is(err, merkle.ErrSignature) {
		t.Errorf("a stranger's key: %v", err)
	}
	if _, err := merkle.SignCheckpoint(origin, tree, "PRIVATE+KEY+nonsense"); err == nil || strings.Contains(err.Error(), "nonsense") {
		t.Errorf("a key that is none: %v", err)
	}
	for name, valid := range map[string]bool{origin: true, "a b": false, "a+b": false, "": false, "žuvis": false} {
		if merkle.ValidOrigin(name) != valid {
			t.Errorf("ValidOrigin(%q) is not %t", name, valid)
		}
	}
	proof := []tlog.Hash{tree.Hash, {}}
	if got, err := merkle.ParseHashes(merkle.Hashes(proof)); err != nil || !slices.Equal(got, proof) {
		t.Errorf("hashes were read as %v, %v", got, err)
	}
}
