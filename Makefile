# PowerLogger. Every target is one line into a script or the binary.

CARGO = $$(scripts/toolchain.sh)

.PHONY: help demo run build test check bench clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | sort | expand -t 12

demo: ## Build and run the true daemon on a simulated house (no hardware, no server)
	@scripts/demo.sh

run: ## Build and run on the hardware, with ./.env and ./powerlogger.toml
	@cargo=$(CARGO) && "$$cargo" build --release && exec target/release/powerlogger run

build: ## Build the program into target/release
	@cargo=$(CARGO) && "$$cargo" build --release

test: ## Check format, lints and docs, and run all tests
	@scripts/test.sh

check: ## The same, and cargo deny where it is installed
	@scripts/test.sh
	@if cargo deny --version >/dev/null 2>&1; then cargo deny check; else echo "cargo deny is not installed: licences and advisories not checked"; fi

bench: ## Measure what docs/performance.md states
	@cargo=$(CARGO) && "$$cargo" bench

clean: ## Remove what was built (and an old venv/ of the Python edition)
	rm -rf target
	@if [ -f venv/pyvenv.cfg ]; then echo "removing venv/ of the Python edition"; rm -rf venv; fi
