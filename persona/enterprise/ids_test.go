package enterprise_test

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/persona/enterprise"
	"github.com/killdeer-mcp/killdeer/persona/world"
)

// formOf says what the values of some keys look like in every answer.
var formOf = map[string]*regexp.Regexp{
	"sha": regexp.MustCompile(`^[0-9a-f]{40}$`), "short_sha": regexp.MustCompile(`^[0-9a-f]{8}$`), "short_id": regexp.MustCompile(`^[0-9a-f]{8}$`),
	"uuid":      regexp.MustCompile(`^\{[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\}$`),
	"accountId": regexp.MustCompile(`^712020:[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`),
	"ts":        regexp.MustCompile(`^\d{10}\.\d{6}$`), "thread_ts": regexp.MustCompile(`^\d{10}\.\d{6}$`), "_id": regexp.MustCompile(`^[A-Za-z0-9_-]{20}$`),
	"Id": regexp.MustCompile(`^(001|003|005|006|500|00O|00Q|800)[A-Za-z0-9]{15}$`), "OwnerId": regexp.MustCompile(`^005[A-Za-z0-9]{15}$`), "UserId": regexp.MustCompile(`^005[A-Za-z0-9]{15}$`),
	"created_at": regexp.MustCompile(`^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(Z|\.000\+00:00|\.\d{3}Z)$`), "created_on": regexp.MustCompile(`\.\d{6}\+00:00$`),
	"session_id":    regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-1[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`),
	"spreadsheetId": regexp.MustCompile(`^1[A-Za-z0-9_-]{43}$`), "documentId": regexp.MustCompile(`^1[A-Za-z0-9_-]{43}$`), "presentationId": regexp.MustCompile(`^1[A-Za-z0-9_-]{43}$`),
	"resolutiondate": regexp.MustCompile(`\.000\+0000$`), "CreatedDate": regexp.MustCompile(`\.000\+0000$`), "node_id": regexp.MustCompile(`^R_kgDO[A-Za-z0-9_-]{6}$`),
	"image_192": regexp.MustCompile(`^https://avatars\.slack-edge\.com/20\d\d-\d\d-\d\d/\d{13}_[0-9a-f]{20}_192\.png$`),
	"webui":     regexp.MustCompile(`^/spaces/[A-Z]+/pages/\d+/\S+$`), "build_url": regexp.MustCompile(`^https://jenkins\.\S+/job/[^/]+/job/[^/]+/\d+/$`),
	"_index": regexp.MustCompile(`^\.ds-logs-[a-z-]+-20\d\d\.\d\d\.\d\d-\d{6}$`), "key": regexp.MustCompile(`^[A-Z]{2,10}(-[1-9]\d{0,5})?$`),
	"objectId": regexp.MustCompile(`^(p|g[A-Za-z0-9_-]+_0_\d+|simple-light-2)(_\d+)?$`), "paging_state": regexp.MustCompile(`^[0-9a-f]+$`),
	"self": regexp.MustCompile(`^https://[a-z0-9-]+\.atlassian\.net/rest/api/2/issue/\d+$`),
}

// checks look at objects whose members have to fit one another.
var checks = map[string]func(o map[string]any) error{
	"node_id": func(o map[string]any) error {
		raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(at(o, "node_id"), "R_"))
		if err != nil || len(raw) != 7 || number(float64(binary.BigEndian.Uint32(raw[3:]))) != at(o, "id") {
			return fmt.Errorf("is not of id %s: %x", at(o, "id"), raw)
		}
		return nil
	},
	"permalink": func(o map[string]any) error {
		path := "/archives/" + at(o, "channel.id") + "/p" + strings.Replace(at(o, "ts"), ".", "", 1)
		return unless(strings.Contains(at(o, "permalink"), path), "leads elsewhere than %s", path)
	},
	"short_id": func(o map[string]any) error {
		return unless(strings.HasPrefix(at(o, "id"), at(o, "short_id")), "is not of the id")
	},
	"short_sha": func(o map[string]any) error {
		return unless(strings.HasPrefix(at(o, "sha"), at(o, "short_sha")), "is not of the sha")
	},
	"_links": func(o map[string]any) error {
		return unless(strings.Contains(at(o, "_links.webui"), "/pages/"+at(o, "id")+"/"), "names another page")
	},
	"_index": func(o map[string]any) error {
		date := strings.ReplaceAll(at(o, "_source.@timestamp")[:10], "-", ".")
		return unless(strings.Contains(at(o, "_index"), date), "is not of %s", date)
	},
	"timestamp": func(o map[string]any) error { return unless(len(at(o, "timestamp")) == 13, "is not in milliseconds") },
	"session_id": func(o map[string]any) error {
		return timed(at(o, "session_id"), at(o, "started_at"))
	},
	"lucene_version": func(o map[string]any) error {
		return unless(at(o, "number") == "8.12.1" && at(o, "lucene_version") == "9.9.2", "is not that of the release")
	},
}

