package trace

import (
	"maps"
	"path"
	"slices"

	"github.com/killdeer-mcp/killdeer/tracers/strace/line"
)

// maxComm is how many bytes of a program's name the kernel keeps (TASK_COMM_LEN).
const maxComm = 15

// tree knows which thread belongs to which process and who started whom. strace
// writes numbers of this machine, but a call that starts a process returns the number
// that it has in its own namespace.
type tree struct {
	root    int // the first process
	threads map[int]*thread
	procs   map[int]*process
	births  []birth // of threads that have not been heard of
	begun   bool    // the target runs
	lookup  func(tid int) (pid, ppid int, ok bool)
}

type thread struct {
	pid    int
	compat bool
}

type process struct {
	ppid    int
	comm    string
	threads int
	setup   bool // it belongs to the sandbox, not to the target
	foreign bool // it is in a namespace where processes have other numbers
	apart   bool // those that it starts will be
}

// birth is a call that starts a thread or process.
type birth struct {
	by      int // thread
	from    thread
	parent  process // as it was then: it may end before its child is heard of
	thread  bool    // and no process
	ret     int     // 0: it has not returned
	claimed bool    // its child is known already
	apart   bool    // the child is in a namespace of its own
}

func newTree() *tree {
	return &tree{threads: map[int]*thread{}, procs: map[int]*process{}}
}

// meet makes a thread known and reports whether it is the first of all.
func (t *tree) meet(tid int) (first bool) {
	if t.threads[tid] != nil {
		return false
	}
	if t.root == 0 {
		t.root = tid
		t.add(tid, tid, &process{setup: true}, false)
		return true
	}
	b := t.origin(tid)
	if b == nil {
		t.add(tid, tid, &process{setup: !t.begun}, false)
		return false
	}
	b.claimed = true
	by, parent := b.from, b.parent
	if p := t.procs[by.pid]; b.thread && p != nil {
		t.add(tid, by.pid, p, by.compat)
	} else {
		t.add(tid, tid, &process{
			ppid: by.pid, comm: parent.comm, setup: parent.setup,
			foreign: parent.foreign || parent.apart || b.apart, apart: parent.apart,
		}, by.compat)
	}
	t.births = slices.DeleteFunc(t.births, func(b birth) bool { return b.claimed && b.ret != 0 })
	return false
}

func (t *tree) add(tid, pid int, p *process, compat bool) {
	p.threads++
	t.threads[tid], t.procs[pid] = &thread{pid, compat}, p
}

// origin finds the call that started a thread: the one that returned its number, that
// the kernel says, or else the oldest that is left.
func (t *tree) origin(tid int) (found *birth) {
	pid, ppid, known := 0, 0, false
	if t.lookup != nil {
		pid, ppid, known = t.lookup(tid)
	}
	best := 0
	for i := range t.births {
		b := &t.births[i]
		by := b.from.pid
		rank := 1
		switch {
		case b.claimed, b.ret != 0 && b.ret != tid && !b.parent.foreign: // it is another's
			continue
		case known && b.thread == (pid != tid) && (by == pid || by == ppid):
			rank = 3
		case known && b.thread != (pid != tid):
			rank = 0
		case b.ret == tid:
			rank = 2
		}
		if rank > best {
			best, found = rank, b
		}
	}
	return found
}

// birth notes a call that starts a thread or process, when it begins (ret 0) and when
// it returns.
func (t *tree) birth(l line.Line, ret int) {
	switch l.Name {
	case "clone", "clone2", "clone3", "fork", "vfork":
	default:
		return
	}
	for i := range t.births {
		if b := &t.births[i]; b.by == l.TID && b.ret == 0 {
			b.ret = ret
			if ret <= 0 || b.claimed {
				t.births = slices.Delete(t.births, i, i+1)
			}
			return
		}
	}
	if ret < 0 {
		return
	}
	text := l.Args
	if ret == 0 {
		text = l.Text
	}
	from := t.thread(l.TID)
	t.births = append(t.births, birth{
		by: l.TID, from: from, parent: t.process(from.pid), ret: ret, thread: cloneFlag(text, "CLONE_THREAD"), apart: cloneFlag(text, "CLONE_NEWPID"),
	})
}

// thread returns what is known of a thread, which may be nothing.
func (t *tree) thread(tid int) thread {
	if th := t.threads[tid]; th != nil {
		return *th
	}
	return thread{pid: tid}
}

func (t *tree) process(pid int) process {
	if p := t.procs[pid]; p != nil {
		return *p
	}
	return process{setup: !t.begun}
}

// unshare notes that what a process starts from now on has other numbers.
func (t *tree) unshare(pid int) {
	if p := t.procs[pid]; p != nil {
		p.apart = true
	}
}

// begin says that a process is the target now. The others are the sandbox's.
func (t *tree) begin(pid int) {
	t.begun = true
	for _, p := range t.procs {
		p.setup = true
	}
	if p := t.procs[pid]; p != nil {
		p.setup = false
	}
}

// rename gives a process the name of the program that it executed.
func (t *tree) rename(pid int, file, dir string) {
	if file == "" {
		file = dir
	}
	if p := t.procs[pid]; p != nil {
		p.comm = path.Base(file)
		p.comm = p.comm[:min(len(p.comm), maxComm)]
	}
}

func (t *tree) personality(tid, bits int) {
	if th := t.threads[tid]; th != nil {
		th.compat = bits == 32
	}
}

// exit notes the end of a thread and reports whether its process's end shows with it.
func (t *tree) exit(tid int) bool {
	th := t.thread(tid)
	delete(t.threads, tid)
	t.births = slices.DeleteFunc(t.births, func(b birth) bool { return b.by == tid && b.ret == 0 })
	p := t.procs[th.pid]
	if p == nil {
		return false
	}
	if p.threads--; p.threads <= 0 {
		delete(t.procs, th.pid)
	}
	return tid == th.pid
}

// supersede forgets the threads of a process but the first, and returns them.
func (t *tree) supersede(pid int) (gone []int) {
	for tid, th := range t.threads {
		if th.pid == pid && tid != pid {
			gone = append(gone, tid)
			delete(t.threads, tid)
		}
	}
	if p := t.procs[pid]; p != nil {
		p.threads = 1
	}
	return gone
}

// alive lists the processes whose end was not seen.
func (t *tree) alive() []int { return slices.Sorted(maps.Keys(t.procs)) }
