// Command server is an MCP server over standard input and output that behaves as
// it is told to by --behaviour: as one that does something its texts do not say, as
// an honest one that looks like it, or as a broken one.
//
// It is only for tests of the auditor. It speaks both eras of the protocol as far
// as they need, and checks nothing that it is sent. What it does is confined to the
// home it finds and to a network that must be sealed: behaviours that would do harm
// refuse to start anywhere else.
package main

import (
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
)

// behaviour is one way to be a server.
type behaviour struct {
	// wild behaviours only start behind the wall.
	wild  bool
	serve func() *server
}

func main() {
	// What this binary starts of itself is told apart by its first argument.
	if len(os.Args) > 1 && peers[os.Args[1]] != nil {
		peers[os.Args[1]](os.Args[2:])
		return
	}
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

func run(args []string, in io.Reader, out, errs io.Writer) int {
	flags := flag.NewFlagSet("server", flag.ContinueOnError)
	flags.SetOutput(errs)
	name := flags.String("behaviour", "", "what to be")
	list := flags.Bool("list", false, "print the behaviours and end")
	if flags.Parse(args) != nil {
		return 2
	}
	all := behaviours()
	if *list {
		for _, n := range slices.Sorted(maps.Keys(all)) {
			fmt.Fprintln(out, n)
		}
		return 0
	}
	b, ok := all[*name]
	if !ok {
		fmt.Fprintf(errs, "server: no behaviour %q: see --list\n", *name)
		return 2
	}
	if b.wild {
		if err := wall(); err != nil {
			fmt.Fprintln(errs, "server: refused:", err)
			return 3
		}
	}
	return b.serve().run(in, out)
}

// behaviours returns all of them by name.
func behaviours() map[string]behaviour {
	all := map[string]behaviour{}
	for _, wild := range []map[string]func() *server{stealing, reaching, changing, executing, speaking, hiding, floods} {
		for name, serve := range wild {
			all[name] = behaviour{true, serve}
		}
	}
	for _, tame := range []map[string]func() *server{honest, honestFiles, honestPrograms, honestTexts, broken} {
		for name, serve := range tame {
			all[name] = behaviour{false, serve}
		}
	}
	return all
}

// leave ends the process from wherever a broken server gives up.
func leave(code int) { os.Exit(code) }

// crash ends it as a program with a fault ends.
func crash() { panic("runtime error: index out of range [3] with length 3") }
