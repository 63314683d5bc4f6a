package internal_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestTells holds that docs/tells.md has a row for each tell, and that the tests
// it names exist.
func TestTells(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "docs", "tells.md"))
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile(`(?m)^\| A(\d+) \|(.*)\|$`)
	named := regexp.MustCompile("`([a-z/]+)\\.((?:Test|Fuzz)[A-Za-z0-9]+)`")
	rows := map[int]bool{}
	for _, m := range row.FindAllStringSubmatch(string(text), -1) {
		n, _ := strconv.Atoi(m[1])
		rows[n] = true
		cells := strings.Split(m[2], "|")
		tests := named.FindAllStringSubmatch(cells[len(cells)-1], -1)
		if len(tests) == 0 && !strings.Contains(cells[len(cells)-1], "not held by a test") {
			t.Errorf("A%d names no test", n)
		}
		for _, test := range tests {
			if !hasTest(t, filepath.Join("..", filepath.FromSlash(test[1])), test[2]) {
				t.Errorf("A%d: there is no %s in %s", n, test[2], test[1])
			}
		}
	}
	for n := 1; n <= 18; n++ {
		if !rows[n] {
			t.Errorf("docs/tells.md has no A%d", n)
		}
	}
}

// hasTest tells whether a package's test files declare a function.
func hasTest(t *testing.T, dir, name string) bool {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(dir, "*_test.go"))
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == name {
				return true
			}
		}
	}
	return false
}
