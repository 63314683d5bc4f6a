package wasm

import (
	"cmp"
	"strings"

	"github.com/killdeer-mcp/killdeer/internal/wasm/meter"
)

// remedies tell the author of a refused module what to change, by code. They are
// as exact as one can be without knowing the toolchain.
var remedies = map[string]string{
	CodeTooBig:      "build without debug information and names (Go -ldflags='-s -w', Rust -C strip=symbols, clang -Wl,--strip-all), or embed less data",
	CodeNotWasm:     "name the .wasm file that the compiler wrote; text form (.wat) is assembled with wat2wasm",
	CodeComponent:   "build a core module for wasip1 (Go GOOS=wasip1, Rust --target wasm32-wasip1 or wasm32-unknown-unknown, clang --target=wasm32-wasi)",
	CodeTableLimit:  "leave out code: a table has an entry for each function that is called through a pointer",
	CodeImport:      `import from "killdeer" and "wasi_snapshot_preview1" only`,
	CodeImportType:  "declare imported functions as docs/guest-abi.md has them; memory, tables and globals are the guest's own (clang without --import-memory)",
	CodeMemory:      `export the memory under that name, as linkers do unless told otherwise (AssemblyScript without --noExportMemory)`,
	CodeEntry:       `export killdeer_call (clang export_name("killdeer_call"), Rust #[no_mangle] pub extern "C", Zig export and -rdynamic, Go -buildmode=c-shared), or build a program with main`,
	CodeEntryBoth:   "build a library that exports killdeer_call (Go -buildmode=c-shared, clang -mexec-model=reactor), or a program with main",
	CodeEntryType:   "killdeer_call takes nothing and returns an i32, 0 for success; _start and _initialize take and return nothing",
	CodeInstantiate: "let initializers and constructors only prepare: they get no input, and 2 s",
}

// remedy returns what to do about a refusal.
func remedy(code, detail string) string {
	if code != CodeCompile {
		return remedies[code]
	}
	switch {
	case strings.Contains(detail, "over limit of"): // wazero's words
		return "ask for less initial memory (clang -Wl,--initial-memory), or raise wasm.memory_mib"
	case strings.HasPrefix(detail, "took longer"), strings.Contains(detail, "metering"):
		return "make the module or its largest function smaller"
	}
	return "the file is cut or damaged, or uses a proposal beyond WebAssembly 2.0 (threads, exceptions, garbage collection): build it again without"
}

// foreign are import modules of toolchains that build for another host, and why.
var foreign = map[string]string{
	"wasi_unstable":             "built for an old WASI, build for wasip1",
	"gojs":                      "built with GOOS=js, build with GOOS=wasip1",
	"go":                        "built with GOOS=js, build with GOOS=wasip1",
	"__wbindgen_placeholder__":  "built with wasm-bindgen for JavaScript, use plain extern functions",
	"wbg":                       "built with wasm-bindgen for JavaScript, use plain extern functions",
	"extism:host/env":           "built with a plugin kit of Extism, use the imports of docs/guest-abi.md",
	"wasi_snapshot_preview2":    "built for WASI 0.2, build a core module for wasip1",
	"wasix_32v1":                "built for WASIX, build for wasip1",
	"wasi_ephemeral_nn":         "guests have no neural networks",
	hostModule:                  "the ABI has input_size, input_read, output_write and log",
	"wasi":                      "threads are not offered, build without them",
	"wasi_ephemeral_sock":       "guests have no sockets",
	"wasi_experimental_sockets": "guests have no sockets",
}

// envNames are functions that toolchains look for in "env", and what they mean.
var envNames = map[string]string{
	"seed":        "AssemblyScript's Math.random, draw from the input's seed instead",
	"trace":       "AssemblyScript's trace, import killdeer.log instead",
	"console.log": "AssemblyScript's console, import killdeer.log instead",
	"Date.now":    "AssemblyScript's Date, take the input's now instead",
}

// hint says why a toolchain asks for an import.
func hint(im meter.Import) string {
	why := foreign[im.Module]
	switch {
	case why != "":
	case im.Module == abortModule:
		why = cmp.Or(envNames[im.Name], "declared but not defined, so link what defines it")
	case strings.HasPrefix(im.Name, "sock_"):
		why = "guests have no sockets"
	case strings.HasPrefix(im.Module, "wasi:"):
		why = "built for WASI 0.2, build a core module for wasip1"
	}
	if why == "" {
		return ""
	}
	return ": " + why
}
