package child

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Program is a plugin's executable, opened. What was checked is what is run: the
// descriptor stays the same file whatever happens to its name.
type Program struct {
	file *os.File
	path string
}

// Open opens an executable and refuses one that others could have changed:
// it and its folder must belong to root or to the sensor's user, and be writable to
// the owner alone.
func Open(path, checksum string) (_ *Program, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("plugin %s: %w", path, err)
		}
	}()
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, cause(err)
	}
	if err := trusted(filepath.Dir(real), os.Lstat); err != nil {
		return nil, err
	}
	f, err := os.Open(real)
	if err != nil {
		return nil, cause(err)
	}
	p := &Program{f, real}
	if err := p.check(checksum); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return p, nil
}

// Close closes the file. What was started from it runs on.
func (p *Program) Close() error { return p.file.Close() }

func (p *Program) check(checksum string) error {
	info, err := p.file.Stat()
	if err != nil {
		return cause(err)
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0 {
		return errors.New("it is not an executable file")
	}
	if err := trusted(p.path, func(string) (fs.FileInfo, error) { return info, nil }); err != nil {
		return err
	}
	if checksum == "" {
		return nil
	}
	h := sha256.New()
	if _, err := io.Copy(h, p.file); err != nil {
		return cause(err)
	}
	if got := hex.EncodeToString(h.Sum(nil)); !strings.EqualFold(got, checksum) {
		return fmt.Errorf("its SHA-256 is %s, and checksum says %s", got, checksum)
	}
	return nil
}

// trusted reports what lets others change a file or folder.
func trusted(path string, stat func(string) (fs.FileInfo, error)) error {
	info, err := stat(path)
	switch {
	case err != nil:
		return cause(err)
	case !ownedBy(info, 0) && !ownedBy(info, os.Geteuid()):
		return fmt.Errorf("%s must belong to root or to the sensor's user", path)
	case info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("others may write to %s: chmod go-w it", path)
	}
	return nil
}

// cause is a file error without the path, which the caller names.
func cause(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}

// isScript reports whether the kernel would start an interpreter, which opens the
// file again by its name.
func (p *Program) isScript() bool {
	var magic [2]byte
	_, err := p.file.ReadAt(magic[:], 0)
	return err == nil && string(magic[:]) == "#!"
}
