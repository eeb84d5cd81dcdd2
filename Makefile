# Every target sets up what it needs: on a fresh Debian 12 from apt and PyPI, offline from what is already there.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
# Workers and the commands of tests would compile every module again at each start.
unexport PYTHONDONTWRITEBYTECODE

# Debian's own interpreter first: one from somebody's home cannot be entered by the service user of the tests.
SYSTEM_PYTHON := $(or $(wildcard /usr/bin/python3),$(shell command -v python3),/usr/bin/python3)
PYTHON := .venv/bin/python
# A second call is instant; a moved clone, a changed pyproject.toml or another interpreter sets up again.
VERSION := $(shell (pwd; cat pyproject.toml; $(SYSTEM_PYTHON) -VV) 2>&1 | sha256sum | cut -c1-12)
PRODUCT := .venv/.product-$(VERSION)
READY := .venv/.ready-$(VERSION)
# What the product under test is called with: `make test PYTHON_FLAGS=-O` strips its `assert`s, not those of the tests.
PYTHON_FLAGS :=
# Tests run side by side, four to a processor, because most of them wait, and one to a GB of memory; a file that is run by
# hand has none beside it.
PROCESSORS := $(shell nproc)
GB_OF_MEMORY := $(shell awk '/^MemAvailable/ {print int($$2 / 1048576)}' /proc/meminfo)
WORKERS := $(shell awk -v most=$$((4 * $(PROCESSORS))) -v gb=$(GB_OF_MEMORY) \
	'BEGIN {if (most > 12) most = 12; if (gb < most) most = gb; print most < 1 ? 1 : most}')
# What the tests call, and the Debian package that has it; installed only as root, and only when missing.
TEST_TOOLS := setpriv:util-linux unshare:util-linux flock:util-linux mount:mount cron:cron linux.uml:user-mode-linux \
	zsh:zsh fish:fish faketime:faketime dh_bash-completion:bash-completion man:man-db mandoc:mandoc \
	mkfs.ext4:e2fsprogs findmnt:util-linux mmdebstrap:mmdebstrap nsenter:util-linux ip:iproute2 \
	ssh:openssh-client chromium-headless-shell:chromium-headless-shell \
	systemd-sysusers:systemd-standalone-sysusers systemd-tmpfiles:systemd-standalone-tmpfiles
