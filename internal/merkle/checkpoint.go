package merkle

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// NewKey makes a key that signs checkpoints of the log with that name: private, for SignCheckpoint alone, and public, for
// everybody. Both are text (C2SP signed-note).
func NewKey(random io.Reader, origin string) (private, public string, err error) {
	return note.GenerateKey(random, origin)
}

// ValidOrigin says whether a log can be called that: it begins checkpoints and names keys.
func ValidOrigin(name string) bool {
	return name != "" && len(name) <= 200 && plain(name) && !strings.Contains(name, "+")
}

// SignCheckpoint writes a checkpoint (C2SP tlog-checkpoint), signed with each of the private keys.
func SignCheckpoint(origin string, tree tlog.Tree, private ...string) ([]byte, error) {
	signers := make([]note.Signer, len(private))
	for i, key := range private {
		var err error
		if signers[i], err = note.NewSigner(key); err != nil {
			return nil, errors.New("merkle: a key that signs checkpoints cannot be read") // never with the key in it
		}
	}
	text := fmt.Sprintf("%s\n%d\n%s\n", origin, tree.N, tree.Hash)
	return note.Sign(&note.Note{Text: text}, signers...)
}

// ErrSignature says that none of the keys signed a checkpoint.
var ErrSignature = errors.New("merkle: the checkpoint is not signed by a known key")

// OpenCheckpoint reads a checkpoint that one of the public keys has signed.
func OpenCheckpoint(signed []byte, public ...string) (origin string, tree tlog.Tree, err error) {
	verifiers := make([]note.Verifier, len(public))
	for i, key := range public {
		if verifiers[i], err = note.NewVerifier(key); err != nil {
			return "", tree, fmt.Errorf("merkle: %q is no public key: %w", key, err)
		}
	}
	opened, err := note.Open(signed, note.VerifierList(verifiers...))
	if err != nil {
		return "", tree, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	return ParseCheckpoint([]byte(opened.Text))
}

// ParseCheckpoint reads a checkpoint without looking at its signatures.
func ParseCheckpoint(text []byte) (origin string, tree tlog.Tree, err error) {
	lines := bytes.SplitN(text, []byte("\n"), 4)
	if len(lines) < 4 {
		return "", tree, errors.New("merkle: a checkpoint has three lines")
	}
	origin = string(lines[0])
	tree.N, err = strconv.ParseInt(string(lines[1]), 10, 64)
	if err != nil || tree.N < 0 || strconv.FormatInt(tree.N, 10) != string(lines[1]) {
		return "", tree, fmt.Errorf("merkle: %q is no size of a log", lines[1])
	}
	root, err := base64.StdEncoding.Strict().DecodeString(string(lines[2]))
	if err != nil || len(root) != tlog.HashSize {
		return "", tree, fmt.Errorf("merkle: %q is no root of a log", lines[2])
	}
	copy(tree.Hash[:], root)
	return origin, tree, nil
}

// Hashes writes a proof as texts, in base64; ParseHashes reads it.
func Hashes(proof []tlog.Hash) []string {
	texts := make([]string, len(proof))
	for i, hash := range proof {
		texts[i] = hash.String()
	}
	return texts
}

// ParseHashes is described at Hashes.
func ParseHashes(texts []string) ([]tlog.Hash, error) {
	proof := make([]tlog.Hash, len(texts))
	for i, text := range texts {
		var err error
		if proof[i], err = tlog.ParseHash(text); err != nil {
			return nil, fmt.Errorf("merkle: %q is no hash in base64", text)
		}
	}
	return proof, nil
}

// TilePath is where a tile stands below the address of a log, such as "tile/0/x001/234" or "tile/1/000.p/17" (C2SP
// tlog-tiles).
func TilePath(t tlog.Tile) string {
	return "tile/" + strings.TrimPrefix(t.Path(), fmt.Sprintf("tile/%d/", TileHeight))
}

// ParseTilePath reads such a path; ok is false for any other text.
func ParseTilePath(path string) (t tlog.Tile, ok bool) {
	rest, ok := strings.CutPrefix(path, "tile/")
	if !ok {
		return t, false
	}
	t, err := tlog.ParseTilePath(fmt.Sprintf("tile/%d/%s", TileHeight, rest))
	return t, err == nil && t.L >= 0 && t.L < 8
}
