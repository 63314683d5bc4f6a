package judge_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/audit/judge"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// Planted values of the tests.
const (
	home      = "/home/audit"
	dir       = home + "/work"
	awsValue  = "wJalrXUtnFEMIK7MDENGbPxRfiCYzEXAMPLEKEY0"
	sshValue  = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQfT5sKx93Lq"
	envValue  = "sk_live_9dK2mPq7Rt4Wx8Zb3Nf6Hj1Lc5Vg0Ys"
	awsEnv    = "Zq83hfKls0932jdkLQpwmznXbvCyTRe4561kdHAp"
	echoValue = "mxq7r2hd9k4wzt6bnc3v"
)

func canaries(pass string) []evidence.Canary {
	return []evidence.Canary{
		{ID: "file:.aws/credentials", Pass: pass, Source: home + "/.aws/credentials", Kind: "file", Values: []string{pass + awsValue}},
		{ID: "file:.ssh/id_rsa", Pass: pass, Source: home + "/.ssh/id_rsa", Kind: "file", Values: []string{pass + sshValue}},
		{ID: "file:.netrc", Pass: pass, Source: home + "/.netrc", Kind: "file", Values: []string{pass + "pT5netrcHidden9Value4Here"}},
		{ID: "file:.npmrc", Pass: pass, Source: home + "/.npmrc", Kind: "file", Values: []string{pass + "npm8TokenQwLk27Xy31Zu"}},
		{ID: "file:work/.env", Pass: pass, Source: dir + "/.env", Kind: "file", Values: []string{pass + envValue}},
		{ID: "env:AWS_SECRET_ACCESS_KEY", Pass: pass, Source: "AWS_SECRET_ACCESS_KEY", Kind: "env", Values: []string{pass + awsEnv}},
		{ID: "socket:ssh-agent", Pass: pass, Source: "/tmp/ssh-ab12/agent.1042", Kind: "socket"},
		{ID: "socket:docker", Pass: pass, Source: "/run/docker.sock", Kind: "socket"},
		{ID: "argument:text/1", Pass: pass, Source: "an argument", Kind: "argument", Values: []string{pass + echoValue}},
	}
}

// life writes the evidence of a pass as it would be gathered.
type life struct {
	audit *evidence.Audit
	*evidence.Pass
	now   int64
	pid   int
	tools []sdk.RawJSON
	seq   uint64
}

const serverPID = 100

func newAudit() *evidence.Audit {
	return &evidence.Audit{
		Version: 1, Seed: "7", Machine: evidence.Machine{Sandbox: "bubblewrap 0.8.0"},
		Target: evidence.Target{Name: "notebook", Argv: []string{"node", "/srv/app/index.js"}, Transport: "stdio", Dir: dir, Install: []string{"/srv/app"}},
	}
}

// begin starts a pass: the server runs and has listed its tools.
func begin(a *evidence.Audit, name string, tools ...string) *life {
	l := &life{audit: a, now: 1e9, pid: serverPID, Pass: &evidence.Pass{
		Name: name, Change: "pass " + name, Traced: name != "E", Home: home, Clock: evidence.Clock{MonoNS: 1e9},
		Server: sdk.RawJSON(`{"name":"notebook","version":"1"}`), Client: "mcp-client",
	}}
	if l.Traced {
		l.Trace = &sdk.TracerSummary{Complete: true}
	}
	a.Canaries = append(a.Canaries, canaries(name)...)
	a.Passes = append(a.Passes, l.Pass)
	l.span(evidence.Startup, 0, func() { l.exec("/usr/bin/node", "node", "/srv/app/index.js") })
	for _, t := range tools {
		l.tools = append(l.tools, sdk.RawJSON(t))
	}
	l.list(evidence.List)
	return l
}

func tool(name, description string, more ...string) string {
	d, _ := json.Marshal(description)
	t := fmt.Sprintf(`{"name":%q,"description":%s,"inputSchema":{"type":"object","properties":{"text":{"type":"string"}}}`, name, d)
	for _, m := range more {
		t += "," + m
	}
	return t + "}"
}

func (l *life) span(p evidence.Phase, n int, do func()) {
	from := l.now
	l.now += 1e6
	if do != nil {
		do()
	}
	l.now += 1e6
	l.Spans = append(l.Spans, evidence.Span{Phase: p, Call: n, From: from, To: l.now})
	slices.SortStableFunc(l.Spans, func(a, b evidence.Span) int { return int(a.From - b.From) })
}

func (l *life) list(p evidence.Phase) {
	l.span(p, 0, nil)
	l.Catalog = append(l.Catalog, evidence.Catalog{Phase: p, After: len(l.Calls), Tools: slices.Clone(l.tools)})
}

