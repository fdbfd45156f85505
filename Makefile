# make run    the whole pipeline on this machine, with a simulator       make test    the suite
# make test-faults   kills, cuts and refusals on a real Kafka; SEEDS=n repeats each, RATE=n frames/s
# make guarantees    the same, and its table goes into docs/guarantees.md
# make bench-idle  what the embedded stack costs at rest
# make check  format, lint, types, layers                                make lock    refresh requirements.lock
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test test-faults guarantees check fmt bench-idle lock clean

run: $(VENV)/.installed
	@exec $(BIN)/bluflow run

test: $(VENV)/.installed
	@$(BIN)/pytest --ignore=tests/faults

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

fmt: $(VENV)/.installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench-idle: $(VENV)/.installed
	@$(BIN)/python -m benchmarks.idle

# Stamped with the lock: a changed lock makes the environment anew.
$(VENV)/.installed: requirements.lock pyproject.toml
	@sh scripts/venv.sh $(PYTHON) $(VENV)
	@touch $@

lock:
	uv pip compile --generate-hashes --no-header --universal --python-version 3.11 --group dev pyproject.toml -o requirements.lock --no-emit-index-url --no-annotate

clean:
	rm -rf $(VENV)
