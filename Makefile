# Everything that is done with this checkout, the same here and in CI. `make help` lists it.
#
# Settings: CONFIGURATION=release builds and runs an optimised executable; ARGS="…" goes to demo, dev, test
# and bench.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help dependencies build release test demo dev example bench bench-quick format lint clean
.PHONY: model spin crash-points soak drill-zombie clocks disk-full fuzz tsan asan mutants

SWIFT ?= swift
CONFIGURATION ?= debug
ARGS ?=
SOURCES = Package.swift Benchmarks/Driver Sources Tests workers Examples/Greeter/Package.swift Examples/Greeter/Sources
TEST_LOG = .build/test.log

help: ## Show this list
	@awk -F ':.* ## ' '/^[a-z-]+:.* ## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

dependencies: ## Install what this machine lacks: libpq, hiredis, Redis, PostgreSQL. Starts no service
	@command -v $(SWIFT) >/dev/null 2>&1 || { \
		echo "There is no '$(SWIFT)': install a Swift 6.2 toolchain or later, https://swift.org/install" >&2; exit 69; }
	@deploy/install-dependencies

build: dependencies ## Build everything, tests included
	$(SWIFT) build -c $(CONFIGURATION) --build-tests

release: dependencies ## Build the executable, optimised. Warnings are errors, as in every build
	$(SWIFT) build -c release --product chorewheel

# The tests start the servers that they need, and `chorewheel` itself, which --build-tests builds too. NO_COLOR: the log
# is read below. Sources/TestSupport bounds how many tests have a database or servers of their own; no more than eight
# run at once, so that none starves on a small machine. A test that was skipped has shown nothing: it counts as failed.
test: build ## Run every test, against real servers that the tests start and stop
	@rm -f $(TEST_LOG) $(TEST_LOG).status
	@{ NO_COLOR=1 SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=8 $(SWIFT) test -c $(CONFIGURATION) --skip-build --disable-xctest $(ARGS) 2>&1; \
		echo $$? >$(TEST_LOG).status; } | tee $(TEST_LOG)
	@if LC_ALL=C grep -E '^[^ ]+ (Test|Suite) .* skipped(\.|: ".*")$$' $(TEST_LOG); then \
		echo "make test: the tests above were skipped, which counts as a failure" >&2; exit 1; fi
	@grep -q 'Test run with [1-9][0-9]* tests' $(TEST_LOG) || { echo "make test: no test was run" >&2; exit 1; }
	@status="$$(cat $(TEST_LOG).status)"; if [ "$$status" -ne 0 ]; then \
		echo "make test: what failed, once more:" >&2; \
		LC_ALL=C grep -aE -A 3 '^[^ ]+ Test .* recorded an issue' $(TEST_LOG) | tail -n 60 >&2; fi; \
		exit "$$status"

demo: dependencies ## Ten families sign up, pay, migrate and lose a worker before your eyes; nothing is left running
	$(SWIFT) build -c $(CONFIGURATION) --product chorewheel
	@exec "$$($(SWIFT) build -c $(CONFIGURATION) --show-bin-path)/chorewheel" demo $(ARGS)

dev: dependencies ## Keep a private Redis, PostgreSQL, API and workers up until Ctrl-C; data in .chorewheel/
	$(SWIFT) build -c $(CONFIGURATION) --product chorewheel
	@exec "$$($(SWIFT) build -c $(CONFIGURATION) --show-bin-path)/chorewheel" dev $(ARGS)

# The example is a package of its own. Built in our build directory, with our versions of the packages below, it takes
# what is there and compiles two files in half a minute; anywhere else it compiles everything again. The plan of the
# build must not be the one that is kept there, which is ours.
example: dependencies ## Build Examples/Greeter, a package of its own that depends on this one, and try it on a stack
	$(SWIFT) build -c $(CONFIGURATION) --product chorewheel
	@cp Package.resolved Examples/Greeter/
	$(SWIFT) build -c $(CONFIGURATION) --package-path Examples/Greeter --scratch-path .build \
		--disable-build-manifest-caching --force-resolved-versions --product Greeter
	@Examples/Greeter/try "$$($(SWIFT) build -c $(CONFIGURATION) --show-bin-path)"

# Always optimised: a debug build's figures say nothing. About an hour, on a machine that does nothing else.
# ARGS="--runs 1 W2" runs less.
bench: dependencies ## Measure everything beside its floors and peers, five runs; writes docs/benchmarks.md
	Benchmarks/install-peers
	$(MAKE) --no-print-directory -C Benchmarks/floors
	$(SWIFT) build -c release --product chorewheel
	$(SWIFT) build -c release --product chorewheel-bench
	@exec "$$($(SWIFT) build -c release --show-bin-path)/chorewheel-bench" run $(ARGS)

