package pgsql

import "strings"

// chosen is a signature with the types that its arguments take.
type chosen struct {
	*signature
	types []*Type // one per argument
	ret   *Type
	mixed bool // arguments beyond the declared ones are gathered in an array
}

//go:noinline
func typesOf(args []*typed) []*Type {
	out := make([]*Type, len(args))
	for i, a := range args {
		out[i] = a.t
	}
	return out
}

//go:noinline
func typeNames(types []*Type) string {
	names := make([]string, len(types))
	for i, t := range types {
		names[i] = t.SQL
	}
	return strings.Join(names, ", ")
}

// candidate stretches a signature over n arguments; nil when it does not go.
func candidate(s *signature, n int) *chosen {
	c := &chosen{signature: s}
	switch declared := len(s.args); {
	case s.variadic && n >= declared-1 && declared > 0:
		last := s.args[declared-1]
		elem := last
		switch {
		case last.Elem != nil:
			elem = last.Elem
		case last == tAnyarray:
			elem = tAnyelement
		case last == tAnycompatiblearray:
			elem = tAnycompatible
		}
		c.types = append(c.types, s.args[:declared-1]...)
		for len(c.types) < n {
			c.types = append(c.types, elem)
		}
		c.mixed = last != tAny
		if n == declared-1 && last != tAny {
			return nil
		}
	case n <= declared && n >= declared-s.defaults:
		c.types = s.args[:n]
	default:
		return nil
	}
	return c
}

// choose finds the signature that the server would call. The second result says
// that there were several.
func choose(list []*signature, args []*Type) (*chosen, bool) {
	var fit []*chosen
	for _, s := range list {
		c := candidate(s, len(args))
		if c == nil {
			continue
		}
		if exact(c.types, args) {
			return finish(c, args), false
		}
		if accepts(c.types, args) {
			fit = append(fit, c)
		}
	}
	if len(fit) > 1 {
		fit = best(fit, args)
	}
	switch len(fit) {
	case 0:
		return nil, false
	case 1:
		return finish(fit[0], args), false
	}
	return nil, true
}

func exact(want, have []*Type) bool {
	for i := range want {
		if want[i] != have[i] {
			return false
		}
	}
	return true
}

func accepts(want, have []*Type) bool {
	for i := range want {
		if coercible(have[i], want[i]) != 'i' {
			return false
		}
	}
	return polyAgree(want, have)
}

// polyAgree checks that the arguments of polymorphic types have one type.
func polyAgree(want, have []*Type) bool {
	var elem *Type
	for i, w := range want {
		t := have[i]
		if t == tUnknown {
			continue
		}
		switch w {
		case tAnyarray:
			t = t.member()
		case tAnyelement, tAnynonarray:
		default:
			continue
		}
		if elem != nil && elem != t {
			return false
		}
		elem = t
	}
	return compatible(want, have) != nil || !hasCompatible(want)
}

func hasCompatible(want []*Type) bool {
	for _, w := range want {
		if w == tAnycompatible || w == tAnycompatiblearray || w == tAnycompatiblenonarray {
			return true
		}
	}
	return false
}

// compatible is the common type of arguments declared anycompatible.
func compatible(want, have []*Type) *Type {
	var members []*Type
	for i, w := range want {
		switch {
		case have[i] == tUnknown && w != tAnycompatiblearray:
			members = append(members, tUnknown)
		case w == tAnycompatible || w == tAnycompatiblenonarray:
			members = append(members, have[i])
		case w == tAnycompatiblearray && have[i].member() != nil:
			members = append(members, have[i].member())
		}
	}
	t, ok := commonType(members)
	if !ok {
		return nil
	}
	return t
}

// best narrows candidates down by the server's rules for type conversion.
func best(fit []*chosen, args []*Type) []*chosen {
	fit = most(fit, args, func(have, want *Type) bool { return have == want })
	if len(fit) == 1 {
		return fit
	}
	fit = most(fit, args, func(have, want *Type) bool { return have == want || want.Pref && want.Cat == have.Cat })
	if len(fit) == 1 {
		return fit
	}
	if narrowed := byCategory(fit, args); narrowed != nil {
		fit = narrowed
	}
	if len(fit) == 1 {
		return fit
	}
	return sameType(fit, args)
}

