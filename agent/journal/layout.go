package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// The files of a journal. A segment is one stretch of the log: while it is open
// an event file and an index file, after sealing one file.
const (
	eventsDir  = "events"
	legacyFile = "journal.db" // the whole log, before there were segments

	suffixEvents = ".seg"
	suffixIndex  = ".idx"
	suffixSealed = ".sealed"
	suffixDraft  = ".new" // not finished: removed at the next start
	corruptMark  = ".corrupt-"

	// suffixPending is that of a segment's damaged file whose events are neither back
	// in place nor counted as lost yet.
	suffixPending = ".pending"
)

// segName says where a segment's files are: its events have numbers above base.
type segName struct{ epoch, base uint64 }

func (n segName) String() string { return fmt.Sprintf("%d-%020d", n.epoch, n.base+1) }

func (n segName) path(dir, suffix string) string {
	return filepath.Join(dir, eventsDir, n.String()+suffix)
}

// parseName reads a file name without its suffix.
func parseName(s string) (segName, bool) {
	epoch, first, ok := strings.Cut(s, "-")
	e, err1 := strconv.ParseUint(epoch, 10, 64)
	f, err2 := strconv.ParseUint(first, 10, 64)
	n := segName{epoch: e, base: f - 1}
	return n, ok && err1 == nil && err2 == nil && f > 0 && f <= maxSeq && n.String() == s
}

// listing is what lies in the events folder.
type listing struct {
	open   map[segName]bool
	sealed map[segName]bool
	drafts []string // leftovers of a crash
	aside  []string // damaged files

	pending []damaged // those of them that are not salvaged yet
}

func (l *listing) addPending(name, path string) {
	if n, ok := parseName(name); ok {
		l.pending = append(l.pending, damaged{name: n, file: path, why: errLeftOver})
	}
}

func (l *listing) names() []segName {
	var all []segName
	for n := range l.open {
		all = append(all, n)
	}
	for n := range l.sealed {
		if !l.open[n] {
			all = append(all, n)
		}
	}
	slices.SortFunc(all, compareNames)
	return all
}

func compareNames(a, b segName) int {
	switch {
	case a.base != b.base:
		return cmpUint(a.base, b.base)
	default:
		return cmpUint(a.epoch, b.epoch)
	}
}

func cmpUint(a, b uint64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func list(dir string) (*listing, error) {
	l := &listing{open: map[segName]bool{}, sealed: map[segName]bool{}}
	entries, err := os.ReadDir(filepath.Join(dir, eventsDir))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	indexes := map[segName]string{}
	for _, e := range entries {
		file := e.Name()
		path := filepath.Join(dir, eventsDir, file)
		name, ok := parseName(strings.TrimSuffix(file, filepath.Ext(file)))
		switch {
		case strings.Contains(file, corruptMark):
			l.aside = append(l.aside, path)
			if n, _, _ := strings.Cut(file, "."); strings.HasSuffix(file, suffixPending) {
				l.addPending(n, path)
			}
		case strings.HasSuffix(file, suffixDraft):
			l.drafts = append(l.drafts, path)
		case ok && filepath.Ext(file) == suffixEvents:
			l.open[name] = true
		case ok && filepath.Ext(file) == suffixSealed:
			l.sealed[name] = true
		case ok && filepath.Ext(file) == suffixIndex:
			indexes[name] = path
		}
	}
	for name, path := range indexes {
		if !l.open[name] { // a crash came while the segment was removed
			l.drafts = append(l.drafts, path)
		}
	}
	return l, nil
}

// setAside renames a damaged file, so that it can be salvaged.
func setAside(path, stamp string) (string, error) {
	aside := path + corruptMark + stamp
	if err := os.Rename(path, aside); err != nil {
		return "", fmt.Errorf("set damaged segment aside: %w", err)
	}
	return aside, syncDir(filepath.Dir(path))
}

// salvaged says of a file that was set aside that nothing is left to be done with it.
func salvaged(aside string) error {
	if err := os.Rename(aside, withoutPending(aside)); err != nil {
		return err
	}
	return syncDir(filepath.Dir(aside))
}

// withoutPending is the name that a file set aside has in the end, and is told by.
func withoutPending(aside string) string { return strings.TrimSuffix(aside, suffixPending) }

// remove deletes files; one that is not there is no fault.
func remove(paths ...string) error {
	var errs []error
	for _, p := range paths {
		if err := os.Remove(p); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// asideIn returns the damaged files of a folder.
func asideIn(dir string, entries []os.DirEntry) (paths []string) {
	for _, e := range entries {
		if strings.Contains(e.Name(), corruptMark) {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	return paths
}
