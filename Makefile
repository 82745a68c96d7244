# What people do here; each target is one line.

.PHONY: help cases test busy review bench fuzz soak explore dist matrix lint ci

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

cases: ## run every case and print its picture, compared with snapshots/
	cargo run -- run --verbose

test: ## every case on three places, and the tests of the harness itself
	cargo test

busy: ## the tests, ten times beside neighbours who load the machine and use what is everybody's
	harness/tests/busy_neighbour.sh 10 cargo test

review: ## look at changed pictures one by one, and accept or reject them
	cargo insta test --review --test cases

bench: ## what a probe costs, against a bare fork loop in C
	cargo bench

fuzz: ## 20,000 hostile cases; a million inputs each for the parser and for what reads a victim's record
	FAULTMAP_FUZZ_CASES=20000 cargo test --release --test fuzz
	PROPTEST_CASES=1000000 cargo test --release --test parser_fuzz --test record_fuzz

soak: ## a million probes while workers are killed, disks are full, memory is short, ...
	FAULTMAP_SOAK_PROBES=1000000 cargo test --release --test soak -- --show-output

explore: ## a minute of random programs, kernel against model
	cargo run --release -- explore --for 60s

dist: ## one static file for each architecture, in target/dist/
	harness/dist.sh

matrix: ## the cases on every file system, kernel, emulator and sandbox that can be had here
	harness/machines/matrix.sh

lint: ## what CI asks of the text of the code
	cargo fmt --check && cargo clippy --all-targets -- -D warnings

ci: ## all that CI runs
	.ci/run