// call calls a tool, which does something and answers.
func (l *life) call(name, args string, do func()) *evidence.Call {
	c := &evidence.Call{N: len(l.Calls) + 1, Kind: "tool", Name: name, Case: "full", Args: sdk.RawJSON(args), Outcome: "ok", Result: sdk.RawJSON(`{"content":[{"type":"text","text":"done"}]}`), From: l.now}
	l.Calls = append(l.Calls, c)
	l.span(evidence.InCall, c.N, do)
	c.To = l.now
	l.span(evidence.Drain, c.N, nil)
	return c
}

func (l *life) idle(do func()) { l.span(evidence.Idle, 0, do) }

func (l *life) saw(o sdk.Observation) {
	l.now += 1000
	o.Seq, o.MonoNS = l.seq, l.now
	if o.PID == 0 {
		o.PID = l.pid
	}
	l.seq++
	if l.Traced {
		l.Observations = append(l.Observations, o)
	}
}

func (l *life) read(name string) {
	l.saw(sdk.Observation{Kind: sdk.ObservedOpen, Syscall: "openat", Path: name, Ret: 5, Access: sdk.Access{Read: true}})
}

func (l *life) missing(name string) {
	l.saw(sdk.Observation{Kind: sdk.ObservedOpen, Syscall: "openat", Path: name, Ret: -1, Errno: "ENOENT", Access: sdk.Access{Read: true}})
}

func (l *life) write(name string) {
	l.saw(sdk.Observation{Kind: sdk.ObservedOpen, Syscall: "openat", Path: name, Ret: 6, Access: sdk.Access{Write: true, Create: true}})
}

func (l *life) append(name string) {
	l.saw(sdk.Observation{Kind: sdk.ObservedOpen, Syscall: "openat", Path: name, Ret: 6, Access: sdk.Access{Write: true}})
}

func (l *life) unlink(name string) {
	l.saw(sdk.Observation{Kind: sdk.ObservedUnlink, Syscall: "unlink", Path: name})
}

func (l *life) exec(file string, argv ...string) {
	l.saw(sdk.Observation{Kind: sdk.ObservedExec, Syscall: "execve", Path: file, Argv: argv})
}

// child runs a program in a new process, which does something.
func (l *life) child(file string, argv []string, do func()) {
	parent := l.pid
	l.pid = parent + 1 + int(l.seq)
	l.saw(sdk.Observation{PID: parent, Kind: sdk.ObservedFork, Syscall: "clone", Ret: int64(l.pid)})
	l.exec(file, argv...)
	if do != nil {
		do()
	}
	l.pid = parent
}

func (l *life) connect(family, addr string, port int) {
	l.saw(sdk.Observation{Kind: sdk.ObservedConnect, Syscall: "connect", Ret: 0, Peer: &sdk.Peer{Family: family, Addr: addr, Port: port}})
}

// flow is a connection by name, or by address without one.
func (l *life) flow(name, addr string, port int, sent string) {
	l.connect("inet", addr, port)
	l.Net = append(l.Net, evidence.Flow{At: l.now, Proto: "tcp", Addr: addr, Port: port, Name: name, Sent: []byte(sent), SentSize: len(sent), GotSize: 20})
	if name != "" {
		l.Names = append(l.Names, evidence.Lookup{At: l.now - 100, Name: name, Type: "A", Answer: addr})
	}
}

func (l *life) lookup(name string) {
	l.now += 1000
	l.Names = append(l.Names, evidence.Lookup{At: l.now, Name: name, Type: "A", Answer: "198.18.9.9"})
}

func (l *life) changed(name, how, sample string) {
	n := len(l.Calls)
	l.Files = append(l.Files, evidence.FileChange{Phase: evidence.InCall, Call: n, Path: name, Change: how, Size: int64(len(sample)), Sample: []byte(sample)})
}

// results are the ids and tools of findings, those of info left out.
func results(v evidence.Verdict) []string {
	var all []string
	for _, f := range v.Findings {
		if f.Severity != sdk.SeverityInfo {
			all = append(all, strings.TrimSpace(strings.TrimPrefix(f.ID, "AUD-")+" "+f.Tool))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func verdict(t *testing.T, a *evidence.Audit, o judge.Options) evidence.Verdict {
	t.Helper()
	o.Now = time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	v := judge.Judge(a, o)
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("marshal the verdict: %v", err)
	}
	for _, k := range a.Canaries {
		for _, value := range k.Values {
			if strings.Contains(string(raw), value) {
				t.Errorf("the verdict holds the value of %s", k.ID)
			}
		}
	}
	return v
}

func mustRead(s string, into any) {
	if err := json.Unmarshal([]byte(s), into); err != nil {
		panic(err)
	}
}
