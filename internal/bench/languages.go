package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/killdeer-mcp/killdeer/internal/wasm"
)

const (
	// holders is how many clients hold a guest instance when memory is read: so few
	// that the sensor keeps all of them.
	holders = 24
	// startsEach is how many starts are timed, the others running on the machine being
	// what makes them differ.
	startsEach = 3
	// warmCalls are not measured.
	warmCalls = 100
	// tomlGuest runs the persona in TOML, and is what there is to load of it.
	tomlGuest = "internal/guests/bin/persona-toml.wasm"
)

// languages measures the variants of the vault persona that the examples have
// built, each on a sensor of its own without rules. The table is Markdown.
func (b *benchmark) languages() error {
	files, err := variants(b.examples)
	if err != nil {
		return err
	}
	fmt.Printf("\none persona in each language, tools/call with a reason of %d bytes that is new each time\n\n"+
		"| persona | module | start, cold | start, warm | memory of a client | calls/s | CPU of a call | guest alone |\n|---|---|---|---|---|---|---|---|\n", b.text)
	for _, file := range files {
		if err := b.language(file); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

// variants lists the personas below a folder.
func variants(dir string) ([]string, error) {
	var files []string
	for _, name := range []string{"vault.wasm", "vault.toml"} {
		found, err := filepath.Glob(filepath.Join(dir, "*", name))
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no persona is built in %s: go test -run TestVault ./examples", dir)
	}
	return files, nil
}

// language prints the row of one variant.
func (b *benchmark) language(file string) error {
	size, err := moduleSize(file)
	if err != nil {
		return err
	}
	cold, err := b.fastestStart(file, true)
	if err != nil {
		return err
	}
	warm, err := b.fastestStart(file, false)
	if err != nil {
		return err
	}
	s, err := b.startVariant(file)
	if err != nil {
		return err
	}
	each, err := b.perClient(s)
	var r *result
	if err == nil {
		r, err = b.turn(s, speech{path: mcpPath}, vaultWorkload(b.text), b.conns, b.round*time.Duration(b.rounds))
	}
	if err := errors.Join(err, s.stop()); err != nil {
		return err
	}
	alone, err := b.guestAlone(file)
	if err != nil {
		return err
	}
	fmt.Printf("| %s | %.0f KB | %v | %v | %.2f MB | %.0f | %v | %s |\n", filepath.Base(filepath.Dir(file)),
		float64(size)/1e3, cold, warm, each, r.rate(), r.cost(), alone)
	return nil
}

// fastestStart is the shortest of a few times from start to the first answer, with
// the compile cache emptied before each or not.
func (b *benchmark) fastestStart(file string, empty bool) (best time.Duration, err error) {
	for i := range startsEach {
		if empty {
			if err := os.RemoveAll(filepath.Join(b.dir, "cache")); err != nil {
				return 0, err
			}
		}
		s, err := b.startVariant(file)
		if err != nil {
			return 0, err
		}
		if err := s.stop(); err != nil {
			return 0, err
		}
		if took := (s.took + s.answered).Round(time.Millisecond); i == 0 || took < best {
			best = took
		}
	}
	return best, nil
}

// moduleSize is how many bytes there are to load.
func moduleSize(file string) (int64, error) {
	if strings.HasSuffix(file, ".toml") {
		file = tomlGuest
	}
	info, err := os.Stat(file)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (b *benchmark) startVariant(file string) (*server, error) {
	path, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	return b.startSensor("vault-"+filepath.Base(filepath.Dir(path)), fmt.Sprintf("personas = [%q]\n[rules]\npacks = []", path))
}

// perClient is how much memory, in MB, a client costs that has called a tool and
// holds an instance.
func (b *benchmark) perClient(s *server) (mb float64, err error) {
	var clients []*client
	defer func() {
		for _, c := range clients {
			c.close()
		}
	}()
	call := vaultWorkload(b.text)
	grow := func(n int) (float64, error) {
		for range n {
			c, err := b.dial(s.addr, speech{path: mcpPath})
			if err != nil {
				return 0, err
			}
			clients = append(clients, c)
			if err := call.check(c); err != nil {
				return 0, err
			}
		}
		if _, err := s.rest(); err != nil {
			return 0, err
		}
		m, err := s.memory()
		return m.anonymous, err
	}
	before, err := grow(1)
	if err != nil {
		return 0, err
	}
	after, err := grow(holders)
	return (after - before) / holders, err
}

// guestAlone is the processor time of one call of the guest, in this process and
// without a sensor around it.
func (b *benchmark) guestAlone(file string) (_ string, err error) {
	if strings.HasSuffix(file, ".toml") {
		return "-", nil // it takes its text from the sensor
	}
	code, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	ctx := context.Background()
	rt, err := wasm.New(ctx, wasm.Options{Limits: wasm.DefaultLimits()})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, rt.Close(ctx)) }()
	guest, err := rt.Load(ctx, file, code)
	if err != nil {
		return "", err
	}
	reason := strings.Repeat("x", max(b.text-counterDigits, 0))
	call := func(n int) error {
		_, err := guest.Call(ctx, wasm.Request{Source: "bench", Input: fmt.Appendf(nil, `{"abi":1,"op":"call","persona":"vault","seed":"1","now":"2026-03-01T12:00:00Z",`+
			`"state":null,"can":[],"tool":"request_access","args":{"path":"restricted/root-token","reason":"%d%s"},"mark":"0123456789abcdef"}`, n, reason)})
		return err
	}
	for n := range warmCalls {
		if err := call(n); err != nil {
			return "", err
		}
	}
	begin, n := ownCPU(), 0
	for end := time.Now().Add(b.round); time.Now().Before(end); n++ {
		if err := call(n); err != nil {
			return "", err
		}
	}
	return ((ownCPU() - begin) / time.Duration(n)).Round(100 * time.Nanosecond).String(), nil
}

// ownCPU is the processor time of this process.
func ownCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0 // it fails for bad arguments only
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// vaultWorkload asks for access with a reason that no guest has seen before.
func vaultWorkload(size int) *workload {
	reason := strings.Repeat("x", max(size-counterDigits, 0))
	return &workload{name: "request_access", want: reason, prepare: func(c *client) func() []byte {
		return func() []byte {
			n := strconv.Itoa(c.number*perClient + c.sent)
			c.sent++
			return c.frame("tools/call", "request_access", callParams("request_access", `{"path":"restricted/root-token","reason":"`+n+reason+`"}`))
		}
	}}
}
