package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// strict has answers wait for the disk: what is answered is acknowledged.
const strict = "journal.durability = \"strict\"\n"

// wholeness is what the journal is found to hold after crashes.
type wholeness struct{ events, lost, gaps, holes int }

// inspect compares the journal of a sensor that does not run with what was
// acknowledged.
func inspect(k *sensor, acked map[uint64]bool) (w wholeness, err error) {
	before := uint64(0)
	err = k.recorded(func(r record) {
		w.events++
		if before != 0 && r.Seq != before+1 {
			w.holes++
		}
		before = r.Seq
		if r.Kind == "gap" {
			w.gaps++
		}
		if n, err := strconv.ParseUint(string(r.RPCID), 10, 64); err == nil {
			delete(acked, n)
		}
	})
	w.lost = len(acked)
	return w, err
}

// disturbed runs a load for a moment, has the sensor end as crash ends it, and notes
// what was acknowledged.
func disturbed(k *sensor, l *load, acked map[uint64]bool, crash func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { l.run(ctx); close(done) }()
	time.Sleep(time.Duration(200+rand.IntN(400)) * time.Millisecond)
	crash()
	cancel()
	<-done
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range l.acked {
		acked[n] = true
	}
	l.acked = nil
}

// kills is test 1.
func (s *suite) kills() (string, error) {
	k, err := s.newSensor("kills", strict)
	if err != nil {
		return "", err
	}
	if s.long {
		if err := fill(k, 1_000_000); err != nil {
			return "", err
		}
	}
	// The first start compiles the guests, if no test before did.
	if err := errors.Join(k.start(), k.stop()); err != nil {
		return "", err
	}
	acked, rounds := map[uint64]bool{}, choose(s, 6, 100)
	var starts, busy []time.Duration
	l := &load{clients: 16, rate: 2000}
	for range rounds {
		if err := k.start(); err != nil {
			return "", err
		}
		starts, busy = append(starts, k.took), append(busy, k.busy)
		l.url = k.url()
		disturbed(k, l, acked, k.kill)
	}
	n := len(acked)
	if err := errors.Join(k.start(), k.stop()); err != nil {
		return "", err
	}
	w, err := inspect(k, acked)
	if err != nil {
		return "", err
	}
	_, check := k.tool("journal", "check")
	return fmt.Sprintf("%d kills, %d acknowledged, %d lost, %d gaps, %d holes, ready after %v, at most %v, and %v of processors, with %d events", rounds, n, w.lost, w.gaps, w.holes,
			percentile(starts, 0.5).Round(time.Millisecond), percentile(starts, 1).Round(time.Millisecond), percentile(busy, 0.5), w.events),
		errors.Join(check, want(w.lost == 0 && w.gaps == 0 && w.holes == 0, "events are missing"), want(n > 0, "nothing was acknowledged"),
			want(percentile(starts, 0.5) < 2*time.Second, "slow starts"))
}

// Ext4's ioctl that ends a mounted file system as a power cut would: nothing that is
// in memory, the journal's blocks included, is written any more.
const (
	extShutdown = 0x8004587d // EXT4_IOC_SHUTDOWN
	noLogFlush  = 2          // EXT4_GOING_FLAGS_NOLOGFLUSH
)

// powerCuts is test 2.
func (s *suite) powerCuts() (_ string, err error) {
	k, err := s.newSensor("power", strict)
	if err != nil {
		return "", err
	}
	d, err := newDisk(filepath.Join(s.dir, "power.img"), k.state())
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, d.unmount()) }()
	acked, rounds := map[uint64]bool{}, choose(s, 3, 20)
	l := &load{clients: 16}
	for range rounds {
		if err := k.start(); err != nil {
			return "", err
		}
		l.url = k.url()
		var cut error
		disturbed(k, l, acked, func() {
			// Without power nothing is answered either: a sensor whose disk fails answers
			// on, and counts what it cannot record.
			cut = errors.Join(k.freeze(), d.cut())
			k.kill()
		})
		if err := errors.Join(cut, d.unmount(), d.mount()); err != nil {
			return "", err
		}
	}
	n := len(acked)
	if err := errors.Join(k.start(), k.stop()); err != nil {
		return "", err
	}
	w, err := inspect(k, acked)
	aside, _ := filepath.Glob(filepath.Join(k.state(), "events", "*.corrupt-*")) // the pattern is sound
	return fmt.Sprintf("%d cuts, %d acknowledged, %d lost, %d segments set aside", rounds, n, w.lost, len(aside)),
		errors.Join(err, want(n > 0, "nothing was acknowledged"), want(w.lost == 0, "acknowledged events are gone"))
}

