# The commands people use. Each does its own set-up; `make test` and `make demo` share one dev build.
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup build demo test format lint licences sbom release bench fuzz clean-work

help: ## shows this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## installs what the tests need (Debian, PyPI and npm packages; the latter two into .work)
	@tests/setup/install.sh

build: ## compiles the gateway, dev profile
	@tests/setup/install.sh --build
	cargo build --locked

demo: build ## starts a sandbox and the gateway and shows real exchanges
	@cargo run --quiet --locked -- demo

test: setup licences format lint ## everything that must hold before a change lands
	@tests/setup/count.py --workspace --locked --no-fail-fast

format:
	cargo fmt --all --check

lint:
	cargo clippy --workspace --all-targets --locked -- --deny warnings
	cargo clippy --package cli --no-default-features --locked -- --deny warnings

licences:
	@tests/setup/licences.py

sbom: ## prints what the binary is made of (CycloneDX)
	@deploy/sbom.py

release: ## builds the binary to install, laid out by a profile of its own exchanges; prints its path
	@tests/setup/install.sh --bench
	@deploy/release.sh

bench: ## measures the gateway beside nginx, HAProxy and Envoy; writes tests/bench/RESULTS.md
	@tests/setup/install.sh --bench
	@python3 tests/bench/bench.py $(BENCH)
	@python3 tests/bench/validators.py

# The targets need nightly's sanitizer flags, which RUSTC_BOOTSTRAP=1 unlocks on a stable toolchain.
FUZZ_SECONDS ?= 600
fuzz: ## fuzzes one reader: make fuzz TARGET=name [FUZZ_SECONDS=600]; needs `cargo install cargo-fuzz`
	@test -n "$(TARGET)" || { ls fuzz/corpus; echo "usage: make fuzz TARGET=name"; exit 2; }
	@mkdir -p fuzz/corpus-local/$(TARGET)
	cd fuzz && RUSTC_BOOTSTRAP=1 cargo fuzz run $(TARGET) corpus-local/$(TARGET) corpus/$(TARGET) -- \
		-dict=$(TARGET).dict -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=2048 -max_len=8192

clean-work: ## removes what the tests installed and left behind
	rm -rf .work
