# neurod: `make help` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help

GOLANGCI := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
BUF := @bufbuild/buf@1.75.0
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@latest
GORELEASER := github.com/goreleaser/goreleaser/v2@v2.15.1
VERSION ?= $(shell git describe --tags --exact-match 2>/dev/null)
COMMIT ?= $(shell git rev-parse --short=12 HEAD 2>/dev/null)$(shell test -z "$$(git status --porcelain 2>/dev/null | head -n 1)" || echo +dirty)
BUILD := github.com/neurod/neurod/internal/build
export PATH := $(CURDIR)/tools/node/node_modules/.bin:$(PATH)
export NEUROD_EEG_DATA ?= $(abspath ../shared/eeg)
# All is compiled alike, wherever the checkout is, so that what one target has compiled serves the others. The race detector looks at
# our code and what it calls, but not into SQLite, which is C that was translated, and gonum: with them the tests of the store take twice as much of a processor.
export GOFLAGS ?= -trimpath -buildvcs=false -gcflags=modernc.org/...=-race=false -gcflags=gonum.org/...=-race=false

.PHONY: experiments deploy-check vulncheck snapshot help setup sdk console build run demo test lint cross generate check-generated golden models evaluate results results-cvep chaos hostile bench autoscale keda soak screenshots bench-console bench-peer clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-16s %s\n", $$1, $$2}'

setup: ## Fetch Go modules; install a C compiler, PostgreSQL, Redis, Python and Node where they are missing
	@tools/setup.sh

sdk: ## Build the Python and TypeScript clients, where Python 3.10 and Node 20 are, into the program that `make build` builds
	@tools/sdk.sh

console: ## Build the web application into the program that `make build` builds (Node 20 or later)
	@tools/web.sh

build: console ## Build bin/neurod, with the console where Node is, and with the clients that `make sdk` has built
	@mkdir -p bin
	go build -ldflags "-X $(BUILD).version=$(VERSION) -X $(BUILD).commit=$(COMMIT)" -o bin/neurod ./cmd/neurod

run: build ## Start the embedded service on port 8000 and stay
	@bin/neurod serve

demo: build ## Decode one recording of each paradigm through a fresh embedded server, print the answers, stop
	@go run ./tools/demo -neurod bin/neurod

test: setup ## Run every test: race detector, real PostgreSQL and Redis, embedded pair, real recordings where found
	@tools/test.sh

lint: ## gofmt, the linters of .golangci.yml with the reasons of their exceptions, and buf for api/proto
	@out=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$out" ]; then echo "gofmt: $$out"; exit 1; fi
	go run $(GOLANGCI) run ./...
	npx --yes $(BUF) lint api/proto

# One of each system and of each processor: no code but a helper of the tests asks for both, and that on linux/amd64. A release builds all six.
TARGETS ?= linux/arm64 darwin/arm64 windows/amd64
cross: ## Build the program for linux, darwin and windows, and for amd64 and arm64; TARGETS="darwin/amd64 windows/arm64" names others
	@for target in $(TARGETS); do \
		echo "build $$target"; CGO_ENABLED=0 GOOS=$${target%/*} GOARCH=$${target#*/} go build -o /dev/null ./cmd/neurod || exit 1; done

generate: ## Write what is generated: the code of api/proto and api/schema.graphql, reference pages, and the types of the TypeScript client
	go run ./tools/protogen
	tools/graphql.sh
	go run ./tools/docgen
	sdk/typescript/generate.sh

check-generated: ## Fail when generated code or a generated page, or one rendered from docs/results/results.json, is not current
	go run ./tools/protogen -check
	tools/graphql.sh -check
	go run ./tools/docgen -check

golden: ## Write the golden values again with MNE, scikit-learn, pyRiemann and scipy (needs Python 3.11+)
	@tools/golden/run.sh

models: build ## Train the built-in models again from the open recordings
	bin/neurod train builtin --data "$(NEUROD_EEG_DATA)" --out decoders/catalog/builtin

evaluate: build ## Print the accuracy tables over NEUROD_EEG_DATA
	bin/neurod evaluate --data "$(NEUROD_EEG_DATA)"

results: build ## Measure everything over NEUROD_EEG_DATA and write docs/results
	bin/neurod evaluate --data "$(NEUROD_EEG_DATA)" --results docs/results

experiments: ## Print what was tried before something was chosen, over the people of NEUROD_EEG_DATA; ONLY=threshold,umm,base picks some
	go run ./tools/experiments $(if $(ONLY),-only $(ONLY))

