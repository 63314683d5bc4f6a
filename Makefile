# Killdeer's targets; `make` alone lists them.

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)

# What every test run adds, and what a benchmark run takes.
TESTFLAGS ?=
PKG       ?= ./...
BENCH     ?= .
BENCHTIME ?= 1s

GUESTS      := internal/guests/bin
# The persona's packages are not inlined: see docs/rationale.md, "Size of the persona's guest".
GUEST_SMALL := $(foreach p,persona/enterprise persona/enterprise/pgsql,-gcflags=github.com/killdeer-mcp/killdeer/$(p)=-l)
GUEST_BUILD := GOOS=wasip1 GOARCH=wasm $(GO) build -trimpath $(GUEST_SMALL) -buildmode=c-shared -ldflags='-s -w -buildid='
SQUEEZE     := $(GO) run ./internal/guests/squeeze/squeeze
GUEST_VET   := ./sdk/... ./persona/world ./persona/enterprise/... ./persona/toml/... ./rules/core/... ./rules/toml/... ./rules/fold ./rules/match \
	./internal/conformance/wasm ./internal/bench/echo ./examples/go/... ./examples/command

# The linter has hundreds of dependencies: it is pinned here, not in go.mod.
LINT_VERSION := v2.15.0
LINT         := dist/tools/golangci-lint-$(LINT_VERSION)

# The race detector needs a C compiler; the product does not. It leaves out the parts of
# wazero's compiler that only compute: they share nothing with us, and took five times as long
# for a guest. No more of wazero, or of anything that locks: which copy of a generic function a
# program has, sync.Map's for one, is the linker's choice, and without the detector in the copy
# it sees races where there is a lock. What packs our guests only computes too, and what meters them.
WAZEVO  := github.com/tetratelabs/wazero/internal/engine/wazevo
UNRACED := $(addprefix $(WAZEVO)/,ssa frontend backend/...) \
	$(addprefix github.com/killdeer-mcp/killdeer/internal/,guests/squeeze wasm/meter)
RACE    := $(if $(shell command -v gcc || command -v cc || command -v clang),-race \
	$(foreach p,$(UNRACED),-gcflags=$(p)=-race=false))
# A program with the detector sleeps for a second before it exits, and tests start hundreds.
export GORACE ?= atexit_sleep_ms=0
# Packages that start no goroutine are tested without it: they took many times as long.
TESTED = $(shell $(GO) list $(PKG))
ALONE  := $(addprefix github.com/killdeer-mcp/killdeer/,persona/enterprise% persona/world audit/judge% audit/exercise/synth)

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# The sinks and tracers that come with the program, each a plugin beside it. Others must not be
# able to change them: the sensor refuses a plugin that they can.
SINKS    := $(notdir $(patsubst %/main.go,%,$(wildcard plugins/*/main.go)))
TRACERS  := $(notdir $(patsubst %/main.go,%,$(wildcard tracers/*/main.go)))
GO_BUILD := CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w -X main.version=$(VERSION)'

.PHONY: build
build: guests ## build dist/killdeer with the built-in guests, and its plugins
	$(GO_BUILD) -o dist/killdeer ./cmd/killdeer
	$(foreach sink,$(SINKS),$(GO_BUILD) -o dist/killdeer-sink-$(sink) ./plugins/$(sink) &&) true
	$(foreach tracer,$(TRACERS),$(GO_BUILD) -o dist/killdeer-tracer-$(tracer) ./tracers/$(tracer) &&) true
	chmod go-w dist dist/killdeer*

.PHONY: guests
guests: needs ## compile the built-in persona and rules to WebAssembly
	$(GUEST_BUILD) -o $(GUESTS)/enterprise.wasm ./persona/enterprise/wasm
	$(GUEST_BUILD) -o $(GUESTS)/core.wasm ./rules/core/wasm
	$(GUEST_BUILD) -o $(GUESTS)/rules-toml.wasm ./rules/toml/wasm
	$(GUEST_BUILD) -o $(GUESTS)/persona-toml.wasm ./persona/toml/wasm
	$(SQUEEZE) $(GUESTS)/enterprise.wasm $(GUESTS)/core.wasm $(GUESTS)/rules-toml.wasm $(GUESTS)/persona-toml.wasm

.PHONY: run
run: build ## build, then run the sensor with agent.toml
	dist/killdeer run -c agent.toml

.PHONY: test
test: guests vet ## vet and test everything
	@$(if $(RACE),,echo 'make: no C compiler (gcc): testing without the race detector' >&2)
	$(if $(filter-out $(ALONE),$(TESTED)),$(GO) test $(RACE) -shuffle=on $(TESTFLAGS) $(filter-out $(ALONE),$(TESTED)))
	$(if $(filter $(ALONE),$(TESTED)),$(GO) test -shuffle=on $(TESTFLAGS) $(filter $(ALONE),$(TESTED)))

.PHONY: vet
vet: needs ## vet for this machine, and for the guests
	$(GO) vet ./...
	GOOS=wasip1 GOARCH=wasm $(GO) vet $(GUEST_VET)

