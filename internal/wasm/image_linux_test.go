package wasm

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// bareRuntime makes instances when they are asked for, and none before.
func bareRuntime(t *testing.T) *Runtime {
	t.Helper()
	limits := DefaultLimits()
	limits.Spares = 0
	limits.Instantiate = time.Second
	r, err := New(t.Context(), Options{Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close(t.Context()) })
	return r
}

// said is what a call gave, or how it failed.
func said(t *testing.T, m *Module, source, input string) string {
	t.Helper()
	req := Request{Source: source, Input: []byte(input)}
	if input == "~" {
		req.Deadline = 20 * time.Millisecond // it will not end by itself
	}
	reply, err := m.Call(t.Context(), req)
	if call, ok := errors.AsType[*CallError](err); ok {
		return "failed: " + call.Code
	}
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x, %d bytes of memory, log %v", reply.Output, reply.Memory, reply.Log)
}

func prepared(t *testing.T, r *Runtime, name string, steps ...string) *Module {
	t.Helper()
	m := loadFixture(t, r, name)
	var requests []Request
	for _, s := range steps {
		requests = append(requests, Request{Input: []byte(s)})
	}
	if err := m.Prepare(t.Context(), requests...); err != nil {
		t.Fatal(err)
	}
	return m
}

// An instance of an image does what one does that has run the start code and the
// steps itself, whatever comes next: answers, memory that grows, traps, ends of
// deadlines, and the instance that follows these.
func TestImageIsTheStateItWasTakenOf(t *testing.T) {
	r := bareRuntime(t)
	for _, steps := range [][]string{nil, {"x"}, {"!", "x"}} {
		for _, inputs := range [][]string{{"x", "x", "!", "x", "!"}, {"x", "?", "x", "x"}, {"?", "!", "x"}, {"!", "~", "!", "x"}} {
			plain, imaged := loadFixture(t, r, "state"), prepared(t, r, "state", steps...)
			if imaged.build.img.Load() == nil || plain.build.img.Load() != nil {
				t.Fatal("which module has an image is wrong")
			}
			fresh := true
			for k, input := range inputs {
				for _, s := range steps {
					if fresh {
						said(t, plain, "a", s)
					}
				}
				want, got := said(t, plain, "a", input), said(t, imaged, "a", input)
				fresh = strings.HasPrefix(got, "failed")
				if got != want || fresh != (input == "?" || input == "~") {
					t.Errorf("after %q, call %d of %q = %s, want %s", steps, k, inputs, got, want)
				}
			}
		}
	}
}

// Every fixture answers alike with an image and without.
func TestImageChangesNoAnswer(t *testing.T) {
	slow := map[string]bool{"exponential": true, "burn": true, "spin": true, "recurse": true, "compile_bomb": true}
	r := bareRuntime(t)
	imaged := 0
	for file, code := range fixtures(t) {
		name := strings.TrimSuffix(filepath.Base(file), ".wasm")
		if slow[name] || strings.HasPrefix(name, "start_") {
			continue
		}
		plain, err := r.Load(t.Context(), name, code)
		if err != nil {
			continue
		}
		image := loadFixture(t, r, name)
		if err := image.Prepare(t.Context()); err != nil && !errors.Is(err, errDescriptors) {
			t.Errorf("%s: %v", name, err)
		}
		if image.build.img.Load() != nil {
			imaged++
		}
		for _, source := range []string{"", "a"} {
			for _, input := range []string{"", "\x05", "t", "x", "hello", "!", "x"} {
				if want, got := said(t, plain, source, input), said(t, image, source, input); got != want {
					t.Errorf("%s(%q) = %.200s, want %.200s", name, input, got, want)
				}
			}
		}
	}
	if imaged < 10 {
		t.Errorf("%d fixtures had an image", imaged)
	}
}