SYSTEMD := .venv/systemd
ALERTMANAGER := .venv/alertmanager
PROMETHEUS := .venv/prometheus
RSYSLOG := .venv/rsyslog
NGINX := .venv/nginx
CADDY := .venv/caddy
SSHD := .venv/sshd
DEBIAN := .venv/debian
# Quiet, unless it fails.
define APT_INSTALL
apt_install() {
	local output; output=$$(mktemp)
	{ apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$$@"; } \
		</dev/null >"$$output" 2>&1 || { cat "$$output" >&2; rm -f "$$output"; return 1; }
	rm -f "$$output"
}
endef
define INSTALL_TEST_TOOLS
$(APT_INSTALL)
missing=$$(for tool in $(TEST_TOOLS); do command -v $${tool%:*} >/dev/null || echo $${tool#*:}; done)
if [ -n "$$missing" ] && [ "$$(id -u)" = 0 ]; then
	echo "Installing from Debian what the tests use: $$missing"
	apt_install $$missing
fi
# systemd itself would replace programs of a host that has another init: systemd-analyze is unpacked beside it.
if [ "$$(id -u)" = 0 ] && ! command -v systemd-analyze >/dev/null && [ ! -d $(SYSTEMD) ]; then
	echo "Unpacking systemd-analyze from Debian"
	rm -rf $(SYSTEMD).new; mkdir -p $(SYSTEMD).new
	(cd $(SYSTEMD).new; apt-get -qq download systemd libsystemd-shared 2>/dev/null || { apt-get -qq update; apt-get -qq download systemd libsystemd-shared; }
	for package in *.deb; do dpkg -x "$$package" .; rm "$$package"; done)
	mv $(SYSTEMD).new $(SYSTEMD)
fi
# Installed, it would run as a service of this host.
if [ "$$(id -u)" = 0 ] && ! command -v prometheus-alertmanager >/dev/null && [ ! -d $(ALERTMANAGER) ]; then
	echo "Unpacking prometheus-alertmanager from Debian"
	rm -rf $(ALERTMANAGER).new; mkdir -p $(ALERTMANAGER).new
	(cd $(ALERTMANAGER).new; apt-get -qq download prometheus-alertmanager 2>/dev/null || { apt-get -qq update; apt-get -qq download prometheus-alertmanager; }
	for package in *.deb; do dpkg -x "$$package" .; rm "$$package"; done)
	mv $(ALERTMANAGER).new $(ALERTMANAGER)
fi
# The package would start a server: of its 19 MB only promtool is unpacked.
if [ "$$(id -u)" = 0 ] && ! command -v promtool >/dev/null && [ ! -d $(PROMETHEUS) ]; then
	echo "Unpacking promtool from Debian"
	rm -rf $(PROMETHEUS).new; mkdir -p $(PROMETHEUS).new
	(cd $(PROMETHEUS).new; apt-get -qq download prometheus 2>/dev/null || { apt-get -qq update; apt-get -qq download prometheus; }
	dpkg --fsys-tarfile prometheus_*.deb | tar -x ./usr/bin/promtool; rm prometheus_*.deb)
	mv $(PROMETHEUS).new $(PROMETHEUS)
fi
# Installed, it would run as a service of this host, and write what the host logs.
if [ "$$(id -u)" = 0 ] && ! command -v rsyslogd >/dev/null && [ ! -d $(RSYSLOG) ]; then
	echo "Unpacking rsyslog from Debian"
	rm -rf $(RSYSLOG).new; mkdir -p $(RSYSLOG).new
	(cd $(RSYSLOG).new; packages="rsyslog libestr0 libfastjson4 liblognorm5"
	apt-get -qq download $$packages 2>/dev/null || { apt-get -qq update; apt-get -qq download $$packages; }
	for package in *.deb; do dpkg -x "$$package" .; rm "$$package"; done)
	mv $(RSYSLOG).new $(RSYSLOG)
fi
# Installed, it would serve a page on port 80 of this host: only its program is unpacked.
if [ "$$(id -u)" = 0 ] && ! command -v nginx >/dev/null && [ ! -d $(NGINX) ]; then
	echo "Unpacking nginx from Debian"
	rm -rf $(NGINX).new; mkdir -p $(NGINX).new
	(cd $(NGINX).new; apt-get -qq download nginx 2>/dev/null || { apt-get -qq update; apt-get -qq download nginx; }
	dpkg --fsys-tarfile nginx_*.deb | tar -x ./usr/sbin/nginx; rm nginx_*.deb)
	mv $(NGINX).new $(NGINX)
fi
if [ "$$(id -u)" = 0 ] && ! command -v caddy >/dev/null && [ ! -d $(CADDY) ]; then
	echo "Unpacking caddy from Debian"
	rm -rf $(CADDY).new; mkdir -p $(CADDY).new
	(cd $(CADDY).new; apt-get -qq download caddy 2>/dev/null || { apt-get -qq update; apt-get -qq download caddy; }
	dpkg --fsys-tarfile caddy_*.deb | tar -x ./usr/bin/caddy; rm caddy_*.deb)
	mv $(CADDY).new $(CADDY)
fi
# Installed, it would let people log in to this host.
if [ "$$(id -u)" = 0 ] && ! [ -x /usr/sbin/sshd ] && [ ! -d $(SSHD) ]; then
	echo "Unpacking sshd from Debian"
	rm -rf $(SSHD).new; mkdir -p $(SSHD).new
	(cd $(SSHD).new; packages="openssh-server libwrap0"
	apt-get -qq download $$packages 2>/dev/null || { apt-get -qq update; apt-get -qq download $$packages; }
	dpkg --fsys-tarfile openssh-server_*.deb | tar -x ./usr/sbin/sshd; rm openssh-server_*.deb
	dpkg -x libwrap0_*.deb .; rm libwrap0_*.deb)
	mv $(SSHD).new $(SSHD)
fi
endef
define RUFF
$(PYTHON) -m ruff check --quiet .
$(PYTHON) -m ruff format --check --quiet . || { echo "hint: $(PYTHON) -m ruff format ." >&2; exit 1; }
endef
PIP := $(PYTHON) -m pip --disable-pip-version-check --quiet

.PHONY: help setup demo test quick lint bench faults torture fuzz docs release release-check deb deb-check clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

setup: $(READY) ## the virtual environment .venv (all others do this by themselves)

$(PRODUCT):
	@$(APT_INSTALL)
	if ! $(PYTHON) -c 'import pip' 2>/dev/null || [ "$$($(PYTHON) -VV)" != "$$($(SYSTEM_PYTHON) -VV)" ]; then
		if ! $(SYSTEM_PYTHON) -c 'import ensurepip, venv' 2>/dev/null; then
			if [ "$$(id -u)" != 0 ]; then
				echo "Python cannot make virtual environments here" >&2
				echo "  hint: sudo apt-get install python3-venv" >&2; exit 1
			fi
			echo "Installing python3-venv from Debian"
			apt_install python3-venv
		fi
		if ! $(SYSTEM_PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
			echo "process-control needs Python 3.11 or later; $$($(SYSTEM_PYTHON) --version) is $(SYSTEM_PYTHON)" >&2; exit 1
		fi
		echo "Making .venv with $(SYSTEM_PYTHON)"
		rm -rf .venv
		$(SYSTEM_PYTHON) -m venv .venv
	fi
	echo "Installing process-control into .venv (the first time this downloads 5 MB, which can take a minute)"
	$(PIP) install 'hatchling>=1.27'
	$(PIP) install --no-build-isolation --editable .
	rm -f .venv/.product-* .venv/.ready-*
	touch $@

$(READY): $(PRODUCT)
	@echo "Installing linters and test tools into .venv (the first time this downloads 200 MB, which can take minutes)"
	$(PIP) install --no-compile --no-build-isolation --editable '.[dev]'
	touch $@

demo: $(PRODUCT) ## a succeeding, a failing, a timing-out and a multi-command job, and what the history shows
	@$(PYTHON) demo/demo.py

# The network gives what Debian has beside what PyPI has, so both are fetched side by side, and a clean Debian 12 is made,
# in which tests install the package: they wait for it. mypy takes one processor for seconds: it runs beside the tests,
# and its output comes behind them. In a fresh clone one process compiles all tests meanwhile: the workers, who begin
# together, would each do so.
test: $(PRODUCT) ## linters and all tests: what CI runs
	@($(INSTALL_TEST_TOOLS)
	if [ "$$(id -u)" = 0 ] && [ ! -d $(DEBIAN) ]; then tests/kit/make_debian_tree $(DEBIAN) >/dev/null 2>&1 & fi
	$(PYTHON) -m compileall -q src) &
	installing=$$!
	$(MAKE) $(READY)
	$(RUFF)
	output=$$(mktemp)
	$(PYTHON) -m mypy >"$$output" 2>&1 &
	mypy=$$!
	trap 'kill $$mypy 2>/dev/null || true; rm -f "$$output"' EXIT
	[ -d tests/core/__pycache__ ] || $(PYTHON) -m pytest --collect-only --quiet >/dev/null 2>&1 || true
	wait $$installing
	own=()
	if [ "$$(id -u)" = 0 ] && [ $(GB_OF_MEMORY) -ge 8 ] && tests/kit/with_own_tmp true 2>/dev/null; then
		own+=(tests/kit/with_own_tmp)
	fi
	if [ "$$(id -u)" = 0 ] && [ "$$(env -u TZ date +%Z)" != UTC ] && tests/kit/with_zone Etc/UTC true 2>/dev/null; then
		own+=(tests/kit/with_zone Etc/UTC)
	fi
	failed=0
	PROCESS_CONTROL_PYTHON_FLAGS='$(PYTHON_FLAGS)' "$${own[@]}" $(PYTHON) -m pytest $(if $(filter 1,$(WORKERS)),,--numprocesses $(WORKERS)) || failed=$$?
	wait $$mypy || failed=$$?
	trap 'rm -f "$$output"' EXIT
	cat "$$output"
	exit $$failed

# Without what asks other programs, or simulates days: a third of the time of the others.
QUICK := tests/core tests/config tests/test_layers.py tests/test_house_style.py tests/test_words.py \
	$(addprefix --ignore tests/,core/test_on_calendar.py core/test_simulated_days.py config/test_calendars.py)
quick: $(READY) ## decisions, job files, layers, style, without the storms: seconds, while you work
	@$(PYTHON) -m pytest --quiet -m 'not fault' --numprocesses $(PROCESSORS) $(QUICK)

lint: $(READY) ## ruff and mypy --strict
	@$(RUFF)
	$(PYTHON) -m mypy

bench: $(READY) ## every speed promise against its goal and other programs; ONLY='cold capture', KEEP=1 for docs/
	@$(PYTHON) bench $(if $(ONLY),--only $(ONLY)) $(if $(KEEP),--keep)

faults: $(READY) ## the storms at full size, one table at the end; ONLY='lock file' SIZE=0.1 KEEP=1
	@$(INSTALL_TEST_TOOLS)
	$(PYTHON) tests/kit/faults.py $(if $(ONLY),--only '$(ONLY)') $(if $(SIZE),--size $(SIZE)) $(if $(KEEP),--keep)

torture: $(READY) ## simulated days of the scheduler: a seed decides every fault (SEED=1 ROUNDS=100)
	@PYTHONPATH=src:tests $(PYTHON) tests/kit/simulated_days.py --seed $(or $(SEED),1) --rounds $(or $(ROUNDS),100)

fuzz: $(READY) ## a search guided by coverage for what a reader falls over (SECONDS= for each, ONLY=)
	@$(PYTHON) -c 'import atheris' 2>/dev/null || $(PIP) install --no-build-isolation --editable '.[fuzz]'
	$(PYTHON) tests/fuzz/search.py --seconds $(or $(SECONDS),30) --only '$(ONLY)'
	$(if $(ONLY),,PROCESS_CONTROL_API_EXAMPLES=300 $(PYTHON) -m pytest --quiet tests/web/test_api_schema.py)

docs: $(READY) ## the pages of docs/ as a site, with a search that works offline: build/site/index.html
	@$(PYTHON) -m sphinx --fail-on-warning --keep-going --quiet docs build/site
	echo "build/site/index.html"

release: $(READY) ## wheel and sdist of HEAD in dist/, built twice and compared (DRAFT=1 before the changelog has a date)
	@$(PYTHON) -m tools.release $(if $(DRAFT),--draft)

release-check: $(READY) ## install the wheel of dist/ in a fresh virtual environment, and do there what the pages say
	@$(INSTALL_TEST_TOOLS)
	wheel=$$(ls dist/*.whl 2>/dev/null) || { echo "dist/ has no wheel" >&2; echo "  hint: make release" >&2; exit 1; }
	(cd dist; sha256sum --check --quiet SHA256SUMS)
	PROCESS_CONTROL_WHEEL=$$wheel $(PYTHON) -m pytest --quiet tests/test_docs.py tests/test_demo.py tests/cli/test_installed_commands.py

deb: $(READY) ## a package for Debian 12 in dist/ (DEB_VERSION=0.1.0-1)
	@$(PYTHON) -m tools.deb $(if $(DEB_VERSION),--version '$(DEB_VERSION)')

deb-check: $(READY) ## lintian about the package of dist/, and its tests in a clean Debian
	@$(INSTALL_TEST_TOOLS)
	deb=$$(ls dist/*.deb 2>/dev/null) || { echo "dist/ has no package" >&2; echo "  hint: make deb" >&2; exit 1; }
	command -v lintian >/dev/null || { apt_install lintian; }
	lintian --allow-root --fail-on error,warning $$deb
	PROCESS_CONTROL_DEB=$$PWD/$$deb $(PYTHON) -m pytest --quiet tests/package

clean: ## remove caches and build results (.venv stays: rm -rf .venv)
	@rm -rf build dist bench/results .hypothesis .mypy_cache .pytest_cache .ruff_cache /tmp/process-control-tests-$$(id -u)
	find . -path ./.venv -prune -o -name __pycache__ -type d -print0 | xargs -0 rm -rf
