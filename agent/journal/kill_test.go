package journal_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/journal"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// victimDir tells the test binary to append to the journal there until killed.
const victimDir = "JOURNAL_TEST_VICTIM_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimDir); dir != "" {
		fmt.Fprintln(os.Stderr, "victim:", victim(dir))
		return
	}
	m.Run()
}

// victim appends from several goroutines and prints a line "seq id" for each
// event once its append has returned.
func victim(dir string) error {
	j, err := journal.Open(dir, journal.Options{Sensor: "victim"})
	if err != nil {
		return err
	}
	if s := j.Recovered(); s != "" {
		return fmt.Errorf("recovered: %s", s)
	}
	failed := make(chan error)
	var stdout sync.Mutex
	for range 4 {
		go func() {
			for {
				acks, err := appendRandom(j)
				if err != nil {
					failed <- err
					return
				}
				stdout.Lock()
				_, _ = os.Stdout.WriteString(acks)
				stdout.Unlock()
			}
		}()
	}
	return <-failed
}

func appendRandom(j *journal.Journal) (acks string, err error) {
	batch := make([]*sdk.Event, 1+rand.IntN(200))
	for i := range batch {
		batch[i] = sample(rand.IntN(1 << 30))
		batch[i].Session = fmt.Sprint(rand.IntN(1 << 30))
	}
	if err := j.Append(context.Background(), batch, journal.Mark{Consumer: "siem", Seq: j.Last()}); err != nil {
		return "", err
	}
	var b strings.Builder
	for _, ev := range batch {
		fmt.Fprintln(&b, ev.Seq, ev.ID)
	}
	return b.String(), nil
}

// SIGKILL leaves the page cache alone, so this shows that commits are whole and
// acknowledged ones are kept, not that they survive a power cut.
func TestKill(t *testing.T) {
	rounds := 20
	if testing.Short() {
		rounds = 3
	}
	dir := t.TempDir()
	acked, last := 0, uint64(0)
	for range rounds {
		acks := killVictim(t, dir, last, time.Duration(20+rand.IntN(150))*time.Millisecond)
		j, err := journal.Open(dir, journal.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if s := j.Recovered(); s != "" {
			t.Fatalf("recovered: %s", s)
		}
		for _, ev := range readAll(t, j, last) {
			if id, ok := acks[ev.Seq]; ok && id != ev.ID {
				t.Fatalf("event %d is %s, acknowledged as %s", ev.Seq, ev.ID, id)
			}
			delete(acks, ev.Seq)
			last, acked = ev.Seq, acked+1
		}
		if len(acks) > 0 {
			t.Fatalf("%d acknowledged events are lost, last is %d", len(acks), last)
		}
		checkKilled(t, j, last)
	}
	t.Logf("%d events survived %d kills", acked, rounds)
}

// killVictim runs a victim and kills it some time after its first
// acknowledgement. It returns all acknowledgements.
func killVictim(t *testing.T, dir string, last uint64, after time.Duration) map[uint64]string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), victimDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	acks := map[uint64]string{}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if len(acks) == 0 {
			time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
		}
		var seq uint64
		var id string
		if n, _ := fmt.Sscan(lines.Text(), &seq, &id); n == 2 && len(id) == 36 { // the last line may be cut
			acks[seq] = id
		}
		if seq != 0 && seq <= last {
			t.Errorf("seq %d was given out twice", seq)
		}
	}
	_ = cmd.Wait()
	if len(acks) == 0 {
		t.Fatal("victim acknowledged nothing")
	}
	return acks
}

// checkKilled checks what is derived from the events, and closes j.
func checkKilled(t *testing.T, j *journal.Journal, last uint64) {
	t.Helper()
	if err := j.Sound(); err != nil {
		t.Fatal(err)
	}
	if mark, err := j.Mark("siem"); err != nil || mark > last {
		t.Fatalf("mark = %d, %v, last event %d", mark, err, last)
	}
	for range 20 {
		ev, err := j.Get(t.Context(), fmt.Sprint(1+rand.Uint64N(last)))
		if err != nil {
			t.Fatal(err)
		}
		p, err := j.Query(t.Context(), journal.Query{Session: ev.Session, IP: ev.IP, Outcome: ev.Outcome})
		if err != nil || len(p.Events) == 0 {
			t.Fatalf("event %d is not found by its terms: %v", ev.Seq, err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}
