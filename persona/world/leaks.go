package world

import (
	"strconv"
	"strings"
	"time"
)

// leakedFiles are what should not have been committed to a repository.
func (w *World) leakedFiles(repo *Repo) []File {
	r := w.sub("leaked files").at(repo.Index)
	var out []File
	add := func(path string, lines ...string) {
		out = append(out, File{Path: path, Content: strings.Join(lines, "\n") + "\n", SHA: r.hex(40)})
	}
	switch n := w.nthOfKind(repo); {
	case repo.Kind == "service" && n == 0:
		host, db := "pg-"+w.productOf(repo)+"."+w.internalDomain(), "app"
		if s := w.serviceOf(repo); s != nil {
			db = s.Database
		}
		add(".env", "APP_ENV=production", "DATABASE_URL=postgres://app:"+w.secret("dsn.password", "app-db")+"@"+host+":5432/"+db+"?sslmode=require",
			"STRIPE_SECRET_KEY="+w.secret("stripe_key", "billing"), "AWS_ACCESS_KEY_ID="+w.secret("aws_key.id", "artifacts"),
			"AWS_SECRET_ACCESS_KEY="+w.secret("aws_key.secret", "artifacts"), "AWS_REGION=eu-central-1")
	case repo.Kind == "service" && n == 1:
		add("scripts/release.sh", "#!/bin/sh", "# TODO: take the token from vault", "export GITHUB_TOKEN="+w.secret("github_pat", "release-bot"),
			`gh release create "$1" --generate-notes`)
	case repo.Kind == "web" && n == 0:
		add(".npmrc", "//registry.npmjs.org/:_authToken="+w.secret("npm_token", "registry"), "save-exact=true")
		add("src/maps.config.ts", "export const mapsApiKey = \""+w.secret("google_api_key", "maps")+"\";")
	case repo.Kind == "infra" && n == 0:
		add("backup/.env", "# nightly dump to S3, see the wiki page about backups", "AWS_ACCESS_KEY_ID="+w.secret("aws_key.id", "backup"),
			"AWS_SECRET_ACCESS_KEY="+w.secret("aws_key.secret", "backup"), "BUCKET="+w.Org.Slug+"-backups")
		add("alerts/slack.yaml", "channel: '#incidents'", "bot_token: "+w.secret("slack_bot", "alerts"))
	}
	return out
}

// nthOfKind counts the repositories of a kind before this one.
func (w *World) nthOfKind(repo *Repo) (n int) {
	for _, other := range w.Repos[:repo.Index] {
		if other.Kind == repo.Kind {
			n++
		}
	}
	return n
}

// leakedPages are wiki pages that say too much.
func (w *World) leakedPages() []pagePlan {
	inner := w.internalDomain()
	key := strings.Split(strings.TrimSpace(w.secret("ssh_key", "deploy")), "\n")
	return []pagePlan{
		{1, "Deploy key for the build agents", []string{"jenkins", "access"}, append(append([]string{
			"The agents check out with this key. It may read every repository and write tags.", "# Private key",
		}, key...), "Install it as /home/jenkins/.ssh/id_ed25519, mode 0600."), 0},
		{1, "Backup and restore", []string{"backup", "runbook"}, []string{
			"Dumps run at 02:30 and go to the bucket " + w.Org.Slug + "-backups.", "# Credentials for a restore",
			"- AWS access key: " + w.secret("aws_key.id", "backup"), "- AWS secret: " + w.secret("aws_key.secret", "backup"),
			"# Steps", "Stop the writers, fetch the newest dump, load it with pg_restore -j 4, then start one instance and watch the log.",
		}, 0},
		{1, "Break-glass access", []string{"access", "on-call"}, []string{
			"Only for a severity 1 when single sign-on is down. Tell the security team afterwards, the password is changed then.",
			"- Jump host: " + w.secret("hostname", "jump"), "- User: " + w.secret("username", "breakglass"), "- Password: " + w.secret("password", "breakglass"),
		}, 0},
		{4, "Connecting dashboards to the warehouse", []string{"data", "howto"}, []string{
			"Use the read-only account until everybody has a personal one.",
			"Connection string: postgres://reporting_ro:" + w.secret("dsn.password", "warehouse") + "@pg-analytics." + inner + ":5432/analytics",
		}, 0},
	}
}

// leakEvery is how many messages come to one that says too much.
const leakEvery = 83

