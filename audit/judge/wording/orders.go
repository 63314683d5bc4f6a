package wording

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/killdeer-mcp/killdeer/rules/fold"
)

// order is a way to address a model behind its user's back.
type order struct {
	what   string
	re     *regexp.Regexp
	near   []string // one of these is in every match
	before int      // bytes before it that a match may begin
	after  int      // bytes behind its beginning that a match may end
}

// secretPath are the places that no text for a model has to name.
const secretPath = `(?:~|\$home|/home/\w+|/root|%userprofile%)?[/\\]?\.(?:ssh|aws|gnupg|kube|docker)[/\\]\S+|\bid_(?:rsa|ed25519|ecdsa|dsa)\b|\.netrc\b|\.git-credentials\b|\.npmrc\b|\.pypirc\b|/etc/shadow\b|` +
	`(?:\.cursor|\.claude|\.vscode)/(?:mcp|settings)\.json|claude_desktop_config\.json|[a-z_]*history\.txt|(?:^|[\s"'` + "`" + `/])\.env(?:\.\w+)?\b`

var (
	negations   = []string{"do not ", "don't ", "dont ", "never ", "without ", "avoid ", "must not ", "should not ", "shouldn't ", "shouldnt ", "no need to "}
	secretWords = []string{".ssh", ".aws", ".gnupg", ".kube", ".docker", "id_", "netrc", ".git-credentials", "npmrc", "pypirc", "/shadow", "mcp.json", "settings.json", "claude_desktop", "history.txt", ".env"}
)

