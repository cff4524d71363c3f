# make lists the targets. They need Go and, for the tests, a Debian-like system: scripts/with-postgres brings the PostgreSQL,
# scripts/with-chromium the browser, scripts/with-node Node, scripts/with-tools what examples of the manual call.

GO ?= go
FUZZTIME ?= 5m
COMMANDS ?= 1000000
HISTORIES ?= 10000
SYNCS ?= 100000
KILLS ?= 500
POSTGRES_KILLS ?= 50
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2

.DEFAULT_GOAL := help
.PHONY: help test test-js check fuzz model statistics histories kills sync hours places bench bench-large build dev

help: ## list the targets
	@awk -F ': ## ' '/^[a-z-]+: ## / { printf "make %-11s %s\n", $$1, $$2 }' Makefile

test: ## run all tests, on SQLite and on a PostgreSQL started for them, in a Chromium, and in Node
	scripts/with-tools scripts/with-node scripts/with-strace scripts/with-chromium scripts/with-postgres $(GO) test -timeout 25m ./...
	@$(MAKE) --no-print-directory test-js

test-js: ## test the JavaScript SDK against a server started for it
	cd sdk/js && GO="$(GO)" ../../scripts/with-node bash -c 'npm ci --no-audit --no-fund --prefer-offline && npm test'

# The race detector is the one thing here that needs a C compiler, so its absence is said first.
check: ## check the format, vet, staticcheck, and run all tests with the race detector
	@command -v "$$($(GO) env CC)" >/dev/null || \
		{ echo "make check: the race detector needs a C compiler: install gcc" >&2; exit 1; }
	@unformatted=$$("$$($(GO) env GOROOT)/bin/gofmt" -l .) || exit 1; \
		test -z "$$unformatted" || { printf 'gofmt would change:\n%s\n' "$$unformatted" >&2; exit 1; }
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...
	CGO_ENABLED=1 scripts/with-tools scripts/with-node scripts/with-strace scripts/with-chromium scripts/with-postgres $(GO) test -race -timeout 45m ./...

# go test fuzzes one target at a time; a finding ends the run, and its input stays in testdata.
fuzz: ## fuzz every fuzz target for FUZZTIME (5m), one after another
	@list=$$($(GO) test -list '^Fuzz' ./...) || { echo "$$list"; exit 1; }; \
	echo "$$list" | awk '/^Fuzz/ { t[n++] = $$1 } /^ok/ { for (i = 0; i < n; i++) print $$2, t[i]; n = 0 }' | \
	while read -r package target; do \
		echo "fuzzing $$target in $$package for $(FUZZTIME)"; \
		$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$package" </dev/null || exit 1; \
	done

model: ## try COMMANDS (1000000) random commands about money against the reference, on SQLite
	PURSER_TEST_POSTGRES=off PURSER_TEST_COMMANDS=$(COMMANDS) $(GO) test -timeout 2h -v -run TestMoneyAgainstTheReference ./internal/service

statistics: ## hold statistics against a recomputation after COMMANDS (1000000) random commands on each engine
	PURSER_TEST_STATISTICS=$(COMMANDS) scripts/with-postgres $(GO) test -timeout 6h -v -run TestStatisticsEqual ./internal/service

histories: ## hold HISTORIES (10000) concurrent histories on each engine against the rules of payments
	PURSER_TEST_HISTORIES=$(HISTORIES) scripts/with-postgres $(GO) test -timeout 6h -v -run TestHistoriesAreLinearizable ./cmd/purser

kills: ## kill servers KILLS (500) times in each test that does, and PostgreSQL itself POSTGRES_KILLS (50) times
	PURSER_TEST_KILLS=$(KILLS) PURSER_TEST_POSTGRES_KILLS=$(POSTGRES_KILLS) scripts/with-postgres $(GO) test -timeout 2h -v -run 'TestKill' ./internal/store ./cmd/purser

sync: ## hold copies of places against the places through SYNCS (100000) interleavings on each engine
	PURSER_TEST_SYNC=$(SYNCS) scripts/with-postgres $(GO) test -timeout 6h -v -run TestCopiesConverge ./internal/store

hours: ## hold opening hours against a minute-by-minute oracle in every zone at every transition
	PURSER_TEST_HOURS=all $(GO) test -timeout 2h -v -run TestAnswersEqualTheMinuteByMinuteOracle ./internal/hours

places: ## hold ten thousand searches among a million places against brute force
	PURSER_TEST_NEARBY=all $(GO) test -timeout 1h -v -run TestSearchEqualsBruteForceOnTheEarth ./internal/nearby

bench: ## run the benchmarks
	PURSER_TEST_POSTGRES_DURABLE=1 scripts/with-postgres $(GO) run ./bench

bench-large: ## measure a million wallets and a million payments, which takes longer
	$(GO) run ./bench -part large

build: ## build bin/purser, one static binary
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/purser ./cmd/purser

dev: ## run a server to try things out with
	$(GO) run ./cmd/purser dev
