//go:build linux && amd64

package watch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/tracers/form"
)

// Causes of losses, as the programs count them: enum loss of bpf/record.h.
var causes = []string{"ring_full", "flood", "memory", "processes", written, "messages"}

// written is no loss: it is how many records there are to read.
const written = "written"

// ringPrograms see io_uring. A trace without them is one, but says so.
var ringPrograms = []string{traceProgSubmitted, traceProgCompleted}

// kernel is the programs of one session, and their maps.
type kernel struct {
	coll        *ebpf.Collection
	links       []link.Link
	bulk, vital *ringbuf.Reader
	rings       bool // io_uring is seen
}

// aim is what the programs are to look for.
type aim struct {
	cgroup  uint64
	level   int32 // of the cgroup, if those below it are meant too; -1
	pids    []int // that run already
	setup   int
	payload int
	watch   []sdk.FileID
	shapes  table
}

// load puts the programs into the kernel, not yet where they see anything.
func load(q aim) (*kernel, error) {
	spec, err := loadTrace()
	if err != nil {
		return nil, fmt.Errorf("read the programs for the kernel: %w", err)
	}
	if err := q.set(spec); err != nil {
		return nil, err
	}
	k := &kernel{rings: seesRings()}
	if !k.rings {
		for _, name := range ringPrograms {
			delete(spec.Programs, name)
		}
	}
	if k.coll, err = ebpf.NewCollection(spec); err != nil {
		return nil, fmt.Errorf("load the programs into the kernel: %w", err)
	}
	if err := errors.Join(k.fill(q), k.open()); err != nil {
		return nil, errors.Join(err, k.close())
	}
	return k, nil
}

// seesRings reports whether io_uring's tracepoints have the form that is known, that
// of 6.0 and newer.
func seesRings() bool {
	types, err := btf.LoadKernelSpec()
	if err != nil {
		return false
	}
	var f *btf.Typedef
	if err := types.TypeByName("btf_trace_io_uring_submit_req", &f); err != nil {
		return false
	}
	p, ok := f.Type.(*btf.Pointer)
	if !ok {
		return false
	}
	proto, ok := p.Target.(*btf.FuncProto)
	return ok && len(proto.Params) == 2
}

func (q aim) set(spec *ebpf.CollectionSpec) error {
	var loaders, masks [32]uint64
	for i, name := range form.Loaders {
		loaders[i], masks[i] = prefix(name)
	}
	adopting := uint8(0)
	if len(q.pids) > 0 {
		adopting = 1
	}
	for name, value := range map[string]any{
		traceVarTarget: q.cgroup, traceVarLevel: q.level, traceVarAdopting: adopting,
		traceVarSetupExecs: uint32(q.setup), traceVarPayload: uint32(q.payload),
		traceVarLoaders: loaders, traceVarMasks: masks,
	} {
		if err := spec.Variables[name].Set(value); err != nil {
			return fmt.Errorf("set %s of the programs: %w", name, err)
		}
	}
	return nil
}

// prefix is the first eight bytes of a variable's name, and which of them count.
func prefix(name string) (first, mask uint64) {
	if name[len(name)-1] != '_' {
		name += "="
	}
	for i := range min(len(name), 8) {
		first |= uint64(name[i]) << (8 * i)
		mask |= 0xff << (8 * i)
	}
	return first, mask
}

func (k *kernel) fill(q aim) error {
	for nr, c := range q.shapes {
		if err := k.coll.Maps[traceMapShapes].Put(uint32(nr), c.shape); err != nil {
			return fmt.Errorf("tell the programs of %s: %w", c.name, err)
		}
	}
	for _, id := range q.watch {
		dev := uint64(unix.Major(id.Dev))<<20 | uint64(unix.Minor(id.Dev)) // as the kernel numbers them inside
		if err := k.coll.Maps[traceMapWatched].Put([2]uint64{dev, id.Ino}, uint8(1)); err != nil {
			return fmt.Errorf("tell the programs of a file to watch: %w", err)
		}
	}
	return k.adopt(q.pids)
}

// adopt has processes traced that run already.
func (k *kernel) adopt(pids []int) error {
	for _, pid := range pids {
		if err := k.coll.Maps[traceMapAdopted].Put(uint32(pid), uint8(1)); err != nil {
			return fmt.Errorf("tell the programs of process %d: %w", pid, err)
		}
	}
	return nil
}

func (k *kernel) open() (err error) {
	if k.bulk, err = ringbuf.NewReader(k.coll.Maps[traceMapBulk]); err != nil {
		return fmt.Errorf("open the buffer: %w", err)
	}
	if k.vital, err = ringbuf.NewReader(k.coll.Maps[traceMapVital]); err != nil {
		return fmt.Errorf("open the small buffer: %w", err)
	}
	return nil
}

