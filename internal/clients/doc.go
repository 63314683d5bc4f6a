// Package clients drives real MCP clients against a server under test: the two
// TypeScript SDKs, the Python SDK and the Go SDK, each in every protocol era and
// transport it speaks. A client connects, lists all tools, calls each one with
// arguments made from its input schema, and reports what it was given.
//
// The package is test support only: nothing that ships imports it. It does not
// judge a report and knows nothing of the server it is pointed at. `make clients`
// installs the runtimes it needs into this folder; [All] leaves out what is not
// installed, unless KILLDEER_REQUIRE lists "clients".
package clients
