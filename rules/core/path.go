package core

import (
	"strings"

	"github.com/killdeer-mcp/killdeer/sdk"
)

func pathAnchors() []anchor {
	return concat(
		on(kindPath, judgeClimb, "../", `..\`, "..;/", "..../"),
		on(kindPath, judgeFile, "/etc/passwd", "/etc/shadow", "/etc/sudoers", "/etc/hosts", "/proc/self", "/proc/1/", "/.ssh/", "~/.ssh", "/.aws/credentials", "~/.aws",
			"/.kube/config", "~/.kube", "/.git/config", "/.netrc", "~/.netrc", "/.docker/config", "/var/run/secrets", "/root/.", "c:\\windows", "c:/windows", "boot.ini", "win.ini",
			"system32/config", `system32\config`, "/.bash_history", "/.env", "id_rsa"),
		on(kindPath, judgeFileURL, "file:/"),
	)
}

var pathTraversal = wordRule(sdk.RuleInfo{
	ID:         "MCP_PATH_TRAVERSAL",
	Title:      "Path out of bounds in arguments",
	Severity:   sdk.SeverityHigh,
	Confidence: sdk.ConfidenceMedium,
	Description: "Arguments climb out of a folder, in any encoding, or name a file that only an attacker asks a server for: " +
		"/etc/passwd, keys, credentials, file URLs.",
	FalsePositives: "Searches for code or manuals that mention such files; relative imports are left out.",
	Attack:         []string{"T1083", "T1005"},
}, kindPath, "the arguments reach for a file out of bounds: ")

// naming are names of arguments that hold paths: there one step up is enough.
var naming = []string{"path", "file", "dir", "folder", "uri", "url", "src", "dest", "template", "include", "page", "doc", "document", "attachment", "download", "root", "cwd", "location"}

func judgeClimb(p part, start, end int) (string, sdk.Confidence) {
	t := p.text
	if start > 0 && t[start-1] == '.' && t[start] == '.' && !strings.HasPrefix(t[start:], "..../") && (start < 2 || t[start-2] != '.') {
		return "", "" // an ellipsis before a slash
	}
	steps := 1
	for i := end; strings.HasPrefix(t[i:], "..") && i+2 < len(t) && (t[i+2] == '/' || t[i+2] == '\\' || t[i+2] == ';') && steps < 8; i += 3 {
		steps++
	}
	for i := start; i < end; i++ {
		if p.spelled(i) {
			return "an encoded step up", sdk.ConfidenceHigh
		}
	}
	if strings.HasPrefix(t[start:], "....") || t[end-2] == ';' {
		return "a step up in disguise", sdk.ConfidenceHigh
	}
	lead := t[max(0, start-near):start]
	for _, w := range [...]string{"import", "require", "from ", "include", "href=", "src=", "cd ", "ls "} {
		if strings.Contains(lead, w) {
			return "", ""
		}
	}
	if steps > 1 || p.event.URI != "" && p.prefix == "uri" {
		return "steps up", sdk.ConfidenceHigh
	}
	name := p.member()
	for _, w := range naming {
		if strings.Contains(name, w) {
			return "a step up", sdk.ConfidenceMedium
		}
	}
	return "", ""
}

func judgeFile(p part, start, end int) (string, sdk.Confidence) {
	t := p.text
	what := t[start:end]
	switch what {
	case "/.env", "id_rsa", "boot.ini", "win.ini":
		if end < len(t) && isWordByte(t[end]) && t[end] != '_' || start > 0 && isWordByte(t[start-1]) || what == "/.env" && start == 0 && p.member() != "path" {
			return "", ""
		}
		return what, sdk.ConfidenceMedium
	case "/etc/hosts":
		if end < len(t) && isWordByte(t[end]) {
			return "", ""
		}
		return what, sdk.ConfidenceMedium
	}
	return what, sdk.ConfidenceHigh
}

func judgeFileURL(p part, start, end int) (string, sdk.Confidence) {
	t := p.text
	if start > 0 && isWordByte(t[start-1]) || end >= len(t) || t[end] != '/' && !isAlnum(t[end]) {
		return "", ""
	}
	return "a file URL", sdk.ConfidenceHigh
}
