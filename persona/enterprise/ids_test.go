package enterprise_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/killdeer-mcp/killdeer/persona/enterprise"
	"github.com/killdeer-mcp/killdeer/persona/world"
)

// formOf says what the values of some keys look like in every answer.
var formOf = map[string]*regexp.Regexp{
	"sha": regexp.MustCompile(`^[0-9a-f]{40}$`), "short_id": regexp.MustCompile(`^[0-9a-f]{8}$`), "uuid": regexp.MustCompile(`^\{[0-9a-f-]{36}\}$`),
	"accountId": regexp.MustCompile(`^712020:[0-9a-f-]{36}$`), "ts": regexp.MustCompile(`^\d{10}\.\d{6}$`), "_id": regexp.MustCompile(`^[A-Za-z0-9_-]{20}$`),
	"Id": regexp.MustCompile(`^[A-Za-z0-9]{18}$`), "OwnerId": regexp.MustCompile(`^005[A-Za-z0-9]{15}$`), "UserId": regexp.MustCompile(`^005[A-Za-z0-9]{15}$`),
	"created_at": regexp.MustCompile(`^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(Z|\.000\+00:00|\.\d{3}Z)$`), "created_on": regexp.MustCompile(`\.\d{6}\+00:00$`),
	"session_id":    regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-1[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`),
	"spreadsheetId": regexp.MustCompile(`^1[A-Za-z0-9_-]{43}$`), "documentId": regexp.MustCompile(`^1[A-Za-z0-9_-]{43}$`), "presentationId": regexp.MustCompile(`^1[A-Za-z0-9_-]{43}$`),
	"resolutiondate": regexp.MustCompile(`\.000\+0000$`), "CreatedDate": regexp.MustCompile(`\.000\+0000$`), "node_id": regexp.MustCompile(`^R_kgDO[A-Za-z0-9_-]{6}$`),
}

func TestIDsHaveTheVendorsForm(t *testing.T) {
	seen := map[string]bool{}
	var check func(tool, key string, doc any)
	check = func(tool, key string, doc any) {
		switch v := doc.(type) {
		case map[string]any:
			for k, e := range v {
				check(tool, k, e)
			}
		case []any:
			for _, e := range v {
				check(tool, key, e)
			}
		case string:
			form := formOf[key]
			if form == nil {
				return
			}
			seen[key] = true
			if !form.MatchString(v) {
				t.Errorf("%s: %s is %q", tool, key, v)
			}
			if strings.HasSuffix(key, "Id") && strings.HasPrefix(tool, "salesforce") && world.SalesforceChecksum(v[:15]) != v[15:] {
				t.Errorf("%s: %s is %q: wrong checksum", tool, key, v)
			}
		}
	}
	for _, seed := range seeds {
		p, calls := enterprise.New(), validCalls(world.New(seed), dates[2])
		for _, tool := range parity {
			check(tool.tool, "", call(t, p, seed, dates[2], tool.tool, calls[tool.tool]).doc)
		}
	}
	for key := range formOf {
		if !seen[key] {
			t.Errorf("no answer has a %s", key)
		}
	}
}
