package merkle_test

import (
	"bytes"
	"crypto/sha256"
)

// What RFC 6962 §2.1 says, written down once more from its text, with nothing of the house or of its libraries: a tree over
// all data, the paths out of it, and how who has only the path checks them (as RFC 9162 §2.1.3.2 and §2.1.4.2 put it).

// mth is the Merkle Tree Hash of a list (§2.1).
func mth(d [][]byte) []byte {
	switch len(d) {
	case 0:
		sum := sha256.Sum256(nil)
		return sum[:]
	case 1:
		sum := sha256.Sum256(append([]byte{0}, d[0]...))
		return sum[:]
	}
	k := largestPower(len(d))
	return node(mth(d[:k]), mth(d[k:]))
}

func node(left, right []byte) []byte {
	sum := sha256.Sum256(append(append([]byte{1}, left...), right...))
	return sum[:]
}

// largestPower is the largest power of two smaller than n.
func largestPower(n int) int {
	k := 1
	for k<<1 < n {
		k <<= 1
	}
	return k
}

// path is PATH(m, D[n]) (§2.1.1).
func path(m int, d [][]byte) [][]byte {
	if len(d) == 1 {
		return nil
	}
	if k := largestPower(len(d)); m < k {
		return append(path(m, d[:k]), mth(d[k:]))
	} else {
		return append(path(m-k, d[k:]), mth(d[:k]))
	}
}

// proof is PROOF(m, D[n]) (§2.1.2).
func proof(m int, d [][]byte) [][]byte { return subproof(m, d, true) }

func subproof(m int, d [][]byte, whole bool) [][]byte {
	if m == len(d) {
		if whole {
			return nil
		}
		return [][]byte{mth(d)}
	}
	if k := largestPower(len(d)); m <= k {
		return append(subproof(m, d[:k], whole), mth(d[k:]))
	} else {
		return append(subproof(m-k, d[k:], false), mth(d[:k]))
	}
}

// included checks an inclusion proof.
func included(hash []byte, index, size uint64, path [][]byte, root []byte) bool {
	if index >= size {
		return false
	}
	fn, sn, r := index, size-1, hash
	for _, p := range path {
		if sn == 0 {
			return false
		}
		if fn&1 == 1 || fn == sn {
			r = node(p, r)
			for fn&1 == 0 && fn != 0 {
				fn, sn = fn>>1, sn>>1
			}
		} else {
			r = node(r, p)
		}
		fn, sn = fn>>1, sn>>1
	}
	return sn == 0 && bytes.Equal(r, root)
}

// consistent checks a consistency proof.
func consistent(first, second uint64, path [][]byte, firstRoot, secondRoot []byte) bool {
	if first == second {
		return len(path) == 0 && bytes.Equal(firstRoot, secondRoot)
	}
	if first == 0 || first > second {
		return false
	}
	if first&(first-1) == 0 {
		path = append([][]byte{firstRoot}, path...)
	}
	if len(path) == 0 {
		return false
	}
	fn, sn := first-1, second-1
	for fn&1 == 1 {
		fn, sn = fn>>1, sn>>1
	}
	fr, sr := path[0], path[0]
	for _, c := range path[1:] {
		if sn == 0 {
			return false
		}
		if fn&1 == 1 || fn == sn {
			fr, sr = node(c, fr), node(c, sr)
			for fn&1 == 0 && fn != 0 {
				fn, sn = fn>>1, sn>>1
			}
		} else {
			sr = node(sr, c)
		}
		fn, sn = fn>>1, sn>>1
	}
	return sn == 0 && bytes.Equal(fr, firstRoot) && bytes.Equal(sr, secondRoot)
}
