//go:build unix

package rules_test

import (
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/rules"
)

// processorTime is what this process has used: others on the machine do not count.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkTraffic is what an event of mixed traffic costs against the whole core
// pack. 10 000 events a second need less than 100 µs of one processor each.
func BenchmarkTraffic(b *testing.B) {
	for name, g := range map[string]func(testing.TB) rules.Guest{"native": func(testing.TB) rules.Guest { return coreGuest() }, "module": coreModule} {
		b.Run(name, func(b *testing.B) {
			events := traffic(20_000)
			e := engine(b, g(b))
			b.ReportAllocs()
			i, start, began := 0, processorTime(b), time.Now()
			for b.Loop() {
				ev := events[i%len(events)]
				ev.Time = ev.Time.Add(2 * time.Second * time.Duration(i/len(events)))
				if _, err := e.Judge(b.Context(), ev); err != nil {
					b.Fatal(err)
				}
				i++
			}
			s := e.Stats()
			used := processorTime(b) - start
			b.ReportMetric(float64(used.Microseconds())/float64(i), "cpu-µs/event")
			b.ReportMetric(float64(i)/used.Seconds(), "events/cpu-s")
			b.ReportMetric(float64(i)/time.Since(began).Seconds(), "events/s")
			b.ReportMetric(float64(s.Calls)/float64(s.Judged), "asked/event")
			b.ReportMetric(float64(s.Detections), "detections")
			b.ReportMetric(float64(s.Failures), "timeouts") // on a machine that others keep busy
		})
	}
}

// BenchmarkFlood is what an event costs of a client that calls one tool as fast as
// it can, with one argument or with ever others.
func BenchmarkFlood(b *testing.B) {
	const words = "What went wrong with the deployment of the billing service last night, and who was on call?"
	for _, varied := range []bool{false, true} {
		b.Run(map[bool]string{false: "same", true: "varied"}[varied], func(b *testing.B) {
			e := engine(b, coreModule(b))
			i, start := 0, processorTime(b)
			for b.Loop() {
				text := words
				if varied {
					text = strconv.Itoa(i) + words
				}
				ev := access(i, time.Duration(i)*60*time.Microsecond, "192.0.2.1", "tools/call", "echo", "", "result", `{"text":"`+text+`"}`)
				ev.Session, ev.ResultBytes = "s"+strconv.Itoa(i%16), 329
				if _, err := e.Judge(b.Context(), ev); err != nil {
					b.Fatal(err)
				}
				i++
			}
			b.ReportMetric(float64((processorTime(b)-start).Microseconds())/float64(i), "cpu-µs/event")
		})
	}
}

// BenchmarkLargeArgs is what the largest arguments that an event keeps cost: plain
// text behind a word that makes them worth a look.
func BenchmarkLargeArgs(b *testing.B) {
	e := engine(b, coreModule(b))
	for name, text := range map[string]string{
		"plain": strings.Repeat("lorem ipsum ", 21_000), "quotes": strings.Repeat("'or(1 ;", 36_000), "escapes": strings.Repeat(`\u00e9`, 42_000),
	} {
		b.Run(name, func(b *testing.B) {
			start, n := processorTime(b), 0
			for b.Loop() {
				n++
				ev := access(n, time.Duration(n)*time.Millisecond, "192.0.2.1", "tools/call", "t", "docs", "result", `{"a":"; or ","q":"`+text+`"}`)
				if _, err := e.Judge(b.Context(), ev); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64((processorTime(b)-start).Microseconds())/float64(n)/1000, "cpu-ms/event")
		})
	}
}