// What one instance of an image writes, no other one sees, nor does the image.
func TestImageInstancesShareNoWrites(t *testing.T) {
	m := prepared(t, bareRuntime(t), "counter", "step")
	count := func(source, input string) []byte {
		reply, err := m.Call(t.Context(), Request{Source: source, Input: []byte(input)})
		if err != nil {
			t.Fatal(err)
		}
		return reply.Output
	}
	for n := range 20 {
		source := fmt.Sprint("source", n%5)
		want := append([]byte{byte(n/5 + 2)}, "step\x00\x00\x00\x00"...)
		if n >= 5 {
			copy(want[1:], fmt.Sprint("secret-", n%5))
		}
		if got := count(source, fmt.Sprint("secret-", n%5)); !bytes.Equal(got, want) {
			t.Errorf("call %d of %s = %q, want %q", n/5, source, got, want)
		}
	}
	for range 3 {
		if got := count("", "nobody"); !bytes.Equal(got, []byte("\x02step\x00\x00\x00\x00")) {
			t.Errorf("a new instance answers %q", got)
		}
	}
}

// Where memory and variables are not all that a guest can change, there is no
// image, and nothing else is different.
func TestImageIsRefused(t *testing.T) {
	r := bareRuntime(t)
	table := prepared(t, r, "table_set")
	if table.build.imaged || table.build.img.Load() != nil {
		t.Error("there is an image of a guest that writes to its table")
	}
	for range 2 {
		if first, second := said(t, table, "", ""), said(t, table, "", ""); first != second {
			t.Errorf("two new instances answer %s and %s", first, second)
		}
	}
	closed := loadFixture(t, r, "descriptors")
	before := said(t, closed, "", "")
	if err := closed.Prepare(t.Context()); !errors.Is(err, errDescriptors) || closed.build.img.Load() != nil {
		t.Errorf("Prepare of a guest that closed a file = %v", err)
	}
	if after := said(t, closed, "", ""); after != before || strings.HasPrefix(after, "00000000") {
		t.Errorf("it answers %s, before %s", after, before)
	}
	if command := prepared(t, r, "echo_command"); command.build.img.Load() != nil {
		t.Error("there is an image of a command")
	}
}

