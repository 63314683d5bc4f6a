package wording

import (
	"regexp"
	"strings"

	"github.com/killdeer-mcp/killdeer/rules/fold"
)

// Scope is what a server says that it touches.
type Scope string

// The scopes.
const (
	Read   Scope = "fs.read"
	Write  Scope = "fs.write"
	Net    Scope = "net"
	Exec   Scope = "exec"
	Env    Scope = "env"
	Clock  Scope = "clock"
	Listen Scope = "listen"
	Ask    Scope = "ask"  // sampling and elicitation
	Watch  Scope = "proc" // looks at processes and the system
	Switch Scope = "switch"
	Report Scope = "telemetry"
)

// Claim is one scope that a text claims or denies.
type Claim struct {
	Scope Scope
	Not   bool
	Quote string
}

type lexeme struct {
	scope Scope
	re    *regexp.Regexp
}

// The lexicon. A word counts where it can hardly mean anything else: "local
// branch" says nothing about the network.
var lexicon = []lexeme{
	{Read, regexp.MustCompile(`\b(?:read|open|load|list|search|find|scan|view|parse|import|format|analy[sz]e)s?\b[^.\n]{0,40}?\b(?:files?|director(?:y|ies)|folders?|paths?|documents?|repositor(?:y|ies)|workspace|\.env|config(?:uration)?)\b|\bfile ?system\b`)},
	{Write, regexp.MustCompile(`\b(?:write|save|create|edit|modif(?:y|ies)|delete|remove|move|rename|append|update|store|persist|install|export|download|copy|copies|stage|commit|overwrite)s?\b[^.\n]{0,50}?\b(?:files?|director(?:y|ies)|folders?|disk|documents?|repositor(?:y|ies)|workspace|memory|memories|entities|graph|config(?:uration)?|notes?|hooks?|profile)\b`)},
	{Net, regexp.MustCompile(`\b(?:https?|urls?|web ?sites?|web ?pages?|web search|internet|online|api calls?|rest api|graphql|webhooks?|telemetry|analytics|usage (?:statistics|data|metrics)|upload(?:s|ed)?|download(?:s|ed)?|crawl|scrape|remote server|browser|browse|dns|e-?mail|network requests?|sends? (?:\w+ )?requests?|cloud)\b`)},
	{Exec, regexp.MustCompile(`\b(?:run|runs|execute|executes|executing|running|launch|launches|spawn|spawns|invoke)\b[^.\n]{0,40}?\b(?:commands?|shell|scripts?|programs?|process(?:es)?|code|snippets?|binar(?:y|ies)|terminal|bash|tests?)\b|\b(?:shell|terminal|command[- ]line|bash|powershell|subprocess|interpreter|repl|code runner)\b|\b(?:git|docker|kubectl|ffmpeg|npm|pip|cargo)\b`)},
	{Report, regexp.MustCompile(`\b(?:telemetry|(?:usage|anonymous) (?:statistics|stats|data|metrics|analytics|reports?)|crash reports?|analytics)\b[^.\n]{0,60}\b(?:sent|collected|reported|uploaded|shared|gathered)\b|\b(?:sends?|collects?|reports?|uploads?|shares?|gathers?)\b[^.\n]{0,60}\b(?:telemetry|(?:usage|anonymous) (?:statistics|stats|data|metrics|analytics|reports?)|crash reports?|analytics)\b`)},
	{Env, regexp.MustCompile(`\benv(?:ironment)?[ _-]?(?:variables?|vars?)\b|\bget[-_]env\b|\bprocess environment\b`)},
	{Clock, regexp.MustCompile(`\b(?:time|dates?|time ?zones?|schedule[sd]?|cron|every (?:day|hour|minute)|timer|reminder|expires?)\b`)},
	{Listen, regexp.MustCompile(`\b(?:listen(?:s|ing|er)?|(?:http|web|local|dev|websocket|preview|callback) server|localhost|bind(?:s|ing)?|on port|opens? (?:a |the )?port|dashboard at)\b`)},
	{Ask, regexp.MustCompile(`\b(?:sampling|sample|elicit\w*|asks? the user|prompts? the user|user input|asks? (?:the )?(?:model|llm|client)|llm|language model|confirmation)\b`)},
	{Watch, regexp.MustCompile(`\b(?:process(?:es)?|system (?:info\w*|monitor\w*|status|stats|load|metrics)|cpu|memory usage|ram|uptime|monitors?|performance|resource usage|/proc|top)\b`)},
	{Switch, regexp.MustCompile(`\b(?:toggle|toggles|enable|enables|disable|disables|activate|activates|register|unlock|dynamic(?:ally)?|load tools?|switch|adds? (?:a )?tools?|removes? (?:a )?tools?|changes? (?:the )?(?:list|set) of)\b`)},
}

