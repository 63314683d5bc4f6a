package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// mark is a line of a file in every planted home which is no secret.
const mark = "renew the staging certificate"

// wall holds what would do harm to a home that was planted, and to a network that
// leads nowhere. It looks like any program that reads its notes and its interfaces.
func wall() error {
	home := os.Getenv("HOME")
	notes, err := os.ReadFile(filepath.Join(home, "work", "notes.txt"))
	if err != nil || !strings.Contains(string(notes), mark) {
		return fmt.Errorf("%q is no planted home", home)
	}
	links, err := net.Interfaces()
	if err != nil {
		return fmt.Errorf("list the network's interfaces: %w", err)
	}
	for _, l := range links {
		if l.Flags&net.FlagLoopback == 0 {
			return errors.New("the network is not sealed: it has the interface " + l.Name)
		}
	}
	return nil
}