// orders are matched against folded text: lower case, ASCII, one blank between
// words.
var orders = []order{
	{"a tag that passes for a system's", regexp.MustCompile(`<\s*/?\s*(?:important|system|instructions?|critical|secret|hidden|admin|assistant|system[-_ ]?(?:prompt|message|reminder|instructions?))\s*>|\[/?(?:system|inst)\]|<\|(?:im_start|im_end|system)\|>|<<sys>>`), []string{"<", "[sys", "[/sys", "[inst", "[/inst"}, 40, 60},
	{"it asks to hide something from the user", regexp.MustCompile(`\b(?:do not|don'?t|never|without|avoid|must not|should not|shouldn'?t|no need to)\s+(?:ever\s+)?(?:tell(?:ing)?|inform(?:ing)?|mention(?:ing)?|notify(?:ing)?|reveal(?:ing)?|show(?:ing)?|alert(?:ing)?|disclos(?:e|ing)|ask(?:ing)?|let(?:ting)?|warn(?:ing)?)\s+(?:\w+\s+){0,4}?(?:the |your |any |to )?(?:user|human|person|customer|operator)s?\b`), negations, 20, 160},
	{"it asks for silence", regexp.MustCompile(`\b(?:do not|don'?t|never)\s+(?:mention|reveal|disclose|talk about)\s+(?:this|these|that|any of this|it|the above|what you)\b`), negations, 20, 80},
	{"it asks for secrecy", regexp.MustCompile(`\b(?:silently|secretly|covertly|quietly)\s+(?:\w+\s+){0,2}?(?:read|send|call|include|append|forward|copy|upload|execute|run|pass|add|invoke|collect|attach|bcc)\b`), []string{"silently", "secretly", "covertly", "quietly"}, 10, 80},
	{"it overrides other instructions", regexp.MustCompile(`\b(?:ignore|disregard|forget|override|bypass)\s+(?:\w+\s+){0,3}?(?:previous|prior|above|earlier|preceding|other|existing|your|system|original|safety)\s+(?:\w+\s+)?(?:instructions?|prompts?|rules?|guidelines?|messages?|context|directions?|polic(?:y|ies)|commands?)\b`), []string{"ignore", "disregard", "forget", "override", "bypass"}, 10, 160},
	{"it gives the model another role", regexp.MustCompile(`\b(?:you are now|from now on,? you (?:are|will|must|act)|new (?:system )?instructions?:|entering (?:developer|admin|debug) mode)\b`), []string{"you are now", "from now on", "instructions:", "entering "}, 20, 60},
	{"it asks the model to read a secret", regexp.MustCompile(`\b(?:read|open|include|pass|send|attach|provide|fetch|load|copy|cat|access|upload|get|append|use)\b[^.!?\n]{0,80}?(?:` + secretPath + `)[^.!?\n]{0,80}?\b(?:and|then|as|into|to|in|before|first|parameter|argument|content)`), secretWords, 240, 240},
	{"it asks the model to read a secret first", regexp.MustCompile(`\b(?:before|first|prior to|always|you must|you should|you need to|please|make sure|otherwise)\b[^!?\n]{0,120}?(?:` + secretPath + `)`), secretWords, 280, 120},
	{"it asks the model to pass on a conversation or a secret", regexp.MustCompile(`\b(?:include|pass|put|send|append|attach|provide|copy|encode|insert|forward)\b[^.!?\n]{0,60}?\b(?:entire|full|whole|complete|all(?: of)?(?: the)?|previous|user'?s|your)\b[^.!?\n]{0,30}?\b(?:conversation|chat history|message history|chat log|system prompt|private keys?|ssh keys?|api keys?|credentials?|passwords?|environment variables|memory contents)\b[^.!?\n]{0,60}?\b(?:in|as|into|to|with|when|before)\b`), []string{"conversation", "chat history", "message history", "chat log", "system prompt", "private key", "ssh key", "api key", "credential", "password", "environment variables", "memory contents"}, 200, 140},
	{"it changes how other tools are used", regexp.MustCompile(`\b(?:when|whenever|before|after|if|every time|each time)\b[^.!?\n]{0,50}?\b(?:other|another|any|all|every) (?:\w+ )?(?:tool|tools|function|functions|servers?)\b[^.!?\n]{0,100}?\b(?:must|should|always|instead|first|also|send|bcc|redirect|call this|replace)\b`), []string{"other ", "another ", "any ", "all ", "every "}, 80, 200},
	{"it diverts what others send", regexp.MustCompile(`\b(?:always|must|all|every|any|instead)\b[^.!?\n]{0,60}?\b(?:send|forward|bcc|cc|redirect|transfer|recipient|deliver)\w*\b[^.!?\n]{0,60}?\b[\w.+-]+@[\w-]+\.\w+\b[^.!?\n]{0,80}?\b(?:instead|regardless|even if|no matter|to prevent|because|attacker|proxy)\b`), []string{"@"}, 200, 200},
}

// Orders returns what in a text is meant to steer a model against its user. MUST
// and ALWAYS alone are common in honest descriptions and count for nothing.
func Orders(s string) []Hit { return NewReader(MaxText).Orders(s) }

// Reader reads many texts, equal ones once, and bounds the work of all together:
// patterns are slow on texts that are made for it.
type Reader struct {
	left int
	seen map[string][]Hit

	// Unread counts texts that were not read to their end.
	Unread int
}

// NewReader returns a reader that matches patterns against so many bytes.
func NewReader(work int) *Reader { return &Reader{left: work, seen: map[string][]Hit{}} }

const maxSeen = 1 << 14 // texts that are remembered

// Orders is like the function [Orders].
func (r *Reader) Orders(s string) []Hit {
	s = cut(s)
	if hits, ok := r.seen[s]; ok {
		return hits
	}
	folded := blanks(fold.Text(s))
	var hits []Hit
	for _, o := range orders {
		if h, ok := r.find(o, folded); ok {
			hits = append(hits, h)
		}
	}
	if len(r.seen) < maxSeen {
		r.seen[s] = hits
	}
	return hits
}

