package core

import (
	"strings"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// elsewhere are tools that other popular servers have and decoys do not.
var elsewhere = wordSet(`read_file read_text_file read_media_file read_multiple_files write_file edit_file create_directory list_directory
	list_directory_with_sizes directory_tree move_file search_files get_file_info list_allowed_directories
	create_or_update_file push_files get_file_contents create_repository fork_repository create_branch create_pull_request merge_pull_request
	puppeteer_navigate puppeteer_screenshot puppeteer_evaluate browser_navigate browser_click browser_snapshot browser_evaluate browser_type
	brave_web_search brave_local_search tavily_search firecrawl_scrape fetch
	create_entities create_relations read_graph search_nodes sequentialthinking
	read_query write_query create_table append_insight execute_sql apply_migration
	execute_command run_command run_terminal_cmd run_in_terminal start_process kill_process shell bash
	git_status git_log git_diff_unstaged git_commit git_add git_checkout
	kubectl_get kubectl_apply kubectl_delete exec_in_pod docker_run
	slack_post_message slack_get_channel_history send_email gmail_send notion_search API-post-page
	aws_cli call_aws use_aws list_buckets get_secret_value`)

var shadowName = &rule{
	info: sdk.RuleInfo{
		ID:             "MCP_TOOL_SHADOW_NAME",
		Title:          "Tool of another server called",
		Severity:       sdk.SeverityMedium,
		Confidence:     sdk.ConfidenceMedium,
		Description:    "A client called a tool that is not offered here, by a name that a popular other server has: it works from a list.",
		FalsePositives: "An agent that has several servers configured and mixes them up.",
		Atlas:          []string{"AML.T0084"},
		Dedup:          onSource(),
		Fields:         []string{"kind", "mcp_method", "outcome", "tool"},
		Gate: sdk.Gate{
			When: map[string]string{"mcp_method": methodCall, "outcome": unknownTool},
		},
	},
	evaluate: func(in *sdk.Evaluation) []sdk.Hit {
		if in.Event.Outcome != unknownTool || in.Event.MCPMethod != methodCall || !elsewhere[bareTool(in.Event.Tool)] {
			return nil
		}
		return []sdk.Hit{{Subject: cut(in.Event.Tool, maxSubject), Reason: "the name is that of another server's tool", Evidence: toolEvidence(in.Event)}}
	},
}

func toolEvidence(ev *sdk.Event) *sdk.Evidence {
	return &sdk.Evidence{Path: "tool", Snippet: cut(ev.Tool, maxSnippet)}
}

// bareTool leaves out the server's name that some clients put before a tool's.
func bareTool(name string) string {
	if len(name) > 4*maxKey {
		return ""
	}
	for _, sep := range [...]string{"__", "/", ":"} {
		if i := strings.LastIndex(name, sep); i >= 0 {
			name = name[i+len(sep):]
		}
	}
	if name == "API-post-page" {
		return name
	}
	return strings.ToLower(name)
}

var (
	destructive = wordSet(`delete drop remove destroy wipe purge truncate erase write overwrite update modify edit create insert merge push
		commit deploy run exec execute invoke trigger start stop restart shutdown reboot kill terminate grant revoke reset rotate disable
		enable upload send transfer set put patch approve assign add install uninstall`)
	looking = wordSet(`get list search read describe show find count fetch query view check status lookup browse export`)
)

var destructiveCall = &rule{
	info: sdk.RuleInfo{
		ID:             "MCP_DESTRUCTIVE_CALL",
		Title:          "Call that changes something",
		Severity:       sdk.SeverityHigh,
		Confidence:     sdk.ConfidenceHigh,
		Description:    "A client called a tool that writes or runs something, or a tool that does not exist and whose name says so: delete, merge, run, grant.",
		FalsePositives: "None on a decoy that nobody has work on; an agent that guesses names.",
		Attack:         []string{"T1485", "T1098"},
		Atlas:          []string{"AML.T0101"},
		Dedup:          onSource(),
		Fields:         []string{"kind", "mcp_method", "outcome", "tool", "class"},
		Gate: sdk.Gate{
			When:  map[string]string{"mcp_method": methodCall, "outcome": reached + "|" + unknownTool},
			Match: map[string]sdk.Match{"class": {Is: []string{"write", "exec", ""}}},
		},
	},
	evaluate: func(in *sdk.Evaluation) []sdk.Hit {
		ev := in.Event
		if ev.MCPMethod != methodCall {
			return nil
		}
		reason := ""
		switch {
		case ev.Outcome == unknownTool && changes(ev.Tool):
			reason = "the client called a tool that would change something, if there were one"
		case reachedTool(ev) && ev.Class == "write":
			reason = "the client called a tool that writes"
		case reachedTool(ev) && ev.Class == "exec":
			reason = "the client called a tool that runs something"
		default:
			return nil
		}
		return []sdk.Hit{{Subject: cut(ev.Tool, maxSubject), Reason: reason, Evidence: toolEvidence(ev)}}
	},
}

// changes reports whether a tool's name says that it changes something. A name
// that begins with looking, as list_runs does, does not.
func changes(name string) bool {
	found := false
	for i, w := range nameWords(cut(name, 4*maxKey)) {
		if looking[w] && (i == 0 || !found) {
			return false
		}
		found = found || destructive[w]
	}
	return found
}

// nameWords splits delete_user, deleteUser and delete-user.
func nameWords(name string) (list []string) {
	start := 0
	flush := func(end int) {
		if end > start {
			list = append(list, strings.ToLower(name[start:end]))
		}
	}
	for i := range len(name) {
		c := name[i]
		switch {
		case !isAlnum(c|0x20) && (c < '0' || c > '9'):
			flush(i)
			start = i + 1
		case c >= 'A' && c <= 'Z' && i > start && (name[i-1] >= 'a' && name[i-1] <= 'z' || i+1 < len(name) && name[i+1] >= 'a' && name[i+1] <= 'z'):
			flush(i)
			start = i
		}
	}
	flush(len(name))
	return list
}

var lureFollowed = &rule{
	info: sdk.RuleInfo{
		ID:         "MCP_LURE_FOLLOWED",
		Title:      "Reason given for a call",
		Severity:   sdk.SeverityHigh,
		Confidence: sdk.ConfidenceMedium,
		Description: "A tool asked why it was called, and the client said why in a sentence: an agent's task in its own words. A reason of " +
			"less than five words is informational, since the field is required and programs fill it with anything.",
		FalsePositives: "People who give reasons.",
		Atlas:          []string{"AML.T0053"},
		Dedup:          onSource(),
		Fields:         []string{"kind", "mcp_method", "tool", "justification"},
		Gate: sdk.Gate{
			When:  map[string]string{"mcp_method": methodCall},
			Match: map[string]sdk.Match{"justification": {Is: []string{""}, Not: true}},
		},
	},
	evaluate: func(in *sdk.Evaluation) []sdk.Hit {
		why := strings.TrimSpace(in.Event.Justification)
		if why == "" || in.Event.MCPMethod != methodCall {
			return nil
		}
		hit := sdk.Hit{
			Subject: cut(in.Event.Tool, maxSubject), Reason: "the client gave its reason for the call",
			Evidence: &sdk.Evidence{Path: "justification", Snippet: cut(why, maxSnippet)},
		}
		if !sentence(why) {
			hit.Severity, hit.Reason = sdk.SeverityInfo, "the client filled in the reason for the call"
		}
		return []sdk.Hit{hit}
	},
}

// sentence reports whether a text has five words. Each letter of a script that
// parts no words is one.
func sentence(s string) bool {
	const enough = 5
	words, inside := 0, false
	for _, r := range s {
		latin := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '\'' && inside
		switch ideograph := r >= 0x2e80 && r < 0xe000; {
		case ideograph:
			words++
		case (latin || r >= 0xc0) && !inside:
			words++
			inside = true
			continue
		case latin || r >= 0xc0:
			continue
		}
		inside = false
	}
	return words >= enough
}
