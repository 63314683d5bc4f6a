package enterprise

import (
	"slices"
	"strings"

	"github.com/killdeer-mcp/killdeer/persona/world"
)

// The integration's account may not read everything. What it may not read is
// missing from searches and lists, as the services leave it out, and who asks for
// it by name gets the service's own refusal. GitHub, GitLab, Bitbucket and Jira
// have none: they say that there is no such thing.
const (
	errPageClosed   = refusal("com.atlassian.confluence.api.service.exceptions.PermissionException: User not permitted to view content")
	errFileClosed   = refusal("The caller does not have permission")
	errReportClosed = refusal("FORBIDDEN: You don\u2019t have sufficient privileges to perform this operation.")
	errJobClosed    = refusal("svc-integrations is missing the Job/Read permission")
	errIndexClosed  = refusal("security_exception: action [indices:data/read/search] is unauthorized for user [svc-integrations] with effective roles [logs_reader] on indices [" +
		auditIndex + "], this action is granted by the index privileges [read,all]")
	// auditIndex is the data stream that only the security team reads.
	auditIndex = "logs-audit-default"
)

// open reports whether the integration sees a repository by now.
func (v *view) open(r *world.Repo) bool { return !r.Restricted && !r.Created.After(v.now) }

func (v *view) openPages() []*world.Page {
	return slices.DeleteFunc(v.Pages(v.now), func(p *world.Page) bool { return p.Space.Restricted })
}

func (v *view) openFiles() []*world.DriveFile {
	return slices.DeleteFunc(v.DriveFiles(v.now), func(f *world.DriveFile) bool { return f.Restricted })
}

func (v *view) closedPage(title, space string) bool {
	return slices.ContainsFunc(v.Pages(v.now), func(p *world.Page) bool {
		return p.Space.Restricted && strings.EqualFold(p.Title, title) && (space == "" || strings.EqualFold(space, p.Space.Key))
	})
}

func (v *view) closedFile(name, mime string) bool {
	return slices.ContainsFunc(v.DriveFiles(v.now), func(f *world.DriveFile) bool {
		return f.Restricted && f.MIME == mime && (strings.EqualFold(f.Name, name) || f.ID == name)
	})
}

// closedIndex tells whether an index is named that may not be read. A pattern
// that also matches others just does not match it.
func closedIndex(names string) bool {
	for name := range strings.SplitSeq(names, ",") {
		if !strings.Contains(name, "*") && strings.HasPrefix(strings.TrimPrefix(name, ".ds-"), auditIndex) {
			return true
		}
	}
	return false
}