// most keeps the candidates with the most arguments that match.
func most(fit []*chosen, args []*Type, match func(have, want *Type) bool) []*chosen {
	top, out := -1, fit[:0:0]
	for _, c := range fit {
		n := 0
		for i, t := range args {
			if t != tUnknown && match(t, c.types[i]) {
				n++
			}
		}
		if n > top {
			top, out = n, out[:0]
		}
		if n == top {
			out = append(out, c)
		}
	}
	return out
}

// byCategory decides for arguments of unknown type by category, text first; nil
// when candidates disagree.
func byCategory(fit []*chosen, args []*Type) []*chosen {
	kept := fit
	for i, t := range args {
		if t != tUnknown {
			continue
		}
		cat, pref, conflict := fit[0].types[i].Cat, false, false
		for _, c := range fit {
			w := c.types[i]
			if w.Cat == 'S' {
				cat = 'S'
			}
			conflict = conflict || w.Cat != fit[0].types[i].Cat
		}
		if conflict && cat != 'S' {
			return nil
		}
		for _, c := range fit {
			pref = pref || c.types[i].Cat == cat && c.types[i].Pref
		}
		var next []*chosen
		for _, c := range kept {
			if w := c.types[i]; w.Cat == cat && (!pref || w.Pref) {
				next = append(next, c)
			}
		}
		if len(next) > 0 {
			kept = next
		}
	}
	return kept
}

// sameType assumes that unknown arguments have the type of the known ones.
func sameType(fit []*chosen, args []*Type) []*chosen {
	var known *Type
	for _, t := range args {
		if t == tUnknown {
			continue
		}
		if known != nil && known != t {
			return fit
		}
		known = t
	}
	if known == nil {
		return fit
	}
	var out []*chosen
	for _, c := range fit {
		ok := true
		for _, w := range c.types {
			ok = ok && coercible(known, w) == 'i'
		}
		if ok {
			out = append(out, c)
		}
	}
	if len(out) == 1 {
		return out
	}
	return fit
}

// finish settles polymorphic types.
func finish(c *chosen, args []*Type) *chosen {
	elem := polyElem(c.types, args)
	comp := compatible(c.types, args)
	types := make([]*Type, len(c.types))
	for i, t := range c.types {
		types[i] = settle(t, elem, comp)
		if polymorphic(types[i]) || types[i] == tAny {
			types[i] = args[i]
			if types[i] == tUnknown && t != tAny {
				types[i] = tText
			}
		}
	}
	c.types = types
	c.ret = settle(c.signature.ret, elem, comp)
	return c
}

func polyElem(want, have []*Type) *Type {
	for i, w := range want {
		if have[i] == tUnknown {
			continue
		}
		switch w {
		case tAnyarray:
			return have[i].member()
		case tAnyelement, tAnynonarray:
			return have[i]
		}
	}
	for _, w := range want {
		if w == tAnyelement || w == tAnynonarray {
			return tText
		}
	}
	return nil
}

func settle(t, elem, comp *Type) *Type {
	switch t {
	case tAnyelement, tAnynonarray:
		if elem != nil {
			return elem
		}
	case tAnyarray:
		if elem != nil {
			return arrayOf(elem)
		}
	case tAnycompatible, tAnycompatiblenonarray:
		if comp != nil {
			return comp
		}
	case tAnycompatiblearray:
		if comp != nil {
			return arrayOf(comp)
		}
	}
	return t
}

// commonType is the type that UNION, CASE and their like give their parts.
func commonType(types []*Type) (*Type, bool) {
	t := tUnknown
	for _, n := range types {
		switch {
		case n == tUnknown || n == t:
		case t == tUnknown:
			t = n
		case n.Cat != t.Cat:
			return n, false
		case !t.Pref && coercible(t, n) == 'i' && coercible(n, t) != 'i':
			t = n
		}
	}
	if t == tUnknown {
		return tText, true
	}
	for _, n := range types {
		if n != tUnknown && coercible(n, t) != 'i' {
			return n, false
		}
	}
	return t, true
}
