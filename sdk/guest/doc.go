// Package guest turns personas and rules written in Go into Killdeer guests:
// WebAssembly modules that speak the ABI killdeer/1.
//
// A guest's main package is a dozen lines under a wasip1 build tag:
//
//	//go:build wasip1
//
//	// Command wasm is the vault persona as a guest.
//	package main
//
//	import "github.com/killdeer-mcp/killdeer/sdk/guest"
//
//	func init() { guest.Personas("vault", "1.0.0", vault.Persona{}) }
//
//	func main() {}
//
// It is built with
//
//	GOOS=wasip1 GOARCH=wasm go build -trimpath -buildmode=c-shared -ldflags='-s -w -buildid=' -o vault.wasm ./wasm
//
// The package also has the two JSON tools that keep a guest small and fast,
// [Writer] and [Object]: encoding/json costs a guest about a megabyte and ten
// times the time. It does no IO except through the ABI, and nothing here keeps
// anything from one call to the next.
package guest