.PHONY: clients
clients: ## install the real MCP clients that tests drive (npm, python3)
	@for tool in npm python3; do \
		command -v $$tool >/dev/null || { echo "make clients: $$tool is needed" >&2; exit 1; }; done
	cd internal/clients && npm ci
	cd internal/clients && python3 -m venv .venv && \
		.venv/bin/pip install --quiet --disable-pip-version-check -r requirements.txt

.PHONY: servers
servers: ## install the real MCP servers in which audits must find nothing (npm)
	@command -v npm >/dev/null || { echo "make servers: npm is needed" >&2; exit 1; }
	cd internal/auditservers && npm ci

.PHONY: browser
browser: ## install what tests of the dashboard need: a driver of Chromium, axe (npm), schemathesis (python3)
	cd agent/dashboard/pagetest && npm ci
	cd agent/dashboard/pagetest && python3 -m venv .venv && \
		.venv/bin/pip install --quiet --disable-pip-version-check -r requirements.txt

.PHONY: screenshots
screenshots: build ## renew the pictures of the dashboard in docs, after make browser
	node agent/dashboard/pagetest/screenshots.mjs $(CURDIR)/dist/killdeer "$$(command -v chromium)" $(CURDIR)/docs/screenshots

.PHONY: vendor
vendor: ## renew the libraries of the dashboard's page (npm)
	agent/dashboard/vendor.sh

.PHONY: receivers
receivers: ## install what tests send events to: rsyslog, syslog-ng, Standard Webhooks (Debian, python3)
	internal/receivers/install

# What the README of each example has under "Needs": Debian's clang, lld, wasi-libc and rustc are
# not among it, see .ci/run.
.PHONY: languages
languages: ## install what the examples in other languages are built with (npm, python3)
	@for example in assemblyscript zig javascript; do (cd examples/$$example && \
		sed -n '/^## Needs/,/^## Build/{/^```sh/,/^```/p}' README.md | grep -v '^```' | sh -eux) || exit 1; done

.PHONY: conformance
conformance: ## run the official MCP conformance suites and print their counts
	$(GO) test -count=1 -v -run TestSuites ./internal/conformance

.PHONY: bench
bench: build ## measure the built sensor beside bare net/http and go-sdk, under idle streams, and personas in several languages
	$(GO) test -count=1 -run '^TestVault$$' ./examples
	$(GO) run ./internal/bench -soak 40s $(BENCHFLAGS)
	$(MAKE) bench-sinks

.PHONY: reliability
reliability: build ## do to the sensor what machines, disks and attackers do to it (RELIABILITYFLAGS=-long takes days)
	$(GO) build -o dist/reliability ./internal/reliability
	chmod go-w dist/reliability
	dist/reliability $(RELIABILITYFLAGS)

.PHONY: bench-sinks
bench-sinks: needs ## measure the delivery from a journal to sinks
	mkdir -p dist/sinks
	$(GO_BUILD) -o dist/sinks/killdeer-sink-null ./internal/bench/null
	$(foreach sink,$(SINKS),$(GO_BUILD) -o dist/sinks/killdeer-sink-$(sink) ./plugins/$(sink) &&) true
	chmod -R go-w dist/sinks
	KILLDEER_PLUGINS=$(CURDIR)/dist/sinks $(GO) test -run '^$$' -bench '^BenchmarkSinks$$' -benchtime 2x ./agent

# A server to call, of a version that is known.
BENCH_SERVER := @modelcontextprotocol/server-filesystem@2026.8.31

.PHONY: bench-tracers
bench-tracers: needs ## measure what being traced costs: untraced, strace, eBPF (npm, root)
	$(foreach tracer,$(TRACERS),$(GO_BUILD) -o dist/killdeer-tracer-$(tracer) ./tracers/$(tracer) &&) true
	chmod go-w dist dist/killdeer*
	npm install --prefix dist/bench --no-audit --no-fund --silent $(BENCH_SERVER)
	$(GO) run ./internal/bench/tracing -server dist/bench/node_modules/@modelcontextprotocol/server-filesystem/dist/index.js $(BENCHFLAGS)

.PHONY: bench-journal
bench-journal: needs ## measure the journal at a million events (EVENTS=, DIR=)
	JOURNAL_SCALE_EVENTS=$(or $(EVENTS),1000000) JOURNAL_SCALE_DIR=$(DIR) $(GO) test -count=1 -timeout=2h -run '^TestScale$$' -v ./agent/journal

.PHONY: bench-journal-10m
bench-journal-10m: ## the same at ten million, which takes 5 minutes and 3 GB
	$(MAKE) bench-journal EVENTS=10000000

.PHONY: bench-dashboard
bench-dashboard: needs ## measure the dashboard at a million events, and its page under a flood (EVENTS=)
	KILLDEER_DASHBOARD_EVENTS=$(or $(EVENTS),1000000) $(GO) test -count=1 -timeout=30m -run '^TestDashboardScale$$' -v ./agent

.PHONY: benchmarks
benchmarks: guests ## run Go benchmarks: PKG=./rules/... BENCH=Judge BENCHTIME=3s
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchtime $(BENCHTIME) -benchmem $(PKG)

