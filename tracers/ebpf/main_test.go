package main

import (
	"testing"

	"github.com/killdeer-mcp/killdeer/tracers/tracetest"
)

func TestMain(m *testing.M) { tracetest.Main(m, main) }

func TestTracer(t *testing.T) { tracetest.Run(t, tracetest.Tracer{Require: "ebpf"}) }
