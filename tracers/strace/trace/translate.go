package trace

import (
	"fmt"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/tracers/strace/line"
)

const (
	// maxHalves is how many bytes of calls that have not returned are kept.
	maxHalves = 64 << 20
	// maxPeers is how many sockets are remembered with their far ends.
	maxPeers = 1 << 16
	// pieces is how many times the payload limit, which strace applies to each part of
	// a message, a message of many parts may have.
	pieces = 16
)

// translator makes observations of the lines of one log.
type translator struct {
	session string
	payload int   // bytes of one part of a message
	setup   int   // programs that are executed before the target
	offset  int64 // of the wall clock from the monotonic one, ns
	emit    func(sdk.Observation) error

	tree   *tree
	halves map[int]line.Line // by thread: calls that have not returned
	held   int               // bytes of them
	execs  int               // programs that were executed
	mute   map[string]bool   // pipes and sockets that the target was given as standard input and output
	stdio  func(pid int) []string
	peers  map[string]*sdk.Peer // by what strace writes of a socket

	sum  sdk.TracerSummary
	last line.Line // that was understood, for its time
	exit string    // how the first process ended
}

func newTranslator(session string, payload, setup int, offset int64, emit func(sdk.Observation) error) *translator {
	return &translator{
		session: session, payload: payload, setup: setup, offset: offset, emit: emit,
		tree: newTree(), halves: map[int]line.Line{}, mute: map[string]bool{}, peers: map[string]*sdk.Peer{},
	}
}

// line takes one line. The error is that of emit.
func (t *translator) line(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	l, err := line.Parse(b)
	if err != nil {
		t.sum.Unparsed++
		return nil
	}
	t.last = line.Line{TID: l.TID, WallNS: l.WallNS}
	t.meet(l.TID)
	switch l.Kind {
	case line.Call:
		return t.call(l)
	case line.Unfinished:
		return t.unfinished(l)
	case line.Resumed:
		return t.resumed(l)
	case line.Exited:
		return t.exited(l, fmt.Sprint(l.Status))
	case line.Killed:
		return t.exited(l, l.Name)
	case line.Superseded:
		t.superseded(l)
	case line.Personality:
		t.tree.personality(l.Other, l.Bits)
	case line.Signal, line.Stopped: // no acts of the one that gets them
	}
	return nil
}

// meet makes a thread known, and looks once at what the first one was given.
func (t *translator) meet(tid int) {
	if !t.tree.meet(tid) || t.stdio == nil {
		return
	}
	for _, tag := range t.stdio(tid) {
		t.mute[tag] = true
	}
	t.stdio = nil
}

// unfinished keeps the first half of a call.
func (t *translator) unfinished(l line.Line) error {
	if err := t.abandon(l.TID); err != nil {
		return err
	}
	if t.held+len(l.Text) > maxHalves {
		return t.lose("halves", 1)
	}
	l.Text = append([]byte(nil), l.Text...)
	t.held += len(l.Text)
	t.halves[l.TID] = l
	t.tree.birth(l, 0)
	return nil
}

// take returns a first half, which is not kept any more.
func (t *translator) take(tid int) (line.Line, bool) {
	half, ok := t.halves[tid]
	t.held -= len(half.Text)
	delete(t.halves, tid)
	return half, ok
}

// abandon reports a call that will never return.
func (t *translator) abandon(tid int) error {
	half, ok := t.take(tid)
	if !ok {
		return nil
	}
	whole, err := line.Joined(half, []byte(") = ?"))
	if err != nil {
		t.sum.Unparsed++
		return nil
	}
	return t.call(whole)
}

func (t *translator) resumed(l line.Line) error {
	half, ok := t.take(l.TID)
	if !ok || half.Name != l.Name {
		t.sum.Unparsed++
		return nil
	}
	whole, err := line.Joined(half, l.Text)
	if err != nil {
		t.sum.Unparsed++
		return nil
	}
	if half.Kind == line.Superseded { // strace 6.1 makes a failure of this success
		whole.Ret = line.Ret{}
	}
	return t.call(whole)
}

