package conformance_test

import (
	"slices"
	"strings"
)

// The releases of the suite that npm installs, by the names they have there.
const (
	next   = "conformance-next"
	stable = "conformance-stable"
)

// run is one invocation of a suite: what it is given, and what it must have run.
type run struct {
	name     string
	release  string
	args     []string
	asserted []string // scenarios that must pass, scored or not
	reported []string // scenarios that run too, whatever their outcome
	required int      // of the asserted ones, by the suite's own list for the revision
	checks   int      // that pass in the asserted scenarios together
	streamed int      // that pass beside them when every answer is an event stream
}

// runs are all of them. The releases are pinned, and so is what they run: a suite
// that looks at less than before has not passed.
//
// In server-sse-multiple-streams one check has nothing to look at, and does not
// count, unless every answer is an event stream.
func runs() []run {
	both := words(`completion-complete tools-list
		tools-call-simple-text tools-call-image tools-call-audio tools-call-embedded-resource
		tools-call-mixed-content tools-call-error tools-call-with-progress
		resources-list resources-read-text resources-read-binary resources-templates-read
		prompts-list prompts-get-simple prompts-get-with-args prompts-get-embedded-resource prompts-get-with-image`)
	session := words(`server-initialize logging-set-level ping
		tools-call-with-logging tools-call-sampling tools-call-elicitation resources-subscribe resources-unsubscribe`)
	since2025 := words(`elicitation-sep1034-defaults elicitation-sep1330-enums server-sse-multiple-streams dns-rebinding-protection`)
	modern := words(`server-stateless sep-2164-resource-not-found caching
		server-sse-multiple-streams dns-rebinding-protection
		input-required-result-basic-elicitation input-required-result-basic-sampling
		input-required-result-basic-list-roots input-required-result-request-state
		input-required-result-multiple-input-requests input-required-result-multi-round
		input-required-result-missing-input-response input-required-result-non-tool-request
		input-required-result-result-type input-required-result-unsupported-methods
		input-required-result-tampered-state input-required-result-capability-check
		input-required-result-ignore-extra-params input-required-result-validate-input`)
	tasks := words(`tasks-lifecycle tasks-capability-negotiation tasks-wire-fields tasks-request-state-removal
		tasks-mrtr-input tasks-request-headers tasks-dispatch-and-envelope tasks-status-notifications
		tasks-required-task-error tasks-mrtr-composition`)
	// Not scored for their revisions, but there is no reason to fail them.
	unscoredLegacy := words(`server-session-lifecycle json-schema-2020-12 server-sse-polling`)
	unscoredModern := words(`json-schema-2020-12 http-header-validation http-custom-header-server-validation`)
	return []run{
		{
			name: "2025-11-25", release: next, args: words("--requirements 2025-11-25"),
			asserted: slices.Concat(both, session, since2025, unscoredLegacy), required: 30, checks: 83, streamed: 1,
		},
		{
			name: "2026-07-28", release: next, args: words("--requirements 2026-07-28"),
			asserted: slices.Concat(both, modern, unscoredModern), reported: tasks, required: 37, checks: 152, streamed: 1,
		},
		{
			name: "2025-06-18", release: next, args: words("--suite all --spec-version 2025-06-18"),
			asserted: slices.Concat(both, session, words("server-session-lifecycle")), required: 27, checks: 56,
		},
		{
			name: "2025-03-26", release: next, args: words("--suite all --spec-version 2025-03-26"),
			asserted: words("server-session-lifecycle"), required: 1, checks: 3,
		},
		{
			name: "stable", release: stable,
			asserted: slices.Concat(both, session, since2025), required: 30, checks: 39, streamed: 1,
		},
	}
}

func words(s string) []string { return strings.Fields(s) }