// find looks for an order around the words without which there is none.
func (r *Reader) find(o order, s string) (Hit, bool) {
	done := 0 // of s
	for done < len(s) {
		at := next(s[done:], o.near)
		if at < 0 {
			break
		}
		at += done
		from, to := max(0, at-o.before), min(len(s), at+o.after)
		// What overlaps is read once.
		for to < len(s) {
			more := next(s[at+1:to], o.near)
			if more < 0 {
				break
			}
			at += 1 + more
			to = min(len(s), at+o.after)
			if to-from > maxWindow {
				break
			}
		}
		if r.left -= to - from; r.left < 0 {
			r.left = 0
			r.Unread++
			return Hit{}, false
		}
		if m := o.re.FindStringIndex(s[from:to]); m != nil {
			return Hit{o.what, Visible(around(s, []int{from + m[0], from + m[1]}))}, true
		}
		done = at + 1
	}
	return Hit{}, false
}

const maxWindow = 4 << 10 // bytes that a pattern is matched against at once

// next is where the first of some words is, -1 for nowhere.
func next(s string, words []string) int {
	first := -1
	for _, w := range words {
		if first >= 0 {
			s = s[:min(len(s), first+len(w))]
		}
		if i := strings.Index(s, w); i >= 0 && (first < 0 || i < first) {
			first = i
		}
	}
	return first
}

// around is a match with a little of what stands beside it.
func around(s string, at []int) string {
	from, to := max(0, at[0]-10), min(len(s), at[1]+30, at[0]+maxQuote)
	return strings.ToValidUTF8(s[from:max(from, to)], "")
}

// blanks turns white space, also of several lines, into one blank.
func blanks(s string) string {
	return strings.Join(strings.FieldsFunc(s, unicode.IsSpace), " ")
}

// greedy are arguments that ask for more than a tool can need.
var (
	greedyName = regexp.MustCompile(`^(?:full_?|entire_?|whole_?|all_?|complete_?|previous_?)?(?:conversation|chat|message|dialog(?:ue)?)s?_?(?:history|log|context|transcript)$|^(?:system_?prompt|full_?context|entire_?context|all_?messages|previous_?messages|conversation|chat_?transcript|side_?note|user_?secrets?|ssh_?(?:private_?)?key|private_?key|environment_?variables|env_?vars|all_?env)$`)
	greedyText = regexp.MustCompile(`\b(?:entire|full|whole|complete|all(?: of)?(?: the)?|verbatim)\s+(?:\w+\s+){0,2}?(?:conversation|chat|message history|chat history|context window|system prompt|transcript|messages so far)\b|\b(?:contents? of|value of|your|user'?s)\s+(?:the\s+)?(?:\S+\s+){0,2}?(?:private key|ssh key|system prompt|environment variables|` + `\.env file|\.env\b` + `)`)
)

// Greedy reports why a required argument asks for more than it can need, "" if it
// does not.
func Greedy(name, description string) string {
	if greedyName.MatchString(strings.ToLower(snake(name))) {
		return "its name asks for more than one tool needs"
	}
	if m := greedyText.FindString(blanks(fold.Text(cut(description)))); m != "" {
		return "its description asks for " + Visible(m)
	}
	return ""
}

// snake writes camelCase and kebab-case with underscores.
func snake(s string) string {
	var out strings.Builder
	for i, r := range s {
		switch {
		case r == '-' || r == ' ':
			r = '_'
		case unicode.IsUpper(r) && i > 0:
			out.WriteByte('_')
		}
		out.WriteRune(unicode.ToLower(r))
	}
	return out.String()
}

var asksSecret = regexp.MustCompile(`\b(?:passwords?|passphrases?|private keys?|ssh keys?|id_rsa|api[ _-]?keys?|apikey|secret keys?|access keys?|access tokens?|auth tokens?|tokens?|credentials?|secrets?|seed phrases?|credit cards?|card numbers?|cvv|ssn|social security|environment variables|2fa|one[- ]time codes?|system prompt)\b`)

// AsksSecret returns the word by which a text asks for a secret, "" if it does not.
func AsksSecret(s string) string {
	text := strings.ReplaceAll(fold.Text(cut(s)), "_", " ")
	text = strings.ReplaceAll(strings.ReplaceAll(text, "maxtokens", ""), "max tokens", "")
	return asksSecret.FindString(text)
}