// superseded moves a call of a thread that executed a program to the process, whose
// other threads are gone.
func (t *translator) superseded(l line.Line) {
	half, ok := t.take(l.Other)
	for _, tid := range t.tree.supersede(l.TID) {
		t.take(tid)
	}
	t.take(l.TID)
	if ok {
		half.TID, half.Kind = l.TID, line.Superseded
		t.halves[l.TID] = half
		t.held += len(half.Text)
	}
}

func (t *translator) exited(l line.Line, status string) error {
	if err := t.abandon(l.TID); err != nil {
		return err
	}
	o := t.observation(l, sdk.ObservedExit)
	if o.PID == t.tree.root && l.TID == o.PID {
		t.exit = status
	}
	if !t.tree.exit(l.TID) {
		return nil
	}
	o.Syscall, o.ABI, o.Status = "", "", status
	return t.send(o)
}

// call translates a whole call.
func (t *translator) call(l line.Line) error {
	a, ok := acts[l.Name]
	if !ok {
		return nil
	}
	o := t.observation(l, a.kind)
	s := &scene{t: t, l: l, act: a}
	if !a.fill(s, &o) {
		return s.err
	}
	if o.Kind == sdk.ObservedExec && o.Errno == "" {
		t.execed(&o)
	}
	if o.Unreadable {
		t.sum.Unreadable++
	}
	return t.send(o)
}

// execed notes that a program was executed: the one after those that set up the
// sandbox is the target.
func (t *translator) execed(o *sdk.Observation) {
	t.execs++
	if t.execs == t.setup+1 {
		t.tree.begin(o.PID)
		o.PreExec = false
	}
	t.tree.rename(o.PID, o.Path, o.DirPath)
}

// observation begins one with what each has.
func (t *translator) observation(l line.Line, kind sdk.ObservationKind) sdk.Observation {
	th := t.tree.thread(l.TID)
	o := sdk.Observation{
		Session: t.session, WallNS: l.WallNS, MonoNS: l.WallNS - t.offset,
		PID: th.pid, TID: l.TID, Kind: kind, Syscall: l.Name, ABI: "native",
		Ret: l.Ret.Value, Errno: l.Ret.Errno, Injected: l.Ret.Injected,
	}
	if th.compat {
		o.ABI = "compat"
	}
	if l.Ret.Unknown && o.Errno == "" {
		o.Errno = "?"
	}
	p := t.tree.process(th.pid)
	o.PPID, o.Comm, o.PreExec = p.ppid, p.comm, p.setup
	return o
}

func (t *translator) send(o sdk.Observation) error {
	o.Seq = t.sum.Emitted
	t.sum.Emitted++
	return t.emit(o)
}

// lose reports what will be missing.
func (t *translator) lose(cause string, n uint64) error {
	if t.sum.Lost == nil {
		t.sum.Lost = map[string]uint64{}
	}
	t.sum.Lost[cause] += n
	return t.send(sdk.Observation{
		Session: t.session, WallNS: t.last.WallNS, MonoNS: t.last.WallNS - t.offset,
		Kind: sdk.ObservedLoss, Cause: cause, Lost: n,
	})
}

// end reports that the log has ended, if that is because everything traced has.
func (t *translator) end() error {
	if left := t.tree.alive(); len(left) > 0 || t.tree.root == 0 {
		if err := t.lose("tracer", 1); err != nil {
			return err
		}
		return fmt.Errorf("strace ended while %d of the processes that it traced had not: nobody watches them", len(left))
	}
	t.sum.Complete = t.sum.Unparsed == 0 && len(t.sum.Lost) == 0
	return t.send(sdk.Observation{
		Session: t.session, WallNS: t.last.WallNS, MonoNS: t.last.WallNS - t.offset,
		Kind: sdk.ObservedEnd, Status: t.exit,
	})
}
