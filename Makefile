# Penstock: what a developer types. `make help` lists the targets.

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
CACHE   ?= $(HOME)/.cache/penstock
LINT    := $(CACHE)/golangci-lint-v2.8.0/golangci-lint
NFPM    := $(CACHE)/nfpm-v2.45.0/nfpm
BUILD   := go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)"
MAIN    := ./externalscripts/penstock
PLUGIN  := ./zabbix-loadable
SAMPLE  := externalscripts/penstock/sample
EACH    ?= 10s
DATA    ?= bin/sample.log

export CGO_ENABLED = 0

.DEFAULT_GOAL := help
.PHONY: build run unit race live test lint fuzz bench soak cross packages clean help browser

build: ## build bin/penstock and the plugin of Zabbix agent 2
	$(BUILD) -o bin/penstock $(MAIN)
	$(BUILD) -o bin/zabbix-agent2-plugin-penstock $(PLUGIN)

run: build ## analyse the bundled sample: no configuration, network, server or root
	bin/penstock analyze $(SAMPLE)/logs/*

unit: ## the tests that need no network, root or browser
	go test -timeout 30m ./...

race: export CGO_ENABLED = 1
race: ## the same with the race detector (needs a C compiler)
	go test -race -timeout 60m ./...

live: browser ## the whole programs: scripts, documents, Chromium; a real Ollama, real Zabbix 6.0 and 7.0; the worker killed, out of room, as a service; floods (as root)
	go test -count=1 -tags live -timeout 90m -parallel 4 ./core/e2e/... ./core/intake ./core/llm ./core/logfile ./core/notify ./core/pattern ./core/pipeline ./core/sift \
		./core/spool ./core/store ./core/zabbix/...

test: lint unit race live ## everything; installs what it needs

lint: $(LINT) ## golangci-lint
	$(LINT) run --build-tags live,fuzzall,cross,soak ./...

fuzz: ## every fuzz target for EACH (default 10s)
	go test -count=1 -tags fuzzall -timeout 3h -v -run TestEveryFuzzTarget ./core/e2e -args -each $(EACH)

bench: build $(DATA) ## speed: sift beside its peers on DATA=FILE of raw lines, else on the sample; then each part; what a real Ollama saves; a real Zabbix: values a second, items, from line to problem (as root)
	cd core/pattern/peers && go run . -penstock $(CURDIR)/bin/penstock $(abspath $(DATA))
	go test -run '^$$' -bench . -benchmem ./...
	go test -count=1 -v -tags live -run TenThousandItems -bench 'PrefixReuse|LiveDeliver|LineToProblem' -benchtime 1x -timeout 90m ./core/pipeline ./core/zabbix ./core/e2e

bin/sample.log: # the sample's lines, fifty times over
	mkdir -p bin
	zcat -f $(SAMPLE)/logs/* >bin/day.log
	cat $(foreach i,1 2 3 4 5 6 7 8 9 10,$(foreach j,1 2 3 4 5,bin/day.log)) >$@

cross: ## dist/: linux amd64, arm64, armv7, stripped, each program at most 24 MiB
	for t in amd64:amd64 arm64:arm64 arm:armv7; do export GOOS=linux GOARCH=$${t%:*} GOARM=7; $(BUILD) -o dist/penstock-linux-$${t#*:} $(MAIN) && \
		$(BUILD) -o dist/zabbix-agent2-plugin-penstock-linux-$${t#*:} $(PLUGIN) || exit; done
	go test -count=1 -tags cross -v -run TestCrossBuilds ./core/e2e

packages: build cross $(NFPM) ## dist/: deb and rpm for amd64, arm64 and armhf
	NFPM=$(NFPM) PENSTOCK=bin/penstock deploy/packages/build.sh dist $(VERSION)

soak: ## memory and disk over fifty million lines; draws the pictures of docs/operations.md
	go test -count=1 -tags soak -timeout 2h -v -run TestMemoryAndDiskStayFlat ./core/e2e -args -out $(CURDIR)/docs/pictures

clean: ## remove what was built
	rm -rf bin dist

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

browser:
	command -v chromium || (apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium)

$(LINT):
	GOBIN=$(dir $(LINT)) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.8.0

$(NFPM):
	GOBIN=$(dir $(NFPM)) go install github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.0
