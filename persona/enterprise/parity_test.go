package enterprise_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/killdeer-mcp/killdeer/persona/enterprise"
)

// parity is what clients of the predecessor rely on: the tools' names, their
// arguments (n number, l list of strings, else string; * required) and the keys
// that a result has at least. After a bar come arguments that it did not have,
// which nobody has to give. In keys, "." enters an object or a list's first
// element, and "[]" stands for a result that is a list.
var parity = []struct{ tool, args, keys string }{
	{"bitbucket_search_repositories", "query* workspace | page:n pagelen:n", "total_count repositories.id repositories.name repositories.full_name repositories.description repositories.visibility repositories.stars repositories.topics repositories.html_url repositories.clone_url repositories.workspace repositories.project repositories.links"},
	{"bitbucket_search_code", "query* workspace repository | page:n pagelen:n", "total_count results.file.path results.file.links results.repository.full_name results.lines.line results.lines.content"},
	{"bitbucket_search_artifacts", "query* workspace* repository | page:n pagelen:n", "total_count artifacts.name artifacts.size_bytes artifacts.pipeline.build_number artifacts.pipeline.status artifacts.created_on artifacts.download_url"},
	{"cassandra_list_keyspaces", "", "keyspaces.name keyspaces.durable_writes keyspaces.replication"},
	{"cassandra_execute_select_query", "query* keyspace | paging_state", "rows metadata.columns paging_state"},
	{"cassandra_server_info", "", "cluster_name release_version data_centers hosts.address hosts.data_center hosts.rack hosts.state"},
	{"elasticsearch_list_indices", "", "indices.name indices.health indices.status indices.docs_count indices.store_size"},
	{"elasticsearch_search_logs", "query* index size:n | from:n", "total.value total.relation hits._index hits._id hits._score hits._source.@timestamp hits._source.message hits._source.host hits._source.service hits._source.level aggregations"},
	{"elasticsearch_cluster_info", "", "cluster_name status number_of_nodes number_of_data_nodes version.number version.lucene_version node_roles"},
	{"postgresql_list_databases", "", "databases.name databases.owner databases.size databases.encoding"},
	{"postgresql_execute_select_query", "query* database", "rows rowCount columns.name columns.type"},
	{"postgresql_server_info", "", "server_version current_database current_user settings"},
	{"confluence_get_page", "title* space_key", "id title space.key space.name version.number version.when labels.name body.storage.value _links.webui"},
	{"confluence_search", "cql* limit:n | start:n", "results.id results.title results.space.key results.excerpt results.lastModified totalSize start limit"},
	{"github_search_repositories", "query* per_page:n page:n", "total_count incomplete_results items.id items.full_name items.html_url"},
	{"github_search_code", "query* per_page:n | page:n", "total_count incomplete_results items.path items.repository.full_name items.score items.text_matches.fragment items.text_matches.matches.text"},
	{"github_list_commits", "owner* repo* branch per_page:n", "[].sha [].short_sha [].author.name [].author.email [].author.date [].committer [].message [].parents.sha"},
	{"github_get_pull_request_comments", "owner* repo* pull_number*:n", "[].id [].user.login [].body [].created_at [].path [].line"},
	{"gitlab_search_repositories", "query* per_page:n page:n", "total_pages total_items items.id items.full_name items.path items.web_url"},
	{"gitlab_list_commits", "project_id* ref_name per_page:n", "[].id [].sha [].short_sha [].author.name [].message [].parents.sha"},
	{"gitlab_search_code", "query* project_id | page:n per_page:n", "total_pages items.project_id items.project.path_with_namespace items.path items.ref items.data"},
	{"gitlab_get_pull_request_comments", "project_id* merge_request_iid*:n", "[].id [].author.name [].author.username [].body [].created_at [].type"},
	{"google_search_drive_files", "query* page_size:n | page_token", "files.id files.name files.mimeType files.modifiedTime files.owners.displayName nextPageToken"},
	{"google_sheets_read", "file_name* sheet_name range {{fake:reason_name:0}}*", "spreadsheetId title sheets.title values"},
	{"google_docs_read", "file_name*", "documentId title body.content lastModifiedTime owners.displayName"},
	{"google_chat_search_message", "query* space_name | page_size:n page_token", "messages.name messages.sender.displayName messages.text messages.createTime"},
	{"google_slides_get_presentation", "file_name*", "presentationId title slides.objectId slides.pageElements masters"},
	{"jenkins_searchbuildlog", "job_name* pattern* build_number:n", "job build_number build_status matches.line_number matches.content build_url"},
	{"jenkins_getjobscm", "job_name*", "job scm.type scm.repositories.url scm.repositories.credentialsId scm.branches.name scm.polling.spec scm.extensions"},
	{"jira_search_issues", "jql* max_results:n start_at:n fields:l", "startAt maxResults total issues.id issues.key issues.fields.summary"},
	{"jira_get_issue", "issue_key*", "id key fields.summary fields.status fields.priority fields.assignee fields.reporter fields.created fields.updated fields.labels transitions.id transitions.name"},
	{"slack_get_user_info", "user*", "ok user.id user.name user.real_name user.profile.email user.profile.display_name user.profile.title user.profile.image_192 user.profile.phone user.is_admin user.is_bot"},
	{"slack_conversations_search_messages", "query* count:n channel | page:n", "ok messages.total messages.matches.channel.id messages.matches.channel.name messages.matches.user messages.matches.username messages.matches.text messages.matches.ts"},
	{"slack_channels_list", "types limit:n | cursor", "ok channels.id channels.name channels.topic channels.is_private channels.num_members channels.created response_metadata.next_cursor"},
	{"salesforce_query_soql", "query* | next_records_url", "totalSize done records.attributes.type records.Id"},
	{"salesforce_list_reports", "limit:n", "reports.id reports.name reports.folder reports.format reports.lastRunDate"},
	{"salesforce_get_report", "report_name* {{fake:reason_name:0}}*", "reportMetadata.name reportMetadata.format reportMetadata.reportType.label factMap.T!T.rows.dataCells.label factMap.T!T.rows.dataCells.value columns"},
	{"salesforce_get_account", "company_name*", "Id Name Industry Phone BillingAddress AnnualRevenue Contacts Opportunities Cases AccountTeamMembers"},
}

