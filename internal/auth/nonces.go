package auth

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"github.com/purserhq/purser/internal/secret"
)

// Errors of Claim.
var (
	errReplay = errors.New("auth: nonce already used")
	errFull   = errors.New("auth: no room to remember another nonce")
)

// Limits of the memory for nonces.
const (
	// maxNonces bounds how many nonces are remembered: 64 MiB of tables at most and 32 MiB of
	// file. It is reached at 14,000 requests a second, kept up for a whole window.
	maxNonces = 4 << 20
	// rememberedSeconds is how many different seconds can be remembered at a time: more than a
	// window of MaxWindow to both sides.
	rememberedSeconds = 1024
	firstSlots        = 16
)

// Nonces remembers the nonces that were used, so that each (id, ts, nonce) works once. There
// is one set per second of the requests' own ts, dropped when its second leaves the window.
// A nonce is remembered as a short keyed fingerprint, and kept over a restart, even a violent
// one, in a mapped file. The zero Nonces is not usable; make one with OpenNonces.
type Nonces struct {
	window  int64
	key     [32]byte
	seconds [rememberedSeconds]secondSet
	count   atomic.Int64
	swept   atomic.Int64
	file    *nonceFile
}

// secondSet is an open-addressing hash set of the fingerprints of one second.
type secondSet struct {
	mu     sync.Mutex
	second int64
	used   int
	slots  []uint64
}

// OpenNonces returns the memory for a window of ts to both sides of the clock. What the file
// at path remembers of that window is taken over; an empty path remembers in memory only.
func OpenNonces(path string, window time.Duration, now time.Time) (*Nonces, error) {
	// A part of a second counts as a whole one: rather remembered too long than too short.
	n := &Nonces{window: int64((window + time.Second - 1) / time.Second)}
	if path == "" {
		copy(n.key[:], secret.RandomBytes(len(n.key)))
		return n, nil
	}
	file, err := openNonceFile(path)
	if err != nil {
		return nil, err
	}
	n.file, n.key = file, file.key()
	file.each(func(record uint64) {
		if second, ok := n.recall(record, now.Unix()); ok {
			n.seconds[second%rememberedSeconds].add(second, record, &n.count)
		}
	})
	return n, nil
}

// Close writes what is remembered to the file, if there is one.
func (n *Nonces) Close() error {
	if n.file == nil {
		return nil
	}
	return n.file.close()
}

// Claim uses up a nonce at the given second of its ts, which must lie in the window. It
// returns errReplay when it was used before and errFull when no more can be remembered.
// The record that it returns is to be kept, or to be forgotten once a commit has claimed the nonce.
func (n *Nonces) Claim(now time.Time, second int64, id, ts, nonce string) (record uint64, err error) {
	if at := now.Unix(); n.swept.Swap(at) != at {
		n.sweep(at)
	}
	if n.count.Load() >= maxNonces {
		return 0, errFull
	}
	record = n.record(second, id, ts, nonce)
	if !n.seconds[second%rememberedSeconds].add(second, record, &n.count) {
		return 0, errReplay
	}
	return record, nil
}

// Keep remembers a claimed record over a restart too.
func (n *Nonces) Keep(record uint64) {
	if n.file != nil {
		n.file.append(record)
	}
}

// Forget drops a claimed record of the second, which the database remembers from now on.
func (n *Nonces) Forget(second int64, record uint64) {
	n.seconds[second%rememberedSeconds].remove(second, record, &n.count)
}

// record is a nonce in eight bytes: the low 16 bits of its second and 48 bits of a keyed hash,
// which is enough to mistake a fresh nonce for a used one less than once in 10⁹ requests.
func (n *Nonces) record(second int64, id, ts, nonce string) uint64 {
	var stack [256]byte
	text := append(stack[:0], n.key[:]...)
	text = append(text, id...)
	text = append(text, 0)
	text = append(text, ts...)
	text = append(text, 0)
	text = append(text, nonce...)
	sum := sha256.Sum256(text)
	hash := binary.LittleEndian.Uint64(sum[:]) >> 16
	return uint64(uint16(second)) | max(hash, 1)<<16 // never 0, which is an empty slot
}

// recall finds the second of a record near now; ok is false when it is out of the window.
func (n *Nonces) recall(record uint64, now int64) (second int64, ok bool) {
	offset := int64(int16(uint16(record) - uint16(now)))
	return now + offset, record != 0 && offset >= -n.window && offset <= n.window
}

// sweep drops the sets of seconds that have left the window.
func (n *Nonces) sweep(now int64) {
	for i := range n.seconds {
		set := &n.seconds[i]
		set.mu.Lock()
		if set.used > 0 && set.second < now-n.window {
			n.count.Add(-int64(set.used))
			set.used, set.slots = 0, nil
		}
		set.mu.Unlock()
	}
}

