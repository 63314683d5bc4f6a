package ql

import "strings"

// Op is what a node of a condition does.
type Op byte

// The operations. A Leaf holds a clause.
const (
	Leaf Op = iota
	And
	Or
	Not
)

// Expr is a condition: a tree of And, Or and Not over clauses. A nil Expr holds
// for everything.
type Expr struct {
	Op     Op
	Kids   []*Expr
	Clause *Clause
}

// Clause is one comparison of a field. Words without a field are clauses whose
// Field is empty and whose Cmp is "~".
type Clause struct {
	Field string // as written
	Pos   int    // where it stands
	Cmp   string // lower case: =, !=, <, <=, >, >=, ~, !~, in, not in, is, is not, like, was, ...
	Args  []Arg
	List  bool // the arguments were written in parentheses
	Terms Terms
	With  []Predicate // JQL: history predicates
	Sub   *SOQL       // SOQL: a semi-join
	Cache any         // the caller's
}

// Arg is one value of a clause.
type Arg struct {
	Text   string
	Quoted bool
	Call   bool     // Text is a function's name
	Args   []string // of the function
	Pos    int
}

// Predicate is a condition on history: after, before, on, during, by, from, to.
type Predicate struct {
	Name string
	Args []Arg
}

func leaf(c *Clause) *Expr { return &Expr{Clause: c} }

// join makes an And or Or of nodes; one node stands for itself.
func join(op Op, kids []*Expr) *Expr {
	if len(kids) == 1 {
		return kids[0]
	}
	return &Expr{Op: op, Kids: kids}
}

// Eval decides the condition with a function that decides clauses.
func (e *Expr) Eval(test func(*Clause) bool) bool {
	if e == nil {
		return true
	}
	switch e.Op {
	case And:
		for _, k := range e.Kids {
			if !k.Eval(test) {
				return false
			}
		}
		return true
	case Or:
		for _, k := range e.Kids {
			if k.Eval(test) {
				return true
			}
		}
		return false
	case Not:
		return !e.Kids[0].Eval(test)
	}
	return test(e.Clause)
}

// Each visits the clauses, in order, until f returns an error.
func (e *Expr) Each(f func(*Clause) error) error {
	if e == nil {
		return nil
	}
	if e.Op == Leaf {
		return f(e.Clause)
	}
	for _, k := range e.Kids {
		if err := k.Each(f); err != nil {
			return err
		}
	}
	return nil
}

// Positive visits the clauses that are not under a Not.
func (e *Expr) Positive(f func(*Clause)) {
	if e == nil || e.Op == Not {
		return
	}
	if e.Op == Leaf {
		f(e.Clause)
	}
	for _, k := range e.Kids {
		k.Positive(f)
	}
}

// Negated reports whether the comparison is one of !=, !~, not in, is not, ...
func (c *Clause) Negated() bool {
	return strings.HasPrefix(c.Cmp, "!") || strings.Contains(c.Cmp, "not")
}

// Value is the first argument's text.
func (c *Clause) Value() string {
	if len(c.Args) == 0 {
		return ""
	}
	return c.Args[0].Text
}

// Among reports whether an argument is one of the names, without regard to case.
func (c *Clause) Among(names ...string) bool {
	for _, a := range c.Args {
		for _, n := range names {
			if len(a.Text) == len(n) && !a.Call && strings.EqualFold(a.Text, n) {
				return true
			}
		}
	}
	return false
}

// Compares tells what an operator makes of a comparison's sign.
func Compares(op string, sign int) bool {
	switch op {
	case "<":
		return sign < 0
	case "<=":
		return sign <= 0
	case ">":
		return sign > 0
	case ">=":
		return sign >= 0
	case "=", "==", ":":
		return sign == 0
	case "!=", "<>":
		return sign != 0
	}
	return false
}

// Like matches a pattern: many stands for any text, one for any character; escape,
// if it is not 0, takes the meaning from what follows it. It is linear in the
// text for a pattern of one many, quadratic at worst.
func Like(s, pattern string, many, one, escape byte) bool {
	star, mark := -1, 0
	i, j := 0, 0
	for i < len(s) {
		if j < len(pattern) {
			c, n := pattern[j], 1
			literal := c == escape && escape != 0 && j+1 < len(pattern)
			if literal {
				c, n = pattern[j+1], 2
			}
			if !literal && c == many {
				star, mark = j, i
				j++
				continue
			}
			if !literal && c == one || c == s[i] {
				i, j = i+1, j+n
				continue
			}
		}
		if star < 0 {
			return false
		}
		mark++
		i, j = mark, star+1
	}
	for j < len(pattern) && pattern[j] == many {
		j++
	}
	return j == len(pattern)
}
