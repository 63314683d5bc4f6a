package wasm

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
func (s *scanned) check(host offered) (style, error) {
	if err := s.checkImports(host); err != nil {
		return "", err
	}
	if e, ok := s.exports["memory"]; !ok || e.kind != kindMemory || s.memories == 0 {
		return "", refuse(CodeMemory, "no memory is exported as %q", "memory")
	}
	if s.start {
		if err := s.checkStart(); err != nil {
			return "", err
		}
	}
	return s.checkEntries()
}

// checkStart does for a start function what the compiler no longer can: see
// [meter.hidden].
func (s *scanned) checkStart() error {
	got, err := s.typeOf(s.startFunction)
	if err != nil {
		return refuse(CodeCompile, "start section: %v", err)
	}
	if got != typeNothing {
		return refuse(CodeCompile, "start section: the function has type %s, not %s", got, typeNothing)
	}
	return nil
}

func (s *scanned) checkImports(host offered) error {
	for i, im := range s.imports {
		functions, ok := host[im.module]
		if !ok {
			return refuse(CodeImport, "%q %q is not offered%s", im.module, im.name, hint(im))
		}
		want, ok := functions[im.name]
		if !ok {
			return refuse(CodeImport, "%q %q is not offered%s", im.module, im.name, hint(im))
		}
		got, err := s.typeOf(uint32(i))
		if err != nil {
			return refuse(CodeCompile, "import %q %q: %v", im.module, im.name, err)
		}
		if got != want {
			return refuse(CodeImportType, "%q %q has type %s, not %s", im.module, im.name, want, got)
		}
	}
	return nil
}

func (s *scanned) checkEntries() (style, error) {
	_, call := s.exports[entryReactor]
	_, start := s.exports[entryCommand]
	switch {
	case call && start:
		return "", refuse(CodeEntryBoth, "%s and %s are both exported", entryReactor, entryCommand)
	case call:
		if _, ok := s.exports[entryInit]; ok {
			if err := s.checkEntry(entryInit, typeNothing); err != nil {
				return "", err
			}
		}
		return reactor, s.checkEntry(entryReactor, typeReactor)
	case start:
		return command, s.checkEntry(entryCommand, typeNothing)
	}
	return "", refuse(CodeEntry, "neither %s nor %s is exported", entryReactor, entryCommand)
}

func (s *scanned) checkEntry(name, want string) error {
	e := s.exports[name]
	if e.kind != kindFunc {
		return refuse(CodeEntryType, "%s is not a function", name)
	}
	got, err := s.typeOf(e.index)
	if err != nil {
		return refuse(CodeCompile, "%s: %v", name, err)
	}
	if got != want {
		return refuse(CodeEntryType, "%s has type %s, not %s", name, got, want)
	}
	return nil
}
