package main

import (
	"context"
	"fmt"
	"time"
)

const (
	// settle is how long the sensor is left alone before its memory is read.
	settle = 2 * time.Second
	// recovery is how long the sensor has to give memory back: guests that nobody
	// calls go after a minute, and the collector has to look twice. nearBaseline is
	// when it is said to have done so.
	recovery     = 3 * time.Minute
	nearBaseline = 1.1
)

// idleOptions say how large a crowd is.
type idleOptions struct {
	streams, slow int
	turn          time.Duration
}

// dawdle measures one honest client, and the sensor's memory, before, among and
// after a crowd of clients that hold connections and hardly use them.
func (b *benchmark) dawdle() error {
	sensor, err := b.startSensor("idle", "")
	if err != nil {
		return err
	}
	defer sensor.stop()
	slowReaders := (b.idle.slow + readers - 1) / readers
	fmt.Printf("\n%d idle streams, %d clients that send a head byte by byte, %d that read answers byte by byte (a byte in %v)\n",
		b.idle.streams, b.idle.slow-slowReaders, slowReaders, pace)
	d := &dawdling{benchmark: b, sensor: sensor}
	d.note("sensor started")
	d.honest("alone")
	d.note("after the honest client, alone")
	base := d.memory.rss
	d.among()
	d.note("all closed")
	d.honest("alone again")
	d.recover(base)
	return d.err
}

// dawdling is one run of the idle part. After an error its steps do nothing.
type dawdling struct {
	*benchmark
	sensor *server
	alone  *result   // of the honest client
	memory footprint // that was read last
	err    error
}

// note prints the sensor's memory.
func (d *dawdling) note(when string) {
	if d.err != nil {
		return
	}
	if d.memory, d.err = d.sensor.memory(); d.err == nil {
		fmt.Printf("  %-44s %v\n", when, d.memory)
	}
}

// honest prints how one client fares that makes call after call.
func (d *dawdling) honest(when string) {
	if d.err != nil {
		return
	}
	work := enterpriseWorkloads()
	varied := work[len(work)-1]
	var r *result
	if r, d.err = d.measure(d.sensor.addr, speech{path: mcpPath}, varied, 1, d.idle.turn); d.err != nil {
		return
	}
	if d.alone == nil {
		d.alone = r
	}
	times := func(q float64) float64 { return float64(r.quantile(q)) / float64(d.alone.quantile(q)) }
	fmt.Printf("honest client, %-12s %6.0f calls/s   p50 %8v (x %.2f)   p99 %8v (x %.2f)\n", when+":",
		r.rate(), r.quantile(.5), times(.5), r.quantile(.99), times(.99))
}

// among measures while the crowd is there.
func (d *dawdling) among() {
	if d.err != nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	c := &crowd{benchmark: d.benchmark, addr: d.sensor.addr}
	defer func() {
		cancel()
		c.wg.Wait()
		fmt.Printf("  the sensor cut %d heads, %d answers and %d streams\n", c.heads.Load(), c.answers.Load(), c.lost.Load())
	}()
	if d.err = c.gather(ctx, d.idle.streams, d.idle.slow); d.err != nil {
		return
	}
	time.Sleep(settle)
	d.note("the crowd is there")
	d.honest("in a crowd")
	d.note("the crowd is there, after the honest client")
}

// recover waits for the memory to come back to where it was.
func (d *dawdling) recover(base float64) {
	begin := time.Now()
	for d.err == nil && time.Since(begin) < recovery {
		if d.memory, d.err = d.sensor.memory(); d.memory.rss <= nearBaseline*base {
			break
		}
		time.Sleep(time.Second)
	}
	d.note(fmt.Sprintf("%.0f s later (%.2f of what it was before)", time.Since(begin).Seconds(), d.memory.rss/base))
}