// disk is an ext4 file system in a file.
type disk struct{ image, at string }

func newDisk(image, at string) (*disk, error) {
	if err := errors.Join(os.WriteFile(image, nil, 0o600), os.Truncate(image, 1<<30), os.MkdirAll(at, 0o700)); err != nil {
		return nil, err
	}
	if out, err := exec.Command("mkfs.ext4", "-q", image).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: mkfs.ext4: %w %s", errUnable, err, out)
	}
	d := &disk{image, at}
	if err := d.mount(); err != nil {
		return nil, fmt.Errorf("%w: %w", errUnable, err)
	}
	return d, nil
}

func (d *disk) mount() error {
	if out, err := exec.Command("mount", "-o", "loop", d.image, d.at).CombinedOutput(); err != nil {
		return fmt.Errorf("mount: %w: %s", err, out)
	}
	return os.Chmod(d.at, 0o700)
}

func (d *disk) unmount() error {
	if out, err := exec.Command("umount", d.at).CombinedOutput(); err != nil {
		return fmt.Errorf("umount: %w: %s", err, out)
	}
	return nil
}

// cut takes the power away.
func (d *disk) cut() error {
	f, err := os.Open(d.at)
	if err != nil {
		return err
	}
	defer f.Close()
	flags := uint32(noLogFlush)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), extShutdown, uintptr(unsafe.Pointer(&flags))); errno != 0 {
		return fmt.Errorf("cut power: %w", errno)
	}
	return nil
}

// fullDisk is test 3.
func (s *suite) fullDisk() (_ string, err error) {
	k, err := s.newSensor("full", "journal.queue = 1000\n")
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(k.state(), 0o700); err != nil {
		return "", err
	}
	if err := unix.Mount("none", k.state(), "tmpfs", 0, "size=48m"); err != nil {
		return "", fmt.Errorf("%w: mount a small disk: %w", errUnable, err)
	}
	defer func() { err = errors.Join(err, unix.Unmount(k.state(), unix.MNT_DETACH)) }()
	ballast := filepath.Join(k.state(), "ballast")
	if err := os.WriteFile(ballast, make([]byte, 28<<20), 0o600); err != nil {
		return "", err
	}
	if err := k.start(); err != nil {
		return "", err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	l := &load{url: k.url(), clients: 4}
	done := make(chan struct{})
	go func() { l.run(ctx); close(done) }()
	full := func() bool { return contains(k.log(), "journal does not take events") }
	_, filled := until(60*time.Second, full)
	time.Sleep(choose(s, 2*time.Second, 30*time.Second))
	if err := os.Remove(ballast); err != nil {
		return "", err
	}
	recovered, again := until(30*time.Second, func() bool { return contains(k.log(), "journal takes events again") })
	cancel()
	<-done
	if err := k.stop(); err != nil {
		return "", err
	}
	stored, lost := 0, 0
	err = k.recorded(func(r record) {
		if _, bad := strconv.ParseUint(string(r.RPCID), 10, 64); bad == nil && r.Kind == "access" {
			stored++
		}
		lost += int(r.Gap.Lost)
	})
	// Requests that were cut off at the end may be recorded and not answered, and the
	// greetings of the clients may be among those that were lost.
	answered, p99 := len(l.acked), percentile(l.took, 0.99)
	return fmt.Sprintf("p99 %v, %d answered, %d stored, %d counted, records again after %v", p99.Round(100*time.Microsecond), answered, stored, lost, recovered.Round(10*time.Millisecond)),
		errors.Join(err, want(filled && again && lost > 0, "the disk was never full, or for ever"), want(p99 < 100*time.Millisecond, "slow answers"),
			want(answered <= stored+lost && stored+lost <= answered+2*l.clients, "events are missing without a count"),
			want(recovered < 10*time.Second, "slow recovery"), want(len(l.failed) == 0, "%v", errors.Join(l.failed...)))
}
