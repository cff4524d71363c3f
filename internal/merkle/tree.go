package merkle

import (
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// TileHeight is the height of tiles: one that is whole holds the hashes of 256 subtrees (C2SP tlog-tiles).
const TileHeight = 8

// tileWidth is how many hashes a whole tile holds.
const tileWidth = 1 << TileHeight

// Tile is one that is written: the first hashes of that tile of that level, up to all 256.
type Tile struct {
	Level  int
	Number int64
	Hashes []byte
}

// Grow puts leaves behind a tree of that size, and returns its new root and the tiles that changed. edge reads a tile of the
// tree as it was; only those at its right edge are asked for.
func Grow(size int64, leaves []tlog.Hash, edge func(level int, number int64) ([]byte, error)) (root tlog.Hash, changed []Tile, err error) {
	grown, rest := size+int64(len(leaves)), []tlog.Hash(nil)
	for level := 0; grown>>(TileHeight*level) > 0; level++ {
		count := size >> (TileHeight * level)
		number, width := count>>TileHeight, int(count%tileWidth)
		var hashes []byte
		if width > 0 {
			if hashes, err = edge(level, number); err != nil {
				return root, nil, err
			}
			if len(hashes) < width*tlog.HashSize {
				return root, nil, fmt.Errorf("merkle: tile %d of level %d has %d bytes, and %d hashes are in the tree", number, level, len(hashes), width)
			}
			hashes = append(make([]byte, 0, tileWidth*tlog.HashSize), hashes[:width*tlog.HashSize]...)
		}
		var above []tlog.Hash
		for _, hash := range leaves {
			hashes = append(hashes, hash[:]...)
			if len(hashes) == tileWidth*tlog.HashSize {
				changed = append(changed, Tile{level, number, hashes})
				above = append(above, treeHash(split(hashes)))
				number, hashes = number+1, nil
			}
		}
		if len(leaves) > 0 && len(hashes) > 0 {
			changed = append(changed, Tile{level, number, hashes})
		}
		if all := append(split(hashes), rest...); len(all) > 0 {
			rest = []tlog.Hash{treeHash(all)}
		}
		leaves = above
	}
	if rest == nil {
		root, err = tlog.TreeHash(0, nil)
		return root, nil, err
	}
	return rest[0], changed, nil
}

// split cuts a tile into hashes.
func split(tile []byte) []tlog.Hash {
	hashes := make([]tlog.Hash, len(tile)/tlog.HashSize)
	for i := range hashes {
		copy(hashes[i][:], tile[i*tlog.HashSize:])
	}
	return hashes
}

// treeHash is the root over subtrees that are equally large, save the last, which may be smaller.
func treeHash(hashes []tlog.Hash) tlog.Hash {
	if len(hashes) == 1 {
		return hashes[0]
	}
	half := 1
	for half*2 < len(hashes) {
		half *= 2
	}
	return tlog.NodeHash(treeHash(hashes[:half]), treeHash(hashes[half:]))
}

// Tree is a log of that size and root, whose tiles are read as they are needed. What is read is checked against the root.
type Tree struct {
	tlog.Tree
	// Read returns the hashes of a tile, at least as many as the tree has of it.
	Read func(level int, number int64) ([]byte, error)
}

// Height is that of tiles; Tree is a tlog.TileReader.
func (t Tree) Height() int { return TileHeight }

// SaveTiles does nothing: nothing is kept.
func (t Tree) SaveTiles([]tlog.Tile, [][]byte) {}

// ReadTiles reads the tiles.
func (t Tree) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	all := make([][]byte, len(tiles))
	for i, tile := range tiles {
		hashes, err := t.Read(tile.L, tile.N)
		if err != nil {
			return nil, err
		}
		if len(hashes) < tile.W*tlog.HashSize {
			return nil, fmt.Errorf("merkle: %s is not there", tile.Path())
		}
		all[i] = hashes[:tile.W*tlog.HashSize]
	}
	return all, nil
}

// ErrNotInLog says that the log is not that large.
var ErrNotInLog = errors.New("merkle: the log is not that large")

// Inclusion proves that the leaf with that index is in the tree (RFC 6962 §2.1.1).
func (t Tree) Inclusion(index int64) (tlog.RecordProof, error) {
	if index < 0 || index >= t.N {
		return nil, ErrNotInLog
	}
	return tlog.ProveRecord(t.N, index, t.Reader())
}

// Consistency proves that the tree begins with the one of that size (RFC 6962 §2.1.2); that proof is empty for the
// tree itself.
func (t Tree) Consistency(size int64) (tlog.TreeProof, error) {
	if size < 1 || size > t.N {
		return nil, ErrNotInLog
	}
	return tlog.ProveTree(t.N, size, t.Reader())
}

// Root is the root of the tree when it had that size.
func (t Tree) Root(size int64) (tlog.Hash, error) {
	if size < 0 || size > t.N {
		return tlog.Hash{}, ErrNotInLog
	}
	return tlog.TreeHash(size, t.Reader())
}

// stack folds hashes of leaves, one after another, into a root.
type stack struct {
	hashes []tlog.Hash
	n      int64
}

func (s *stack) add(leaf tlog.Hash) {
	for n := s.n; n&1 == 1; n >>= 1 {
		last := len(s.hashes) - 1
		leaf = tlog.NodeHash(s.hashes[last], leaf)
		s.hashes = s.hashes[:last]
	}
	s.hashes = append(s.hashes, leaf)
	s.n++
}

func (s *stack) root() tlog.Hash {
	if s.n == 0 {
		empty, _ := tlog.TreeHash(0, nil)
		return empty
	}
	root := s.hashes[len(s.hashes)-1]
	for i := len(s.hashes) - 2; i >= 0; i-- {
		root = tlog.NodeHash(s.hashes[i], root)
	}
	return root
}

// Reader reads hashes of the tree from its tiles, and checks them against its root.
func (t Tree) Reader() tlog.HashReader { return tlog.TileHashReader(t.Tree, t) }
