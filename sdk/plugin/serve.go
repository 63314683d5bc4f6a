// Package plugin makes a program that delivers events a sink plugin: its main
// calls [Serve] and returns.
//
// It speaks the protocol of docs/plugin-protocol.md, ends the process when the
// sensor is gone, and hands what the program logs to the sensor. It knows nothing
// of receivers, does not retry, and reads no file: the configuration comes from
// the sensor, with its secrets filled in.
package plugin

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// What both sides of the protocol know.
const (
	// SinkName is the name under which a plugin serves its sink.
	SinkName = "sink"
	// Version is the version of the protocol.
	Version = 1
	// MaxMessage is how many bytes a message may have: one event of the largest
	// size, or a batch of smaller ones.
	MaxMessage = 32 << 20
	// BufferSize is how many bytes either side reads and writes at once: about a
	// batch, so that one does not cost many system calls.
	BufferSize = 256 << 10
	// LifelineEnv names the descriptor that ends when the sensor does.
	LifelineEnv = "KILLDEER_LIFELINE_FD"
)

// Handshake lets a plugin that is started by hand say what it is. It is no secret
// and keeps nobody out: certificates made for each start do that.
var Handshake = goplugin.HandshakeConfig{
	MagicCookieKey:   "KILLDEER_PLUGIN",
	MagicCookieValue: "a broken wing",
}

// Started reports whether the process was started as a plugin.
func Started() bool { return os.Getenv(Handshake.MagicCookieKey) == Handshake.MagicCookieValue }

// Serve turns the process into a sink plugin and returns when the sensor has no
// more use for it. It calls open once, with the sink's table of agent.toml as a
// JSON object; see [Decode]. An error of open is shown to the operator.
//
// Standard output belongs to the protocol. What is written to standard error
// reaches the sensor's log, as does what goes to [Log]. SIGINT and SIGHUP are
// ignored, unless the program asks for SIGHUP itself.
func Serve(open func(config json.RawMessage) (sdk.Sink, error)) {
	if !Started() {
		fmt.Fprintf(os.Stderr, "This program is a sink of Killdeer: name it in [[sinks]] of agent.toml, and the sensor starts it.\n")
		os.Exit(2)
	}
	signal.Ignore(syscall.SIGHUP)
	go followSensor()
	s := &server{open: open}
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig:  Handshake,
		VersionedPlugins: map[int]goplugin.PluginSet{Version: {SinkName: &Sink{serve: s}}},
		Logger:           hclog.NewNullLogger(),
		GRPCServer: func(o []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(o, grpc.MaxRecvMsgSize(MaxMessage), grpc.ReadBufferSize(BufferSize),
				// A batch is not to wait for leave to be sent in full.
				grpc.InitialWindowSize(MaxMessage), grpc.InitialConnWindowSize(MaxMessage))...)
		},
	})
	if err := s.close(); err != nil {
		Log().Error("the sink did not close", "error", err)
	}
}

// followSensor ends the process when the sensor does. The sensor holds the other
// end of a pipe, which closes however it ends; it never writes to it.
func followSensor() {
	fd, err := strconv.ParseUint(os.Getenv(LifelineEnv), 10, 16)
	if err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, os.NewFile(uintptr(fd), "lifeline"))
	os.Exit(1)
}
