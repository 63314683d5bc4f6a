package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"syscall"
	"time"
)

const (
	soakCapMB, soakSegmentMB = 64, 8
	// settling is when memory and disk have found their levels.
	settling = 15 * time.Minute
	// blocks is of how many means a trend is made. What a collection of garbage does to
	// memory lasts for seconds, so that neighbouring samples are not independent.
	blocks = 60
)

// soak is test 10: requests at a rate while the sensor reloads again and again, now
// and then with a configuration that is at fault, and old segments go.
func (s *suite) soak() (string, error) {
	common := fmt.Sprintf("journal.max_bytes = \"%dMiB\"\njournal.segment_bytes = \"%dMiB\"\n", soakCapMB, soakSegmentMB)
	k, err := s.newSensor("soak", common)
	if err != nil {
		return "", err
	}
	if err := k.start(); err != nil {
		return "", err
	}
	defer k.kill()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	l := &load{url: k.url(), clients: 16, rate: 1000}
	done, began := make(chan struct{}), time.Now()
	go func() { l.run(ctx); close(done) }()
	length, reloads := choose(s, 12*time.Second, soakTime()), choose(s, 24, 1000)
	seen := make(chan levels, 1)
	go func() { seen <- s.watch(ctx, k, min(length/5, settling)) }()
	refused, err := k.reloads(reloads, length/time.Duration(reloads), s.dir+"/cache", common)
	cancel()
	<-done
	at := <-seen
	if err != nil {
		return "", err
	}
	length = time.Since(began).Round(time.Second)
	if err := k.stop(); err != nil {
		return "", err
	}
	rate := float64(len(l.acked)) / length.Seconds()
	slope, give := trend(at.memory, at.span)
	grown := slope * at.span.Hours()
	memory := fmt.Sprintf("memory %+.1f MB", grown)
	if s.long {
		memory = fmt.Sprintf("memory %+.2f MB/h (standard error %.2f, %d samples of %.0f to %.0f MB)", slope, give, len(at.memory), percentile(at.memory, 0), percentile(at.memory, 1))
	}
	return fmt.Sprintf("%.0f requests/s for %v, %d reloads (%d at fault, refused with the reason), %d of %d connections failed, %s, descriptors %+d, disk at most %.0f MB of %d",
			rate, length, reloads, refused, len(l.failed), l.clients, memory, at.files, at.disk, soakCapMB),
		errors.Join(want(len(l.failed) == 0, "dropped: %v", errors.Join(l.failed...)), want(refused > 0, "a fault was not refused"),
			want(rate > 900, "the load was not there"), want(at.files <= 4, "descriptors leak"), want(at.disk <= soakCapMB*1.05+2*soakSegmentMB, "too much disk"),
			want(!s.long || slope < 1, "memory grows by %.1f MB an hour", slope), want(grown < 60, "memory grew"))
}

// reloads makes n reloads, half of them by a signal, each fourth with a fault. Refused
// are the faults whose reason was told.
func (k *sensor) reloads(n int, every time.Duration, cache, common string) (refused int, err error) {
	for i := range n {
		time.Sleep(every)
		more := fmt.Sprintf("%srules.operator = [\"10.0.0.%d/32\"]\n", common, i%250)
		if i%4 == 3 {
			more += "decoy.no_such_key = 1\n"
		}
		if err := k.configure(cache, more); err != nil {
			return refused, err
		}
		if i%2 == 0 {
			_ = k.cmd.Process.Signal(syscall.SIGHUP) // a sensor that is gone shows by its connections
		} else if _, err := k.tool("reload"); err != nil && strings.Contains(err.Error(), "no_such_key") {
			refused++
		}
	}
	return refused, nil
}

// levels is what a sensor held once it had settled.
type levels struct {
	memory []float64 // MB, at even times
	span   time.Duration
	files  int     // descriptors at the end, beyond those at the start
	disk   float64 // MB, at most
}

// watch looks at a sensor from when it has settled until ctx ends.
func (s *suite) watch(ctx context.Context, k *sensor, settled time.Duration) (at levels) {
	select {
	case <-time.After(settled):
	case <-ctx.Done():
		return at
	}
	began, before := time.Now(), descriptors(k.pid())
	tick := time.NewTicker(choose(s, 100*time.Millisecond, time.Second))
	defer tick.Stop()
	for {
		at.memory, at.disk = append(at.memory, resident(k.pid())), max(at.disk, folderMB(k.state()+"/events"))
		select {
		case <-tick.C:
		case <-ctx.Done():
			at.span, at.files = time.Since(began), descriptors(k.pid())-before
			return at
		}
	}
}

// trend is what samples at even times of a span gain in an hour, by least squares
// through the means of blocks of them, and the standard error of that.
func trend(samples []float64, span time.Duration) (perHour, standardError float64) {
	if len(samples) < blocks {
		return 0, math.Inf(1)
	}
	var means [blocks]float64
	for i := range means {
		block := samples[i*len(samples)/blocks : (i+1)*len(samples)/blocks]
		for _, v := range block {
			means[i] += v / float64(len(block))
		}
	}
	step := span.Hours() / blocks
	const middle = float64(blocks-1) / 2
	mean, slope, spread := 0.0, 0.0, 0.0
	for i, v := range means {
		x := float64(i) - middle
		mean, slope, spread = mean+v/blocks, slope+x*v, spread+x*x
	}
	slope /= spread
	rest := 0.0
	for i, v := range means {
		d := v - mean - slope*(float64(i)-middle)
		rest += d * d
	}
	return slope / step, math.Sqrt(rest/(blocks-2)/spread) / step
}

// soakTime is how long the long form takes: a day, unless SOAK says otherwise.
func soakTime() time.Duration {
	if d, err := time.ParseDuration(os.Getenv("SOAK")); err == nil {
		return d
	}
	return 24 * time.Hour
}
