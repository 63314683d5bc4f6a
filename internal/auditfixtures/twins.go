package auditfixtures

// fair is a server of which nothing of low or above may be found.
func fair(name string) Fixture {
	return Fixture{Name: name, Kind: Benign, Outcomes: []string{"clean"}, Depth: Quick}
}

func benign() []Fixture {
	slow := fair("slow")
	slow.Slow, slow.Outcomes = true, []string{"clean", "inconclusive"} // it may be longer than a call lasts
	memory := fair("memory")
	memory.Writable = true
	pool := script(fair("python-pool"), "several.py")
	pool.Args = []string{"pool"}
	database := script(fair("python-database"), "several.py")
	database.Args = []string{"database"}
	npm := fair("npx-wrapper")
	npm.Package, npm.Needs = "word-wrap", []string{"npm"}
	all := []Fixture{
		pool, database, npm,
		slow, memory,
		fair("git").needing("git"), fair("download").needing("curl"), fair("code-runner").needing("python3"), fair("drift-before"),
		script(fair("honest-python"), "honest.py"), script(fair("workers-node"), "workers.js"),
	}
	for _, name := range []string{
		"plain", "fetch", "api-declared", "api-own-name", "api-in-instructions", "telemetry-declared", "telemetry-without-host", "declared-post", "local-listener",
		"missing-service", "clock", "monitor", "get-env", "busy",
		"dotenv-present", "dotenv-absent", "filesystem", "cache", "own-config", "own-state", "temporary", "log-file", "deletes-asked", "bashrc-read", "resources",
		"shell", "disk-usage", "worker", "searches-path",
		"important-words", "many-scripts", "pages", "odd-schema", "noise", "toggle", "shuffled-list", "dated-text", "sampling-declared",
		"elicitation-declared", "echoes", "long-result", "read-only-honest",
	} {
		all = append(all, fair(name))
	}
	return all
}

// fails is a server that does not work: the verdicts that are right for it, and
// what must be said of it.
func fails(name string, outcomes []string, ids ...string) Fixture {
	f := Fixture{Name: name, Kind: Operational, Outcomes: outcomes, Depth: Quick}
	for _, id := range ids {
		f.Want = append(f.Want, Want{ID: "AUD-" + id})
	}
	return f
}

func operational() []Fixture {
	open, found := []string{"inconclusive"}, []string{"findings"}
	either := []string{"inconclusive", "findings"}
	tools := func(f Fixture, id string, names ...string) Fixture {
		for _, n := range names {
			f.Want = append(f.Want, Want{"AUD-" + id, n})
		}
		return f
	}
	slow := func(f Fixture) Fixture {
		f.Slow = true
		return f
	}
	padded := script(fails("python-padded", open, "T06"), "several.py")
	padded.Args = []string{"padded"}
	return []Fixture{
		padded,
		tools(fails("missing-key", open, "T05"), "T04", "current_weather", "forecast"),
		slow(fails("hang-init", open, "T02")),
		fails("hang-discover", []string{"clean"}),
		slow(tools(fails("hang-call", open, "T05"), "T04", "format_note")),
		slow(fails("hang-list", open)),
		fails("error-list", open),
		tools(fails("crash-call", open, "T05"), "T04", "count_words"),
		tools(fails("crash-one", []string{"clean"}), "T04", "count_words"),
		fails("exit-call", open, "T05"),
		slow(fails("wrong-id", open, "T05")),
		fails("null-result", []string{"inconclusive", "clean"}),
		fails("odd-result", []string{"inconclusive", "clean"}),
		fails("half-line", open, "T05"),
		fails("endless-pages", []string{"clean", "inconclusive", "findings"}),
		fails("cursor-loop", []string{"clean", "inconclusive"}),
		fails("deep-schema", []string{"clean", "inconclusive"}),
		fails("circular-schema", []string{"clean", "inconclusive"}),
		tools(fails("big-result", found), "R01", "format_note").on(Default),
		fails("big-description", []string{"inconclusive", "clean"}),
		fails("exit-at-once", open, "T02"),
		fails("crash-at-once", open, "T02"),
		fails("exit-after-list", open),
		fails("needs-terminal", open, "T02"),
		slow(fails("junk-only", open, "T02", "T03")),
		slow(fails("ignores-end", []string{"clean", "findings"})),
		slow(tools(fails("fork-bomb", found), "R01", "mix_colours")).on(Default),
		slow(fails("flood-output", found, "R01")),
		fails("flood-errors", []string{"clean", "inconclusive", "findings"}),
		slow(fails("flood-disk", either)),
	}
}