func unless(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf(format, args...)
}

// timed tells whether a version 1 UUID carries the time of its row.
func timed(id, stamp string) error {
	part := strings.Split(id, "-")
	ticks, err := strconv.ParseInt(part[2][1:]+part[1]+part[0], 16, 64)
	if err != nil {
		return err
	}
	at := time.Unix((ticks-0x01b21dd213814000)/10_000_000, 0).UTC().Format("2006-01-02T15:04:05")
	return unless(strings.HasPrefix(stamp, at), "carries %s", at)
}

// anywhere are forms that carry a checksum, wherever they stand.
var anywhere = []struct {
	form  *regexp.Regexp
	valid func(s string) bool
}{
	{regexp.MustCompile(`\b(?:001|003|005|006|500|00O)[0-9][A-Za-z]0[0-9A-Za-z]{12}\b`), func(s string) bool { return world.SalesforceChecksum(s[:15]) == s[15:] }},
	{regexp.MustCompile(`\b(?:ghp|gho|ghs|npm)_[0-9A-Za-z]{36}\b`), func(s string) bool { return base62CRC(s[4:34]) == s[34:] }},
	{regexp.MustCompile(`\bA(?:KIA|SIA)[A-Z2-7]{16}\b`), func(s string) bool { return accountOf(s) > 0 }},
	{regexp.MustCompile(`\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`), func(s string) bool {
		return strings.ContainsRune("14", rune(s[14])) && strings.ContainsRune("89ab", rune(s[19]))
	}},
}

// base62CRC is the checksum at the end of GitHub's and npm's tokens.
func base62CRC(s string) string {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	var out [6]byte
	for i, sum := 5, crc32.ChecksumIEEE([]byte(s)); i >= 0; i-- {
		out[i] = digits[sum%62]
		sum /= 62
	}
	return string(out[:])
}

// accountOf is the account number in an AWS access key id.
func accountOf(key string) uint64 {
	raw, err := base32.StdEncoding.DecodeString(key[4:])
	if err != nil {
		return 0
	}
	return (binary.BigEndian.Uint64(append([]byte{0, 0}, raw[:6]...)) & 0x7fffffffff80) >> 7
}

func TestChecksums(t *testing.T) {
	if got := base62CRC("zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ"); got != "0mLq17" {
		t.Errorf("GitHub checksum %s", got)
	}
	if got := accountOf("ASIAQNZGKIQY56JQ7WML"); got != 29608264753 {
		t.Errorf("AWS account %d", got)
	}
}

