// Package squeeze makes guests smaller: the data of a module, which Go's linker
// writes as tens of thousands of segments, becomes one compressed segment that the
// module unpacks by itself.
//
// A squeezed module has the same code, imports and exports, and the same memory
// when its start function has run. Modules that it does not understand (data that
// is not at constant offsets of one memory, a start function of their own) are
// refused. It does not touch code.
package squeeze

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// Sections of the binary format, WebAssembly core 1.0 §5.5.
const (
	secType      = 1
	secImport    = 2
	secFunction  = 3
	secMemory    = 5
	secStart     = 8
	secElement   = 9
	secCode      = 10
	secData      = 11
	secDataCount = 12
)

const (
	pageSize = 1 << 16
	// maxImage is how much memory the data of a module may span.
	maxImage = 64 << 20
)

var header = []byte{0, 'a', 's', 'm', 1, 0, 0, 0}

// ErrFormat is wrapped by the errors about modules that cannot be squeezed.
var ErrFormat = errors.New("module cannot be squeezed")

type section struct {
	id   byte
	body []byte
}

// Module returns the squeezed module.
func Module(code []byte) ([]byte, error) {
	sections, err := split(code)
	if err != nil {
		return nil, err
	}
	m := &module{sections: sections}
	if err := m.read(); err != nil {
		return nil, err
	}
	return m.write(), nil
}

func split(code []byte) ([]section, error) {
	if len(code) < len(header) || string(code[:len(header)]) != string(header) {
		return nil, fmt.Errorf("%w: it is not WebAssembly", ErrFormat)
	}
	r := &reader{b: code[len(header):]}
	var out []section
	for len(r.b) > 0 && !r.bad {
		id := r.byte()
		out = append(out, section{id, r.take(r.u32())})
	}
	if r.bad {
		return nil, fmt.Errorf("%w: a section is cut off", ErrFormat)
	}
	return out, nil
}

// module is what has to be known of a module to squeeze it.
type module struct {
	sections []section
	imports  uint32 // imported functions
	types    uint32
	plain    uint32 // the type of functions without parameters and results; types if there is none
	funcs    uint32 // functions of its own
	pages    uint32 // of memory at the start
	base     uint32 // where the data begins
	image    []byte
}

func (m *module) read() error {
	for _, s := range m.sections {
		r := &reader{b: s.body}
		err := m.section(s.id, r)
		if err == nil && r.bad {
			err = errors.New("it is cut off")
		}
		if err != nil {
			return fmt.Errorf("%w: section %d: %w", ErrFormat, s.id, err)
		}
	}
	if len(m.image) == 0 || m.funcs == 0 || m.pages == 0 {
		return fmt.Errorf("%w: it has no data, memory or code", ErrFormat)
	}
	return nil
}

func (m *module) section(id byte, r *reader) error {
	switch id {
	case secType:
		return m.readTypes(r)
	case secImport:
		return m.readImports(r)
	case secFunction:
		m.funcs = r.u32()
	case secMemory:
		if n, flags := r.u32(), r.byte(); n != 1 || flags > 1 {
			return errors.New("it is not one plain memory")
		}
		m.pages = r.u32()
	case secStart:
		return errors.New("it has a start function already")
	case secData:
		return m.readData(r)
	}
	return nil
}

func (m *module) readTypes(r *reader) error {
	m.types = r.u32()
	m.plain = m.types
	for i := range m.types {
		if r.byte() != 0x60 {
			return errors.New("a type is not that of a function")
		}
		params := r.take(r.u32())
		results := r.take(r.u32())
		if len(params)+len(results) == 0 && m.plain == m.types {
			m.plain = i
		}
		if r.bad {
			break
		}
	}
	return nil
}

func (m *module) readImports(r *reader) error {
	for range r.u32() {
		r.take(r.u32())
		r.take(r.u32())
		if kind := r.byte(); kind != 0 {
			return errors.New("something other than functions is imported")
		}
		r.u32()
		m.imports++
		if r.bad {
			break
		}
	}
	return nil
}

type segment struct {
	offset uint32
	bytes  []byte
}

// readData makes the image: what the memory holds from the first segment to the
// last.
func (m *module) readData(r *reader) error {
	var all []segment
	for range r.u32() {
		if r.u32() != 0 || r.byte() != opI32Const {
			return errors.New("a segment is not at a constant offset")
		}
		offset := r.i32()
		if r.byte() != opEnd || r.bad || offset < 0 {
			return errors.New("a segment is not at a constant offset")
		}
		all = append(all, segment{uint32(offset), r.take(r.u32())})
	}
	if len(all) == 0 {
		return nil
	}
	first := slices.MinFunc(all, func(a, b segment) int { return cmp.Compare(a.offset, b.offset) })
	m.base = first.offset
	for _, s := range all {
		from, to := uint64(s.offset-m.base), uint64(s.offset-m.base)+uint64(len(s.bytes))
		if to > maxImage {
			return fmt.Errorf("the data spans more than %d bytes", maxImage)
		}
		if grow := int(to) - len(m.image); grow > 0 {
			m.image = append(m.image, make([]byte, grow)...)
		}
		copy(m.image[from:to], s.bytes)
	}
	return nil
}
