package ql_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/killdeer-mcp/killdeer/persona/enterprise/ql"
)

// walk evaluates a condition both ways and counts its clauses.
func walk(t *testing.T, e *ql.Expr) {
	t.Helper()
	n := 0
	_ = e.Each(func(c *ql.Clause) error {
		n++
		if c == nil {
			t.Fatal("a leaf without a clause")
		}
		_ = c.Terms.In("some text with words")
		_ = c.Among("a", "b")
		return nil
	})
	e.Eval(func(*ql.Clause) bool { return true })
	e.Eval(func(*ql.Clause) bool { return false })
	if n > 2048 {
		t.Fatalf("%d clauses", n)
	}
}

// fuzz runs a parser on texts: it ends, and what it refuses is said in valid text.
func fuzz(f *testing.F, parse func(t *testing.T, s string) error, seeds ...string) {
	for _, s := range seeds {
		f.Add(s)
	}
	for _, s := range []string{"", "(", "((((((((((", "'", `"`, `\`, "a = 'b\\", "NOT", "\x00\xff", strings.Repeat("(a or ", 300), strings.Repeat("x ", 5000), strings.Repeat("not ", 3000)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if err := parse(t, s); err != nil && (err.Error() == "" || utf8.ValidString(s) && !utf8.ValidString(err.Error())) {
			t.Errorf("%q: error %q", s, err)
		}
	})
}

func FuzzJQL(f *testing.F) {
	fuzz(f, func(t *testing.T, s string) error {
		q, err := ql.ParseJQL(s)
		if err == nil {
			walk(t, q.Where)
		}
		return err
	}, `project = A and status was not in ("To Do", Done) after -1w by currentUser() order by created desc, key`, `text ~ "a\u0041" or not (x is not empty)`, "a changed from b to c")
}

func FuzzCQL(f *testing.F) {
	fuzz(f, func(t *testing.T, s string) error {
		q, err := ql.ParseCQL(s)
		if err == nil {
			walk(t, q.Where)
		}
		return err
	}, `type = page and space in (A, "B") and created >= now("-4w") order by lastmodified`)
}

func FuzzSOQL(f *testing.F) {
	fuzz(f, func(t *testing.T, s string) error {
		q, err := ql.ParseSOQL(s)
		if err == nil {
			walk(t, q.Where)
			walk(t, q.Having)
			for _, field := range q.Fields {
				_ = q.At(field.Pos, "X", "%", field.Name())
			}
		}
		return err
	}, "SELECT Id, Owner.Name, (SELECT Id FROM Cases LIMIT 3) FROM Account a WHERE CreatedDate = LAST_N_DAYS:30 AND Id IN (SELECT AccountId FROM Case) ORDER BY Name DESC NULLS LAST LIMIT 5 OFFSET 1",
		"SELECT COUNT(Id) n, CALENDAR_YEAR(CreatedDate) FROM Case GROUP BY CALENDAR_YEAR(CreatedDate) HAVING COUNT(Id) > 1", "SELECT FIELDS(ALL) FROM Case LIMIT 200")
}

func FuzzCassandra(f *testing.F) {
	fuzz(f, func(t *testing.T, s string) error {
		q, err := ql.ParseCassandra(s)
		if err == nil && q.Verb == "" {
			t.Errorf("%q has no verb", s)
		}
		return err
	}, "SELECT JSON DISTINCT a, count(*) AS n, token(b) FROM ks.\"T\" WHERE token(a) > token(5) AND b IN ('x', 'it''s') AND c >= minTimeuuid('2026-01-01') ORDER BY b DESC PER PARTITION LIMIT 1 LIMIT 2 ALLOW FILTERING;",
		"INSERT INTO a.b (c) VALUES (1)", "CREATE TABLE IF NOT EXISTS a (b int)", "DELETE x FROM y WHERE z = 1", "/* a */ select -- b\n 1 from c", "BEGIN BATCH")
}

func FuzzLucene(f *testing.F) {
	fuzz(f, func(t *testing.T, s string) error {
		e, err := ql.ParseLucene(s)
		if err == nil {
			walk(t, e)
		}
		return err
	}, `level:(error OR warn) AND -host:"a b"~2 @timestamp:[now-1d/d TO *} && !x^2 || /a.*b/ foo~1 +bar \(`, "a:>=5 b:{x TO y]", "_exists_:a *:*")
}

func FuzzDrive(f *testing.F) {
	fuzz(f, func(t *testing.T, s string) error {
		_ = ql.DriveTerms(s)
		e, err := ql.ParseDrive(s)
		if err == nil {
			walk(t, e)
		}
		return err
	}, `name contains 'a\'b' and (mimeType != 'x' or not 'me' in owners) and modifiedTime > '2026-01-01T00:00:00' and trashed = false`)
}

func FuzzSearch(f *testing.F) {
	f.Add(`make "two words" repo:a/b -in:path NOT gone stars:>10`, "some text, lower case")
	f.Add(`"`, "")
	f.Add(strings.Repeat("a* ", 3000), strings.Repeat("ab ", 100))
	box := ql.Box{Quals: " repo in stars ", Words: " and ", Not: "NOT", Strict: true}
	f.Fuzz(func(t *testing.T, s, text string) {
		p := box.Parse(s)
		text = strings.ToLower(text)
		r := ql.Rank(p.Words, true)
		if kept := r.Add(0, text) && p.Free(text); kept && len(r.Top(0, 1)) != 1 {
			t.Error("what was kept is not found")
		}
		for i := range p.Words {
			from, to := p.Words[i].Find(text, 0)
			if from >= 0 && (to <= from || to > len(text)) {
				t.Errorf("%q in %q: %d to %d", p.Words[i].String(), text, from, to)
			}
		}
		for _, q := range p.Quals {
			ql.Size(q.Value, 3)
		}
	})
}

func FuzzTimes(f *testing.F) {
	for _, s := range []string{"2026-01-31T14:05:06.789+02:00", "LAST_N_DAYS:30", "-4w 2d", "now", "2026-13-41", "N_YEARS_AGO:99999"} {
		f.Add(s)
	}
	now := time.Date(2026, 11, 20, 14, 3, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, s string) {
		if at, span, ok := ql.Date(s); ok && (span <= 0 || at.Year() < -1 || at.Year() > 10000) {
			t.Errorf("Date(%q) = %v, %v", s, at, span)
		}
		if r, ok := ql.Stretch(s, now); ok && !r.From.Before(r.To) && !strings.Contains(s, ":0") {
			t.Errorf("Stretch(%q) = %v", s, r)
		}
		ql.Shift(now, s, "yMwdhms")
	})
}

func FuzzPageToken(f *testing.F) {
	key := ql.NewKey(7)
	f.Add("q", "AAAAAAAAAAAAAAAA")
	f.Add("q", "000000000000000000000000")
	f.Fuzz(func(t *testing.T, asked, token string) {
		if at, ok := key.FromWeb(asked, token); ok && key.Web(asked, at) != token {
			t.Errorf("%q is taken for %q", token, asked)
		}
		if at, ok := key.FromHex(asked, token); ok && key.Hex(asked, at) != token {
			t.Errorf("%q is taken for %q", token, asked)
		}
	})
}