// everyAnswer calls f with an answer of each tool and some more that show much.
func everyAnswer(t *testing.T, seed uint64, now time.Time, f func(tool string, a answer)) {
	p, w := enterprise.New(), world.New(seed)
	calls := validCalls(w, now)
	for _, tool := range slices.Sorted(maps.Keys(calls)) {
		f(tool, call(t, p, seed, now, tool, calls[tool]))
	}
	more := [][2]string{
		{"slack_conversations_search_messages", `{"query":"a","count":100}`},
		{"jira_search_issues", `{"jql":"","max_results":100}`},
		{"confluence_search", `{"cql":"type = page","limit":100}`},
		{"google_search_drive_files", `{"query":"a","page_size":100}`},
		{"cassandra_execute_select_query", `{"query":"SELECT * FROM ` + w.Keyspaces()[0].Name + `.events_by_service"}`},
		{"elasticsearch_search_logs", `{"query":"*","size":200}`},
		{"postgresql_execute_select_query", `{"query":"SELECT * FROM customers"}`},
		{"postgresql_execute_select_query", `{"query":"SELECT * FROM api_keys"}`},
		{"github_search_code", `{"query":"@","per_page":100}`},
		{"gitlab_search_code", `{"query":"@"}`},
		{"jenkins_searchbuildlog", `{"job_name":` + quote(w.Jobs[1].Name) + `,"pattern":".*"}`},
	}
	for _, object := range []string{"Contact", "Opportunity", "Case", "User"} {
		more = append(more, [2]string{"salesforce_query_soql", `{"query":"SELECT Id FROM ` + object + ` LIMIT 500"}`})
	}
	for _, m := range more {
		f(m[0], call(t, p, seed, now, m[0], m[1]))
	}
}

func TestIDsHaveTheVendorsForm(t *testing.T) {
	seen := map[string]bool{}
	for _, seed := range seeds {
		everyAnswer(t, seed, dates[2], func(tool string, a answer) {
			read(a.doc, func(o map[string]any) {
				for key, v := range o {
					s, isText := v.(string)
					if form := formOf[key]; form != nil && isText {
						seen[key] = true
						if !form.MatchString(s) {
							t.Errorf("%s: %s is %q", tool, key, s)
						}
					}
					if check := checks[key]; check != nil {
						seen["check "+key] = true
						if err := check(o); err != nil {
							t.Errorf("%s: %s %v %v", tool, key, v, err)
						}
					}
				}
			}, func(text string) {
				for _, k := range anywhere {
					for _, s := range k.form.FindAllString(text, -1) {
						if !k.valid(s) {
							t.Errorf("%s: %q has a wrong checksum", tool, s)
						}
					}
				}
			})
		})
	}
	for key := range formOf {
		if !seen[key] {
			t.Errorf("no answer has a %s", key)
		}
	}
	for key := range checks {
		if !seen["check "+key] {
			t.Errorf("no answer was checked for %s", key)
		}
	}
}

// Numbers that are handed out in turn rise with time.
func TestIDsRise(t *testing.T) {
	for _, seed := range seeds {
		w, now := world.New(seed), dates[2]
		issues := w.Issues(now)
		for i := 1; i < len(issues); i++ {
			if issues[i].ID <= issues[i-1].ID || issues[i].Created.Before(issues[i-1].Created) {
				t.Fatalf("seed %d: issue %s comes after %s", seed, issues[i].Key, issues[i-1].Key)
			}
		}
		ids := map[world.SCM]map[int]bool{}
		for _, r := range w.Repos {
			if ids[r.SCM] == nil {
				ids[r.SCM] = map[int]bool{}
			}
			if ids[r.SCM][r.ID] {
				t.Errorf("seed %d: two repositories with the id %d", seed, r.ID)
			}
			ids[r.SCM][r.ID] = true
			for n := 2; n <= min(60, w.PullCount(r, now)); n++ {
				if a, b := w.PullBy(r, n-1, now), w.PullBy(r, n, now); b.ID <= a.ID || b.Created.Before(a.Created) {
					t.Fatalf("seed %d: request %d of %s has the id %d after %d", seed, n, r.Name, b.ID, a.ID)
				}
			}
		}
		accounts := w.AccountsAt(now)
		for i := 1; i < len(accounts); i++ {
			if accounts[i].CustomerID <= accounts[i-1].CustomerID || accounts[i].ID <= accounts[i-1].ID {
				t.Errorf("seed %d: account %s has the id %s after %s", seed, accounts[i].Name, accounts[i].ID, accounts[i-1].ID)
			}
		}
	}
}