.PHONY: lint
lint: $(LINT) ## run golangci-lint, for this machine and for the guests
	$(LINT) run
	GOOS=wasip1 GOARCH=wasm $(LINT) run $(GUEST_VET)

$(LINT):
	mkdir -p $(@D)
	GOBIN=$(CURDIR)/$(@D) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)
	mv $(@D)/golangci-lint $@

.PHONY: generate
generate: guests ## renew generated files
	$(GO) generate ./...

.PHONY: check
check: needs format tidy test reproducible ## everything that must hold before a commit

.PHONY: format
format:
	@files=$$(git ls-files --cached --others --exclude-standard '*.go' | xargs gofmt -l); \
	test -z "$$files" || { echo "make: gofmt would change:" $$files >&2; exit 1; }

.PHONY: tidy
tidy:
	$(GO) mod tidy -diff

# A guest is checked by rebuilding it: the same source must give the same bytes.
.PHONY: reproducible
reproducible: guests
	mkdir -p dist/again
	$(GUEST_BUILD) -a -o dist/again/enterprise.wasm ./persona/enterprise/wasm
	$(GUEST_BUILD) -a -o dist/again/core.wasm ./rules/core/wasm
	$(GUEST_BUILD) -a -o dist/again/rules-toml.wasm ./rules/toml/wasm
	$(GUEST_BUILD) -a -o dist/again/persona-toml.wasm ./persona/toml/wasm
	$(SQUEEZE) dist/again/enterprise.wasm dist/again/core.wasm dist/again/rules-toml.wasm dist/again/persona-toml.wasm
	cmp dist/again/enterprise.wasm $(GUESTS)/enterprise.wasm
	cmp dist/again/core.wasm $(GUESTS)/core.wasm
	cmp dist/again/rules-toml.wasm $(GUESTS)/rules-toml.wasm
	cmp dist/again/persona-toml.wasm $(GUESTS)/persona-toml.wasm

# What a package is called, and the time that everything in it has: those of the last commit.
NFPM_VERSION    := v2.43.4
NFPM            := dist/tools/nfpm-$(NFPM_VERSION)
COMMIT_TIME     := $(shell git log -1 --format=%ct 2>/dev/null || echo 0)
PACKAGE_VERSION ?= $(shell git describe --tags --exact-match --match 'v[0-9]*' 2>/dev/null | sed 's/^v//' | grep . || \
	echo 0.0.0~$$(date -u -d @$(COMMIT_TIME) +%Y%m%d.%H%M%S))

.PHONY: packages
packages: build staged $(NFPM) ## make dist/*.deb and dist/*.rpm, the same bytes each time
	$(foreach kind,deb rpm,ARCH=$$($(GO) env GOARCH) PACKAGE_VERSION='$(PACKAGE_VERSION)' SOURCE_DATE_EPOCH=$(COMMIT_TIME) \
		$(NFPM) package -f packaging/nfpm.yaml -p $(kind) -t dist &&) true

.PHONY: staged
staged: needs
	rm -rf dist/package dist/*.deb dist/*.rpm
	$(GO) run ./packaging/stage -o dist/package -version '$(PACKAGE_VERSION)' -time $(COMMIT_TIME) ./cmd/killdeer $(addprefix ./plugins/,$(SINKS)) $(addprefix ./tracers/,$(TRACERS))

# nfpm has hundreds of dependencies: it is pinned here, not in go.mod.
$(NFPM):
	mkdir -p $(@D)
	GOBIN=$(CURDIR)/$(@D) $(GO) install github.com/goreleaser/nfpm/v2/cmd/nfpm@$(NFPM_VERSION)
	mv $(@D)/nfpm $@

# A package is checked by making it again, elsewhere, from what is committed.
.PHONY: packages-again
packages-again: packages ## make the packages again in a clone and compare them
	rm -rf dist/again-source
	git clone --quiet --no-hardlinks . dist/again-source
	$(MAKE) --no-print-directory -C dist/again-source packages NFPM=$(CURDIR)/$(NFPM)
	for file in dist/*.deb dist/*.rpm; do cmp "$$file" "dist/again-source/$$file" || exit 1; done
	rm -rf dist/again-source

.PHONY: package-test
package-test: packages ## install, upgrade and remove the .deb and .rpm in clean roots (root, debootstrap, lintian, rpm)
	packaging/deb/test dist/*.deb
	packaging/rpm/test dist/*.rpm dist/*.deb

.PHONY: needs
needs:
	@command -v $(GO) >/dev/null || { echo 'make: Go is needed: https://go.dev/dl' >&2; exit 1; }
	@want=$$(awk '$$1 == "go" { print $$2 }' go.mod); have=$$($(GO) env GOVERSION | sed 's/^go//; s/ .*//'); \
	test "$$(printf '%s\n' "$$want" "$$have" | sort -V | head -n 1)" = "$$want" || \
		{ echo "make: Go $$want or newer is needed, this is $$have" >&2; exit 1; }

.PHONY: clean
clean: ## remove what make built
	rm -rf dist $(GUESTS)/*.wasm
