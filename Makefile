# neurod: `make help` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help

GOLANGCI := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
VERSION ?= $(shell git describe --tags --exact-match 2>/dev/null)
COMMIT ?= $(shell git rev-parse --short=12 HEAD 2>/dev/null)$(shell test -z "$$(git status --porcelain 2>/dev/null | head -n 1)" || echo +dirty)
BUILD := github.com/neurod/neurod/internal/build
export PATH := $(CURDIR)/tools/node/node_modules/.bin:$(PATH)
export NEUROD_EEG_DATA ?= $(abspath ../shared/eeg)

.PHONY: help setup sdk build run demo test lint cross generate check-generated golden models evaluate results chaos hostile bench clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-16s %s\n", $$1, $$2}'

setup: ## Fetch Go modules; install a C compiler, PostgreSQL, Redis, Python and Node where they are missing
	@tools/setup.sh

sdk: ## Build the Python and TypeScript clients, where Python 3.10 and Node 20 are, into the program that `make build` builds
	@tools/sdk.sh

build: ## Build bin/neurod, with the clients that `make sdk` has built
	@mkdir -p bin
	go build -trimpath -ldflags "-X $(BUILD).version=$(VERSION) -X $(BUILD).commit=$(COMMIT)" -o bin/neurod ./cmd/neurod

run: build ## Start the embedded service on port 8000 and stay
	@bin/neurod serve

demo: build ## Decode one recording of each paradigm through a fresh embedded server, print the answers, stop
	@go run ./tools/demo -neurod bin/neurod

test: setup ## Run every test: race detector, real PostgreSQL and Redis, embedded pair, real recordings where found
	@tools/test.sh

lint: ## gofmt, and the linters of .golangci.yml with the reasons of their exceptions
	@out=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$out" ]; then echo "gofmt: $$out"; exit 1; fi
	go run $(GOLANGCI) run ./...

cross: ## Build for linux, darwin and windows on amd64 and arm64
	@for target in linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64; do \
		echo "build $$target"; CGO_ENABLED=0 GOOS=$${target%/*} GOARCH=$${target#*/} go build ./... || exit 1; done

generate: ## Write what is generated: reference pages, and the types of the TypeScript client
	go run ./tools/docgen
	sdk/typescript/generate.sh

check-generated: ## Fail when a generated page, or one rendered from docs/results/results.json, is not current
	go run ./tools/docgen -check

golden: ## Write the golden values again with MNE, scikit-learn, pyRiemann and scipy (needs Python 3.11+)
	@tools/golden/run.sh

models: build ## Train the built-in models again from the open recordings
	bin/neurod train builtin --data "$(NEUROD_EEG_DATA)" --out decoders/catalog/builtin

evaluate: build ## Print the accuracy tables over NEUROD_EEG_DATA
	bin/neurod evaluate --data "$(NEUROD_EEG_DATA)"

results: build ## Measure everything over NEUROD_EEG_DATA and write docs/results
	bin/neurod evaluate --data "$(NEUROD_EEG_DATA)" --results docs/results

chaos: build setup ## Kill, freeze, flush and restart everything under load; lost, doubled and changed must be 0
	go run ./tools/chaos -neurod bin/neurod

hostile: build setup ## Attack a server with the worst bodies of a megabyte, sockets and 10,000 broken recordings, and print what that costs it; PAIR=embedded or postgres picks one, ONLY a part
	go run ./tools/hostile -neurod bin/neurod $(if $(PAIR),-pair $(PAIR)) $(if $(ONLY),-only '$(ONLY)')

bench: build setup ## Measure speed beside floors, limits and Python (3.11+, left out where missing); ONLY=live,import picks parts, PAIR=embedded a pair of stores
	go run ./tools/bench -neurod bin/neurod $(if $(ONLY),-only $(ONLY)) $(if $(PAIR),-pair $(PAIR))

clean: ## Remove what was built
	rm -rf bin sdk/python/dist sdk/typescript/dist
	find internal/clients/dist -type f ! -name README -delete
