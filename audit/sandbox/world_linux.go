package sandbox

import (
	"archive/tar"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// world is what the file system in memory begins with, as a tar stream from this
// process to the holder: the home, the temporary folder, /etc, copies of the
// host's folders. The holder owns what it unpacks, and so does the server.
type world struct {
	*tar.Writer
}

func (w world) dir(name string, mode fs.FileMode) error {
	return w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: int64(mode)})
}

func (w world) file(name, content string, mode fs.FileMode) error {
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: int64(mode), Size: int64(len(content))}); err != nil {
		return err
	}
	_, err := io.WriteString(w, content)
	return err
}

func (w world) link(name, to string) error {
	return w.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: to})
}

// copy adds a folder or file of the host. What is neither file, folder nor link is
// left out, and what is in folders of the list empty. If source is a link, what it
// leads to is copied; links below it stay links.
func (w world) copy(source, name string, empty []string) error {
	source, err := filepath.EvalSymlinks(source)
	if err != nil {
		return err
	}
	return filepath.WalkDir(source, func(at string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		below, err := filepath.Rel(source, at)
		if err != nil {
			return err
		}
		if err := w.copyOne(at, path.Join(name, filepath.ToSlash(below))); err != nil {
			return err
		}
		if d.IsDir() && slices.Contains(empty, below) {
			return fs.SkipDir
		}
		return nil
	})
}

func (w world) copyOne(at, name string) error {
	info, err := os.Lstat(at)
	if err != nil {
		return err
	}
	switch mode := info.Mode(); {
	case mode.IsDir():
		return w.dir(name, mode.Perm()|0o700)
	case mode&fs.ModeSymlink != 0:
		to, err := os.Readlink(at)
		if err != nil {
			return err
		}
		return w.link(name, to)
	case mode.IsRegular():
		return w.copyFile(at, name, info)
	}
	return nil
}

func (w world) copyFile(at, name string, info fs.FileInfo) error {
	f, err := os.Open(at)
	if err != nil {
		return err
	}
	defer f.Close()
	h := &tar.Header{
		Typeflag: tar.TypeReg, Name: name, Size: info.Size(),
		Mode: int64(info.Mode().Perm() | 0o600), ModTime: info.ModTime(),
	}
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	if _, err := io.Copy(w, io.LimitReader(f, h.Size)); err != nil {
		return err
	}
	return w.Flush() // says so if the file has become shorter meanwhile
}

// fill writes the whole world and ends the stream.
func (b *Box) fill(out io.Writer) error {
	w := world{tar.NewWriter(out)}
	steps := []func(world) error{b.fillFolders, b.fillHome, b.fillEtc, b.fillMounts}
	for _, step := range steps {
		if err := step(w); err != nil {
			return err
		}
	}
	return w.Close()
}

// fillFolders makes the folders that everything else lies in.
func (b *Box) fillFolders(w world) error {
	var errs []error
	for _, name := range []string{"home", "run", "mnt", "copy", "etc", "etc/alternatives"} {
		errs = append(errs, w.dir(name, 0o755))
	}
	errs = append(errs, w.dir("tmp", 0o700), w.dir("tmp/"+path.Base(path.Dir(b.agent)), 0o700))
	return errors.Join(errs...)
}

func (b *Box) fillHome(w world) error {
	if err := writeTree(w, "home", b.plan.Files, 0o600); err != nil {
		return err
	}
	if below, ok := strings.CutPrefix(b.opts.Dir, b.opts.Home+"/"); ok {
		return w.dir("home/"+below, 0o755)
	}
	return nil
}

func (b *Box) fillEtc(w world) error {
	sum := sha256.Sum256([]byte("machine-id\x00" + b.opts.Seed))
	files, links := etc(path.Base(b.opts.Home), b.opts.Home, fmt.Sprintf("%x", sum[:16]), b.ca.PEM())
	if err := writeTree(w, "etc", files, 0o644); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(links)) {
		if err := w.link("etc/"+name, links[name]); err != nil {
			return err
		}
	}
	return nil
}

// fillMounts copies what the server may write to, and makes the places where the
// holder attaches what it may only read.
func (b *Box) fillMounts(w world) error {
	for i, m := range b.opts.Mounts {
		n := strconv.Itoa(i)
		var err error
		switch {
		case m.Mode == Fresh:
			err = w.dir("copy/"+n, 0o755)
		case m.Mode == Copy:
			err = w.copy(m.Source, "copy/"+n, m.Empty)
		case b.trees[i] == nil: // bound by its path
		case isDir(m.Source):
			err = w.dir("mnt/"+n, 0o755)
		default:
			err = w.file("mnt/"+n, "", 0o644)
		}
		if err != nil {
			return fmt.Errorf("copy %s into the box: %w", m.Source, err)
		}
	}
	return nil
}

func isDir(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// writeTree adds files with the folders they are in.
func writeTree(w world, below string, files map[string]string, mode fs.FileMode) error {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := w.file(below+"/"+name, files[name], mode); err != nil {
			return err
		}
	}
	return nil
}

// unpack is the holder's side: it makes of the stream what it says, below root.
func unpack(in io.Reader, root *os.Root) error {
	r := tar.NewReader(in)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the world: %w", err)
		}
		if err := unpackOne(r, h, root); err != nil {
			return fmt.Errorf("write %s: %w", h.Name, err)
		}
	}
}

func unpackOne(r io.Reader, h *tar.Header, root *os.Root) error {
	if err := root.MkdirAll(path.Dir(h.Name), 0o755); err != nil {
		return err
	}
	mode := fs.FileMode(h.Mode).Perm()
	switch h.Typeflag {
	case tar.TypeDir:
		if err := root.MkdirAll(h.Name, 0o755); err != nil {
			return err
		}
		return root.Chmod(h.Name, mode)
	case tar.TypeSymlink:
		return root.Symlink(h.Linkname, h.Name)
	}
	f, err := root.OpenFile(h.Name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}
