package auth

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var noon = time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC)

func claim(n *Nonces, now time.Time, nonce string) error {
	second := now.Unix()
	record, err := n.Claim(now, second, "client", fmt.Sprint(second), nonce)
	if err == nil {
		n.Keep(record)
	}
	return err
}

func openNonces(t *testing.T, path string, now time.Time) *Nonces {
	t.Helper()
	n, err := OpenNonces(path, DefaultWindow, now)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestANonceWorksOnce(t *testing.T) {
	n := openNonces(t, "", noon)
	if err := claim(n, noon, "a"); err != nil {
		t.Fatal(err)
	}
	if err := claim(n, noon, "a"); !errors.Is(err, errReplay) {
		t.Errorf("the second use: %v", err)
	}
	// The triple of id, ts and nonce is what may not repeat: each of these differs in one.
	if _, err := n.Claim(noon, noon.Unix(), "other client", fmt.Sprint(noon.Unix()), "a"); err != nil {
		t.Errorf("another client's nonce: %v", err)
	}
	if _, err := n.Claim(noon, noon.Unix(), "client", fmt.Sprint(noon.Unix())+".5", "a"); err != nil {
		t.Errorf("another ts: %v", err)
	}
	if err := claim(n, noon, "b"); err != nil {
		t.Errorf("another nonce: %v", err)
	}
	// Where one part ends and the next begins matters too.
	if _, err := n.Claim(noon, noon.Unix(), "clienta", "", ""); err != nil {
		t.Error(err)
	}
	if _, err := n.Claim(noon, noon.Unix(), "client", "a", ""); err != nil {
		t.Errorf("parts that only look alike when joined: %v", err)
	}
}

func TestAtTheSameInstantOneOfManyWins(t *testing.T) {
	n := openNonces(t, filepath.Join(t.TempDir(), "nonces"), noon)
	defer n.Close()
	var won atomic.Int64
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			for round := range 200 {
				if claim(n, noon.Add(time.Duration(round%7)*time.Second), fmt.Sprint(round)) == nil {
					won.Add(1)
				}
				_ = i
			}
		})
	}
	all.Wait()
	if won.Load() != 200 {
		t.Errorf("%d claims of 200 nonces won", won.Load())
	}
}

