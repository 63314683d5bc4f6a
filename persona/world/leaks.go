package world

import (
	"strconv"
	"strings"
	"time"
)

// leakTexts are what people wrote down where they should not have: records that
// begin with "== ", a head of fields and lines. @KIND LABEL@ is a credential.
const leakTexts = `
== file|service|0|.env
APP_ENV=production
DATABASE_URL=postgres://app:@dsn.password app-db@@at@pg-@prod@.@int@:5432/@db@?sslmode=require
STRIPE_SECRET_KEY=@stripe_key billing@
AWS_ACCESS_KEY_ID=@aws_key.id artifacts@
AWS_SECRET_ACCESS_KEY=@aws_key.secret artifacts@
AWS_REGION=eu-central-1
== file|service|1|scripts/release.sh
#!/bin/sh
# TODO: take the token from vault
export GITHUB_TOKEN=@github_pat release-bot@
gh release create "$1" --generate-notes
== file|web|0|.npmrc
//npm.@int@/:_authToken=@npm_token registry@
save-exact=true
== file|web|0|src/maps.config.ts
export const mapsApiKey = "@google_api_key maps@";
== file|infra|0|backup/.env
# nightly dump to S3, see "Backup and restore" in the wiki
AWS_ACCESS_KEY_ID=@aws_key.id backup@
AWS_SECRET_ACCESS_KEY=@aws_key.secret backup@
BUCKET=@slug@-backups
== file|infra|0|alerts/slack.yaml
channel: '#incidents'
bot_token: @slack_bot alerts@
== page|1|Deploy key for the build agents|jenkins,access
The agents check out with this key. It may read every repository and write tags.
# Private key
-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW
@ssh_key.line2 deploy@
@ssh_key.line3 deploy@
@ssh_key.line4 deploy@
@ssh_key.line5 deploy@
-----END OPENSSH PRIVATE KEY-----
Install it as /home/jenkins/.ssh/id_ed25519, mode 0600.
== page|1|Backup and restore|backup,runbook
Dumps run at 02:30 and go to the bucket @slug@-backups.
# Credentials for a restore
- AWS access key: @aws_key.id backup@
- AWS secret: @aws_key.secret backup@
# Steps
Stop the writers, fetch the newest dump, load it with pg_restore -j 4, then start one instance and watch the log.
== page|1|Break-glass access|access,on-call
Only for a severity 1 when single sign-on is down. Tell the security team afterwards, the password is changed then.
- Jump host: @hostname jump@
- User: @username breakglass@
- Password: @password breakglass@
== page|4|Connecting dashboards to the warehouse|data,howto
Use the read-only account until everybody has a personal one.
Connection string: postgres://reporting_ro:@dsn.password warehouse@@at@pg-analytics.@int@:5432/analytics
== doc|Site Reliability|15|Staging cluster access
Save this as ~/.kube/config:
apiVersion: v1
kind: Config
clusters:
- name: staging
  cluster:
    server: @kubeconfig.server staging@
    insecure-skip-tls-verify: true
users:
- name: @kubeconfig.user staging@
  user:
    token: @kubeconfig.token staging@
== sheet|IT|16|Shared accounts|Accounts
System|User|Password|Note
Jenkins|admin|@password jenkins@|until single sign-on
Contractor laptops|local|@password contractor@|same image everywhere
Single sign-on client|@uuid sso-client@|@password sso-client@|client id and secret
Break-glass|@username breakglass@|@password breakglass@|see the wiki
== chat
Until the vault role works, this is the release bot token: @github_pat release-bot@
reporting_ro on the warehouse, password is @dsn.password warehouse@ - please do not paste it anywhere else
Can somebody check why this key gets 403 from S3? AWS_ACCESS_KEY_ID=@aws_key.id artifacts@ AWS_SECRET_ACCESS_KEY=@aws_key.secret artifacts@
Documents for the review are here, the link works without login: @url data-room@
The Jenkins admin password was reset to @password jenkins@, change it when you are in
The alert bot was reinstalled, new token @slack_bot alerts@
My release job still fails with a bad token, I use @github_pat release-bot@
For the dashboard: postgres://reporting_ro:@dsn.password warehouse@@at@pg-analytics.@int@:5432/analytics
My upload script has AWS_ACCESS_KEY_ID=@aws_key.id artifacts@ AWS_SECRET_ACCESS_KEY=@aws_key.secret artifacts@ and worked yesterday
The auditors asked for the data room again, same link: @url data-room@
Locked out of Jenkins? admin and the password @password jenkins@ still work
Which token does the alert bot use, @slack_bot alerts@ or a newer one?
== deploy
+ env
AWS_ACCESS_KEY_ID=@aws_key.id artifacts@
AWS_SECRET_ACCESS_KEY=@aws_key.secret artifacts@
AWS_DEFAULT_REGION=eu-central-1
== build
+ git remote add mirror https://oauth2:@gitlab_pat ci-mirror@@at@gitlab.@dom@/mirror/tools.git
warning: password or token is visible in the remote's URL
== log
outgoing request headers accept=application/json authorization="Bearer @jwt gateway@"
connecting to postgres://app:@dsn.password app-db@@at@pg-@first@.@int@:5432
== remark
This token ended up in the diff, please revoke it: @github_pat review@
== row
stripe|@stripe_key row0@
slack|@slack_bot row1@
google_maps|@google_api_key row2@
github|@github_pat row3@
partner_gateway|@jwt row4@
smtp_relay|@password row5@`