results-cvep: build ## Fetch the c-VEP recordings that PyntBCI ships, measure them and write docs/results-cvep
	tools/golden/cvep_data.sh dist/cvep
	bin/neurod evaluate --data dist/cvep --only cvep --results docs/results-cvep

chaos: build setup ## Kill, freeze, flush and restart everything under load, fill disks and set clocks; lost, doubled and changed must be 0
	go run ./tools/chaos -neurod bin/neurod
	set -o pipefail; NEUROD_CHAOS_ROUNDS=$(ROUNDS) go test -count=1 -v -timeout 60m -run '$(FAULTS)' ./test ./internal/app | grep -E '^ *--- |^(ok|FAIL|panic)|accepted, all run|set by|_test.go'

ROUNDS ?= 5
FAULTS = ^(TestAFullDisk|TestClocksAreSet|TestASlowDisk|TestTheSupervisorIsKilledUnderLoad|TestPgBouncer|TestRestoredFromPostgreSQLsTools|TestABackupOfARunningServer)$$

hostile: build setup ## Attack a server with the worst bodies of a megabyte, sockets and 10,000 broken recordings, and print what that costs it; PAIR=embedded or postgres picks one, ONLY a part
	go run ./tools/hostile -neurod bin/neurod $(if $(PAIR),-pair $(PAIR)) $(if $(ONLY),-only '$(ONLY)')

bench: build setup ## Measure speed beside floors, limits and Python (3.11+, left out where missing); ONLY=live,import picks parts, PAIR=embedded a pair of stores
	go run ./tools/bench -neurod bin/neurod $(if $(ONLY),-only $(ONLY)) $(if $(PAIR),-pair $(PAIR))

PEER ?= ../shared/peer
bench-peer: build setup ## Measure decodes beside the service that a user would build instead, of the folder PEER (../shared/peer: FastAPI, Celery, MNE), in one run
	go run ./tools/bench -neurod bin/neurod -only peer -peer $(PEER)

autoscale: build setup ## Put a bounded load (steady, burst x20, ramp, silence) on workers that come and go, and print them beside need; then the simulator's table
	go run ./tools/autoscale -neurod bin/neurod

keda: build setup ## Run the chart in a Kubernetes of its own with the real KEDA, its workers from none to none under a load (root; 20 min, and once some hours to build both)
	go run ./tools/keda -neurod bin/neurod

MINUTES ?= 60
soak: build setup ## Keep 70 % of the largest load for MINUTES (60) and print memory, file descriptors, goroutines and table sizes
	go run ./tools/autoscale -neurod bin/neurod -soak $(MINUTES)

screenshots: build ## Take the pictures of README.md anew, of a live session and of the page of operators
	@tools/screenshots.sh

bench-console: build ## Measure the console in Chromium: frames, heap and latency of 64 channels at 250 Hz, first paint in 12 hours; SECONDS_LIVE=600 takes ten minutes
	@tools/console-bench.sh

deploy-check: ## Hold chart, compose.yaml, units, image and packages to the tools that read them; ONLY=image, chart, compose, units or package picks one
	@cd deploy/check && go vet ./... && go test -timeout 40m -run "$(DEPLOY_TESTS)" $(if $(ONLY),-v) .

DEPLOY_TESTS = $(or $(deploy_$(ONLY)),Test)
deploy_chart = TestProfiles|TestWrongValues|TestSchemas
deploy_compose = TestCompose
deploy_units = TestUnits
deploy_image = TestImage
deploy_package = TestPackage

vulncheck: ## Look for known vulnerabilities in Go, npm and Python dependencies; needs the databases of vulnerabilities on the network
	go run $(GOVULNCHECK) ./...
	cd web && npm audit --audit-level=high
	cd sdk/typescript && npm audit --audit-level=high --omit=dev
	python3 -m venv bin/audit && bin/audit/bin/pip install --quiet pip-audit && bin/audit/bin/pip-audit sdk/python

snapshot: ## Try a release without publishing it: binaries of every system, archives, checksums, packages
	go run $(GORELEASER) check
	go run $(GORELEASER) release --snapshot --clean --skip=sbom

clean: ## Remove what was built
	rm -rf bin sdk/python/dist sdk/typescript/dist
	rm -rf web/node_modules
	find internal/clients/dist internal/console/dist -type f ! -name README -delete
