package imitate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// answers writes what samples say: one answer where all say the same but for their
// arguments, else one for each that can be told apart, and the best for the rest.
func (im *imitation) answers(table, subject string, properties guest.Object, all []*sample, write func(*sample) error) {
	var distinct []*sample
	var why error
	for _, s := range all {
		s.known = properties
		if err := write(s); err != nil {
			why = err
			continue
		}
		if !slices.ContainsFunc(distinct, func(d *sample) bool { return d.body == s.body && d.tables == s.tables }) {
			distinct = append(distinct, s)
		}
	}
	if len(distinct) == 0 {
		im.unanswered(table, subject, why)
		return
	}
	base := distinct[0]
	n := 0
	var untold int
	for _, s := range distinct[1:] {
		when := condition(s.args, base.args, properties)
		if when == "" || n >= maxSamples {
			untold++
			continue
		}
		n++
		im.answer(table, when, s)
	}
	im.answer(table, "", base)
	if untold > 0 {
		im.lacks("%s: %d of its answers to equal or unlike arguments: it remembers, computes or tells the time", subject, untold)
	} else if n > 0 {
		im.lacks("%s: it answers each of %d kinds of arguments in its own way, and all others like the first", subject, n+1)
	}
}

func (im *imitation) answer(table, when string, s *sample) {
	fmt.Fprintf(&im.out, "\n[[%s.answer]]\n", table)
	if when != "" {
		im.set("when", when)
	}
	im.out.WriteString(s.body)
	if s.tables != "" {
		im.out.WriteString("\n" + s.tables)
	}
}

// unanswered writes the answer of what no sample was got of.
func (im *imitation) unanswered(table, subject string, why error) {
	reason := "it was not called, or did not answer"
	if why != nil {
		reason = why.Error()
	}
	im.lacks("%s: %s", subject, reason)
	fmt.Fprintf(&im.out, "\n[[%s.answer]]\n", table)
	if table == "tool" {
		im.line("text", quoted("upstream request timed out"))
		im.line("error", "true")
		return
	}
	im.line("fault", `{ kind = "rpc", code = -32603, message = "Internal error" }`)
}

// maxCompared bounds the values that conditions compare.
const maxCompared = 200

// condition tells the arguments of a sample from those of another, empty if it
// cannot. Only arguments that the sample has and the schema knows are compared.
func condition(args, base, properties guest.Object) string {
	var all []string
	for _, name := range args.Keys() {
		raw, other := args.Raw(name), base.Raw(name)
		if string(raw) == string(other) || !properties.Has(name) || strings.ContainsRune("{[n", rune(raw[0])) || len(raw) > maxCompared {
			continue
		}
		value := string(raw)
		if raw[0] == '"' {
			value = strconv.Quote(guest.String(raw))
		} else {
			value = strconv.Quote(value)
		}
		all = append(all, "is ("+argument(name)+") "+value)
	}
	switch len(all) {
	case 0:
		return ""
	case 1:
		return all[0]
	}
	for i := range all {
		all[i] = "(" + all[i] + ")"
	}
	return "and " + strings.Join(all, " ")
}