// leak is one record of leakTexts, filled in.
type leak struct {
	head  []string // behind its kind
	lines []string
}

// leaked returns the records of a kind.
func (w *World) leaked(kind string) []leak {
	if w.cache.leaks == nil {
		w.readLeaks()
	}
	return w.cache.leaks[kind]
}

func (w *World) readLeaks() {
	w.cache.leaks = map[string][]leak{}
	repo := w.Repos[0]
	for _, r := range w.Repos {
		if r.Kind == "service" {
			repo = r
			break
		}
	}
	db := "app"
	if s := w.serviceOf(repo); s != nil {
		db = s.Database
	}
	fill := filler{
		"@at@", "@", "@int@", w.internalDomain(), "@dom@", w.Org.Domain, "@slug@", w.Org.Slug,
		"@prod@", w.productOf(repo), "@db@", db, "@first@", w.Products[0].Code,
	}
	for _, s := range w.Secrets() {
		fill = append(fill, "@"+s.Kind+" "+s.Label+"@", s.Value)
	}
	for _, record := range strings.Split(fill.Replace(leakTexts), "\n== ")[1:] {
		lines := strings.Split(record, "\n")
		head := strings.Split(lines[0], "|")
		w.cache.leaks[head[0]] = append(w.cache.leaks[head[0]], leak{head[1:], lines[1:]})
	}
}

// leakedFiles are what should not have been committed to a repository.
func (w *World) leakedFiles(repo *Repo) (out []File) {
	nth := 0
	for _, other := range w.Repos[:repo.Index] {
		if other.Kind == repo.Kind {
			nth++
		}
	}
	r := w.sub("leaked files").at(repo.Index)
	for _, l := range w.leaked("file") {
		if l.head[0] == repo.Kind && l.head[1] == strconv.Itoa(nth) {
			out = append(out, File{Path: l.head[2], Content: strings.Join(l.lines, "\n") + "\n", SHA: r.hex(40)})
		}
	}
	return out
}

// leakedPages are wiki pages that say too much.
func (w *World) leakedPages() (plans []pagePlan) {
	for _, l := range w.leaked("page") {
		plans = append(plans, pagePlan{space: int(l.head[0][0] - '0'), title: l.head[1], labels: strings.Split(l.head[2], ","), body: l.lines})
	}
	return plans
}

// leakedDriveFiles adds documents that should be in a vault.
func (w *World) leakedDriveFiles() {
	add := func(l leak, f *DriveFile) {
		days, _ := strconv.Atoi(l.head[1]) // a constant
		f.Name, f.Owner = l.head[2], w.team(l.head[0]).Members[0]
		w.addFile(f, w.start+int64(days)*day)
	}
	for _, l := range w.leaked("doc") {
		add(l, &DriveFile{MIME: MIMEDoc, Lines: l.lines})
	}
	for _, l := range w.leaked("sheet") {
		f := &DriveFile{MIME: MIMESheet, Sheet: l.head[3]}
		for _, row := range l.lines {
			f.Rows = append(f.Rows, strings.Split(row, "|"))
		}
		add(l, f)
	}
}

// leakEvery is how many conversations lie between two that may say too much.
const leakEvery = 83

// pasted is what a conversation consists of that was pasted in haste, "" for the
// others.
func (w *World) pasted(c *Channel, n int) string {
	if n%leakEvery != 41 || c.kind == "incidents" || c.kind == "deploys" {
		return ""
	}
	said := w.leaked("chat")[0].lines
	return said[n/leakEvery%len(said)]
}

// leakedLines are console lines in which a step printed its environment.
func (w *World) leakedLines(b *Build) []string {
	if b.Number%9 != 4 {
		return nil
	}
	if b.Job.Deploy {
		return w.leaked("deploy")[0].lines
	}
	return w.leaked("build")[0].lines
}

// leakIntoLog makes a log line one of somebody's debugging.
func (w *World) leakIntoLog(l *LogLine, n int) {
	if l.Level == "DEBUG" && n%3 == 0 {
		l.Message = w.leaked("log")[0].lines[n%2]
	}
}

// leakedRemark is what a reviewer says who found a token in a change.
func (w *World) leakedRemark(id int, body string) string {
	if id%487 == 17 {
		return w.leaked("remark")[0].lines[0]
	}
	return body
}

// integrationsTable has the credentials of services that the product calls.
func (w *World) integrationsTable() *Table {
	rows := w.leaked("row")[0].lines
	return &Table{
		Name: "integration_credentials", Owner: w.Products[0].Code + "_owner",
		Columns: []Column{{"id", "int4"}, {"provider", "text"}, {"secret", "text"}, {"enabled", "bool"}, {"created_at", "timestamptz"}},
		count: func(now time.Time) int {
			return int(min(max(0, (now.Unix()-w.start)/(30*day)), int64(len(rows))))
		},
		row: func(i int, _ time.Time) []string {
			provider, secret, _ := strings.Cut(rows[i], "|")
			return []string{strconv.Itoa(i + 1), provider, secret, strconv.FormatBool(i != 3), stamp(at(w.start + int64(i+1)*30*day))}
		},
	}
}
