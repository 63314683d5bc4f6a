//go:build !linux

package agent

// goBehind does nothing: threads have no priority of their own here.
func goBehind() error { return nil }