var denials = []lexeme{
	{Net, regexp.MustCompile(`\b(?:no|without(?: any)?|never (?:uses?|makes?|needs?|accesses|contacts?|connects? to|sends?)(?: any| anything to)?|does not (?:use|need|require|access|make|contact|send anything (?:to|over))(?: any)?|doesn'?t (?:use|need|require|access|make)(?: any)?|not? (?:need|require)s?(?: any)?)\s+(?:the |a |an )?(?:outside |external |outbound )?(?:network|internet|web|telemetry|remote|connections?|http)(?: (?:access|connection|connections|calls?|requests?|traffic|connectivity))?\b`)},
	{Net, regexp.MustCompile(`\b(?:offline(?:[- ]only)?|air[- ]?gapped|(?:entirely|fully|purely|completely|only|100%) (?:local(?:ly)?|on[- ]device|on your machine)|(?:runs?|works?|stays?|processed|happens?|executed|stored|computed) (?:\w+ )?(?:local(?:ly)?|on[- ]device|on your (?:machine|computer))(?: only)?|local[- ]only|local only|(?:nothing|data|never) (?:ever )?(?:leaves?|leaving) (?:your|the|this) (?:machine|computer|device|host))\b`)},
	{Write, regexp.MustCompile(`\b(?:read[- ]only|never (?:writes?|modif(?:y|ies)|changes?|deletes?)|does not (?:write|modify|change|delete)|doesn'?t (?:write|modify|change|delete)|without (?:writing|modifying|changing))\b`)},
	{Exec, regexp.MustCompile(`\b(?:never|does not|doesn'?t|without|no)\s+(?:run|runs|running|execute|executes|executing|spawn|spawns|spawning|shell)\b`)},
	{Read, regexp.MustCompile(`\b(?:never|does not|doesn'?t|without)\s+(?:read|reads|reading|access|accesses|accessing|touch|touches)\s+(?:\w+ ){0,2}?(?:files?|disk|file ?system)\b`)},
}

const maxClaims = 16 << 10 // bytes of a text that claims are read from

// Claims returns the scopes that a text claims and those that it denies, each
// once. What is denied is not claimed.
func Claims(s string) []Claim {
	text := blanks(fold.Text(s[:min(len(s), maxClaims)]))
	var all []Claim
	denied := map[Scope]bool{}
	for _, d := range denials {
		if at := d.re.FindStringIndex(text); at != nil && !denied[d.scope] {
			denied[d.scope] = true
			all = append(all, Claim{d.scope, true, Visible(around(text, at))})
		}
	}
	for _, l := range lexicon {
		if at := l.re.FindStringIndex(text); at != nil && !denied[l.scope] {
			all = append(all, Claim{l.scope, false, Visible(around(text, at))})
		}
	}
	return all
}

var (
	hostName = regexp.MustCompile(`(?i)\b(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])\b`)
	address  = regexp.MustCompile(`\b(?:\d{1,3}\.){3}\d{1,3}\b|\[[0-9a-fA-F:]{2,45}\]`)
)

// Hosts returns the names and addresses of hosts in a text, in lower case.
func Hosts(s string) []string {
	s = cut(s)
	var all []string
	for _, m := range hostName.FindAllString(s, maxHosts) {
		all = append(all, strings.ToLower(m))
	}
	for _, m := range address.FindAllString(s, maxHosts) {
		all = append(all, strings.ToLower(strings.Trim(m, "[]")))
	}
	return all
}

const maxHosts = 4096 // of one text

// Word reports whether a text has a word, in any case.
func Word(text, word string) bool {
	text, word = strings.ToLower(cut(text)), strings.ToLower(word)
	for at := 0; word != ""; {
		i := strings.Index(text[at:], word)
		if i < 0 {
			return false
		}
		i += at
		at = i + len(word)
		if whole(text, i, at) {
			return true
		}
	}
	return false
}