// A server is killed: nobody closes anything. What it had seen is still known to the next one.
func TestNoncesSurviveTheProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nonces")
	killed := openNonces(t, path, noon)
	for i := range 1000 {
		if err := claim(killed, noon.Add(time.Duration(i-500)*time.Second/2), fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	next := openNonces(t, path, noon.Add(time.Second))
	defer next.Close()
	for i := range 1000 {
		if err := claim(next, noon.Add(time.Duration(i-500)*time.Second/2), fmt.Sprint(i)); !errors.Is(err, errReplay) {
			t.Fatalf("nonce %d was forgotten over the restart: %v", i, err)
		}
	}
	if err := claim(next, noon, "new"); err != nil {
		t.Errorf("a fresh nonce after the restart: %v", err)
	}
}

func TestWhatLeftTheWindowIsForgotten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nonces")
	n := openNonces(t, path, noon)
	for i := range 5000 {
		if err := claim(n, noon, fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	later := noon.Add(DefaultWindow + 2*time.Second)
	if err := claim(n, later, "later"); err != nil {
		t.Fatal(err)
	}
	if got := n.count.Load(); got != 1 {
		t.Errorf("%d nonces are remembered, want the one of the new window", got)
	}
	n.Close()
	next := openNonces(t, path, later)
	defer next.Close()
	if got := next.count.Load(); got != 1 {
		t.Errorf("%d nonces are taken over, want 1", got)
	}
}

func TestAFullMemoryRefuses(t *testing.T) {
	n := openNonces(t, "", noon)
	n.count.Store(maxNonces)
	if err := claim(n, noon, "one more"); !errors.Is(err, errFull) {
		t.Errorf("got %v", err)
	}
}

func TestTheNonceFileIsPrivateAndMayBeDamaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nonces")
	if err := os.WriteFile(path, []byte("not a nonce file at all"), 0o600); err != nil {
		t.Fatal(err)
	}
	n := openNonces(t, path, noon)
	defer n.Close()
	if err := claim(n, noon, "a"); err != nil {
		t.Error(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

// A day of one client: no fresh nonce is ever taken for a used one.
func TestNoFreshNonceIsRefused(t *testing.T) {
	n := openNonces(t, "", noon)
	for i := range 300_000 {
		now := noon.Add(time.Duration(i) * 10 * time.Millisecond)
		if err := claim(n, now, fmt.Sprint("n", i)); err != nil {
			t.Fatalf("nonce %d: %v", i, err)
		}
	}
}

// A window of 1.9 seconds lets a request in that was signed up to 1.9 seconds ago: its nonce
// must be remembered at least that long.
func TestAWindowNeedNotBeWholeSeconds(t *testing.T) {
	n, err := OpenNonces("", 1900*time.Millisecond, noon)
	if err != nil {
		t.Fatal(err)
	}
	signed := noon.Unix()
	if _, err := n.Claim(noon.Add(900*time.Millisecond), signed, "client", "ts", "a"); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Claim(noon.Add(2*time.Second), signed, "client", "ts", "a"); !errors.Is(err, errReplay) {
		t.Errorf("the second use: %v", err)
	}
}

func TestTimesOfSigning(t *testing.T) {
	for text, want := range map[string]int64{
		"1343811600":     1343811600_000000,
		"1343811600.12":  1343811600_120000,
		"1343811600.000": 1343811600_000000,
		"0":              0,
	} {
		if got, ok := parseTS(text); !ok || got != want {
			t.Errorf("%s: %d, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", ".5", "5.", "-5", "1e9", "0x10", "NaN", "1 ", "1343811600,5", "99999999999999999999"} {
		if _, ok := parseTS(text); ok {
			t.Errorf("%q was taken for a time", text)
		}
	}
	if got, ok := parseTS("1343811600000"); !ok || got < 4e17 {
		t.Errorf("milliseconds are far in the future, not %d", got)
	}
}

// What a commit has claimed is forgotten here, and nothing else: whatever order they come and go in, those that
// are left are found.
func TestForgettingLeavesTheOthers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var set secondSet
		var count atomic.Int64
		second := noon.Unix()
		left := map[uint64]bool{}
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			record := rapid.Uint64Range(1, 40).Draw(t, "record") * 0x1_0003_0000 // their low bits often meet
			if rapid.Bool().Draw(t, "comes") {
				if set.add(second, record, &count) == left[record] {
					t.Fatalf("record %x: added, although it was there: %v", record, left[record])
				}
				left[record] = true
			} else {
				set.remove(second, record, &count)
				delete(left, record)
			}
			if int(count.Load()) != len(left) || set.used != len(left) {
				t.Fatalf("%d counted of %d", count.Load(), len(left))
			}
			for record := range left {
				if set.slots[set.find(record)] != record {
					t.Fatalf("record %x is lost", record)
				}
			}
		}
	})
}

func TestForgettingBeforeTheFirstAndAfterTheWindow(t *testing.T) {
	n := openNonces(t, "", noon)
	n.Forget(noon.Unix(), 7<<16) // nothing was ever claimed
	if err := claim(n, noon, "a"); err != nil {
		t.Fatal(err)
	}
	n.Forget(noon.Unix()+1, n.record(noon.Unix(), "client", fmt.Sprint(noon.Unix()), "a")) // of another second
	if err := claim(n, noon, "a"); !errors.Is(err, errReplay) {
		t.Errorf("got %v", err)
	}
}

// A copy remembers what was used when it was made, and nothing of later.
func TestACopyOfNoncesRemembersWhatWasUsed(t *testing.T) {
	n := openNonces(t, filepath.Join(t.TempDir(), "nonces"), noon)
	for _, nonce := range []string{"a", "b"} {
		if err := claim(n, noon, nonce); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "copy")
	if err := os.WriteFile(path, n.Copy(), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := claim(n, noon, "c"); err != nil {
		t.Fatal(err)
	}
	copied := openNonces(t, path, noon)
	for nonce, used := range map[string]bool{"a": true, "b": true, "c": false} {
		if err := claim(copied, noon, nonce); errors.Is(err, errReplay) != used {
			t.Errorf("nonce %s, used before: %t: %v", nonce, used, err)
		}
	}
	if err := errors.Join(n.Close(), copied.Close()); err != nil {
		t.Fatal(err)
	}
	if got := openNonces(t, "", noon).Copy(); got != nil {
		t.Errorf("nonces without a file are copied as %d bytes", len(got))
	}
}
