# `make help` lists the targets.
PY := .venv/bin/python
OCW := .venv/bin/ocw
LOCKED := .venv/.locked

.DEFAULT_GOAL := help
.PHONY: help install demo live-demo test test-live test-crash test-parity test-image lint format bench bench-gate bench-bandit bench-regime bench-signals bench-judge bench-live bench-prompt bench-dashboard bench-journal lock clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

install: $(LOCKED)  ## make .venv with the locked packages
$(LOCKED): requirements.lock pyproject.toml .python-version .ci/bootstrap
	@./.ci/bootstrap
	@touch $@

demo: install  ## sample market -> backtest -> report
	@$(OCW) demo

test: install lint  ## lint, strict types and the test suite
	@$(PY) -m pytest -n 2

live-demo: install  ## a live node on the loopback venue, watched: trades, halt, kill, restart; no key, under 3 minutes
	@$(PY) -m tests.live.demo

test-live: install  ## a live node as a process against the loopback venue: trades, is killed, starts again
	@$(PY) -m pytest -m slow tests/live tests/dashboard

POINTS ?= 300
SEED ?= 1
test-crash: install  ## a live node killed, cut off and lied to at random, judged from the venue (POINTS= SEED= MUTATION=)
	@$(PY) -m tests.live.crash --points $(POINTS) --seed $(SEED) $(if $(MUTATION),--mutation $(MUTATION))

HOURS ?= 24
test-parity: install  ## the same hours of market through a backtest and a live node: same verdicts, same orders (HOURS=)
	@$(PY) -m tests.live.parity --hours $(HOURS)

lint: install  ## ruff and mypy
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy

format: install  ## let ruff rewrite
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

bench: install  ## speed and memory of a year, as ratios to a no-op strategy
	@$(PY) -m tests.bench.speed

DATA ?= ../shared/data/binance_usdm
FIT ?= 2023-01-01:2024-01-01
TEST ?= 2024-01-01:2025-07-01
bench-gate: install  ## does the gate earn its keep, on real 15-minute bars (DATA= FIT= TEST=)
	@$(PY) -m tests.bench.gate --data $(DATA) --fit $(FIT) --test $(TEST)

bench-bandit: install  ## regret of the bandit on piecewise-stationary rewards
	@$(PY) -m tests.bench.bandit

bench-regime: install  ## true regimes of the sample market recovered by the filtered HMM
	@$(PY) -m tests.bench.regime

bench-signals: install  ## informative signals ranked above useless ones, on the sample market
	@$(PY) -m tests.bench.signals

bench-judge: install  ## how often the judge passes noise, and finds a planted edge
	@$(PY) -m tests.bench.judge

bench-live: install  ## a live node on loopback: lag of its loop, bar to order, memory, time to stop
	@$(PY) -m tests.bench.live

PROMPT ?= --start 2025-01-01 --end 2025-07-01
bench-prompt: install  ## size of prompts and cost of a month of decisions, ESTIMATE (DATA= PROMPT=; without DATA's folder, the sample market)
	@if [ -d $(DATA) ]; then $(PY) -m tests.bench.prompt --data $(DATA) $(PROMPT); else $(PY) -m tests.bench.prompt; fi

bench-dashboard: install  ## how quickly the dashboard answers at the end of a simulated month
	@$(PY) -m tests.bench.dashboard

MONTHS ?= 3
bench-journal: install  ## how a live node's journal grows by the month, table by table (MONTHS=)
	@$(PY) -m tests.bench.journal --months $(MONTHS)

test-image: install  ## carry out the Dockerfile's steps in clean roots and run what comes out (root, debootstrap)
	@$(PY) -m pytest tests/test_image.py -m slow -s

lock: install  ## resolve the dependencies anew, with hashes
	@uv=.uv/bin/uv; [ -x $$uv ] || uv=uv; \
	$$uv pip compile --quiet --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header \
	  --python-version 3.13 --universal --all-extras --group dev pyproject.toml -o requirements.lock && \
	$$uv pip compile --quiet --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header \
	  --python-version 3.13 --universal --extra dashboard -c requirements.lock pyproject.toml -o requirements-runtime.lock && \
	echo hatchling | $$uv pip compile --quiet --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header \
	  --python-version 3.13 --universal -c requirements.lock - -o requirements-build.lock

clean:  ## remove what the targets made
	rm -rf .venv .uv runs build
