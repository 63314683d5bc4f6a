package pgsql

import (
	_ "embed"
	"sort"
	"strconv"
	"strings"
	"sync"
)

// The folder facts holds what PostgreSQL 15's own catalogs say: signatures of
// functions and operators, casts, and the columns of system relations.

//go:embed facts/functions.txt
var functionFacts string

//go:embed facts/operators.txt
var operatorFacts string

//go:embed facts/casts.txt
var castFacts string

//go:embed facts/relations.txt
var relationFacts string

// signature is one function or operator as pg_proc and pg_operator have it.
type signature struct {
	name     string
	kind     byte // 'f' function, 'a' aggregate, 'w' window, 'o' operator
	strict   bool
	set      bool
	variadic bool
	volatile byte
	private  bool // has an access list: not for everybody
	defaults int
	args     []*Type
	ret      *Type
	outNames []string
	outTypes []*Type
}

var functionLines = sync.OnceValue(func() []string { return strings.Split(strings.TrimSpace(functionFacts), "\n") })

// functionsNamed returns the overloads of a name.
func functionsNamed(name string) []*signature {
	lines := functionLines()
	i := sort.Search(len(lines), func(i int) bool { return lineName(lines[i]) >= name })
	var out []*signature
	for ; i < len(lines) && lineName(lines[i]) == name; i++ {
		out = append(out, parseSignature(lines[i]))
	}
	return out
}

func lineName(line string) string {
	name, _, _ := strings.Cut(line, " ")
	return name
}

// parseSignature reads "name flags args result [outs types]".
func parseSignature(line string) *signature {
	f := strings.Fields(line)
	flags := f[1]
	s := &signature{
		name: f[0], kind: flags[0], strict: flags[1] == 's', set: flags[2] == 'r', variadic: flags[3] == 'v', volatile: flags[4], private: flags[5] == 'p',
		args: typeList(f[2]), ret: factType(f[3]),
	}
	s.defaults, _ = strconv.Atoi(flags[6:])
	if len(f) > 5 {
		s.outNames, s.outTypes = strings.Split(f[4], ","), typeList(f[5])
	}
	return s
}

func typeList(s string) []*Type {
	if s == "-" {
		return nil
	}
	var out []*Type
	for name := range strings.SplitSeq(s, ",") {
		out = append(out, factType(name))
	}
	return out
}

func factType(name string) *Type {
	if t := typeNamed(name); t != nil {
		return t
	}
	return tUnknown
}

// operatorsNamed returns the overloads of an operator with one or two operands.
func operatorsNamed(op string, operands int) []*signature {
	var out []*signature
	for line := range strings.SplitSeq(operatorFacts, "\n") {
		if len(line) <= len(op)+1 || line[:len(op)] != op {
			continue
		}
		list, ok := operatorLine(line, op)
		if !ok {
			continue
		}
		for one := range strings.SplitSeq(list, ",") {
			names := strings.Split(one, " ")
			if len(names) != operands+1 {
				continue
			}
			s := &signature{name: op, kind: 'o', strict: true, volatile: 'i'}
			for _, n := range names[:operands] {
				s.args = append(s.args, factType(n))
			}
			s.ret = factType(names[operands])
			out = append(out, s)
		}
		return out
	}
	return out
}

// operatorLine cuts the operator off a line; operators may hold the separator.
func operatorLine(line, op string) (string, bool) {
	rest := line[len(op):]
	if rest[0] != '|' || len(rest) > 1 && strings.IndexByte(opChars, rest[1]) >= 0 {
		return "", false
	}
	return rest[1:], true
}

type castKey struct{ from, to *Type }

// castFact is context ('i' implicit, 'a' assignment, 'e' explicit) and whether the
// binary form is the same.
type castFact struct {
	context byte
	same    bool
}

var castTable = sync.OnceValue(func() map[castKey]castFact {
	m := map[castKey]castFact{}
	for line := range strings.SplitSeq(strings.TrimSpace(castFacts), "\n") {
		f := strings.Fields(line)
		from, to := typeNamed(f[0]), typeNamed(f[1])
		if from != nil && to != nil {
			m[castKey{from, to}] = castFact{f[2][0], f[3] == "b"}
		}
	}
	return m
})

func intText(n int64) string { return strconv.FormatInt(n, 10) }
