# The ways into Serin. What takes thought is in src/xtask; run `make` for the list.

.DEFAULT_GOAL := help
.PHONY: help setup cluster browser releases proxies build programs wasm images decisions test test-cluster test-gitops test-releases fuzz soak demo demo-keep demo-istio lint advisories bench bench-filter bench-judge bench-detect bench-tripwire bench-assign bench-controller bench-page page-picture clean

# The tests and the demo look in target/ for what the steps before them made.
unexport CARGO_TARGET_DIR

# Says what a silent wait is for: $(call first-time,<what the build leaves>,<what is built>).
first-time = @ls $(1) >/dev/null 2>&1 || echo "building $(2): minutes the first time, then seconds"

DEMO := cargo run --quiet --release --package serin-tests --bin demo

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Fetch Envoy, Prometheus, Valgrind, wasm-opt and the Wasm standard library (once; into the user's cache)
	@cargo xtask setup

cluster: ## Build Kubernetes and Istio from Go modules (once; into the user's cache; needs Go)
	@cargo xtask cluster

browser: ## Fetch Chromium and axe-core for the tests of the page (once; into the user's cache)
	@cargo xtask browser

releases: ## Fetch the Envoy releases of the last year (once; into the user's cache)
	@cargo xtask releases

proxies: ## Fetch NGINX and HAProxy (once; into the user's cache)
	@cargo xtask proxies

build: ## Build the controller: target/release/serin
	$(call first-time,target/release/serin,the controller)
	@cargo xtask controller

wasm: ## Build the filter: target/serin.wasm, and with tripwires: target/serin-tripwire.wasm
	@cargo xtask wasm

images: setup ## Write OCI images of the controller and of the filter: target/images
	@cargo xtask images

# The module's own logic, built for this machine: a test counts its instructions.
decisions:
	@cargo build --quiet --profile counted --package serin-filter --example decisions

# More than there are cores: most tests wait for a proxy, a browser or a rollout.
TEST_THREADS ?= 6

# The controller's last minutes are one core's: the tests are compiled beside it, and give way so that
# these minutes come soon. The moment before is for cargo, which else would have the two take turns.
programs: setup
	$(call first-time,target/release/serin,the controller and the tests)
	@cargo xtask controller & controller=$$!; sleep 1; \
		nice cargo test --quiet --workspace --exclude serin-cluster --no-run; tests=$$?; \
		wait $$controller && exit $$tests

test: releases browser proxies programs wasm images decisions ## Run all tests, those on the real Envoy, NGINX, HAProxy and Prometheus among them
	@cargo test --quiet --workspace --exclude serin-cluster -- --test-threads $(TEST_THREADS)
	@cargo xtask fuzz --seconds 6 --fixed

# More than there are cores: a rollout spends most of its time baking.
CLUSTER_TEST_THREADS ?= 6

test-cluster: setup cluster browser build wasm ## Run the tests on a real Kubernetes and a real Istio (needs Go the first time)
	$(call first-time,target/debug/deps/serin_cluster-*,the tests)
	@cargo test --quiet --package serin-cluster -- --test-threads $(CLUSTER_TEST_THREADS)

# What neither test-cluster nor CI waits for: Argo CD and Flux are some ten minutes of one core to build.
test-gitops: setup cluster build wasm ## Run README's recipes for Argo CD and Flux by their own controllers (needs Go the first time)
	@cargo xtask gitops
	$(call first-time,target/debug/deps/serin_cluster-*,the tests)
	@cargo test --quiet --package serin-cluster --test gitops -- --test-threads $(CLUSTER_TEST_THREADS)

test-releases: setup releases wasm ## Run the module and the examples on the Envoy releases of the last year
	@cargo test --quiet --package serin-tests --test all -- releases::

# How much of it is done, in percent.
SOAK_PERCENT ?= 100

soak: setup wasm ## Send Envoy 5 million hostile requests, and change everything under such a load
	@cargo run --quiet --release --package serin-tests --bin soak -- $(SOAK_PERCENT)

# Each target's time.
FUZZ_SECONDS ?= 600

fuzz: ## Run each fuzz target for ten minutes (FUZZ_SECONDS=60 for one)
	@cargo xtask fuzz --seconds $(FUZZ_SECONDS)

demo: setup build wasm ## Roll canaries out on a real Envoy, and watch what the judge makes of them
	$(call first-time,target/release/demo,the demo)
	@$(DEMO)

demo-keep: setup build wasm ## The same, and leave it running to look at
	$(call first-time,target/release/demo,the demo)
	@$(DEMO) -- --keep

demo-istio: setup cluster build wasm ## The same acts on a real Kubernetes and a real Istio (needs Go the first time)
	$(call first-time,target/release/demo_istio,the demo)
	@cargo build --quiet --release --package serin-cluster --bins
	@target/release/demo_istio

lint: ## Check formatting, lints, layers, licences and sources
	@cargo xtask lint

advisories: ## Check the dependencies against the advisory database (needs the network)
	@cargo xtask advisories

bench: setup wasm ## Measure how long a change takes to the last worker
	$(call first-time,target/release/bench,the benchmark)
	@cargo run --quiet --release --package serin-tests --bin bench

bench-filter: setup wasm ## Measure what the filter costs Envoy, beside no filter, Lua and other modules
	$(call first-time,target/release/bench_filter,the benchmark)
	@cargo xtask modules
	@cargo run --quiet --release --package serin-tests --bin bench_filter

bench-judge: ## Simulate rollouts: false alarms and time to detect, beside other rules
	$(call first-time,target/release/bench_judge,the simulation)
	@cargo run --quiet --release --package serin-tests --bin bench_judge

bench-detect: setup build wasm ## Measure how long it takes from a fault to the decision to go back
	$(call first-time,target/release/bench_detect,the benchmark)
	@cargo run --quiet --release --package serin-tests --bin bench_detect

bench-tripwire: setup build wasm ## Measure how fast a tripwire trips, and simulate how rarely it does for nothing
	$(call first-time,target/release/bench_tripwire,the benchmark)
	@cargo run --quiet --release --package serin-tests --bin bench_tripwire

bench-page: browser build ## Measure how soon a browser shows a list of 1,000 releases
	$(call first-time,target/release/bench_page,the benchmark)
	@cargo run --quiet --release --package serin-tests --bin bench_page

page-picture: setup browser build wasm ## Take README's picture of the page, by the test that watches a rollout
	@SERIN_PICTURE=$(CURDIR)/docs/page.png cargo test --quiet --package serin-tests --test all -- page::rollout

bench-assign: build ## Measure what it costs to ask serve-assign for a mark, beside a bare server
	$(call first-time,target/release/bench_assign,the benchmark)
	@cargo run --quiet --release --package serin-tests --bin bench_assign

# The cluster's own program for each pod lies beside the benchmark.
bench-controller: setup cluster build wasm ## Measure the controller beside Flagger, and with 1,000 releases (half an hour; needs Go the first time)
	@cargo xtask flagger
	$(call first-time,target/release/bench_controller,the benchmark)
	@cargo build --quiet --release --package serin-cluster --bins
	@target/release/bench_controller

clean: ## Remove target/ (the fetched parts stay in the cache)
	@cache=$$(cargo xtask cache) && rm -rf target && \
		echo "removed target/; what was fetched stays in $$cache"
