.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
unexport PYTHONDONTWRITEBYTECODE  # some images set it, and each of the many processes would compile the toolkit anew, for two seconds
TRYTON := 'trytond<8.3' 'trytond_party<8.3' 'trytond_sale<8.3' 'trytond_web_shop<8.3' 'trytond_web_user<8.3' 'trytond_marketing_email<8.3'
MAILMAN := mailman==3.3.10 'sqlalchemy<2.1' 'falcon<4'

.PHONY: help demo lab test test-engines test-erasure-world test-faults test-canary test-erasure-kills real lint fuzz bench bench-batch bench-collect bench-workbook pictures lock audit bench-matching bench-logs bench-identifiers newcomer docs dist

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

demo: .venv/demo ## Invent a small company, answer its requests, say where the spreadsheets lie
	$(BIN)/dsar demo demo

lab: .venv/demo ## Open JupyterLab on the demo workspace
	@test -f demo/dsar.toml || $(BIN)/dsar demo demo
	$(BIN)/dsar --workspace demo lab

test: .venv/test ## Run the tests
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

test-engines: .venv/test ## One world on all engines: identical dossiers, and what each takes (QUICK=1: SQLite, PostgreSQL, DuckDB)
	$(BIN)/pytest -m "" -q -s tests/connectors/test_engines_world.py $(if $(QUICK),-k "not mariadb and not spark")

test-erasure-world: .venv/test ## Erase a thousand people on PostgreSQL, MariaDB, SQLite and logs, and compare everything (QUICK=1: a hundred, no servers)
	$(BIN)/python -m bench.erasure

test-faults: .venv/test ## Kill 200 times while it collects, answers, exports and erases, and compare the end (QUICK=1: 20 times)
	$(BIN)/python -m tests.faults.kills

test-canary: .venv/test ## The whole flow with marked values, searched for in all that was written where none belong (QUICK=1: within 50 seconds)
	$(BIN)/python -m bench.canary

test-erasure-kills: .venv/test ## kill -9 at a hundred random moments each: in databases, in log files, while nginx writes; and at each step of a purge, while sealing (KILLS=n)
	DSAR_KILLS=$(or $(KILLS),100) $(BIN)/pytest -q -s tests/run/test_erasure.py tests/run/test_purge.py tests/keep/test_vault.py \
	  tests/connectors/test_logerase.py tests/connectors/test_logerase_nginx.py tests/connectors/test_logkepterase.py -k "killed or a_kill_in"

real: .venv/test .venv-tryton/bin/trytond .venv-mailman/bin/mailman ## Install the systems of the slow tests (Spark, Tryton, Mailman, JupyterHub), and run these
	$(BIN)/pip install --quiet 'pyspark>=4,<4.1' 'jupyterhub>=5,<6'
	$(BIN)/pytest -m slow -n 2 --dist loadfile --durations=10

lint: .venv/test ## ruff, mypy --strict, import-linter
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

fuzz: .venv/test ## Ten minutes of broken input of every kind, then ten thousand frames of the nastiest cells written and re-read, then small worlds drawn at random
	DSAR_TIMES=60 $(BIN)/pytest -q --hypothesis-profile=default tests/fuzz
	DSAR_TIMES=167 $(BIN)/pytest -q --hypothesis-profile=default tests/answer/test_frames.py
	DSAR_TIMES=10 $(BIN)/pytest -q --hypothesis-profile=default tests/answer/test_nobody_elses.py tests/find/test_collect.py tests/find/test_similar.py tests/connectors/test_logs_kept.py

bench: bench-batch bench-collect bench-logs ## What requests cost, into bench/results.json and docs/performance.md (QUICK=1: each within 50 seconds, nothing written)

bench-batch: .venv/test ## CPU per request beside plain papermill; killed workers; scaling
	$(BIN)/python -m bench.batch

bench-collect: .venv/test ## Collecting for 1,000 requests beside 1, over 10 million log lines
	$(BIN)/python -m bench.collect

bench-workbook: .venv/test ## A million rows as a workbook, beside pandas; QUICK=1 for less than a minute
	$(BIN)/python bench/workbook.py

pictures: .venv/test ## Make the pictures of README and docs anew (needs soffice, pdftoppm, chromium); JupyterLab's come from its tests
	PYTHONPATH=. $(BIN)/python docs/pictures/make.py
	DSAR_PICTURES=docs/pictures $(BIN)/pytest -q tests/browser/test_lab.py

lock: ## Make the lock files anew from pyproject.toml (needs uv)
	uv pip compile pyproject.toml --group build --universal --generate-hashes --no-emit-index-url --no-annotate --no-header -q -o requirements.lock
	uv pip compile --group audit --universal --generate-hashes --no-emit-index-url --no-annotate --no-header -q -o requirements-audit.lock
	uv pip compile pyproject.toml --group build --extra test -c requirements.lock --universal --generate-hashes --no-emit-index-url --no-annotate --no-header -q -o requirements-test.lock

audit: .venv/demo .venv-audit/bin/pip-audit ## What this stands on: bill of materials, licences, and known vulnerabilities of what the lock pins
	mkdir -p build
	.venv-audit/bin/cyclonedx-py requirements requirements.lock --pyproject pyproject.toml --output-reproducible -o build/sbom.cdx.json
	.venv-audit/bin/pip-licenses --python=$(BIN)/python --from=mixed --format=markdown --order=license \
	  --packages $$(sed -nE 's/^([A-Za-z0-9._-]+)==.*/\1/p' requirements.lock) > docs/licences.md
	.venv-audit/bin/pip-audit --strict --require-hashes --disable-pip --requirement requirements.lock || \
	  { echo "not shown to be free of known vulnerabilities: the list above, or the data could not be reached"; exit 1; }

bench-matching: .venv/test ## Found and held against the truth for 10,000 people (QUICK=1: 1,000)
	$(BIN)/python -m bench.matching

bench-logs: .venv/test ## Look-ups in 10 M log lines, raw and kept, beside ripgrep (QUICK=1: 1 M, less than a minute)
	$(BIN)/python -m bench.logs

bench-identifiers: .venv/test ## Ways for many subjects to travel to a database, beside ours
	$(BIN)/python -m bench.identifiers

newcomer: ## Time a newcomer on a fresh clone, with warm and cold package cache, into docs/newcomer.md (WARM=1: warm alone)
	$(PYTHON) bench/newcomer.py

docs: .venv/test ## Build the documentation into build/site; warnings are errors
	$(BIN)/mkdocs build --strict --site-dir build/site

dist: .venv/test ## Build the sdist, and the wheel from it, into dist/
	rm -rf dist
	@said=$$($(BIN)/python -W ignore -c "from setuptools import build_meta; build_meta.build_sdist('dist')" 2>&1) || { echo "$$said" >&2; exit 1; }
	$(BIN)/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist dist/*.tar.gz
	rm -rf dsar.egg-info  # left here, its entry points would be found before those that are installed
	ls dist

.venv-tryton/bin/trytond:
	$(PYTHON) -m venv .venv-tryton
	.venv-tryton/bin/pip install --quiet $(TRYTON)

.venv-mailman/bin/mailman:
	$(PYTHON) -m venv .venv-mailman
	.venv-mailman/bin/pip install --quiet $(MAILMAN)

.venv-audit/bin/pip-audit: requirements-audit.lock
	test -x .venv-audit/bin/python || $(PYTHON) -m venv .venv-audit
	.venv-audit/bin/pip install --quiet --require-hashes -r requirements-audit.lock
	touch $@

.venv/demo: requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

.venv/test: requirements-test.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-test.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@ .venv/demo
