// Package clients drives real MCP clients against a server under test: SDKs (two
// in TypeScript, one in Python, two in Go, and that of the AI SDK), command lines
// (the MCP inspector, mcporter, mcp-remote-client) and a bridge (mcp-remote),
// each in every protocol era and over every transport it speaks. A client
// connects, lists all tools, calls each one with arguments made from its input
// schema, and reports what it was given; [Reach] says which clients do less.
//
// The package is test support only: nothing that ships imports it. It does not
// judge a report and knows nothing of the server it is pointed at. `make clients`
// installs the runtimes it needs into this folder; [All] leaves out what is not
// installed, unless KILLDEER_REQUIRE lists "clients".
package clients
