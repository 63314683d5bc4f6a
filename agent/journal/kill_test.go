package journal_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/journal"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// victimDir tells the test binary to append to the journal there until killed;
// with victimKeep, which is a number of bytes, it removes old segments meanwhile.
const (
	victimDir  = "JOURNAL_TEST_VICTIM_DIR"
	victimKeep = "JOURNAL_TEST_VICTIM_KEEP"

	// killRounds asks for other than 20 kills.
	killRounds = "JOURNAL_TEST_KILLS"
)

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
	keep, _ := strconv.ParseInt(os.Getenv(victimKeep), 10, 64)
	j, err := journal.Open(dir, journal.Options{Sensor: "victim", SegmentEvents: 1500, Retention: journal.Retention{MaxBytes: keep}})
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
// acknowledged ones are kept, not that they survive a power cut. Segments are so
// small that the kills meet every step of beginning, indexing, sealing and
// removing one.
func TestKill(t *testing.T) {
	rounds := 20
	if n, err := strconv.Atoi(os.Getenv(killRounds)); err == nil {
		rounds = n
	} else if testing.Short() {
		rounds = 4
	}
	t.Run("sealing", func(t *testing.T) { testKill(t, rounds/2, "0") })
	t.Run("sealing and removing", func(t *testing.T) { testKill(t, rounds-rounds/2, "8000000") })
}

func testKill(t *testing.T, rounds int, keep string) {
	dir := t.TempDir()
	acked, last, removed, first := 0, uint64(0), 0, uint64(1)
	// On a slow machine it takes more kills until there is enough to remove.
	more := func(i int) bool { return keep != "0" && rounds >= 10 && first == 1 && i < 6*rounds }
	for i := 0; i < rounds || more(i); i++ {
		acks := killVictim(t, dir, keep, last, time.Duration(20+rand.IntN(600))*time.Millisecond)
		j, err := journal.Open(dir, journal.Options{KeepOpen: true})
		if err != nil {
			t.Fatal(err)
		}
		if s := j.Recovered(); s != "" {
			t.Fatalf("recovered: %s", s)
		}
		for _, ev := range readAll(t, j, max(last, j.First()-1)) {
			if id, ok := acks[ev.Seq]; ok && id != ev.ID {
				t.Fatalf("event %d is %s, acknowledged as %s", ev.Seq, ev.ID, id)
			}
			delete(acks, ev.Seq)
			last, acked = ev.Seq, acked+1
		}
		for seq := range acks {
			if keep != "0" && seq < j.First() {
				delete(acks, seq)
				removed++
			}
		}
		if len(acks) > 0 {
			t.Fatalf("%d acknowledged events are lost, last is %d", len(acks), last)
		}
		last, first = j.Last(), j.First()
		if i%5 == 4 || i == rounds-1 { // reads everything
			if err := j.Sound(); err != nil {
				t.Fatal(err)
			}
		}
		checkKilled(t, j, last)
	}
	r, err := journal.OpenReader(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	all, sealed := r.Sealed()
	t.Logf("%d events survived %d kills, %d were removed; %d segments, %d sealed, the first event is %d", acked, rounds, removed, all, sealed, r.First())
	if keep != "0" && r.First() == 1 && rounds >= 10 {
		t.Error("no segment was removed")
	}
}

// killVictim runs a victim and kills it some time after its first
// acknowledgement. It returns all acknowledgements.
func killVictim(t *testing.T, dir, keep string, last uint64, after time.Duration) map[uint64]string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), victimDir+"="+dir, victimKeep+"="+keep)
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
	if mark, err := j.Mark("siem"); err != nil || mark > last {
		t.Fatalf("mark = %d, %v, last event %d", mark, err, last)
	}
	for range 20 {
		ev, err := j.Get(t.Context(), fmt.Sprint(j.First()+rand.Uint64N(last+1-j.First())))
		if err != nil {
			t.Fatal(err)
		}
		if ev.Kind != sdk.KindAccess {
			continue // of the journal's own
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
