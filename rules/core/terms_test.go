package core

import (
	"encoding/json"
	"strings"
	"testing"
)

// The automaton has one term per state and bytes for states and classes.
func TestTermsFitTheAutomaton(t *testing.T) {
	states, classes := 0, map[rune]bool{}
	for i, a := range terms {
		states += len(a.text)
		for _, c := range a.text {
			classes[c] = true
		}
		if firstTerm([]byte(a.text)) < 0 || firstTerm([]byte("xxxxxxxxx"+strings.ToUpper(a.text))) < 0 {
			t.Errorf("term %q is not found", a.text)
		}
		for j, b := range terms {
			if i != j && strings.Contains(b.text, a.text) {
				t.Errorf("term %q is part of %q", a.text, b.text)
			}
		}
	}
	if states >= firstHit || len(classes) >= maxClasses || len(terms) > 256-firstHit {
		t.Errorf("%d states, %d classes, %d terms", states, len(classes), len(terms))
	}
}

// The first pass must never rule out what the second would find.
func FuzzFirstPass(f *testing.F) {
	f.Add([]byte(`{"q":"pass\u0077ord"}`))
	f.Add([]byte(`["\u00ad.e\u200bnv","apiｋey"]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if !json.Valid(b) {
			t.Skip() // the host sends no such arguments
		}
		if _, ok := findClosely(b); ok && firstTerm(b) < 0 {
			t.Errorf("the first pass missed a term in %q", b)
		}
	})
}

func BenchmarkFirstPass(b *testing.B) {
	args := []byte(`{"query":"select id, name, email from customers where region = 'emea' order by created_at desc limit 50","database":"crm"}`)
	b.SetBytes(int64(len(args)))
	for b.Loop() {
		if firstTerm(args) >= 0 {
			b.Fatal("found a term")
		}
	}
}
