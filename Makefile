# Everything that CI does is a target here.
SHELL := bash
export CGO_ENABLED := 0

DEVSTACK := go run ./internal/devstack/cmd/devstack
STEPS := $(notdir $(patsubst %/main.go,%,$(wildcard actions/*/main.go)))

.DEFAULT_GOAL := help

.PHONY: help
help: ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## build every step into bin/
	go build -trimpath -ldflags='-s -w' -o bin/ $(addprefix ./actions/,$(STEPS))

.PHONY: test
test: check unit e2e ## run everything: formatting, linters, unit and end-to-end tests

.PHONY: unit
unit: ## run the unit and contract tests
	@described="$$($(DEVSTACK) description)" && set -x && RELEASE_ACTIONS_GITHUB_DESCRIPTION="$$described" go test ./...

.PHONY: e2e
e2e: build ## release an image in the local world, break things, and judge the result
	RELEASE_ACTIONS_BIN="$(CURDIR)/bin" go test -tags e2e -count=1 -timeout 40m -v ./internal/devstack/rehearsal

.PHONY: examples
examples: build ## end-to-end tests of the examples in Rust and compose, which need Debian 12 and 3 GB
	RELEASE_ACTIONS_BIN="$(CURDIR)/bin" go test -tags e2e,examples -count=1 -timeout 40m -v -run 'Compose|Rust' ./internal/devstack/rehearsal

.PHONY: bench
bench: build ## measure sign, attest and verify against cosign in the local world
	RELEASE_ACTIONS_BIN="$(CURDIR)/bin" go test -tags e2e -run '^$$' -bench . -benchtime 3x ./internal/devstack/rehearsal

.PHONY: bench-platforms
bench-platforms: build ## measure emulation, cross-compiling and a node for each platform
	go test -tags e2e,examples -run '^$$' -bench Platforms -benchtime 3x -timeout 60m ./internal/devstack/rehearsal

.PHONY: bench-sbom
bench-sbom: build ## measure sbom against a process of syft for each platform
	@bin="$$($(DEVSTACK) tools syft)" && RELEASE_ACTIONS_BIN="$(CURDIR)/bin" SYFT="$$bin/syft" \
		go test -tags e2e -run '^$$' -bench ThreePlatforms -benchtime 3x -timeout 30m ./internal/steps/sbom

.PHONY: check
check: format vet lint ## check formatting, vet, lint Go, workflows and shell

.PHONY: format
format: ## check that the code is formatted
	@test -z "$$(gofmt -l actions internal examples | tee /dev/stderr)" || { echo "run: gofmt -w actions internal examples"; exit 1; }

.PHONY: vet
vet: ## run go vet
	go vet ./...
	go vet -tags e2e,examples ./internal/devstack/... ./internal/steps/sbom

.PHONY: lint
lint: ## run golangci-lint and actionlint
	@bin="$$($(DEVSTACK) tools lint)" && PATH="$$bin:$$PATH" && set -x && \
		golangci-lint run --build-tags e2e,examples ./... && \
		actionlint .github/workflows/*.yml examples/workflows/*.yml

.PHONY: generate
generate: ## write the generated parts of the READMEs and the golden files anew
	go test $$(grep -rlE "actiontest\.Contract|\"update\"" --include="*_test.go" actions internal | xargs -n1 dirname | sort -u | sed "s,^,./,") -update

.PHONY: new-step
new-step: ## write a step that works, to start from: make new-step NAME=my-step
	@go run ./internal/devstack/cmd/newstep $(NAME)

.PHONY: race
race: ## run the unit tests with the race detector (needs a C compiler)
	CGO_ENABLED=1 go test -race ./internal/...

.PHONY: up
up: ## start the local world
	$(DEVSTACK) up

.PHONY: down
down: ## stop the local world
	$(DEVSTACK) down

.PHONY: demo
demo: build ## release examples/hello in the local world and let cosign and crane judge it
	RELEASE_ACTIONS_BIN="$(CURDIR)/bin" go run ./internal/devstack/cmd/demo
