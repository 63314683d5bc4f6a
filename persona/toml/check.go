package toml

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/template/parse"

	"github.com/killdeer-mcp/killdeer/persona/canary"
)

// Check says what is wrong with a template that can be seen without a request: what
// text/template finds, an argument that there is not, and a honeytoken of an
// unknown kind. Args are the names of the arguments; nil leaves them unchecked.
func Check(text string, args []string) error {
	if !strings.Contains(text, "{{") {
		return nil
	}
	t, err := parseText(text)
	if err != nil {
		return err
	}
	var faults []error
	for _, each := range t.Templates() {
		if each.Tree != nil {
			c := checker{args: args, tree: each.Tree}
			c.node(each.Tree.Root)
			faults = append(faults, c.faults...)
		}
	}
	return errors.Join(faults...)
}

// CheckCondition is [Check] of what decides whether an answer counts.
func CheckCondition(when string, args []string) error {
	if strings.Contains(when, "{{") {
		return errors.New(`want an expression without braces, as: eq .args.name "x"`)
	}
	return Check(condition(when), args)
}

// checker walks the tree of a template.
type checker struct {
	args   []string
	tree   *parse.Tree
	faults []error
}

func (c *checker) fault(n parse.Node, format string, args ...any) {
	at, _ := c.tree.ErrorContext(n)
	line := "1"
	if parts := strings.Split(at, ":"); len(parts) > 1 {
		line = parts[1]
	}
	c.faults = append(c.faults, fmt.Errorf("line %s: %s", line, fmt.Sprintf(format, args...)))
}

func (c *checker) node(n parse.Node) {
	switch n := n.(type) {
	case *parse.ListNode:
		if n != nil {
			for _, each := range n.Nodes {
				c.node(each)
			}
		}
	case *parse.ActionNode:
		c.pipe(n.Pipe)
	case *parse.TemplateNode:
		c.pipe(n.Pipe)
	case *parse.IfNode:
		c.branch(&n.BranchNode)
	case *parse.RangeNode:
		c.branch(&n.BranchNode)
	case *parse.WithNode:
		c.branch(&n.BranchNode)
	}
}

func (c *checker) branch(b *parse.BranchNode) {
	c.pipe(b.Pipe)
	c.node(b.List)
	c.node(b.ElseList)
}

func (c *checker) pipe(p *parse.PipeNode) {
	if p == nil {
		return
	}
	for _, cmd := range p.Cmds {
		c.command(cmd)
	}
}

func (c *checker) command(cmd *parse.CommandNode) {
	for _, arg := range cmd.Args {
		switch arg := arg.(type) {
		case *parse.PipeNode:
			c.pipe(arg)
		case *parse.FieldNode:
			c.field(arg, arg.Ident)
		case *parse.VariableNode:
			if arg.Ident[0] == "$" {
				c.field(arg, arg.Ident[1:])
			}
		}
	}
	c.canary(cmd)
}

// field looks at .args.NAME. Inside range and with a dot means something else, and
// then it rarely has args.
func (c *checker) field(n parse.Node, path []string) {
	if c.args != nil && len(path) > 1 && path[0] == "args" && !slices.Contains(c.args, path[1]) {
		has := "it has none"
		if len(c.args) > 0 {
			has = "it has " + strings.Join(c.args, ", ")
		}
		c.fault(n, "there is no argument %q: %s", path[1], has)
	}
}

func (c *checker) canary(cmd *parse.CommandNode) {
	if len(cmd.Args) < 2 {
		return
	}
	name, ok := cmd.Args[0].(*parse.IdentifierNode)
	kind, text := cmd.Args[1].(*parse.StringNode)
	if ok && text && name.Ident == "canary" && !canary.Known(kind.Text) {
		c.fault(cmd, "canary: unknown kind %q; see docs/guest-abi.md, \"Placeholders\"", kind.Text)
	}
}
