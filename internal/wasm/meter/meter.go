package meter

import (
	"errors"
	"fmt"
	"strings"
)

var errReserved = errors.New("a name that begins with " + hiddenPrefix + " is exported, which only the host may do")

// The host function that a metered guest calls when its fuel is used up: it takes
// nothing and returns an i32, the fuel to go on with. Only metering may import it.
const (
	HostModule = "killdeer.meter"
	HostRefill = "refill"
)

// meter is the rewriting of a scanned module so that it counts what it runs, and
// so that the host can read and write what it keeps.
// It adds a function type, an imported function and a global, each behind the
// module's own, so that of all indices only those of the module's own functions
// move, by one. Variables are exported, and the start function is too, in place
// of a start section: see state.go.
type meter struct {
	*Module
	flow    flow
	out     []byte
	refill  uint32 // index of the host function, and of the first one that moved
	fuel    uint32 // index of the global
	pending []addition
}

// addition is what a section is to end with, and how many entries that are. The
// section is made where the module has none.
type addition struct {
	id      byte
	count   uint32
	entries []byte
}

// Metered returns the module with metering. An error is an *[Error].
func (s *Module) Metered() ([]byte, error) {
	if len(s.functions) == 0 {
		return s.Code, nil
	}
	m := &meter{
		Module: s, out: append(make([]byte, 0, 2*len(s.Code)), coreV1...),
		refill: uint32(len(s.Imports)), fuel: uint32(s.globals),
	}
	m.pending = []addition{
		{sectionType, 1, []byte{0x60, 0, 1, typeI32}},
		{sectionImport, 1, m.importEntry()},
		{sectionGlobal, 1, []byte{typeI32, 1, opI32Const, 0, opEnd}},
		m.hidden(),
	}
	r := &reader{b: s.Code[len(coreV1):]}
	for len(r.b) > 0 {
		id, body := r.byte(), r.take(r.u32())
		m.addBefore(id)
		if id == sectionStart {
			continue
		}
		out, err := m.section(id, body)
		if err != nil {
			return nil, fault(Malformed, "%s section: %v", sectionName[id], err)
		}
		m.emit(id, out)
		if len(m.out) > MaxModule {
			return nil, fault(Malformed, "over %d bytes with metering", MaxModule)
		}
	}
	if r.err != nil {
		return nil, fault(Malformed, "%v", r.err)
	}
	return m.out, nil
}

func (m *meter) importEntry() []byte {
	entry := appendName(appendName(nil, HostModule), HostRefill)
	return appendU32(append(entry, KindFunc), uint32(len(m.types)))
}

func appendName(b []byte, name string) []byte {
	return append(appendU32(b, uint32(len(name))), name...)
}

func (m *meter) emit(id byte, body []byte) {
	m.out = append(m.out, id)
	m.out = appendU32(m.out, uint32(len(body)))
	m.out = append(m.out, body...)
}

// addBefore makes the sections that are missing before this one.
func (m *meter) addBefore(id byte) {
	for len(m.pending) > 0 && sectionRank[m.pending[0].id] < sectionRank[id] {
		m.emit(m.pending[0].id, append(appendU32(nil, m.pending[0].count), m.pending[0].entries...))
		m.pending = m.pending[1:]
	}
}

func (m *meter) section(id byte, body []byte) ([]byte, error) {
	r := &reader{b: body}
	out := make([]byte, 0, len(body)+64)
	switch id {
	case sectionGlobal:
		body = m.globals(r, out)
	case sectionExport:
		body = m.exports(r, out)
	case sectionElement:
		body = m.elements(r, out)
	case sectionCode:
		return m.code(r, make([]byte, 0, 2*len(body)))
	}
	if len(m.pending) > 0 && m.pending[0].id == id {
		r := &reader{b: body}
		n := r.u32()
		body = append(append(appendU32(nil, n+m.pending[0].count), r.b...), m.pending[0].entries...)
		m.pending = m.pending[1:]
	}
	return body, r.err
}

// hidden exports the variables, and the start function.
func (m *meter) hidden() addition {
	a := addition{id: sectionExport, count: uint32(len(m.Variables))}
	for _, v := range m.Variables {
		a.entries = appendU32(append(appendName(a.entries, v.Name()), kindGlobal), uint32(v))
	}
	if m.Start {
		a.count++
		a.entries = appendU32(append(appendName(a.entries, HiddenStart), KindFunc), m.moved(m.StartFunction))
	}
	return a
}

// moved is the new index of a function.
func (m *meter) moved(index uint32) uint32 {
	if index >= m.refill {
		index++
	}
	return index
}

// function copies a function's index.
func (m *meter) function(r *reader, out []byte) []byte {
	return appendU32(out, m.moved(r.u32()))
}

// copied appends what read passes over.
func copied(r *reader, out []byte, read func(*reader)) []byte {
	b := r.b
	read(r)
	return append(out, b[:len(b)-len(r.b)]...)
}

func copiedIndex(r *reader, out []byte) []byte { return appendU32(out, r.u32()) }

func (m *meter) constant(r *reader, out []byte) []byte {
	if len(r.b) == 0 || r.b[0] != opRefFunc {
		return copied(r, out, scanConstant)
	}
	out = m.function(r, append(out, r.byte()))
	return append(out, r.byte())
}

func (m *meter) globals(r *reader, out []byte) []byte {
	n := r.u32()
	out = appendU32(out, n)
	for range n {
		out = append(out, r.byte(), r.byte())
		out = m.constant(r, out)
	}
	return out
}

func (m *meter) exports(r *reader, out []byte) []byte {
	n := r.u32()
	out = appendU32(out, n)
	for range n {
		name := r.name()
		if strings.HasPrefix(name, hiddenPrefix) {
			r.fail(errReserved)
		}
		out = appendName(out, name)
		kind := r.byte()
		out = append(out, kind)
		if kind == KindFunc {
			out = m.function(r, out)
		} else {
			out = copiedIndex(r, out)
		}
	}
	return out
}

func (m *meter) elements(r *reader, out []byte) []byte {
	n := r.u32()
	out = appendU32(out, n)
	for range n {
		out = m.element(r, out)
	}
	return out
}

// element is the counterpart of scanElement.
func (m *meter) element(r *reader, out []byte) []byte {
	flags := r.u32()
	out = appendU32(out, flags)
	if flags&1 == 0 {
		if flags&2 != 0 {
			out = copiedIndex(r, out)
		}
		out = m.constant(r, out)
	}
	if flags&3 != 0 {
		out = append(out, r.byte())
	}
	n := r.u32()
	out = appendU32(out, n)
	for range n {
		if flags&4 != 0 {
			out = m.constant(r, out)
		} else {
			out = m.function(r, out)
		}
	}
	return out
}

func (m *meter) code(r *reader, out []byte) ([]byte, error) {
	n := r.u32()
	if n != uint32(len(m.functions)) {
		return nil, fmt.Errorf("%d bodies of %d functions", n, len(m.functions))
	}
	out = appendU32(out, n)
	var body []byte
	for i := range n {
		var err error
		if body, err = m.body(&reader{b: r.take(r.u32())}, int(i), body[:0]); err != nil {
			return nil, fmt.Errorf("function %d: %w", i, err)
		}
		out = appendU32(out, uint32(len(body)))
		out = append(out, body...)
		if len(out) > MaxModule {
			break // metered says so
		}
	}
	return out, r.err
}
