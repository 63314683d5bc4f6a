package world

import (
	"strconv"
	"strings"
)

// File is one file at the head of a repository's branch.
type File struct {
	Path    string
	Content string
	SHA     string // of the blob
	lower   string
}

// Text is what a search looks at, lower case: the path and the content.
func (f *File) Text() string {
	if f.lower == "" {
		f.lower = lower(f.Path, f.Content)
	}
	return f.lower
}

// Lines is the number of lines.
func (f *File) Lines() int { return strings.Count(f.Content, "\n") }

func (w *World) file(repo *Repo, path string) *File {
	list := w.Files(repo)
	for i := range list {
		if list[i].Path == path {
			return &list[i]
		}
	}
	return nil
}

// Files returns the files of a repository.
func (w *World) Files(repo *Repo) []File {
	if repo.files == nil {
		repo.files = w.makeFiles(repo)
	}
	return repo.files
}

// makeFiles lays out a repository from the templates of its language and kind.
func (w *World) makeFiles(repo *Repo) []File {
	r := w.sub("files").at(repo.Index)
	fill := w.filler(&r, repo)
	var out []File
	for _, t := range templates {
		if t.langs != "" && !strings.Contains(t.langs, repo.Language+" ") || t.kinds != "" && !strings.Contains(t.kinds, repo.Kind) {
			continue
		}
		f := File{Path: fill.Replace(t.path), Content: fill.Replace(t.body), SHA: r.hex(40)}
		out = append(out, f)
	}
	return append(out, w.leakedFiles(repo)...)
}

func (w *World) filler(r *roll, repo *Repo) filler {
	service := w.serviceOf(repo)
	host, port, db := "localhost", "8080", "app"
	if service != nil {
		host, port, db = service.Hosts[0], strconv.Itoa(service.Port), service.Database
	}
	lead := repo.Team.Members[0]
	noun := nouns[r.below(len(nouns))]
	return filler{
		"@at@", "@", "@svc@", repo.Name, "@desc@", repo.Description, "@prod@", w.productOf(repo), "@org@", repo.Owner, "@dom@", w.Org.Domain, "@int@", w.internalDomain(),
		"@host@", host, "@port@", port, "@db@", db, "@team@", repo.Team.Name, "@slug@", repo.Team.Slug, "@key@", repo.Project.Key, "@lead@", lead.Name,
		"@mail@", lead.Email, "@gh@", lead.GitHub, "@noun@", noun, "@Noun@", capital(noun), "@pkg@", strings.ReplaceAll(repo.Name, "-", ""),
		"@ttl@", strconv.Itoa(r.between(5, 90)), "@pool@", strconv.Itoa(r.between(8, 60)), "@retry@", strconv.Itoa(r.between(2, 6)),
		"@branch@", repo.Branch, "@ver@", strconv.Itoa(r.between(1, 4)) + "." + strconv.Itoa(r.between(0, 30)) + "." + strconv.Itoa(r.between(0, 12)),
		"@col@", r.pick([]string{"reference", "external_id", "region", "currency", "channel"}), "@cred@", jobCredit(w, repo),
	}
}

// filler has names, as they stand in a template, and their values in turn.
type filler []string

// Replace fills a template in: a name is whatever stands between two @.
func (f filler) Replace(s string) string {
	var b strings.Builder
	b.Grow(len(s) + 64)
	for {
		from := strings.IndexByte(s, '@')
		if from < 0 {
			b.WriteString(s)
			return b.String()
		}
		b.WriteString(s[:from])
		to := from + 2 + strings.IndexByte(s[from+1:], '@')
		b.WriteString(f.value(s[from:to]))
		s = s[to:]
	}
}

func (f filler) value(name string) string {
	for i := 0; i+1 < len(f); i += 2 {
		if f[i] == name {
			return f[i+1]
		}
	}
	return name
}

func jobCredit(w *World, repo *Repo) string {
	for _, j := range w.Jobs {
		if j.Repo == repo {
			return j.Credit
		}
	}
	return "ci-readonly"
}

// template is a file as it stands in repositories of some languages and kinds.
type template struct{ path, langs, kinds, body string }

