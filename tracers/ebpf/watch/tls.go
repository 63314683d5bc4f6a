//go:build linux && amd64

package watch

import (
	"fmt"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/killdeer-mcp/killdeer/sdk"
)

const (
	// maxTLS is how many files are looked into for OpenSSL's functions.
	maxTLS = 64
)

// tlsFunctions are those whose second argument is about to be encrypted.
var tlsFunctions = []string{"SSL_write", "SSL_write_ex"}

// tls puts a probe on OpenSSL's functions in programs that export them, as Node
// does, and in its library.
type tls struct {
	prog *ebpf.Program

	mu     sync.Mutex
	seen   map[sdk.FileID]bool
	links  []link.Link
	closed bool
	work   sync.WaitGroup
}

// usual are files with those functions on most machines, which are looked into before
// anything runs; the others are when they are met, and what is sent until then is
// missed.
var usual = []string{"/usr/lib/*/libssl.so.*", "/usr/lib64/libssl.so.*"}

func newTLS(k *kernel) *tls {
	t := &tls{prog: k.coll.Programs[traceProgTls], seen: map[sdk.FileID]bool{}}
	if node, err := exec.LookPath("node"); err == nil {
		t.look(node)
	}
	for _, pattern := range usual {
		files, _ := filepath.Glob(pattern)
		for _, file := range files {
			t.look(file)
		}
	}
	t.work.Wait()
	return t
}

// consider looks at what is executed or loaded. It does not wait: a program that has
// just begun takes longer to its first connection.
func (t *tls) consider(o *sdk.Observation) {
	var file string
	switch {
	case o.Errno != "":
		return
	case o.Kind == sdk.ObservedExec:
		file = fmt.Sprintf("/proc/%d/exe", o.PID)
	case o.Kind == sdk.ObservedOpen && strings.HasPrefix(path.Base(o.PathReal), "libssl.so"):
		file = fmt.Sprintf("/proc/%d/root%s", o.PID, o.PathReal)
	default:
		return
	}
	t.look(file)
}

func (t *tls) look(file string) {
	var st unix.Stat_t
	if unix.Stat(file, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return
	}
	id := sdk.FileID{Dev: st.Dev, Ino: st.Ino}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || t.seen[id] || len(t.seen) >= maxTLS {
		return
	}
	t.seen[id] = true
	t.work.Go(func() { t.attach(file) })
}

// attach puts the probes on one file. Most have no such functions.
func (t *tls) attach(file string) {
	exe, err := link.OpenExecutable(file)
	if err != nil {
		return
	}
	for _, name := range tlsFunctions {
		l, err := exe.Uprobe(name, t.prog, nil)
		if err != nil {
			continue
		}
		t.mu.Lock()
		t.links = append(t.links, l)
		t.mu.Unlock()
	}
}

func (t *tls) close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.work.Wait()
	for _, l := range t.links {
		_ = l.Close() // it is gone with the program anyway
	}
}
