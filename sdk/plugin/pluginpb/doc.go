// Package pluginpb is the wire form of the plugin protocol, generated from
// plugin.proto. Events are in it as their JSON bytes. It says nothing of what the
// calls mean: docs/plugin-protocol.md does.
package pluginpb

//go:generate sh -c "protoc --plugin=$(go tool -n protoc-gen-go) --plugin=$(go tool -n protoc-gen-go-grpc) --go_out=. --go_opt=paths=source_relative --go-grpc_out=. --go-grpc_opt=paths=source_relative plugin.proto"