func TestPrepareFails(t *testing.T) {
	m := loadFixture(t, bareRuntime(t), "state")
	for _, step := range []struct {
		input string
		want  error
	}{{"?", ErrTrap}, {"~", ErrTimeout}} {
		err := m.Prepare(t.Context(), Request{Input: []byte("x")}, Request{Input: []byte(step.input), Deadline: 20 * time.Millisecond})
		if !errors.Is(err, step.want) || m.build.img.Load() != nil {
			t.Errorf("Prepare with %q = %v, want %v and no image", step.input, err, step.want)
		}
	}
	want := said(t, m, "", "x")
	if err := m.Prepare(t.Context(), Request{Input: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	if got := said(t, m, "", "x"); got == want {
		t.Error("the step left nothing")
	}
	if err := m.Prepare(t.Context(), Request{Input: []byte("?")}); err != nil {
		t.Errorf("Prepare of what is prepared = %v", err)
	}
	if err := m.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := m.Prepare(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("Prepare after Close = %v", err)
	}
}

// Spares of before Prepare are replaced.
func TestPrepareRenewsSpares(t *testing.T) {
	r, err := New(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close(t.Context())
	m := prepared(t, r, "counter", "step")
	for range 20 {
		reply, err := m.Call(t.Context(), Request{Input: []byte("x")})
		if err != nil || reply.Output[0] != 2 {
			t.Fatalf("a new instance answers %q, %v", reply.Output, err)
		}
	}
}

func TestImagesLeakNoDescriptors(t *testing.T) {
	r := bareRuntime(t)
	open := func() int {
		all, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skipf("no list of open files: %v", err)
		}
		return len(all)
	}
	before := open()
	for range 20 {
		m := prepared(t, r, "state")
		said(t, m, "a", "x")
		if err := m.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if after := open(); after != before {
		t.Errorf("%d files are open, %d before", after, before)
	}
}

func weight(i *instance) int64 {
	i.weigh()
	return i.holds
}

// An idle instance of an image is charged for what it does not share.
func TestImageSharesMemory(t *testing.T) {
	m := prepared(t, bareRuntime(t), "state")
	inst, err := m.build.instantiate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer inst.close()
	if got := weight(inst); got > 4*int64(os.Getpagesize()) {
		t.Errorf("an instance that has run nothing holds %d bytes of %d", got, inst.size())
	}
	before := weight(inst)
	all, _ := inst.mod.Memory().Read(0, inst.mod.Memory().Size())
	for at := 0; at < len(all); at += os.Getpagesize() {
		all[at] = 1
	}
	if got, want := weight(inst)-before, inst.size()-before+m.build.tables; got != want {
		t.Errorf("one that has written to every page holds %d more, want %d", got, want)
	}
}

// roomy is an instance of an image with room for so many bytes more, and what writes to
// so many of them from one on.
func roomy(t *testing.T, room int) (inst *instance, write func(from, bytes int)) {
	t.Helper()
	inst, err := prepared(t, bareRuntime(t), "state").build.instantiate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(inst.close)
	before, ok := inst.mod.Memory().Grow(uint32(room / pageSize))
	if !ok {
		t.Fatal("no memory")
	}
	return inst, func(from, bytes int) {
		all, ok := inst.mod.Memory().Read(before*pageSize+uint32(from), uint32(bytes))
		if !ok {
			t.Fatalf("there is no room for %d bytes from %d on", bytes, from)
		}
		for at := range all {
			all[at] = 1
		}
	}
}

// An instance that has gathered much since its first call is replaced. What it made
// in that call does not count: the next one would have to make it again.
func TestImageReplacesWhatIsWorn(t *testing.T) {
	inst, write := roomy(t, 2*wornAfter)
	gather := func(bytes int) {
		write(0, bytes)
		inst.calls++
		inst.weigh()
	}
	for _, step := range []struct {
		bytes int
		worn  bool
	}{{wornAfter / 2, false}, {wornAfter, false}, {wornAfter + wornAfter/2, false}, {2 * wornAfter, true}} {
		if gather(step.bytes); inst.worn() != step.worn {
			t.Errorf("after %d bytes, of which %d in the first call, worn is %v", step.bytes, wornAfter/2, inst.worn())
		}
	}
}

// Weighing takes longer than many a call: what gathers little is weighed seldom, and
// often again when it gathers more, or grows.
func TestWeighedWhenDue(t *testing.T) {
	inst, write := roomy(t, 4*gatheredLittle)
	written := 0
	until := func() (calls int) { // the next weighing
		for calls = 1; ; calls++ {
			if inst.calls++; inst.due() {
				inst.weigh()
				return calls
			}
		}
	}
	for i, step := range []struct{ writes, want int }{
		{0, 1},
		{0, weighOften},
		{gatheredLittle, 2 * weighOften},
		{0, 4 * weighOften},
		{0, weighSeldom},
		{0, weighSeldom},
		{2 * gatheredLittle, weighSeldom},
		{0, weighOften},
		{0, 2 * weighOften},
	} {
		write(written, step.writes)
		written += step.writes
		if got := until(); got != step.want {
			t.Errorf("weighing %d came after %d calls, want %d", i, got, step.want)
		}
	}
	if _, ok := inst.mod.Memory().Grow(1); !ok {
		t.Fatal("no memory")
	}
	if got := until(); got != 1 {
		t.Errorf("an instance that grew was weighed after %d calls", got)
	}
}

func TestPagesCannotBeWritten(t *testing.T) {
	content := slices.Concat([]byte("first"), make([]byte, 3*pageSize-5))
	content[2*pageSize] = 'x'
	p, err := newPages(content)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	if _, err := p.file.WriteAt([]byte("y"), 0); err == nil {
		t.Error("pages were written to")
	}
	m := newMemory()
	defer m.Free()
	lm := m.Allocate(0, 4*pageSize)
	if err := m.show(p); err != nil {
		t.Fatal(err)
	}
	all := lm.Reallocate(4 * pageSize)
	if !bytes.Equal(all[:3*pageSize], content) || !bytes.Equal(all[3*pageSize:], make([]byte, pageSize)) {
		t.Error("the memory does not show the pages")
	}
	small := newMemory()
	defer small.Free()
	small.Allocate(0, pageSize)
	if small.show(p) == nil {
		t.Error("pages were mapped over the end of a memory")
	}
}