// attach puts the programs where they see what happens: returns of calls before the
// calls, so that none is seen to begin and not to end.
func (k *kernel) attach() error {
	for _, name := range []string{
		traceProgEnded, traceProgBorn, traceProgExecuted, traceProgCompleted, traceProgSubmitted, traceProgLeave, traceProgEnter,
	} {
		prog := k.coll.Programs[name]
		if prog == nil {
			continue
		}
		l, err := link.AttachTracing(link.TracingOptions{Program: prog, AttachType: ebpf.AttachTraceRawTp})
		if err != nil {
			return fmt.Errorf("attach %s to the kernel: %w", name, err)
		}
		k.links = append(k.links, l)
	}
	return nil
}

// detach lets nothing more be seen.
func (k *kernel) detach() error {
	var errs []error
	for _, l := range k.links {
		errs = append(errs, l.Close())
	}
	k.links = nil
	return errors.Join(errs...)
}

// close takes everything out of the kernel.
func (k *kernel) close() error {
	err := k.detach()
	for _, r := range []*ringbuf.Reader{k.bulk, k.vital} {
		if r != nil {
			err = errors.Join(err, r.Close())
		}
	}
	k.coll.Close()
	return err
}

// number reads a variable of the programs.
func (k *kernel) number(name string) uint64 {
	var n uint64
	if err := k.coll.Variables[name].Get(&n); err != nil {
		return 0
	}
	return n
}

// counted sums up what the programs counted, by cause.
func (k *kernel) counted() (map[string]uint64, error) {
	sums := map[string]uint64{}
	for i, cause := range causes {
		var each []uint64
		if err := k.coll.Maps[traceMapCounts].Lookup(uint32(i), &each); err != nil {
			return nil, fmt.Errorf("read what was lost: %w", err)
		}
		for _, n := range each {
			sums[cause] += n
		}
	}
	for _, prog := range k.coll.Programs {
		if stats, err := prog.Stats(); err == nil {
			sums["missed"] += stats.RecursionMisses
		}
	}
	return sums, nil
}

// living are the traced processes that have not ended.
func (k *kernel) living() []int {
	var pids []int
	var pid uint32
	var state [16]byte
	all := k.coll.Maps[traceMapProcs].Iterate()
	for all.Next(&pid, &state) {
		pids = append(pids, int(pid))
	}
	return pids
}

// probe loads, attaches and triggers the smallest program that shows whether the
// kernel lets itself be watched.
func probe() error {
	if err := rlimit.RemoveMemlock(); err != nil {
		return refused("lock memory", err)
	}
	if _, err := os.Stat("/sys/kernel/btf/vmlinux"); err != nil {
		return errors.New("the kernel does not describe its types (CONFIG_DEBUG_INFO_BTF): use another kernel, or tracer = \"strace\"")
	}
	hits, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1})
	if err != nil {
		return refused("make a map", err)
	}
	defer hits.Close()
	prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.Tracing, AttachType: ebpf.AttachTraceRawTp, AttachTo: "sys_enter", License: "Dual MIT/GPL",
		Instructions: asm.Instructions{
			asm.StoreImm(asm.RFP, -4, 0, asm.Word),
			asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, -4),
			asm.LoadMapPtr(asm.R1, hits.FD()),
			asm.FnMapLookupElem.Call(),
			asm.JEq.Imm(asm.R0, 0, "out"),
			asm.StoreImm(asm.R0, 0, 1, asm.Word),
			asm.Mov.Imm(asm.R0, 0).WithSymbol("out"),
			asm.Return(),
		},
	})
	if err != nil {
		return refused("load a program into the kernel", err)
	}
	defer prog.Close()
	l, err := link.AttachTracing(link.TracingOptions{Program: prog, AttachType: ebpf.AttachTraceRawTp})
	if err != nil {
		return refused("attach a program to a tracepoint", err)
	}
	defer l.Close()
	unix.Getppid()
	var n uint64
	if err := hits.Lookup(uint32(0), &n); err != nil || n == 0 {
		return fmt.Errorf("a program in the kernel was not run by a system call (%w): use tracer = \"strace\"", err)
	}
	return nil
}

// refused says why the kernel refuses, and what to do.
func refused(what string, err error) error {
	switch {
	case os.Geteuid() != 0:
		return fmt.Errorf("%s: %w: it needs root; run \"killdeer audit\" as root, or use tracer = \"strace\", which needs no rights", what, err)
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("%s: %w, even as root: this container or a locked down kernel forbids BPF; run on the host, or use tracer = \"strace\"", what, err)
	}
	return fmt.Errorf("%s: %w: this kernel lacks what is needed (6.0 or newer, with BTF); use tracer = \"strace\"", what, err)
}

// writable reports why no cgroup can be made.
func writable() error {
	h, err := findHierarchy()
	if err != nil {
		return err
	}
	dir := filepath.Join(h.at, fmt.Sprintf("%s%d-probe", groupPrefix, os.Getpid()))
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("make a cgroup in %s: %w: run as root where cgroups may be made, or use tracer = \"strace\"", h.at, err)
	}
	return os.Remove(dir)
}
