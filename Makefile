# PowerLogger. Every target is one line into a script or the binary.
# Options for the binary pass through ARGS: make verify ARGS=--json

CARGO = $$(scripts/toolchain.sh)

.PHONY: help demo run build install uninstall setup-influxdb verify delete-buckets service-install \
	service-start service-stop service-restart service-status service-logs service-debug-on \
	service-debug-off test check bench clean fuzz \
	search cross-setup deb tarball package-check test-arm

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 20

demo: ## Build and run the true daemon on a simulated house, a summer evening with a month behind it
	@scripts/demo.sh

install: ## Build and install binary, unit, user, directories; creates .env if there is none
	@scripts/install.sh install

setup-influxdb: ## Create or repair InfluxDB buckets, tasks and tokens; safe to run again
	@scripts/powerlogger.sh setup $(ARGS)

verify: ## Check everything from the wire to the server
	@scripts/powerlogger.sh verify $(ARGS)

delete-buckets: ## Delete the four buckets with all their data (asks first)
	@scripts/powerlogger.sh delete-buckets $(ARGS)

run: ## Build and run on the hardware, with ./.env and ./powerlogger.toml
	@cargo=$(CARGO) && "$$cargo" build --release && exec target/release/powerlogger run

service-install: ## Start the installed service, now and at every boot
	@scripts/install.sh service

service-start: ## Start the service
	@scripts/service.sh start

service-stop: ## Stop the service
	@scripts/service.sh stop

service-restart: ## Restart the service
	@scripts/service.sh restart

service-status: ## Show how the service stands
	@scripts/service.sh status

service-logs: ## Follow the service's log
	@scripts/service.sh logs

service-debug-on: ## Log debug messages, too
	@scripts/service.sh debug-on

service-debug-off: ## Log as usual again
	@scripts/service.sh debug-off

uninstall: ## Remove what install has put there; configuration and journal stay
	@scripts/install.sh uninstall

build: ## Build the program into target/release
	@cargo=$(CARGO) && "$$cargo" build --release

test: ## Check format, lints and docs, and run all tests
	@scripts/test.sh

check: ## The same, and cargo deny where it is installed
	@scripts/test.sh
	@if cargo deny --version >/dev/null 2>&1; then cargo deny check; else echo "cargo deny is not installed: licences and advisories not checked"; fi

bench: ## Measure what docs/performance.md states
	@cargo=$(CARGO) && "$$cargo" bench

cross-setup: ## Prepare a Debian 12 (x86-64) for building the packages; ARGS=static: the tarball, too
	@scripts/package/cross-setup.sh $(ARGS)

deb: ## Make Debian packages for amd64, arm64 and armhf; ARGS=amd64: that one only
	@scripts/package/deb.sh $(ARGS)

tarball: ## Make the static tarball for ARMv6, the first Raspberry Pi and the Zero
	@scripts/package/tarball.sh

search: ## Look for an hour for what the tests do not find, with other seeds; MINUTES=120
	@scripts/search.sh

test-arm: ## Run the unit tests as ARMv7, through qemu; ARGS=journal: those only; ARCH=arm64
	@COMMAND=test scripts/package/build.sh $(or $(ARCH),armhf) --lib $(ARGS)

package-check: ## Prove the packages: same bytes twice, lintian, fresh Debian roots (root; some 30 minutes)
	@scripts/package/check.sh $(ARGS)

fuzz: ## Fuzz every reader of foreign bytes with cargo-fuzz, 15 minutes each (nightly); ARGS=journals: that one only
	@scripts/fuzz.sh $(ARGS)

clean: ## Remove what was built (and an old venv/ of the Python edition)
	rm -rf target
	@if [ -f venv/pyvenv.cfg ]; then echo "removing venv/ of the Python edition"; rm -rf venv; fi