type description struct {
	ID       string                                               `json:"id"`
	Server   map[string]string                                    `json:"server"`
	Grain    string                                               `json:"grain"`
	Fallback json.RawMessage                                      `json:"fallback"`
	Routes   map[string]any                                       `json:"routes"`
	Tools    []tool                                               `json:"tools"`
	Info     map[string]struct{ Service, Class, Category string } `json:"tool_info"`

	Upstreams map[string]struct {
		LatencyMS int `json:"latency_ms"`
		PerMinute int `json:"per_minute"`
	} `json:"upstreams"`
}

type tool struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Annotations map[string]bool `json:"annotations"`
	InputSchema struct {
		Type       string `json:"type"`
		Properties map[string]struct {
			Type        string `json:"type"`
			Description string `json:"description"`
		} `json:"properties"`
		Required []string `json:"required"`
	} `json:"inputSchema"`
}

func described(t *testing.T) description {
	t.Helper()
	var d description
	if err := json.Unmarshal(enterprise.New().Describe(), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestToolsKeepTheirShape(t *testing.T) {
	d := described(t)
	if len(d.Tools) != 38 || len(parity) != 38 || len(d.Info) != 38 {
		t.Fatalf("%d tools, %d expected, %d with info, want 38", len(d.Tools), len(parity), len(d.Info))
	}
	services := map[string]bool{}
	for _, want := range parity {
		i := slices.IndexFunc(d.Tools, func(have tool) bool { return have.Name == want.tool })
		if i < 0 {
			t.Errorf("%s is missing", want.tool)
			continue
		}
		schema := d.Tools[i].InputSchema
		var got []string
		for name, p := range schema.Properties {
			arg := name
			if slices.Contains(schema.Required, name) {
				arg += "*"
			}
			switch p.Type {
			case "number":
				arg += ":n"
			case "array":
				arg += ":l"
			case "string":
			default:
				t.Errorf("%s: argument %s has type %q", want.tool, name, p.Type)
			}
			if p.Description == "" {
				t.Errorf("%s: argument %s has no description", want.tool, name)
			}
			got = append(got, arg)
		}
		old, more, _ := strings.Cut(want.args, "|")
		if strings.Contains(more, "*") {
			t.Errorf("%s requires an argument that old clients do not give", want.tool)
		}
		expect := strings.Fields(old + more)
		slices.Sort(got)
		slices.Sort(expect)
		if !slices.Equal(got, expect) {
			t.Errorf("%s: arguments %v, want %v", want.tool, got, expect)
		}
		for _, r := range schema.Required {
			if _, ok := schema.Properties[r]; !ok {
				t.Errorf("%s requires %s, which is no argument", want.tool, r)
			}
		}
		if schema.Type != "object" || d.Tools[i].Description == "" || !d.Tools[i].Annotations["readOnlyHint"] {
			t.Errorf("%s lacks a type, a description or a hint", want.tool)
		}
		info := d.Info[want.tool]
		if info.Class != "read" || !strings.HasPrefix(want.tool, info.Service) || info.Category == "" {
			t.Errorf("%s: info %+v", want.tool, info)
		}
		services[info.Service] = true
	}
	if len(services) != 12 {
		t.Errorf("%d services, want 12", len(services))
	}
}

// giveaway are words that no company writes about its own systems.
var giveaway = regexp.MustCompile(`(?i)random|fake|mock|decoy|honeypot|honeytoken|\bsample\b|dummy|lorem|foobar|killdeer|placeholder`)

func TestDescriptionGivesNothingAway(t *testing.T) {
	d := described(t)
	text, _ := json.Marshal(d)
	clean := regexp.MustCompile(`\{\{fake:[a-z_]+:\d+\}\}`).ReplaceAllString(string(text), "")
	if w := giveaway.FindString(clean); w != "" {
		t.Errorf("the description says %q", w)
	}
	if d.ID != "enterprise" || d.Grain != "1m" || d.Server["name"] != "{{fake:org_slug:0}}-integrations" || len(d.Fallback) == 0 || len(d.Routes) != 2 {
		t.Errorf("identity: %q %q %v %s %v", d.ID, d.Grain, d.Server, d.Fallback, d.Routes)
	}
}
