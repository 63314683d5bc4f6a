//go:build !unix

package pack

import "os"

// flock does nothing where there is no flock: two commands at once are then the
// operator's to avoid.
func flock(*os.File) error { return nil }