// leakInto makes a chat message one that was pasted in haste.
func (w *World) leakInto(m *Message, n int) {
	if n%leakEvery != 41 || m.Channel.kind == "incidents" || m.Channel.kind == "deploys" {
		return
	}
	switch n / leakEvery % 6 {
	case 0:
		m.Text = "Until the vault role works, this is the release bot token: " + w.secret("github_pat", "release-bot")
	case 1:
		m.Text = "reporting_ro on the warehouse, password is " + w.secret("dsn.password", "warehouse") + " - please do not paste it anywhere else"
	case 2:
		m.Text = "Can somebody check why this key gets 403 from S3? AWS_ACCESS_KEY_ID=" + w.secret("aws_key.id", "artifacts") + " AWS_SECRET_ACCESS_KEY=" + w.secret("aws_key.secret", "artifacts")
	case 3:
		m.Text = "Documents for the review are here, the link works without login: " + w.secret("url", "data-room")
	case 4:
		m.Text = "The Jenkins admin password was reset to " + w.secret("password", "jenkins") + ", change it when you are in"
	default:
		m.Text = "The alert bot was reinstalled, new token " + w.secret("slack_bot", "alerts")
	}
}

// leakedLines are console lines in which a step printed its environment.
func (w *World) leakedLines(b *Build) []string {
	if b.Number%9 != 4 {
		return nil
	}
	if b.Job.Deploy {
		return []string{
			"+ env", "AWS_ACCESS_KEY_ID=" + w.secret("aws_key.id", "artifacts"), "AWS_SECRET_ACCESS_KEY=" + w.secret("aws_key.secret", "artifacts"),
			"AWS_DEFAULT_REGION=eu-central-1", "BUILD_NUMBER=" + strconv.Itoa(b.Number),
		}
	}
	return []string{
		"+ git remote add mirror https://oauth2:" + w.secret("gitlab_pat", "ci-mirror") + "@gitlab." + w.Org.Domain + "/mirror/" + b.Job.Repo.Name + ".git",
		"warning: password or token is visible in the remote's URL",
	}
}

// leakIntoLog makes a log line one of somebody's debugging.
func (w *World) leakIntoLog(l *LogLine, n int) {
	switch {
	case l.Level != "DEBUG" || n%3 != 0:
	case n%2 == 0:
		l.Message = "outgoing request headers accept=application/json authorization=\"Bearer " + w.secret("jwt", "gateway") + "\""
	default:
		l.Message = "connecting to postgres://app:" + w.secret("dsn.password", "app-db") + "@pg-" + w.Products[0].Code + "." + w.internalDomain() + ":5432"
	}
}

// leakedDriveFiles adds documents that should be in a vault.
func (w *World) leakedDriveFiles() {
	it, sre := w.team("IT").Members[0], w.team("Site Reliability").Members[0]
	kube := func(part string) string { return w.secret("kubeconfig."+part, "staging") }
	w.addFile(&DriveFile{Name: "Staging cluster access", MIME: MIMEDoc, Owner: sre, Lines: []string{
		"Save this as ~/.kube/config:", "apiVersion: v1", "kind: Config", "clusters:", "- name: staging", "  cluster:", "    server: " + kube("server"),
		"    insecure-skip-tls-verify: true", "users:", "- name: " + kube("user"), "  user:", "    token: " + kube("token"),
	}}, w.start+15*day)
	w.addFile(&DriveFile{Name: "Shared accounts", MIME: MIMESheet, Owner: it, Sheet: "Accounts", Rows: [][]string{
		{"System", "User", "Password", "Note"},
		{"Jenkins", "admin", w.secret("password", "jenkins"), "until single sign-on"},
		{"Contractor laptops", "local", w.secret("password", "contractor"), "same image everywhere"},
		{"Single sign-on client", w.secret("uuid", "sso-client"), w.secret("password", "sso-client"), "client id and secret"},
		{"Break-glass", w.secret("username", "breakglass"), w.secret("password", "breakglass"), "see the wiki"},
	}}, w.start+16*day)
}

// leakedRemark is what a reviewer says who found a token in a change.
func (w *World) leakedRemark(id int, body string) string {
	if id%61 != 17 {
		return body
	}
	return "This token ended up in the diff, please revoke it: " + w.secret("github_pat", "review")
}

// integrationsTable has the credentials of services that the product calls.
func (w *World) integrationsTable() *Table {
	rows := []struct{ name, kind string }{
		{"stripe", "stripe_key"}, {"slack", "slack_bot"}, {"google_maps", "google_api_key"}, {"github", "github_pat"}, {"partner_gateway", "jwt"}, {"smtp_relay", "password"},
	}
	return &Table{
		Name: "integration_credentials", Owner: w.Products[0].Code + "_owner",
		Columns: []Column{{"id", "int4"}, {"provider", "text"}, {"secret", "text"}, {"enabled", "bool"}, {"created_at", "timestamptz"}},
		count: func(now time.Time) int {
			return int(min(max(0, (now.Unix()-w.start)/(30*day)), int64(len(rows))))
		},
		row: func(i int, _ time.Time) []string {
			created := at(w.start + int64(i+1)*30*day)
			return []string{strconv.Itoa(i + 1), rows[i].name, w.secret(rows[i].kind, "row"+strconv.Itoa(i)), strconv.FormatBool(i != 3), stamp(created)}
		},
	}
}
