package core

import (
	"strings"

	"github.com/killdeer-mcp/killdeer/sdk"
)

func commandAnchors() []anchor {
	return concat(
		on(kindCommand, judgeCommand, ";", "|", "&", "$(", "`", "\n", "<("),
		on(kindCommand, always("${IFS}"), "${ifs"),
		on(kindCommand, always("a shell's network device"), "/dev/tcp/", "/dev/udp/"),
		on(kindCommand, judgeShell, "/bin/sh", "/bin/bash", "/bin/zsh", "/bin/dash", "cmd.exe", "cmd /c", "powershell"),
	)
}

var commandInjection = wordRule(sdk.RuleInfo{
	ID:         "MCP_CMD_INJECTION",
	Title:      "Shell command in arguments",
	Severity:   sdk.SeverityHigh,
	Confidence: sdk.ConfidenceMedium,
	Description: "Arguments hold a shell's metacharacter next to the name of a command, a command substitution, or a shell that is " +
		"told to run something.",
	FalsePositives: "Searches for shell scripts and build logs that quote a pipeline.",
	Attack:         []string{"T1059.004"},
	Atlas:          []string{"AML.T0050"},
	OWASP:          []string{"MCP05"},
}, kindCommand, "the arguments hold a shell command: ")

// strong are commands whose names are no English words, weak those that want
// something of a shell behind them before they count.
var (
	strong = wordSet(`curl wget ncat netcat bash powershell pwsh whoami nslookup chmod chown mkfifo socat busybox printenv uname ifconfig
		certutil bitsadmin mshta regsvr32 rundll32 netstat systemctl crontab useradd passwd sudo dig telnet`)
	weak = wordSet(`sh zsh dash ksh nc cat ls id ping rm cp mv env echo printf base64 xxd ssh scp touch kill wc head tail ip ps find awk
		sed tee python python2 python3 perl ruby php node sleep host hostname dir type cmd set export tar gzip dd mount pwd date w who
		nohup xargs grep more less tac nl od strings cut sort eval exec source git npm pip docker kubectl aws gcloud`)
)

func wordSet(list string) map[string]bool {
	set := map[string]bool{}
	for w := range strings.FieldsSeq(list) {
		set[w] = true
	}
	return set
}

func always(what string) judge {
	return func(part, int, int) (string, sdk.Confidence) { return what, sdk.ConfidenceHigh }
}

// commandAt returns the command named at i, behind sudo and folders.
func commandAt(t string, i int) (name string, end int) {
	for range 4 {
		i = after(t, i)
		for i < len(t) && (t[i] == '\'' || t[i] == '"' || t[i] == '\\') {
			i++
		}
		word, j := commandWord(t, i)
		if word == "sudo" || word == "exec" || word == "command" {
			i = j
			continue
		}
		return word, j
	}
	return "", i
}

// commandWord reads a word with the quotes and backslashes that a shell drops
// from it: c"a"t, wh\oami.
func commandWord(t string, i int) (string, int) {
	if i < len(t) && t[i] == '/' {
		for j := i; j < len(t) && j-i < maxKey && (isWordByte(t[j]) || t[j] == '/'); j++ {
			if t[j] == '/' {
				i = j + 1
			}
		}
	}
	var word []byte
	j := i
	for ; j < len(t) && j-i < maxKey; j++ {
		switch c := t[j]; {
		case isAlnum(c) || c == '_':
			word = append(word, c)
		case (c == '\'' || c == '"' || c == '\\') && len(word) > 0 && j+1 < len(t) && (isAlnum(t[j+1]) || t[j+1] == c):
		default:
			return string(word), j
		}
	}
	return string(word), j
}

func judgeCommand(p part, start, end int) (string, sdk.Confidence) {
	t := p.text
	meta := t[start]
	if meta == ' ' || meta == '\n' && !p.spelled(start) {
		return "", "" // the matcher takes every blank for one; a line end that is spelled %0a is no line of text
	}
	for end < len(t) && end < start+4 && (t[end] == '&' || t[end] == '|' || t[end] == ';') {
		end++
	}
	name, i := commandAt(t, end)
	known := strong[name] || weak[name]
	switch {
	case !known || i < len(t) && (isWordByte(t[i]) || t[i] == '=' || t[i] == ':'):
		return "", ""
	case meta == '|' && after(t, i) < len(t) && t[after(t, i)] == '|':
		return "", "" // a table
	case meta == '$' || meta == '<':
		return t[start:end] + name, sdk.ConfidenceHigh
	case meta == '`':
		return judgeBackticks(t, start, i, name)
	case meta == '&' && i < len(t) && (t[i] == '&' || t[i] == '=') && t[end-1] == '&' && end == start+1:
		return "", "" // a query string
	}
	if strong[name] && (meta != '|' || i >= len(t) || t[i] != '|') && separates(t, i) {
		return strings.TrimSpace(t[start:end]) + " " + name, sdk.ConfidenceHigh
	}
	if shellish(t, i) {
		return strings.TrimSpace(t[start:end]) + " " + name, sdk.ConfidenceMedium
	}
	return "", ""
}

// separates reports whether what follows a command's name could in a shell.
func separates(t string, i int) bool {
	return i >= len(t) || strings.IndexByte(" \n;|&)`'\"<>#$\t-/", t[i]) >= 0
}

// shellish reports whether what follows a command's name is what a shell is given
// and a sentence is not.
func shellish(t string, i int) bool {
	j := after(t, i)
	if j >= len(t) || strings.IndexByte(";|&)`#<>", t[j]) >= 0 {
		return true
	}
	if j == i {
		return false
	}
	switch c := t[j]; {
	case c == '-':
		return j+1 < len(t) && (isAlnum(t[j+1]) || t[j+1] == '-')
	case c == '/' || c == '~' || c == '$' || c == '*' || c == '.':
		return j+1 < len(t) && t[j+1] > ' ' || c == '*'
	case c == '"' || c == '\'':
		return true
	case c >= '0' && c <= '9':
		return true
	}
	_, k := nextWord(t, j)
	return k < len(t) && strings.IndexByte("/.=@", t[k]) >= 0 && k+1 < len(t) && isAlnum(t[k+1]) // a file, an address
}

// judgeBackticks tells a command substitution from a name in prose: `curl -s x`
// and x`id` are the one, "the `curl` command" is the other.
func judgeBackticks(t string, start, i int, name string) (string, sdk.Confidence) {
	closing := strings.IndexByte(t[i:min(len(t), i+near)], '`')
	if closing < 0 {
		return "", ""
	}
	glued := start > 0 && t[start-1] != ' ' && t[start-1] != '(' && t[start-1] != '\n' && t[start-1] != '`'
	alone := start == 0 && i+closing == len(t)-1
	if glued || alone || closing > 0 && shellish(t, i) {
		return "`" + name + "`", sdk.ConfidenceMedium
	}
	return "", ""
}

// judgeShell wants a shell that is told to run something.
func judgeShell(p part, start, end int) (string, sdk.Confidence) {
	t := p.text
	if end < len(t) && isWordByte(t[end]) {
		return "", ""
	}
	rest := t[end:min(len(t), end+40)]
	for _, flag := range [...]string{" -c", " -i", " -e ", " /c", " -enc", " -nop", " -w hidden", " -exec", " -command", " iex"} {
		if strings.HasPrefix(rest, flag) {
			return t[start:end] + flag, sdk.ConfidenceHigh
		}
	}
	if strings.HasSuffix(t[start:end], "/c") && after(t, end) > end {
		return "cmd /c", sdk.ConfidenceHigh
	}
	return "", ""
}
