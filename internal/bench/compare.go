package main

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// side is one server of a comparison.
type side struct {
	*server
	speech
	result
	rates []float64 // of each round
}

// interleave loads the sides by turns, so that noise hits all of them. Each had a turn
// before that does not count: a new process takes its memory from the kernel first.
func (b *benchmark) interleave(w *workload, sides ...*side) error {
	for _, s := range sides {
		if s.warm {
			continue
		}
		if _, err := b.turn(s.server, s.speech, w, b.conns, b.round); err != nil {
			return fmt.Errorf("%s at %s%s: %w", w.name, s.addr, s.path, err)
		}
		s.warm = true
	}
	for range b.rounds {
		for _, s := range sides {
			r, err := b.turn(s.server, s.speech, w, b.conns, b.round)
			if err != nil {
				return fmt.Errorf("%s at %s%s: %w", w.name, s.addr, s.path, err)
			}
			s.add(r)
			s.rates = append(s.rates, r.rate())
		}
	}
	return nil
}

// ratio is how many requests s serves while other serves one: over all rounds,
// and in the worst and the best of them.
func (s *side) ratio(other *side) string {
	each := make([]float64, len(s.rates))
	for i := range each {
		each[i] = s.rates[i] / other.rates[i]
	}
	return fmt.Sprintf("%.2f (%.2f-%.2f)", s.rate()/other.rate(), slices.Min(each), slices.Max(each))
}

// A table has a row for two sides. Its columns for each are requests per second,
// p50, p99, and the CPU time of the server for one request, which the load that
// shares the machine does not touch.
type table struct{ width int }

func (t table) head(title, first, second string) {
	const each = "  %9s %8s %9s %8s"
	fmt.Printf("\n%-*s %13s"+each+each+"   %-18s %s\n", t.width, title, "answer bytes",
		first, "p50", "p99", "CPU", second, "p50", "p99", "CPU", "ratio", "CPU ratio")
}

func (t table) row(title string, a, b *side) {
	fmt.Printf("%-*s %13s", t.width, title, fmt.Sprintf("%d, %d", a.size(), b.size()))
	for _, s := range []*side{a, b} {
		fmt.Printf("  %9.0f %8v %9v %8v", s.rate(), s.quantile(.5), s.quantile(.99), s.cost())
	}
	fmt.Printf("   %-18s %.2f\n", a.ratio(b), float64(b.cost())/float64(a.cost()))
}

// besideBare compares the enterprise persona with a bare net/http handler.
func (b *benchmark) besideBare(sensor *server) error {
	other, err := b.startPeer(bareArg)
	if err != nil {
		return err
	}
	defer other.stop()
	t := table{29}
	t.head("beside a bare handler", "sensor/s", "bare/s")
	for _, w := range enterpriseWorkloads() {
		ours := &side{server: sensor, speech: speech{path: mcpPath}}
		probe, err := b.turn(sensor, ours.speech, w, b.conns, b.round/warmUp)
		if err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		theirs := &side{server: other, speech: speech{path: mcpPath + "?" + strconv.Itoa(probe.size())}}
		if err := b.interleave(w, ours, theirs); err != nil {
			return err
		}
		t.row(w.name, ours, theirs)
	}
	return nil
}

// A contest is one way to call a tool, and the go-sdk endpoints that serve it.
type contest struct {
	era, framing string
	speech
	peers []speech
}

func contests() []contest {
	var all []contest
	for _, f := range []struct{ name, kind, stateless, stateful string }{
		{"JSON", kindJSON, statelessJSON, statefulJSON},
		{"SSE", kindSSE, statelessSSE, statefulSSE},
	} {
		all = append(all,
			contest{
				"legacy", f.name,
				speech{mcpPath, false, f.kind},
				[]speech{{f.stateless, false, f.kind}, {f.stateful, false, f.kind}},
			},
			contest{"modern", f.name, speech{mcpPath, true, f.kind}, []speech{{f.stateless, true, f.kind}}})
	}
	return all
}

// besideSDK compares one tool, echo, with the same tool on a go-sdk server.
func (b *benchmark) besideSDK(sensors map[string]*server) error {
	sdk, err := b.startPeer(sdkArg)
	if err != nil {
		return err
	}
	defer sdk.stop()
	t := table{34}
	fmt.Printf("\ntools/call of echo with %d bytes. \"same\": one argument, answered from the memo after the first call;\n"+
		"\"varied\": no argument comes twice, the guest runs for each.", b.text)
	t.head("beside go-sdk", "sensor/s", "go-sdk/s")
	for _, c := range contests() {
		for _, w := range echoWorkloads(b.text) {
			if err := b.contest(c, w, sensors[c.kind], sdk, t); err != nil {
				return err
			}
		}
	}
	for _, kind := range []string{kindJSON, kindSSE} {
		lost, err := b.lost(sensors[kind])
		if err != nil {
			return err
		}
		fmt.Printf("the sensor that answers in %s could not record %d events\n", kind, lost)
	}
	return nil
}

func (b *benchmark) contest(c contest, w *workload, sensor, sdk *server, t table) error {
	ours := &side{server: sensor, speech: c.speech}
	sides := []*side{ours}
	for _, p := range c.peers {
		sides = append(sides, &side{server: sdk, speech: p})
	}
	if err := b.interleave(w, sides...); err != nil {
		return err
	}
	for _, s := range sides[1:] {
		title := fmt.Sprintf("%s %-4s %-6s %s", c.era, c.framing, w.name, s.path)
		t.row(title, ours, s)
	}
	return nil
}

// soak prints what the sensor holds after a longer load, and what it wrote.
func (b *benchmark) soakMemory(s *server) error {
	work := enterpriseWorkloads()[1:]
	for _, w := range work {
		if b.soak == 0 {
			break
		}
		if _, err := b.turn(s, speech{path: mcpPath}, w, b.conns, b.soak/time.Duration(len(work))); err != nil {
			return err
		}
	}
	m, err := s.memory()
	if err != nil {
		return err
	}
	lost, err := b.lost(s)
	fmt.Printf("\nmemory after the load: %v\njournal: %.0f MB, %d events lost\n", m, s.journal(), lost)
	return err
}
