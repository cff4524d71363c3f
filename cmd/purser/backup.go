package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/purserhq/purser/internal/store"
)

// backedUp is a backup that was written.
type backedUp struct {
	File  string `json:"file"`
	Bytes int64  `json:"bytes"`
}

// newBackup is `purser backup`: a copy of a SQLite database, beside its server.
func newBackup(p *program) *cobra.Command {
	command := &cobra.Command{
		Use:   "backup FILE",
		Short: "Write a copy of a SQLite database to a new file",
		Long: "Writes the whole database to a new file, as it is at one moment, and only its owner may read that. It needs no key and no\n" +
			"lock, and the server goes on. Keep the key-encryption key as well, elsewhere: without it the copy is worth nothing. A\n" +
			"PostgreSQL is backed up by its own means, such as pg_dump.",
		Example: "  purser backup purser-monday.db --data /var/lib/purser && purser verify --database sqlite:purser-monday.db",
		Args:    cobra.ExactArgs(1),
	}
	return newVerb(p, command, nil, func(v *verb) error {
		address, err := v.address()
		if err != nil {
			return err
		}
		switch err := store.Backup(v.ctx, address, v.args[0]); {
		case errors.Is(err, store.ErrNotAFile):
			return errors.New("this is no SQLite database: back a PostgreSQL up by its own means, such as pg_dump")
		case errors.Is(err, fs.ErrExist):
			return fmt.Errorf("the file must be a new one: %w", err)
		case err != nil:
			return err
		}
		info, err := os.Stat(v.args[0])
		if err != nil {
			return err
		}
		done := backedUp{v.args[0], info.Size()}
		return v.answer(done, func(p *page) { p.line("%d bytes were written to %s.", done.Bytes, done.File) })
	})
}
