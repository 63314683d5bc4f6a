// Command bench measures a built sensor in one run and by turns with others, so
// that the ratios hold on a noisy machine. Each part can be had alone with -run:
//
//   - starts: the time from start to listening.
//   - bare: requests per second, p50 and p99 of the enterprise persona beside a
//     bare net/http JSON handler.
//   - memory: what the sensor holds after that load.
//   - gosdk: tools/call in both eras and both framings beside a server of the
//     official Go SDK, with the same tool.
//   - idle: what thousands of idle event streams and a few hundred clients that
//     dawdle over a request or an answer do to one honest client, and to the
//     sensor's memory.
//
// The journal and the rules are on. It is no test: it asserts nothing about time
// and sends requests to loopback only.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"time"
)

// What this program serves as instead, when it is called so by itself.
const (
	bareArg = "serve-bare"
	sdkArg  = "serve-gosdk"
)

// benchmark is one run, as its flags have it.
type benchmark struct {
	binary string
	conns  int
	round  time.Duration
	rounds int
	soak   time.Duration
	starts int
	text   int
	idle   idleOptions

	examples string

	run *regexp.Regexp

	dir     string // of all that the run writes
	clients int    // that were dialled
}

func main() {
	if err := begin(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func begin(args []string) error {
	if len(args) == 1 {
		switch args[0] {
		case bareArg:
			return servePeer(bare())
		case sdkArg:
			return servePeer(goSDK())
		}
	}
	b, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	return b.all()
}

func parse(args []string) (*benchmark, error) {
	b := &benchmark{}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.StringVar(&b.binary, "binary", "dist/killdeer", "the sensor to measure")
	f.IntVar(&b.conns, "conns", 16, "connections, each with its own session")
	f.DurationVar(&b.round, "round", 3*time.Second, "time of one turn")
	f.IntVar(&b.rounds, "rounds", 2, "turns of each side per case")
	f.DurationVar(&b.soak, "soak", 0, "load before memory is read, beside the cases")
	f.IntVar(&b.starts, "starts", 5, "starts that are timed, beside one with a cold cache")
	f.IntVar(&b.text, "text", 256, "bytes of the text that echo gets and returns")
	f.IntVar(&b.idle.streams, "streams", 2000, "idle event streams")
	f.IntVar(&b.idle.slow, "slow", 400, "connections that dawdle over a request, or one in eight over an answer")
	f.DurationVar(&b.idle.turn, "honest", 6*time.Second, "time of one measurement of the honest client")
	f.StringVar(&b.examples, "examples", "examples", "folder with the personas in several languages")
	run := f.String("run", "", "parts to run, a regular expression")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	var err error
	if b.run, err = regexp.Compile(*run); err != nil {
		return nil, fmt.Errorf("-run: %w", err)
	}
	if b.conns < 1 || b.rounds < 1 || b.starts < 0 || b.round <= 0 || b.idle.streams+b.idle.slow >= perSource {
		return nil, fmt.Errorf("at least one connection and round, and fewer than %d streams and slow connections", perSource)
	}
	return b, nil
}

func (b *benchmark) all() (err error) {
	if b.dir, err = os.MkdirTemp("", "killdeer-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	fmt.Printf("%d CPUs, %d connections, %d x %v a side\n\n", runtime.NumCPU(), b.conns, b.rounds, b.round)
	for _, part := range []struct {
		name string
		run  func() error
	}{
		{"starts", b.timeStarts},
		{"bare memory", b.enterprise},
		{"gosdk", b.echo},
		{"idle", b.dawdle},
		{"languages", b.languages},
	} {
		if !b.run.MatchString(part.name) {
			continue
		}
		if err := part.run(); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return nil
}

// enterprise measures the built-in persona on one sensor.
func (b *benchmark) enterprise() error {
	sensor, err := b.startSensor("enterprise", "")
	if err != nil {
		return err
	}
	defer sensor.stop()
	if b.run.MatchString("bare") {
		if err := b.besideBare(sensor); err != nil {
			return err
		}
	}
	if b.run.MatchString("memory") {
		return b.soakMemory(sensor)
	}
	return nil
}

// echo measures a persona with one tool, on a sensor for each framing.
func (b *benchmark) echo() error {
	guest, err := b.buildEcho()
	if err != nil {
		return err
	}
	sensors := map[string]*server{}
	for framing, kind := range map[string]string{"json": kindJSON, "sse": kindSSE} {
		s, err := b.startSensor("echo-"+framing, fmt.Sprintf("personas = [%q]\nframing = %q", guest, framing))
		if err != nil {
			return err
		}
		defer s.stop()
		sensors[kind] = s
	}
	return b.besideSDK(sensors)
}
