package main

import (
	"testing"

	"github.com/killdeer-mcp/killdeer/tracers/tracetest"
)

func TestMain(m *testing.M) { tracetest.Main(m, main) }

func TestTracer(t *testing.T) { tracetest.Run(t, tracetest.Tracer{Require: "strace", Misses: misses}) }

// misses are what strace does not show.
var misses = map[string]string{
	"memfd_link": "strace does not say which file was executed",
	"ring_open":  denied, "ring_sqpoll_open": denied, "ring_connect": denied, "ring_send": denied, "ring_sqpoll_send": denied,
	"ring_fixed_send": denied, "ring_write": denied, "ring_files": denied,
}

const denied = "strace sees no requests of io_uring, and denies it"
