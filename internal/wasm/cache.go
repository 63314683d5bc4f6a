package wasm

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/tetratelabs/wazero"
)

const (
	sumSuffix  = ".sum"  // beside an entry: its SHA-256
	doneSuffix = ".done" // named by a module's SHA-256: it has been compiled
	tempSuffix = ".tmp"
	tempAge    = time.Hour // an abandoned temporary file is older than this
)

// diskCache guards wazero's directory of native code. wazero checks the code of
// an entry but believes its header, fails where it could compile again, and
// would execute whatever it reads; so each entry has a checksum beside it, and
// an entry without the right one is removed before wazero sees it. This is
// against crashes and bad disks. Against a writer only the directory's owner and
// mode help.
type diskCache struct {
	dir string
	sub string // wazero's own directory within, for this version and platform
	log *slog.Logger

	mu      sync.Mutex
	checked map[string]stamp // entries that were right, as they were then
}

type stamp struct {
	size    int64
	changed time.Time
}

func openDiskCache(dir string, log *slog.Logger) (*diskCache, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open the guest cache: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open the guest cache: %w", err)
	}
	if err := ownDirectory(dir); err != nil {
		return nil, fmt.Errorf("open the guest cache: %w", err)
	}
	return &diskCache{dir: dir, log: log, checked: map[string]stamp{}}, nil
}

// ownDirectory refuses a directory that somebody else could put code into.
func ownDirectory(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	switch {
	case !info.IsDir():
		return fmt.Errorf("%s is not a directory", dir)
	case !ownFile(info):
		return fmt.Errorf("%s belongs to another user", dir)
	case info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("%s can be written by others (mode %04o), it must be 0700", dir, info.Mode().Perm())
	}
	return nil
}

// wazero opens the cache for use.
func (c *diskCache) wazero() (code wazero.CompilationCache, err error) {
	if c.sub, err = c.subdirectory(); err == nil {
		code, err = wazero.NewCompilationCacheWithDir(c.dir)
	}
	if err == nil {
		err = ownDirectory(c.sub)
	}
	if err != nil {
		return nil, fmt.Errorf("open the guest cache: %w", err)
	}
	return code, nil
}

// subdirectory finds out what wazero calls its directory: it has no function
// that tells, but it makes one in an empty directory.
func (c *diskCache) subdirectory() (string, error) {
	probe, err := os.MkdirTemp(c.dir, "probe-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(probe)
	if _, err := wazero.NewCompilationCacheWithDir(probe); err != nil {
		return "", err
	}
	list, err := os.ReadDir(probe)
	if err != nil || len(list) != 1 {
		return "", fmt.Errorf("find the directory for this version: %d entries: %w", len(list), err)
	}
	return filepath.Join(c.dir, list[0].Name()), nil
}

// verify removes entries that are not as they were written. It reads each file
// once per process.
func (c *diskCache) verify() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.each(func(path string, info fs.FileInfo) {
		switch {
		case strings.HasSuffix(path, tempSuffix):
			if time.Since(info.ModTime()) > tempAge {
				c.remove(path, "abandoned")
			}
		case !isEntry(path) || c.known(path, info):
		case !ownFile(info) || !info.Mode().IsRegular() || info.Mode().Perm()&0o022 != 0:
			c.remove(path, "not ours alone")
		case !sumMatches(path):
			c.remove(path, "checksum")
		default:
			c.checked[path] = stamp{info.Size(), info.ModTime()}
		}
	})
}

func (c *diskCache) each(visit func(path string, info fs.FileInfo)) {
	list, err := os.ReadDir(c.sub)
	if err != nil {
		return // wazero meets the same error, and reports it
	}
	for _, e := range list {
		if info, err := e.Info(); err == nil {
			visit(filepath.Join(c.sub, e.Name()), info)
		}
	}
}

func isEntry(path string) bool {
	name := filepath.Base(path)
	if len(name) != 2*sha256.Size {
		return false
	}
	_, err := hex.DecodeString(name)
	return err == nil
}

func (c *diskCache) known(path string, info fs.FileInfo) bool {
	return c.checked[path] == stamp{info.Size(), info.ModTime()}
}

// remove drops a file. Which module an entry belongs to cannot be told, so no
// module counts as compiled afterwards.
func (c *diskCache) remove(path, reason string) {
	c.log.Warn("guest cache entry dropped", "file", path, "reason", reason)
	_ = os.RemoveAll(path) // if it stays, wazero reports it
	_ = os.Remove(path + sumSuffix)
	delete(c.checked, path)
	list, _ := os.ReadDir(c.sub) // at worst a child is spared that would have been safer
	for _, e := range list {
		if strings.HasSuffix(e.Name(), doneSuffix) {
			_ = os.Remove(filepath.Join(c.sub, e.Name()))
		}
	}
}

// discard drops all entries after wazero failed over one of them.
func (c *diskCache) discard(cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.each(func(path string, _ fs.FileInfo) {
		if isEntry(path) {
			c.remove(path, clip(cause.Error()))
		}
	})
}

// has reports whether a module was compiled before. False where unsure.
func (c *diskCache) has(digest [sha256.Size]byte) bool {
	_, err := os.Stat(c.doneMark(digest))
	return err == nil
}

func (c *diskCache) doneMark(digest [sha256.Size]byte) string {
	return filepath.Join(c.sub, hex.EncodeToString(digest[:])+doneSuffix)
}

// seal writes the checksums of new entries, and the mark of the module that was
// just compiled. What cannot be written is compiled again at the next start.
func (c *diskCache) seal(digest [sha256.Size]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.each(func(path string, info fs.FileInfo) {
		if !isEntry(path) || c.known(path, info) {
			return
		}
		sum, err := fileSum(path)
		if err == nil {
			err = writeFile(path+sumSuffix, sum)
		}
		if err != nil {
			c.log.Warn("guest cache entry not kept", "file", path, "error", err)
			return
		}
		c.checked[path] = stamp{info.Size(), info.ModTime()}
	})
	if !c.has(digest) {
		if err := writeFile(c.doneMark(digest), ""); err != nil {
			c.log.Warn("guest cache mark not written", "error", err)
		}
	}
}

func sumMatches(path string) bool {
	want, err := os.ReadFile(path + sumSuffix)
	if err != nil {
		return false
	}
	got, err := fileSum(path)
	return err == nil && got == string(want)
}

func fileSum(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// writeFile replaces a file in one step.
func writeFile(path, text string) error {
	temp := path + tempSuffix
	if err := os.WriteFile(temp, []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(temp, path)
}
