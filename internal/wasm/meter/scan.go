package meter

import (
	"bytes"
	"fmt"
)

// MaxModule is the largest module, in bytes, that the limits below are made for.
// It bounds a metered one too.
const MaxModule = 64 << 20

// Limits of the scanner. The compiler allocates what a module's counts
// announce, and what an instance costs follows from these, so they are checked
// on the raw bytes. They are far above what toolchains emit.
const (
	maxTypes         = 1 << 16
	maxFunctions     = 1 << 18
	maxImports       = 1 << 12
	maxExports       = 1 << 16
	maxGlobals       = 1 << 15
	maxSegments      = 1 << 16
	maxElements      = 1 << 18 // entries of all element segments together
	maxSignature     = 1 << 10 // parameters, or results, of one function
	maxLocals        = 50_000  // of one function
	maxLocalsInAll   = 1 << 22
	maxTables        = 16
	maxTableElements = 1 << 16
)

// Section ids of the binary format.
const (
	sectionCustom = iota
	sectionType
	sectionImport
	sectionFunction
	sectionTable
	sectionMemory
	sectionGlobal
	sectionExport
	sectionStart
	sectionElement
	sectionCode
	sectionData
	sectionDataCount
	sections
)

// sectionRank is the order in which sections must stand: the data count stands
// before the code.
var sectionRank = [sections]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 10}

var sectionName = [sections]string{
	"custom", "type", "import", "function", "table", "memory", "global",
	"export", "start", "element", "code", "data", "data count",
}

// Kinds of what is imported and exported.
const (
	KindFunc   = 0
	kindTable  = 1
	KindMemory = 2
	kindGlobal = 3
	kindTag    = 4
)

var kindName = map[byte]string{
	KindFunc: "function", kindTable: "table", KindMemory: "memory", kindGlobal: "global", kindTag: "tag",
}

var (
	magic     = []byte{0, 'a', 's', 'm'}
	coreV1    = []byte{0, 'a', 's', 'm', 1, 0, 0, 0}
	layerCore = byte(0)
)

// Import is a function that a module asks for.
type Import struct {
	Module, Name string
	typ          uint32
}

// Export is what a module has a name for. Index counts within the kind, imports first.
type Export struct {
	Kind  byte
	Index uint32
}

// Module is what the load checks need to know of a module.
type Module struct {
	Imports   []Import
	Exports   map[string]Export
	Memories  int
	Variables []Variable
	Elements  int  // entries of all element segments
	Start     bool // there is a start function

	StartFunction uint32

	// Code is the module rewritten: custom sections left out, every table with a
	// maximum, data segments joined.
	Code []byte

	types     []string // signatures, as Signature writes them
	params    []int    // how many, by type
	functions []uint32 // type indices
	globals   int
	unfixed   bool // a guest can change more than memory and variables, or one that the host cannot write
	locals    int  // locals seen so far
	counted   bool // there is a data count section
}

// checkHeader tells a core module from everything else.
func checkHeader(code []byte) error {
	switch {
	case len(code) == 0:
		return fault(NotWasm, "the file is empty")
	case len(code) < len(coreV1) || !bytes.HasPrefix(code, magic):
		return fault(NotWasm, "no WebAssembly header")
	case code[6] != layerCore:
		return fault(Component, "this is a component, as of WASI 0.2, not a core module")
	case !bytes.HasPrefix(code, coreV1):
		return fault(NotWasm, "WebAssembly version %d is not supported", code[4])
	}
	return nil
}

// Scan walks a module's sections, in order and each at most once. A file of over
// [MaxModule] bytes is not for it. An error is an *[Error].
func Scan(code []byte) (*Module, error) {
	if err := checkHeader(code); err != nil {
		return nil, err
	}
	s := &Module{Exports: map[string]Export{}, Code: make([]byte, 0, len(code)+64)}
	s.Code = append(s.Code, coreV1...)
	r := &reader{b: code[len(coreV1):]}
	last := 0
	for len(r.b) > 0 {
		id := r.byte()
		body := r.take(r.u32())
		if r.err != nil {
			return nil, fault(Malformed, "read a section: %v", r.err)
		}
		if id == sectionCustom {
			continue
		}
		if int(id) >= sections || sectionRank[id] <= last {
			return nil, fault(Malformed, "section %d is unknown, doubled or out of order", id)
		}
		last = sectionRank[id]
		if err := s.section(id, body); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *Module) section(id byte, body []byte) error {
	r := &reader{b: body}
	var err error
	switch id {
	case sectionType:
		s.scanTypes(r)
	case sectionImport:
		err = s.scanImports(r)
	case sectionFunction:
		s.scanFunctions(r)
	case sectionTable:
		body, err = rewriteTables(r)
	case sectionMemory:
		s.Memories = r.count(1)
		skipLimits(r, s.Memories)
	case sectionGlobal:
		s.scanGlobals(r)
	case sectionExport:
		s.scanExports(r)
	case sectionStart:
		s.Start, s.StartFunction = true, r.u32()
	case sectionDataCount:
		r.u32()
		s.counted = true
	case sectionElement:
		s.scanElements(r)
	case sectionCode:
		s.scanCode(r)
	case sectionData:
		scanData(r)
	}
	if err != nil {
		return err
	}
	if err := r.end(); err != nil {
		return fault(Malformed, "%s section: %v", sectionName[id], err)
	}
	if id == sectionData && !s.counted {
		// A module with a data count may name its segments in code.
		body = joinData(body)
	}
	s.Code = append(s.Code, id)
	s.Code = appendU32(s.Code, uint32(len(body)))
	s.Code = append(s.Code, body...)
	return nil
}

// TypeOf returns the signature of a function by its index over imports and own
// functions.
func (s *Module) TypeOf(index uint32) (string, error) {
	var typ uint32
	own := int64(index) - int64(len(s.Imports))
	switch {
	case own < 0:
		typ = s.Imports[index].typ
	case own < int64(len(s.functions)):
		typ = s.functions[own]
	default:
		return "", fmt.Errorf("function %d does not exist", index)
	}
	if uint64(typ) >= uint64(len(s.types)) {
		return "", fmt.Errorf("type %d does not exist", typ)
	}
	return s.types[typ], nil
}
