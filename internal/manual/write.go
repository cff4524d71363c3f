package manual

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Write puts the whole site into a folder, which it makes, and returns how many files there are. It reads well from there,
// and from any address that the folder is served at. A folder that holds something else than an earlier site is refused.
func (s *Site) Write(folder string) (files int, err error) {
	if err := mayWrite(folder); err != nil {
		return 0, err
	}
	names, err := s.files()
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		file, err := s.file(name)
		if err != nil {
			return files, err
		}
		if file == nil {
			return files, fmt.Errorf("the manual has no %s", name)
		}
		content, err := file.content()
		if err != nil {
			return files, err
		}
		to := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return files, err
		}
		if err := os.WriteFile(to, content, 0o644); err != nil {
			return files, err
		}
		files++
	}
	return files, nil
}

// styleMark is how our style sheet begins, by which an earlier site is known.
var styleMark, _, _ = bytes.Cut(style, []byte(":"))

func mayWrite(folder string) error {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	if earlier, err := os.ReadFile(filepath.Join(folder, styleFile)); err == nil && bytes.HasPrefix(earlier, styleMark) {
		return nil
	}
	return fmt.Errorf("%s holds something else than an earlier manual: name an empty folder, or one that there is not", folder)
}
