// Package enterprise is the built-in persona: an integration hub with 38 tools
// over twelve services of one made-up company.
//
// The tools are views of [world.World]; this package renders what the world
// holds as the imitated services do, with their paging, limits and error texts,
// and decides nothing about the company itself. Package ql reads the services'
// languages; here they are evaluated. It does not write: every statement that
// would is refused as a read-only role is refused.
//
// It is ordinary Go; the guest main is in wasm. A [Persona] keeps pure caches of
// one seed and minute, so that a second call costs little; it holds nothing that
// an answer depends on.
package enterprise

import (
	_ "embed"
	"runtime"
	"time"

	"github.com/killdeer-mcp/killdeer/persona/enterprise/pgsql"
	"github.com/killdeer-mcp/killdeer/persona/enterprise/ql"
	"github.com/killdeer-mcp/killdeer/persona/world"
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

//go:embed describe.json
var describe []byte

// Persona implements [sdk.Persona]. It is not safe for concurrent use.
type Persona struct {
	tools map[string]tool
	views [2]*view // most recently used first
	w     guest.Writer
	waste int // bytes, about, since garbage was collected
}

var _ sdk.Persona = (*Persona)(nil)

// tool writes its answer's JSON document, or returns the upstream's refusal
// before it has written anything that matters.
type tool func(v *view, a args, w *guest.Writer) error

// refusal is an error text in the words of the imitated service.
type refusal string

// Error returns the text.
func (r refusal) Error() string { return string(r) }

// New returns the persona.
func New() *Persona {
	return &Persona{tools: map[string]tool{
		"bitbucket_search_repositories":       bitbucketRepositories,
		"bitbucket_search_code":               bitbucketCode,
		"bitbucket_search_artifacts":          bitbucketArtifacts,
		"cassandra_list_keyspaces":            cassandraKeyspaces,
		"cassandra_execute_select_query":      cassandraSelect,
		"cassandra_server_info":               cassandraInfo,
		"elasticsearch_list_indices":          elasticIndices,
		"elasticsearch_search_logs":           elasticSearch,
		"elasticsearch_cluster_info":          elasticInfo,
		"postgresql_list_databases":           postgresDatabases,
		"postgresql_execute_select_query":     postgresSelect,
		"postgresql_server_info":              postgresInfo,
		"confluence_get_page":                 confluencePage,
		"confluence_search":                   confluenceSearch,
		"github_search_repositories":          githubRepositories,
		"github_search_code":                  githubCode,
		"github_list_commits":                 githubCommits,
		"github_get_pull_request_comments":    githubComments,
		"gitlab_search_repositories":          gitlabProjects,
		"gitlab_list_commits":                 gitlabCommits,
		"gitlab_search_code":                  gitlabCode,
		"gitlab_get_pull_request_comments":    gitlabNotes,
		"google_search_drive_files":           driveSearch,
		"google_sheets_read":                  sheetsRead,
		"google_docs_read":                    docsRead,
		"google_chat_search_message":          chatSearch,
		"google_slides_get_presentation":      slidesGet,
		"jenkins_searchbuildlog":              jenkinsLog,
		"jenkins_getjobscm":                   jenkinsSCM,
		"jira_search_issues":                  jiraSearch,
		"jira_get_issue":                      jiraIssue,
		"slack_get_user_info":                 slackUser,
		"slack_conversations_search_messages": slackMessages,
		"slack_channels_list":                 slackChannels,
		"salesforce_query_soql":               salesforceQuery,
		"salesforce_list_reports":             salesforceReports,
		"salesforce_get_report":               salesforceReport,
		"salesforce_get_account":              salesforceAccount,
	}}
}

// Describe returns the persona's object in the describe document.
func (p *Persona) Describe() []byte { return describe }

// Call answers one tool call.
func (p *Persona) Call(c *sdk.Call) []byte {
	run := p.tools[c.Tool]
	if c.Op != "call" || run == nil {
		return guest.Error("unknown_tool", "unknown tool")
	}
	o := guest.Object{}
	if len(c.Args) > 0 {
		var err error
		if o, err = guest.ParseObject(c.Args); err != nil {
			return guest.Error("bad_args", "arguments are not an object")
		}
	}
	v := p.view(c.Seed, c.Now.UTC())
	if out := v.obstacle(c, o); out != nil {
		return out
	}
	w := &p.w
	w.Reset()
	w.Obj().Key("result").Obj().Key("content").Arr().Obj().Key("type").Str("text").Key("text").Text()
	v.delay = 0
	err := run(v, args{o}, w)
	defer p.collect(v)
	if err != nil {
		refused(w, err.Error(), v.delay)
		return v.secrets.mark(w.Bytes(), c)
	}
	w.End().End().End().Key("isError").Bool(false).End()
	finish(w, v.delay)
	return v.secrets.mark(w.Bytes(), c)
}

const (
	collectAfter = 4 << 20  // bytes of garbage that are worth collecting
	callWaste    = 16 << 10 // that a call leaves beside what is counted, about
)

// collect has the garbage collected by what calls leave: at the runtime's own pace
// the heap would grow to a guest's limit.
func (p *Persona) collect(v *view) {
	p.waste += callWaste + p.w.Len() + v.waste
	if v.waste = 0; p.waste > collectAfter {
		p.waste = 0
		runtime.GC()
	}
}

// finish ends an answer, with the time that it takes beyond the usual.
func finish(w *guest.Writer, delay time.Duration) {
	if delay > 0 {
		w.Key("delay_ms").Int(delay.Milliseconds())
	}
	w.End()
}

func refused(w *guest.Writer, text string, delay time.Duration) {
	w.Reset()
	w.Obj().Key("result").Obj().Key("content").Arr().Obj().Key("type").Str("text").Key("text").Str(text).End().End()
	w.Key("isError").Bool(true).End()
	finish(w, delay)
}

// view returns the world of a seed as it is at now.
func (p *Persona) view(seed uint64, now time.Time) *view {
	for i, v := range p.views {
		if v != nil && v.seed == seed {
			p.views[0], p.views[i] = v, p.views[0]
			if !v.now.Equal(now) {
				p.views[0] = &view{seed: seed, World: v.World, now: now, secrets: v.secrets, key: v.key, issues: v.issues, times: v.times}
			}
			return p.views[0]
		}
	}
	p.views[1] = p.views[0]
	w := world.New(seed)
	p.views[0] = &view{seed: seed, World: w, now: now, secrets: newSecrets(w), key: ql.NewKey(seed)}
	return p.views[0]
}

// spent counts what a search has left behind by what it cost.
func (v *view) spent(b *ql.Budget) { v.waste += b.Spent() * 4 }

// view is a world at one moment, with what was already looked up at it.
type view struct {
	*world.World
	seed    uint64
	waste   int // bytes of garbage that this call made, about
	now     time.Time
	delay   time.Duration // that this call takes beyond the usual
	secrets *secrets
	key     ql.Key // of tokens that lead to a next page
	pages   []*world.Page
	slack   []*world.Message
	chat    []*world.Message
	files   []*world.DriveFile
	tables  map[*world.Table]*source
	engines map[*world.Database]*pgsql.Engine
	objects [len(sfSchema)]*sfObject
	issues  map[int]*world.Issue // by ordinal; they never change
	times   []*world.Issue
	logs    []*world.LogLine
	logFrom int
	deals   [][]*world.Opportunity // by account
}

// logLine returns line n of those that are kept.
func (v *view) logLine(n int) *world.LogLine {
	if v.logs == nil {
		from, to := v.LogRange(v.now)
		v.logFrom, v.logs = from, make([]*world.LogLine, 0, to-from)
		for i := from; i < to; i++ {
			v.logs = append(v.logs, v.Log(i))
		}
	}
	return v.logs[n-v.logFrom]
}

func (v *view) opportunities(a *world.Account) []*world.Opportunity {
	if v.deals == nil {
		v.deals = make([][]*world.Opportunity, len(v.Accounts))
	}
	if v.deals[a.Index] == nil {
		v.deals[a.Index] = v.Opportunities(a, v.now)
	}
	return v.deals[a.Index]
}

func (v *view) allPages() []*world.Page {
	if v.pages == nil {
		v.pages = v.openPages()
	}
	return v.pages
}

func (v *view) slackMessages() []*world.Message {
	if v.slack == nil {
		v.slack = v.Messages(v.now)
	}
	return v.slack
}

func (v *view) chatMessages() []*world.Message {
	if v.chat == nil {
		v.chat = v.ChatMessages(v.now)
	}
	return v.chat
}

func (v *view) driveFiles() []*world.DriveFile {
	if v.files == nil {
		v.files = v.openFiles()
	}
	return v.files
}