var templates = []template{
	{"README.md", "", "", `# @svc@

@desc@. Owned by the @team@ team (#team-@slug@); ask @lead@ first.

## Running it

    make deps
    make run            # listens on :@port@

Configuration comes from config/app.yaml and the environment. In production the
secrets are mounted from vault at secret/@prod@/@svc@.

## Work

Tickets live in @key@. Runbook: "Runbook: @svc@" in the wiki.
`},
	{"CODEOWNERS", "", "", "* @at@@gh@ @at@@org@/@slug@\n"},
	{"Jenkinsfile", "", "service web library data infra", `pipeline {
  agent { label 'linux' }
  options { timeout(time: @ttl@, unit: 'MINUTES') }
  environment { REGISTRY = credentials('@cred@') }
  stages {
    stage('Checkout') { steps { checkout scm } }
    stage('Test') { steps { sh 'make lint test' } }
    stage('Package') {
      when { branch '@branch@' }
      steps { sh 'make image push' }
    }
  }
  post { failure { slackSend channel: '#deploys', message: "@svc@ failed: ${env.BUILD_URL}" } }
}
`},
	{"config/app.yaml", "", "service web", `server:
  port: @port@
  shutdown_timeout: @ttl@s
database:
  host: pg-@prod@.@int@
  name: @db@
  user: @pkg@
  password_file: /run/secrets/db_password
  max_connections: @pool@
retry:
  attempts: @retry@
  backoff: 250ms
auth:
  issuer: https://sso.@dom@
  audience: @svc@
`},
	{".env.dist", "", "service web", `APP_ENV=production
PORT=@port@
DATABASE_URL=postgres://@pkg@@at@pg-@prod@.@int@:5432/@db@?sslmode=verify-full
REDIS_URL=redis://cache-@prod@.@int@:6379/0
VAULT_ADDR=https://vault.@int@
VAULT_ROLE=@svc@
API_TOKEN_FILE=/run/secrets/api_token
`},
	{"Dockerfile", "Go Python Java Kotlin TypeScript ", "service web", `FROM registry.@int@/base/@branch@:@ver@
RUN adduser --system --no-create-home app
COPY dist/ /srv/@svc@/
USER app
EXPOSE @port@
ENTRYPOINT ["/srv/@svc@/run"]
`},
	{"deploy/values.yaml", "", "service web", `replicaCount: @retry@
image:
  repository: registry.@int@/@svc@
  tag: @ver@
ingress:
  host: @svc@.@dom@
env:
  secretRef: @svc@-env
resources:
  limits: { cpu: "1", memory: 768Mi }
`},
	{"cmd/@svc@/main.go", "Go ", "", `package main

import (
	"log/slog"
	"os"

	"@dom@/@svc@/internal/@noun@"
)

func main() {
	cfg, err := @noun@.Load("config/app.yaml")
	if err != nil {
		slog.Error("load configuration", "err", err)
		os.Exit(1)
	}
	if err := @noun@.Serve(cfg); err != nil {
		slog.Error("serve", "err", err)
		os.Exit(1)
	}
}
`},
	{"internal/@noun@/store.go", "Go ", "", `package @noun@

// Find returns the @noun@ with the given id.
func (s *Store) Find(ctx context.Context, id int64) (*@Noun@, error) {
	row := s.db.QueryRowContext(ctx, "SELECT id, @col@, status FROM @noun@s WHERE id = $1", id)
	var v @Noun@
	if err := row.Scan(&v.ID, &v.@col@, &v.Status); err != nil {
		return nil, fmt.Errorf("find @noun@ %d: %w", id, err)
	}
	return &v, nil
}

const maxAttempts = @retry@

func (s *Store) authorize(r *http.Request) error {
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	return s.tokens.Verify(r.Context(), token, "@svc@")
}
`},
	{"@pkg@/tasks.py", "Python ", "", `import logging

from .config import settings
from .clients import @noun@_client

log = logging.getLogger("@svc@")


def sync_@noun@s(since):
    """Copies changed @noun@s; safe to run twice."""
    for attempt in range(@retry@):
        page = @noun@_client.list(updated_after=since, limit=@pool@)
        if not page:
            return
        for item in page:
            store(item["@col@"], item)
        since = page[-1]["updated_at"]
    log.warning("gave up after %d pages", @retry@)


def connect():
    return psycopg.connect(host="pg-@prod@.@int@", dbname="@db@", password=settings.secret("db_password"))
`},
	{"src/main/java/@pkg@/@Noun@Service.java", "Java ", "", `package @pkg@;

public final class @Noun@Service {
    private static final int MAX_RETRIES = @retry@;
    private final @Noun@Repository repository;

    public @Noun@Service(@Noun@Repository repository) {
        this.repository = repository;
    }

    public @Noun@ byReference(String @col@) {
        return repository.find(@col@).orElseThrow(() -> new NotFoundException("@noun@"));
    }

    void checkToken(String token) {
        if (!verifier.verify(token, "@svc@")) {
            throw new UnauthorizedException();
        }
    }
}
`},
	{"src/main/kotlin/@Noun@Consumer.kt", "Kotlin ", "", `package @pkg@

class @Noun@Consumer(private val store: @Noun@Store, private val audit: Audit) {
    fun handle(event: @Noun@Changed) {
        store.upsert(event.@col@, event.payload)
        audit.record(actor = event.actor, action = "@noun@.changed")
    }

    companion object {
        const val TOPIC = "@prod@.@noun@.v@retry@"
        const val GROUP = "@svc@"
    }
}
`},
	{"src/api/@noun@.ts", "TypeScript ", "", `import { http } from "./http";

export interface @Noun@ {
  id: number;
  @col@: string;
  status: "open" | "held" | "closed";
}

export async function load@Noun@(id: number, token: string): Promise<@Noun@> {
  const res = await http.get("https://@prod@-api.@dom@/v2/@noun@s/" + id, {
    headers: { Authorization: "Bearer " + token },
    timeout: @ttl@_000,
  });
  return res.data as @Noun@;
}
`},
	{"package.json", "TypeScript ", "", `{
  "name": "@at@@org@/@svc@",
  "version": "@ver@",
  "private": true,
  "scripts": { "build": "vite build", "lint": "eslint .", "test": "vitest run" },
  "publishConfig": { "registry": "https://npm.@int@/" }
}
`},
	{"migrations/0001_@noun@.sql", "SQL ", "library", `CREATE TABLE @noun@s (
  id bigserial PRIMARY KEY,
  @col@ text NOT NULL,
  status text NOT NULL DEFAULT 'open',
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX @noun@s_@col@_idx ON @noun@s (@col@);
GRANT SELECT ON @noun@s TO reporting_ro;
`},
	{"models/marts/fct_@noun@.sql", "SQL ", "data", `select o.id, o.customer_id, o.total_cents, c.plan
from analytics.stg_orders o
join analytics.stg_customers c on c.id = o.customer_id
where o.status <> 'cancelled'
`},
	{"pipelines/@noun@_daily.py", "Python ", "data", `SCHEDULE = "@retry@ 3 * * *"
SOURCE = "postgres://reporting_ro@at@pg-analytics.@int@/warehouse"
TARGET = "s3://@org@-lake/@noun@/"


def run(day):
    rows = read(SOURCE, "SELECT * FROM orders WHERE created_at::date = %s", day)
    write(TARGET + day.isoformat() + ".parquet", rows)
`},
	{"envs/prod/main.tf", "HCL ", "", `module "vpc" {
  source = "../../modules/vpc"
  name   = "@org@-prod"
  cidr   = "10.@pool@.0.0/16"
}

module "postgres" {
  source         = "../../modules/postgres"
  instance_class = "db.r6g.xlarge"
  subnet_ids     = module.vpc.private_subnets
  password       = data.vault_generic_secret.pg.data["password"]
}

terraform {
  backend "s3" {
    bucket = "@org@-tfstate"
    key    = "prod/terraform.tfstate"
  }
}
`},
	{"charts/service/values.yaml", "YAML ", "", `global:
  registry: registry.@int@
  domain: @dom@
ingress:
  className: internal
serviceMonitor:
  interval: @ttl@s
vault:
  address: https://vault.@int@
  authPath: kubernetes-prod
`},
	{"images/node/Dockerfile", "Dockerfile ", "", `FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates git nodejs npm
COPY certs/@org@-root.crt /usr/local/share/ca-certificates/
RUN update-ca-certificates
`},
	{"docs/on-call.md", "Markdown ", "", `# On call

The rota is in the sheet "On-call rota". Page the incident commander for severity 1.
Escalation: @lead@ (@mail@), then the head of engineering.
Production access goes through sso.@dom@; break-glass accounts are listed in vault.
`},
	{"Makefile", "", "service web library data tool infra", `IMAGE := registry.@int@/@svc@:$(shell git describe --always)

run:
	./scripts/run.sh --port @port@
lint:
	./scripts/lint.sh
test:
	./scripts/test.sh
image:
	docker build -t $(IMAGE) .
push:
	docker push $(IMAGE)
`},
}
