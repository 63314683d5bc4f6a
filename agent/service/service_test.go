package service

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"
)

func TestNotifications(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	n := NewNotifier(slog.New(slog.DiscardHandler))
	n.Ready("38 tools")
	n.Reloading()
	n.Stopping()
	for _, want := range []string{"READY=1\nSTATUS=38 tools", "RELOADING=1\nMONOTONIC_USEC=", "STOPPING=1"} {
		buf := make([]byte, 512)
		size, err := l.Read(buf)
		if err != nil || !strings.HasPrefix(string(buf[:size]), want) {
			t.Errorf("the service manager got %q, %v, want %q", buf[:size], err, want)
		}
	}
}

func TestSpareProcessor(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(before)
	t.Setenv("GOMAXPROCS", strconv.Itoa(before))
	if SpareProcessor(); runtime.GOMAXPROCS(0) != before {
		t.Errorf("%d threads, where the environment says %d", runtime.GOMAXPROCS(0), before)
	}
	t.Setenv("GOMAXPROCS", "")
	if SpareProcessor(); runtime.GOMAXPROCS(0) != before+1 {
		t.Errorf("%d threads, want one more than %d", runtime.GOMAXPROCS(0), before)
	}
}

// The watchdog hears of the sensor while its pipeline moves, and only then.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent atomic.Int64
		var stuck atomic.Bool
		n := &Notifier{slog.New(slog.DiscardHandler), func(state string) (bool, error) {
			if state == "WATCHDOG=1" {
				sent.Add(1)
			}
			return true, nil
		}}
		go n.watch(t.Context(), 5*time.Second, func() error {
			if stuck.Load() {
				return errors.New("no commit for 11 s")
			}
			return nil
		})
		time.Sleep(11 * time.Second)
		if got := sent.Load(); got != 3 {
			t.Errorf("%d pings in 11 s, want 3", got)
		}
		stuck.Store(true)
		time.Sleep(time.Minute)
		if got := sent.Load(); got != 3 {
			t.Errorf("a sensor that stands still sent %d pings", got-3)
		}
	})
}

func TestPriorities(t *testing.T) {
	var b bytes.Buffer
	log := slog.New(newPriorities(&b, slog.LevelDebug)).With("part", "x")
	log.Debug("d")
	log.Info("i", "client", "a\n<0>b")
	log.WithGroup("g").Warn("w", "k", 1)
	log.Error("e")
	want := "<7>msg=d part=x\n<6>msg=i part=x client=\"a\\n<0>b\"\n<4>msg=w part=x g.k=1\n<3>msg=e part=x\n"
	if b.String() != want {
		t.Errorf("wrote %q, want %q", b.String(), want)
	}
}

func TestIsJournal(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "x"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	st := info.Sys().(*syscall.Stat_t)
	for stream, want := range map[string]bool{fmt.Sprintf("%d:%d", st.Dev, st.Ino): true, "1:2": false, "": false} {
		if got := isJournal(f, stream); got != want {
			t.Errorf("isJournal(%q) = %v", stream, got)
		}
	}
	if isJournal(&bytes.Buffer{}, "1:2") {
		t.Error("a buffer is the journal's stream")
	}
}

func TestGroupLimit(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	root := fstest.MapFS{
		"system.slice/memory.max":                   file("2000000\n"),
		"system.slice/killdeer.service/memory.high": file("900000\n"),
		"system.slice/killdeer.service/memory.max":  file("1000000\n"),
		"free/memory.max":                           file("max\n"),
	}
	for own, want := range map[string]int64{
		"0::/system.slice/killdeer.service\n": 900000,
		"1:name=x:/\n0::/system.slice\n":      2000000,
		"0::/free\n":                          0,
		"0::/\n":                              0,
		"":                                    0,
		"0::/../../etc\n":                     0,
	} {
		if got := groupLimit(root, own); got != want {
			t.Errorf("groupLimit(%q) = %d, want %d", own, got, want)
		}
	}
}
