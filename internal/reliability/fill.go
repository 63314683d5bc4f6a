package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/journal"
	"github.com/killdeer-mcp/killdeer/sdk"
)

func contains(text, part string) bool { return strings.Contains(text, part) }

// fill gives a sensor n events to begin with.
func fill(k *sensor, n int) error {
	j, err := journal.Open(k.state(), journal.Options{Sensor: "fill"})
	if err != nil {
		return err
	}
	const batch = 512
	now := time.Now().UTC()
	for done := 0; done < n; done += batch {
		events := make([]*sdk.Event, min(batch, n-done))
		for i := range events {
			events[i] = &sdk.Event{
				V: sdk.EventVersion, ID: fmt.Sprintf("00000000-0000-7000-8000-%012d", done+i), Kind: sdk.KindAccess, Time: now,
				IP: fmt.Sprintf("10.0.%d.%d", done/batch%250, i%250), Method: "POST", Path: "/mcp", MCPMethod: "tools/call", Outcome: "result", Status: 200,
				Head: strings.Repeat("x", 400),
			}
		}
		if err := j.Append(context.Background(), events, journal.Mark{Consumer: "rules", Seq: uint64(done + len(events))}); err != nil {
			return err
		}
	}
	return j.Close()
}
