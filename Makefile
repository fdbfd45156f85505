# make run    the whole pipeline on this machine, with a simulator       make test    the suite; JOBS=2: two files at a time
# make test-faults   kills, cuts and refusals on a real Kafka; SEEDS=n repeats each, RATE=n frames/s
# make guarantees    the same, and its table goes into docs/guarantees.md
# make bench  beside its peers, into docs/benchmarks.md; make bench-smoke: whether it runs
# make check-stack  compose files, Dockerfile, shell scripts            make lock-image, lock-stack   theirs
# make bench-idle  what the embedded stack costs at rest
# make check  format, lint, types, layers                                make lock    refresh requirements.lock
# make check-watch   rules, alerts, receivers                            make dashboards  grafana/dashboards, from grafana/*.py
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= 0

.PHONY: run test test-faults guarantees check check-watch dashboards fmt bench bench-smoke bench-idle lock lock-bench clean

run: $(VENV)/.installed
	@exec $(BIN)/bluflow run

test: $(VENV)/.installed
	@$(BIN)/pytest --ignore=tests/faults -n $(JOBS) --dist loadfile --no-loadscope-reorder

test-faults: $(VENV)/.installed
	@bash scripts/kafka.sh
	@$(BIN)/pytest tests/faults

guarantees: $(VENV)/.installed
	@bash scripts/kafka.sh
	@GUARANTEES=write $(BIN)/pytest tests/faults

check: $(VENV)/.installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# What Prometheus and Alertmanager read, by promtool and amtool, which bash scripts/debian.sh gets.
check-watch: $(VENV)/.installed
	@bash scripts/check_watch.sh

dashboards: $(VENV)/.installed
	@$(BIN)/python -m grafana

fmt: $(VENV)/.installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: check-stack lock-image lock-stack
# The tools want other versions than ours of what both use: an environment of their own.
check-stack: $(VENV)/.installed .build/stack/.installed
	@bash scripts/check_stack.sh

.build/stack/.installed: scripts/stack-tools.lock scripts/compose/main.go scripts/compose/go.sum
	@sh scripts/stack_tools.sh $(PYTHON)

bench: $(VENV)/.installed .build/bench/.installed
	@bash scripts/kafka.sh
	@$(BIN)/python -m benchmarks --write --seconds 600

bench-smoke: $(VENV)/.installed .build/bench/.installed
	@$(BIN)/python -m benchmarks --smoke

bench-idle: $(VENV)/.installed
	@$(BIN)/python -m benchmarks.idle

# Stamped with the lock: a changed lock makes the environment anew.
$(VENV)/.installed: requirements.lock pyproject.toml
	@sh scripts/venv.sh $(PYTHON) $(VENV)
	@touch $@

# Peers that cannot be installed are named in the tables: no reason to measure nothing.
.build/bench/.installed: requirements-bench.lock
	@-sh scripts/bench.sh $(PYTHON)

lock:
	uv pip compile --generate-hashes --no-header --universal --python-version 3.11 --group dev pyproject.toml -o requirements.lock --no-emit-index-url --no-annotate

lock-bench:
	uv pip compile --generate-hashes --no-header --python-version 3.11 benchmarks/requirements.in -o requirements-bench.lock --no-emit-index-url --no-annotate --no-emit-package pyric

lock-image:
	uv pip compile --generate-hashes --no-header --universal --python-version 3.11 -c requirements.lock pyproject.toml -o requirements-image.lock --no-emit-index-url --no-annotate

lock-stack:
	uv pip compile --generate-hashes --no-header --python-version 3.11 scripts/stack-tools.in -o scripts/stack-tools.lock --no-emit-index-url --no-annotate

clean:
	rm -rf $(VENV)
