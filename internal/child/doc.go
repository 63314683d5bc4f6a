// Package child starts the program of a plugin and speaks go-plugin's protocol with
// it up to the point where its service can be called.
//
// The program is one that others cannot change, gets nothing of our environment that
// could be secret, ends when we do, and what it says reaches the log at a bounded
// rate. The package does not know what a plugin serves, does not start one again, and
// does not decide what its end means.
package child
