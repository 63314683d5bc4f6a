package plugins

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

const (
	// MaxDead is how many dead letters of a sink are listed one by one. Beyond it
	// the oldest goes, and is counted.
	MaxDead = 10_000
)

// DeadLetter is an event that a sink can never take. The journal has the event.
type DeadLetter struct {
	Seq    uint64    `json:"seq"`
	At     time.Time `json:"at"`
	Reason string    `json:"reason"` // the sink's words
}

// deadLetters is the list of one sink, on disk. It is told of a letter before the
// sink's place moves past the event.
type deadLetters struct {
	path string

	mu      sync.Mutex
	letters []DeadLetter
	lines   int // in the file, with those that were replaced
}

// ReadDead returns a sink's dead letters, without a running sensor.
func ReadDead(stateDir, name string) ([]DeadLetter, error) {
	d, err := openDead(stateDir, name)
	if err != nil {
		return nil, err
	}
	return d.letters, nil
}

func openDead(stateDir, name string) (*deadLetters, error) {
	d := &deadLetters{path: filepath.Join(stateDir, "sinks", name+".dead")}
	text, err := os.ReadFile(d.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open dead letters: %w", err)
	}
	for line := range bytes.Lines(text) {
		d.lines++
		var l DeadLetter
		// A crash leaves half a line, and its event is delivered again.
		if json.Unmarshal(line, &l) == nil && l.Seq > 0 {
			d.put(l)
		}
	}
	return d, nil
}

// put adds a letter, or replaces that of the same event.
func (d *deadLetters) put(l DeadLetter) (displaced bool) {
	if i := slices.IndexFunc(d.letters, func(o DeadLetter) bool { return o.Seq == l.Seq }); i >= 0 {
		d.letters[i] = l
		return false
	}
	d.letters = append(d.letters, l)
	if len(d.letters) > MaxDead {
		d.letters = slices.Delete(d.letters, 0, 1)
		return true
	}
	return false
}

// add lists a letter, on disk when it returns.
func (d *deadLetters) add(l DeadLetter) (displaced bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	displaced = d.put(l)
	if d.lines >= 2*MaxDead {
		return displaced, d.rewrite()
	}
	b, err := json.Marshal(l)
	if err != nil {
		return displaced, fmt.Errorf("encode dead letter: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(d.path), 0o700); err != nil {
		return displaced, fmt.Errorf("store dead letter: %w", err)
	}
	f, err := os.OpenFile(d.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return displaced, fmt.Errorf("store dead letter: %w", err)
	}
	// A newline before it too: what a crash left must not swallow it.
	_, err = fmt.Fprintf(f, "\n%s\n", b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return displaced, fmt.Errorf("store dead letter: %w", err)
	}
	d.lines += 2
	return displaced, nil
}

// remove takes letters off the list.
func (d *deadLetters) remove(seqs ...uint64) error {
	if len(seqs) == 0 {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.letters = slices.DeleteFunc(d.letters, func(l DeadLetter) bool { return slices.Contains(seqs, l.Seq) })
	return d.rewrite()
}

// rewrite puts the list into a new file in the place of the old one.
func (d *deadLetters) rewrite() error {
	var text []byte
	for _, l := range d.letters {
		b, err := json.Marshal(l)
		if err != nil {
			return fmt.Errorf("encode dead letter: %w", err)
		}
		text = append(append(text, b...), '\n')
	}
	draft := d.path + ".new"
	f, err := os.OpenFile(draft, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("store dead letters: %w", err)
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(draft, d.path)
	}
	if err != nil {
		return fmt.Errorf("store dead letters: %w", err)
	}
	d.lines = len(d.letters)
	return nil
}

func (d *deadLetters) all() []DeadLetter {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.letters)
}

func (d *deadLetters) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.letters)
}
