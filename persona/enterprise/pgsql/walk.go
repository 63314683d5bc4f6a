package pgsql

import (
	"slices"
	"strings"
)

// kids are the expressions inside an expression, queries left out.
func kids(e expr) []expr {
	switch e := e.(type) {
	case *unary:
		return []expr{e.x}
	case *binary:
		return []expr{e.l, e.r}
	case *logic:
		return e.kids
	case *isTest:
		return []expr{e.x}
	case *distinctFrom:
		return []expr{e.l, e.r}
	case *between:
		return []expr{e.x, e.lo, e.hi}
	case *inList:
		return append([]expr{e.x}, e.list...)
	case *inQuery:
		return []expr{e.x}
	case *anyArray:
		return []expr{e.x, e.arr}
	case *arrayExpr:
		return e.items
	case *rowExpr:
		return e.items
	case *caseExpr:
		return e.parts()
	case *cast:
		return []expr{e.x}
	case *like:
		return present(e.x, e.pat, e.escape)
	case *call:
		return e.parts()
	case *subscript:
		return present(e.x, e.lo, e.hi)
	case *field:
		return []expr{e.x}
	case *collate:
		return []expr{e.x}
	case *special:
		return e.args
	}
	return nil
}

func present(list ...expr) []expr {
	var out []expr
	for _, e := range list {
		if e != nil {
			out = append(out, e)
		}
	}
	return out
}

func (e *caseExpr) parts() []expr {
	out := present(e.x, e.other)
	for _, w := range e.whens {
		out = append(out, w[0], w[1])
	}
	return out
}

func (e *call) parts() []expr {
	out := append(slices.Clip(e.args), present(e.filter)...)
	for _, o := range e.order {
		out = append(out, o.x)
	}
	if e.over != nil {
		out = append(out, e.over.partition...)
		for _, o := range e.over.order {
			out = append(out, o.x)
		}
	}
	return out
}

// each visits an expression and what is inside it until f returns false.
func each(e expr, f func(expr) bool) {
	if e == nil || !f(e) {
		return
	}
	for _, k := range kids(e) {
		each(k, f)
	}
}

func isAggregate(c *call) bool {
	if c.over != nil {
		return false
	}
	for _, s := range functionsNamed(c.name[len(c.name)-1]) {
		if s.kind == 'a' {
			return true
		}
	}
	return false
}

// hasAggregate reports whether an expression calls an aggregate of its level.
func hasAggregate(e expr) bool {
	hit := false
	each(e, func(e expr) bool {
		c, ok := e.(*call)
		hit = hit || ok && isAggregate(c)
		if _, ok := e.(*special); ok && e.(*special).name == "grouping" {
			hit = true
		}
		return !hit
	})
	return hit
}

// key is a text that is equal for expressions that mean the same; "" for those
// that are never taken for equal.
func (s *scope) key(e expr) string {
	var b buffer
	if !s.writeKey(&b, e) {
		return ""
	}
	return b.String()
}

func (s *scope) writeKey(b *buffer, e expr) bool {
	ok := true
	switch e := e.(type) {
	case *columnRef:
		if e.parts[len(e.parts)-1] == "*" {
			return false
		}
		f := s.column(e)
		b.put("$" + intText(int64(f.levels)) + "." + intText(int64(f.col.slot)) + "." + e.parts[len(e.parts)-1])
		return true
	case *literal:
		b.put(string(e.kind) + "'" + e.text + "'")
		return true
	case *subquery, *inQuery:
		return false
	case *unary:
		b.put(e.op)
	case *binary:
		b.put(e.op)
	case *logic:
		b.put(e.op)
	case *isTest:
		b.put(e.what + yes(e.not))
	case *between:
		b.put("between" + yes(e.not))
	case *inList:
		b.put("in" + yes(e.not))
	case *distinctFrom:
		b.put("distinct" + yes(e.not))
	case *like:
		b.put(e.op + yes(e.not))
	case *cast:
		t, m := e.to.resolve()
		b.put("::" + t.Name + intText(int64(m)))
	case *caseExpr:
		b.put("case" + yes(e.other != nil) + yes(e.x != nil))
	case *special:
		b.put(e.name)
	case *call:
		b.put(strings.Join(e.name, ".") + yes(e.star) + yes(e.distinct) + yes(e.over != nil))
		ok = e.over == nil
	case *field:
		b.put("." + e.name)
	case *subscript, *arrayExpr, *rowExpr:
		b.put("[")
	default:
		return false
	}
	b.char('(')
	for _, k := range kids(e) {
		ok = ok && s.writeKey(b, k)
		b.char(',')
	}
	b.char(')')
	return ok
}

func yes(b bool) string {
	if b {
		return "+"
	}
	return "-"
}

// columnName is the name that the server gives to a column without alias.
func columnName(e expr) string {
	name, _ := figure(e)
	if name == "" {
		return "?column?"
	}
	return name
}

// figure finds a name and how good it is: 2 for a name, 1 for a type or construct.
func figure(e expr) (string, int) {
	switch e := e.(type) {
	case *columnRef:
		return e.parts[len(e.parts)-1], 2
	case *rowField:
		return e.parts[len(e.parts)-1], 2
	case *call:
		if e.special != "" {
			return e.special, 2
		}
		return e.name[len(e.name)-1], 2
	case *field:
		return e.name, 2
	case *subscript:
		return figure(e.x)
	case *collate:
		return figure(e.x)
	case *cast:
		if name, good := figure(e.x); good > 1 {
			return name, good
		}
		return castName(e.to), 1
	case *caseExpr:
		if e.other != nil {
			if name, good := figure(e.other); good > 1 {
				return name, good
			}
		}
		return "case", 1
	case *special:
		return e.name, 2
	case *arrayExpr:
		return "array", 2
	case *rowExpr:
		return "row", 2
	case *subquery:
		return e.figure()
	}
	return "", 0
}

func castName(t typeName) string {
	name := t.name[strings.LastIndexByte(t.name, '.')+1:]
	if a, ok := aliases[name]; ok {
		return a
	}
	return name
}

func (e *subquery) figure() (string, int) {
	switch e.kind {
	case 'e':
		return "exists", 2
	case 'a':
		return "array", 2
	}
	q := e.q
	for q.left != nil {
		q = q.left
	}
	switch {
	case len(q.values) > 0:
		return "column1", 2
	case len(q.items) == 0:
		return "", 0
	case q.items[0].alias != "":
		return q.items[0].alias, 2
	}
	return figure(q.items[0].x)
}
