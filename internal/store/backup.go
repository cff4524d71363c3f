package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Backup writes the SQLite database at an address to a new file, as CopyTo does: all of one moment, for its owner alone, without
// leases and without a lineage. It needs no key and no lock, and who has the database open goes on writing meanwhile. The file is on
// the disk when it returns; where it fails there is none. It fails with ErrNotAFile for a PostgreSQL, and where the file is there.
func Backup(ctx context.Context, address, path string) (err error) {
	source, is := strings.CutPrefix(address, "sqlite:")
	if !is {
		return ErrNotAFile
	}
	if _, err := os.Stat(source); err != nil {
		return err
	}
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%s: %w", path, fs.ErrExist)
	}
	// Readers of the WAL keep nobody from writing; that this one only reads is for the system to see to, since query_only
	// would keep it from writing the copy.
	from, err := sql.Open("sqlite", "file:"+sqlitePath(source)+"?mode=ro&_pragma=busy_timeout(5000)")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	partial := path + ".partial"
	defer func() {
		if err != nil && !errors.Is(err, fs.ErrExist) {
			os.Remove(partial)
			os.Remove(partial + "-journal")
		}
	}()
	if err := copyTo(ctx, from, partial); err != nil {
		return err
	}
	if err := syncFile(partial); err != nil {
		return err
	}
	if err := os.Rename(partial, path); err != nil {
		return err
	}
	return syncFile(filepath.Dir(path))
}

// syncFile has what was written to a file, or the names in a folder, be on the disk.
func syncFile(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}