// add puts a record into the set of a second; false when it is there already.
func (s *secondSet) add(second int64, record uint64, count *atomic.Int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.second != second {
		count.Add(-int64(s.used))
		s.second, s.used, s.slots = second, 0, nil
	}
	if 4*(s.used+1) > 3*len(s.slots) {
		s.grow()
	}
	at := s.find(record)
	if s.slots[at] == record {
		return false
	}
	s.slots[at] = record
	s.used++
	count.Add(1)
	return true
}

// remove takes a record out again. Those that had to go on to a later slot because of it move back, so that
// find never meets a gap before what it looks for.
func (s *secondSet) remove(second int64, record uint64, count *atomic.Int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.second != second || s.used == 0 {
		return // the second has left the window
	}
	gap := s.find(record)
	if s.slots[gap] != record {
		return
	}
	mask := len(s.slots) - 1
	for at := (gap + 1) & mask; s.slots[at] != 0; at = (at + 1) & mask {
		home := int(s.slots[at]>>16) & mask
		if (at-home)&mask >= (at-gap)&mask {
			s.slots[gap] = s.slots[at]
			gap = at
		}
	}
	s.slots[gap] = 0
	s.used--
	count.Add(-1)
}

// find is where the record is, or the empty slot where it would go.
func (s *secondSet) find(record uint64) int {
	mask := len(s.slots) - 1
	at := int(record>>16) & mask
	for s.slots[at] != 0 && s.slots[at] != record {
		at = (at + 1) & mask
	}
	return at
}

func (s *secondSet) grow() {
	old := s.slots
	s.slots = make([]uint64, max(firstSlots, 2*len(old)))
	for _, record := range old {
		if record != 0 {
			s.slots[s.find(record)] = record
		}
	}
}

// nonceFile is a ring of records in a mapped file: what is written to it survives the
// process, however that ends. It starts with a magic word, the key of the fingerprints and
// the number of records ever written.
type nonceFile struct {
	file    *os.File
	mapped  []byte
	written *atomic.Uint64
}

const (
	nonceMagic    = "purser-nonces-1\n"
	nonceKeyAt    = len(nonceMagic)
	nonceCountAt  = nonceKeyAt + 32
	nonceRecordAt = 64
	recordSize    = 8
)

func openNonceFile(path string) (*nonceFile, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the nonce file: %w", err)
	}
	const size = nonceRecordAt + maxNonces*recordSize
	if err := file.Truncate(size); err != nil {
		file.Close()
		return nil, fmt.Errorf("sizing the nonce file: %w", err)
	}
	// Room on the disk is taken now: a store into a page that the disk cannot hold would end the
	// process.
	if err := reserve(file, size); err != nil {
		file.Close()
		return nil, fmt.Errorf("taking room for the nonce file: %w", err)
	}
	mapped, err := syscall.Mmap(int(file.Fd()), 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("mapping the nonce file: %w", err)
	}
	f := &nonceFile{file: file, mapped: mapped, written: (*atomic.Uint64)(unsafe.Pointer(&mapped[nonceCountAt]))}
	if string(mapped[:len(nonceMagic)]) != nonceMagic {
		copy(mapped[nonceKeyAt:nonceCountAt], secret.RandomBytes(nonceCountAt-nonceKeyAt))
		f.written.Store(0)
		copy(mapped, nonceMagic)
	}
	return f, nil
}

func (f *nonceFile) key() (key [32]byte) {
	copy(key[:], f.mapped[nonceKeyAt:nonceCountAt])
	return key
}

// append adds a record, over the oldest when the ring is full.
func (f *nonceFile) append(record uint64) {
	at := nonceRecordAt + int((f.written.Add(1)-1)%maxNonces)*recordSize
	binary.LittleEndian.PutUint64(f.mapped[at:], record)
}

// each visits the records, in no order.
func (f *nonceFile) each(visit func(record uint64)) {
	count := min(f.written.Load(), maxNonces)
	for i := range int(count) {
		at := nonceRecordAt + i*recordSize
		visit(binary.LittleEndian.Uint64(f.mapped[at:]))
	}
}

// close gives the file back. The mapping stays until the process ends: a request that was cut
// off when the server stopped may still be writing to it.
func (f *nonceFile) close() error { return f.file.Close() }

// Copy is the content of a nonce file that remembers what is remembered now, without the room for more.
func (n *Nonces) Copy() []byte {
	if n.file == nil {
		return nil
	}
	count := int(min(n.file.written.Load(), maxNonces))
	return append([]byte(nil), n.file.mapped[:nonceRecordAt+count*recordSize]...)
}
