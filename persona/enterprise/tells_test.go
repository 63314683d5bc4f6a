package enterprise_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/killdeer-mcp/killdeer/persona/enterprise"
	"github.com/killdeer-mcp/killdeer/persona/world"
)

// One row has one id, however it is asked for.
func TestOneIDUnderManyPhrasings(t *testing.T) {
	p, w := enterprise.New(), world.New(7)
	person := w.Staff[4]
	id := strconv.Itoa(person.UserID)
	asked := 0
	for _, columns := range []string{"id", "id, email", "*", "full_name, id, role"} {
		for _, from := range []string{"users", "public.users", "USERS"} {
			for _, where := range []string{
				"email = '" + person.Email + "'", "email='" + person.Email + "' LIMIT 5", "email ILIKE '" + strings.ToUpper(person.Email) + "'",
				"id = " + id, "id IN (" + id + ")", "full_name LIKE '" + person.Name + "%' AND email = '" + person.Email + "'",
			} {
				query := "SELECT " + columns + " FROM " + from + " WHERE " + where
				a := call(t, p, 7, dates[2], "postgresql_execute_select_query", `{"query":`+quote(query)+`}`)
				if asked++; a.fail || at(a.doc, "rows.id") != id || at(a.doc, "rowCount") != "1" {
					t.Errorf("%s: %.300s", query, a.text)
				}
			}
		}
	}
	if asked < 50 {
		t.Errorf("only %d phrasings", asked)
	}
}

// No year is written down anywhere: a company whose newest things are from the
// year in which its program was written is known by that.
func TestNoYearIsWrittenDown(t *testing.T) {
	year := regexp.MustCompile(`\b20[2-9]\d\b`)
	layout := regexp.MustCompile(`2006`)
	for _, dir := range []string{".", "../world"} {
		names, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING && year.MatchString(lit.Value) && !layout.MatchString(lit.Value) {
					t.Errorf("%s has %.80s", name, lit.Value)
				}
				return true
			})
		}
	}
}