bench-quick: dependencies ## The same with few jobs, one run and no peers, in three minutes; prints the tables
	$(MAKE) --no-print-directory -C Benchmarks/floors
	$(SWIFT) build -c release --product chorewheel
	$(SWIFT) build -c release --product chorewheel-bench
	@exec "$$($(SWIFT) build -c release --show-bin-path)/chorewheel-bench" run --quick $(ARGS)

# Always optimised: it is the servers that are to be the slow ones. ARGS="--seed 7" repeats a run; a difference is told
# with the command that repeats it alone.
N ?= 1000000
model: dependencies ## Hold the Lua scripts and the ledger against pure models: N=1000000 random operations
	$(SWIFT) build -c release --product chorewheel
	$(SWIFT) build -c release --product chorewheel-proof
	@exec "$$($(SWIFT) build -c release --show-bin-path)/chorewheel-proof" model --operations $(N) $(ARGS)

# The models of Tests/Proof/Spin, every state of them, and bugs planted in them. 66 s on 2 cores; SIZE=large
# takes more jobs and faults: half an hour, and gigabytes.
SIZE ?= small
spin: ## Check the models of claim, lease, fence and reconcile with spin; SIZE=large takes more faults
	@deploy/install-dependencies --proof
	@Tests/Proof/Spin/check $(SIZE)

# ARGS="--handler family.provision" is one handler; "--every 4 --one-mode" is a twelfth, by the seed.
crash-points: dependencies ## At each store call of each handler: die before it, die after it, lose its reply
	$(SWIFT) build -c $(CONFIGURATION) --product chorewheel
	$(SWIFT) build -c $(CONFIGURATION) --product chorewheel-proof
	@exec "$$($(SWIFT) build -c $(CONFIGURATION) --show-bin-path)/chorewheel-proof" crash-points $(ARGS)

fuzz: dependencies ## Feed libFuzzer's inputs to the reader of Redis' replies and to what decodes them; MINUTES=10
	@Tests/Fuzz/run $$(( $${MINUTES:-10} * 60 )) $(ARGS)

tsan: dependencies ## Run every test under thread sanitizer; ARGS="--filter JobQueueTests" runs some
	@Tests/Sanitizers/run thread $(ARGS)

asan: dependencies ## Run the tests of the bridges to C under address sanitizer, with its search for leaks
	@Tests/Sanitizers/run address $(ARGS)

mutants: dependencies ## Plant small bugs, one at a time, and see each caught by its test; ONLY="settle-any-epoch …"
	@Tests/Proof/Mutants/run $(ONLY)

# Each ends in a line that says what it saw.
clocks: dependencies ## Workers whose clocks are an hour wrong, or jump, change no lease, schedule or epoch
	$(SWIFT) build -c $(CONFIGURATION) --product chorewheel
	$(SWIFT) build -c $(CONFIGURATION) --product chorewheel-proof
	@exec "$$($(SWIFT) build -c $(CONFIGURATION) --show-bin-path)/chorewheel-proof" clocks $(ARGS)

disk-full: dependencies ## Fill the disk under each server, and Redis' memory, under load. Needs root
	$(SWIFT) build -c $(CONFIGURATION) --product chorewheel
	$(SWIFT) build -c $(CONFIGURATION) --product chorewheel-proof
	@exec "$$($(SWIFT) build -c $(CONFIGURATION) --show-bin-path)/chorewheel-proof" disk-full $(ARGS)

# Optimised, as what is deployed. MINUTES=30 SEED=7; what was broken keeps its servers' data and logs. Half a minute of
# build, the minutes, and up to four to drain.
MINUTES ?= 3
SEED ?=
soak: dependencies ## Kill, stop, cut, slow and restart everything under load for MINUTES, then compare what was promised
	$(SWIFT) build -c release --product chorewheel
	$(SWIFT) build -c release --product chorewheel-proof
	@exec "$$($(SWIFT) build -c release --show-bin-path)/chorewheel-proof" soak --minutes $(MINUTES) \
		$(if $(SEED),--seed $(SEED)) $(ARGS)

drill-zombie: dependencies ## A worker freezes past its lease, another does its job, the first wakes up: watch, in 15 seconds
	$(SWIFT) build -c $(CONFIGURATION) --product chorewheel
	@Examples/Zombie/drill "$$($(SWIFT) build -c $(CONFIGURATION) --show-bin-path)"

format: ## Lay out all Swift sources
	$(SWIFT) format --in-place --recursive --parallel $(SOURCES)

lint: ## Check the layout of all Swift sources
	$(SWIFT) format lint --strict --recursive --parallel $(SOURCES)

clean: ## Remove what builds made. Keeps .chorewheel/, the data of `make dev`
	rm -rf .build .build-fuzz .build-tsan .build-asan .build-mutants Examples/Greeter/.build
