// Package plugin makes a program that delivers events a sink plugin: its main
// calls [Serve] and returns.
//
// It speaks the protocol of docs/plugin-protocol.md, ends the process when the
// sensor is gone, and hands what the program logs to the sensor. It knows nothing
// of receivers, does not retry, and reads no file: the configuration comes from
// the sensor, with its secrets filled in.
package plugin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// Serve turns the process into a sink plugin and returns when the sensor has no
// more use for it. It calls open once, with the sink's table of agent.toml as a
// JSON object; see [Decode]. An error of open is shown to the operator.
//
// Standard output belongs to the protocol. What is written to standard error
// reaches the sensor's log, as does what goes to [Log].
func Serve(open func(config json.RawMessage) (sdk.Sink, error)) {}

// Decode reads a sink's table into a struct and refuses keys that it does not have.
func Decode(config json.RawMessage, into any) error {
	d := json.NewDecoder(bytes.NewReader(config))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("read configuration: more than one value")
	}
	return nil
}
