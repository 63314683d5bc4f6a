// Package sdk holds Killdeer's contracts: the data types and small interfaces
// that cross the seams between the sensor, its guests and its plugins.
//
// It does nothing by itself: it starts no process, opens no file and imports
// only the standard library, so that a guest or a plugin which imports it
// carries nothing else of Killdeer. The glue that turns Go code into a guest is
// in [github.com/killdeer-mcp/killdeer/sdk/guest].
package sdk
