package wasm

import "github.com/killdeer-mcp/killdeer/internal/wasm/meter"

// Style is how a module is called.
type style string

const (
	reactor style = "reactor" // exports killdeer_call, is called again and again
	command style = "command" // exports _start, runs once per instance
)

const (
	entryReactor = "killdeer_call"
	entryCommand = "_start"
	entryInit    = "_initialize"

	typeReactor = "()->(i32)"
	typeNothing = "()->()"
)

// offered holds the signatures of all host functions, by module and name.
type offered map[string]map[string]string

// check applies the load rules that need no compiler, and tells how the module
// is to be called.
func check(s *meter.Module, host offered) (style, error) {
	if err := checkImports(s, host); err != nil {
		return "", err
	}
	if e, ok := s.Exports["memory"]; !ok || e.Kind != meter.KindMemory || s.Memories == 0 {
		return "", refuse(CodeMemory, "no memory is exported as %q", "memory")
	}
	if s.Start {
		if err := checkStart(s); err != nil {
			return "", err
		}
	}
	return checkEntries(s)
}

// checkStart does for a start function what the compiler no longer can: see
// [meter.HiddenStart].
func checkStart(s *meter.Module) error {
	got, err := s.TypeOf(s.StartFunction)
	if err != nil {
		return refuse(CodeCompile, "start section: %v", err)
	}
	if got != typeNothing {
		return refuse(CodeCompile, "start section: the function has type %s, not %s", got, typeNothing)
	}
	return nil
}

func checkImports(s *meter.Module, host offered) error {
	for i, im := range s.Imports {
		functions, ok := host[im.Module]
		if !ok {
			return refuse(CodeImport, "%q %q is not offered%s", im.Module, im.Name, hint(im))
		}
		want, ok := functions[im.Name]
		if !ok {
			return refuse(CodeImport, "%q %q is not offered%s", im.Module, im.Name, hint(im))
		}
		got, err := s.TypeOf(uint32(i))
		if err != nil {
			return refuse(CodeCompile, "import %q %q: %v", im.Module, im.Name, err)
		}
		if got != want {
			return refuse(CodeImportType, "%q %q has type %s, not %s", im.Module, im.Name, want, got)
		}
	}
	return nil
}

func checkEntries(s *meter.Module) (style, error) {
	_, call := s.Exports[entryReactor]
	_, start := s.Exports[entryCommand]
	switch {
	case call && start:
		return "", refuse(CodeEntryBoth, "%s and %s are both exported", entryReactor, entryCommand)
	case call:
		if _, ok := s.Exports[entryInit]; ok {
			if err := checkEntry(s, entryInit, typeNothing); err != nil {
				return "", err
			}
		}
		return reactor, checkEntry(s, entryReactor, typeReactor)
	case start:
		return command, checkEntry(s, entryCommand, typeNothing)
	}
	return "", refuse(CodeEntry, "neither %s nor %s is exported", entryReactor, entryCommand)
}

func checkEntry(s *meter.Module, name, want string) error {
	e := s.Exports[name]
	if e.Kind != meter.KindFunc {
		return refuse(CodeEntryType, "%s is not a function", name)
	}
	got, err := s.TypeOf(e.Index)
	if err != nil {
		return refuse(CodeCompile, "%s: %v", name, err)
	}
	if got != want {
		return refuse(CodeEntryType, "%s has type %s, not %s", name, got, want)
	}
	return nil
}
