package meter

import (
	"errors"
	"strings"
)

var (
	errType     = errors.New("unknown type")
	errConstant = errors.New("unsupported constant expression")
	errSegment  = errors.New("unknown kind of segment")
	errLocals   = errors.New("too many locals")
	errDouble   = errors.New("two exports of one name")
	errFlags    = errors.New("unsupported limits")
)

var valueTypes = map[byte]string{
	0x7f: "i32", 0x7e: "i64", 0x7d: "f32", 0x7c: "f64", 0x7b: "v128", refFunc: "funcref", refExtern: "externref",
}

const (
	refFunc   = 0x70
	refExtern = 0x6f
	typeI32   = 0x7f
)

// Signature renders a function type the way the import policy writes it:
// "(i32,i32)->(i32)".
func Signature(params, results []string) string {
	return "(" + strings.Join(params, ",") + ")->(" + strings.Join(results, ",") + ")"
}

func (s *Module) scanTypes(r *reader) {
	n := r.count(maxTypes)
	for i := 0; i < n && r.err == nil; i++ {
		if r.byte() != 0x60 {
			r.fail(errType)
			return
		}
		params, results := scanValueTypes(r), scanValueTypes(r)
		s.types = append(s.types, Signature(params, results))
		s.params = append(s.params, len(params))
	}
}

func scanValueTypes(r *reader) []string {
	names := make([]string, 0, 4)
	for range r.count(maxSignature) {
		names = append(names, scanValueType(r))
	}
	return names
}

func scanValueType(r *reader) string {
	name, ok := valueTypes[r.byte()]
	if !ok {
		r.fail(errType)
	}
	return name
}

// scanImports refuses at once what no guest may import, whatever its name.
func (s *Module) scanImports(r *reader) error {
	n := r.count(maxImports)
	for i := 0; i < n && r.err == nil; i++ {
		module, name, kind := r.name(), r.name(), r.byte()
		if r.err == nil && kind != KindFunc {
			return fault(ImportKind, "%q %q: a guest imports functions only, not a %s", module, name, kindName[kind])
		}
		s.Imports = append(s.Imports, Import{module, name, r.u32()})
	}
	return nil
}

func (s *Module) scanFunctions(r *reader) {
	for range r.count(maxFunctions) {
		s.functions = append(s.functions, r.u32())
	}
}

func skipLimits(r *reader, n int) {
	for range n {
		scanLimits(r)
	}
}

func scanLimits(r *reader) (low, high uint32, bounded bool) {
	switch r.byte() {
	case 0:
		return r.u32(), 0, false
	case 1:
		return r.u32(), r.u32(), true
	}
	r.fail(errFlags)
	return 0, 0, false
}

// rewriteTables gives each table a maximum: linear memory has a limit of its
// own, tables would have none.
func rewriteTables(r *reader) ([]byte, error) {
	n := r.u32()
	if r.err == nil && n > maxTables {
		return nil, fault(Tables, "%d tables, the limit is %d", n, maxTables)
	}
	out := appendU32(nil, n)
	for i := uint32(0); i < n && r.err == nil; i++ {
		kind := r.byte()
		if kind != refFunc && kind != refExtern {
			r.fail(errType)
		}
		low, high, bounded := scanLimits(r)
		if low > maxTableElements {
			return nil, fault(Tables, "table %d starts with %d elements, the limit is %d", i, low, maxTableElements)
		}
		if bounded && high < low {
			r.fail(errFlags)
		}
		if !bounded || high > maxTableElements {
			high = maxTableElements
		}
		out = append(out, kind, 1)
		out = appendU32(appendU32(out, low), high)
	}
	return out, nil
}

func (s *Module) scanGlobals(r *reader) {
	n := r.count(maxGlobals)
	s.globals = n
	for i := 0; i < n && r.err == nil; i++ {
		kind := scanValueType(r)
		if r.byte() != 0 {
			s.Variables = append(s.Variables, Variable(i))
			s.unfixed = s.unfixed || !scalar[kind]
		}
		scanConstant(r)
	}
}

// scanConstant passes over the constant expressions of WebAssembly 2.0: one
// instruction and an end.
func scanConstant(r *reader) {
	switch r.byte() {
	case 0x41: // i32.const
		r.skipSigned(5)
	case 0x42: // i64.const
		r.skipSigned(10)
	case 0x43: // f32.const
		r.take(4)
	case 0x44: // f64.const
		r.take(8)
	case 0x23, 0xd2: // global.get, ref.func
		r.u32()
	case 0xd0: // ref.null
		scanValueType(r)
	case 0xfd: // v128.const
		if r.u32() != 12 {
			r.fail(errConstant)
		}
		r.take(16)
	default:
		r.fail(errConstant)
	}
	if r.byte() != 0x0b {
		r.fail(errConstant)
	}
}

func (s *Module) scanExports(r *reader) {
	n := r.count(maxExports)
	for i := 0; i < n && r.err == nil; i++ {
		name := r.name()
		e := Export{Kind: r.byte(), Index: r.u32()}
		if _, double := s.Exports[name]; double {
			r.fail(errDouble)
			return
		}
		s.Exports[name] = e
	}
}

func (s *Module) scanElements(r *reader) {
	n := r.count(maxSegments)
	for i := 0; i < n && r.err == nil; i++ {
		s.scanElement(r)
	}
}

// scanElement reads one element segment. Bit 0 of its flags: passive or
// declarative; bit 1: a table index, or declarative; bit 2: expressions instead
// of function indices.
func (s *Module) scanElement(r *reader) {
	flags := r.u32()
	if flags > 7 {
		r.fail(errSegment)
		return
	}
	if flags&1 == 0 {
		if flags&2 != 0 {
			r.u32()
		}
		scanConstant(r)
	}
	if flags&3 != 0 {
		r.byte() // the element kind or type, which the compiler checks
	}
	n := r.count(maxElements - s.Elements)
	s.Elements += n
	for i := 0; i < n && r.err == nil; i++ {
		if flags&4 != 0 {
			scanConstant(r)
		} else {
			r.u32()
		}
	}
}

// scanCode checks each function's locals, which the compiler expands before it
// looks at anything else, and leaves the instructions alone.
func (s *Module) scanCode(r *reader) {
	n := r.count(maxFunctions)
	for i := 0; i < n && r.err == nil; i++ {
		body := &reader{b: r.take(r.u32()), err: r.err}
		s.scanLocals(body)
		if body.err != nil {
			r.fail(body.err)
		}
	}
}

func (s *Module) scanLocals(r *reader) {
	total := uint64(0)
	groups := r.count(maxLocals)
	for i := 0; i < groups && r.err == nil; i++ {
		total += uint64(r.u32())
		scanValueType(r)
		if total > maxLocals {
			r.fail(errLocals)
		}
	}
	s.locals += int(min(total, maxLocals))
	if s.locals > maxLocalsInAll {
		r.fail(errLocals)
	}
}

func scanData(r *reader) {
	n := r.count(maxSegments)
	for i := 0; i < n && r.err == nil; i++ {
		flags := r.u32()
		if flags > 2 {
			r.fail(errSegment)
			return
		}
		if flags == 2 {
			r.u32()
		}
		if flags != 1 {
			scanConstant(r)
		}
		r.take(r.u32())
	}
}
