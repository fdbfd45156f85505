#!/bin/sh
# The peers of `make bench` in an environment of their own, .build/bench, as requirements-bench.lock names them.
# --no-deps: a package that is needed by no import of ours (pyric) has no wheel and is left out of the lock.
python=${1:-python3}
fail() { echo "bluflow: $1" >&2; exit 2; }

echo "bluflow: making .build/bench (once, about a minute)"
mkdir -p .build || fail "cannot make .build"
"$python" -m venv --clear .build/bench || fail "cannot make .build/bench"
.build/bench/bin/python -m pip install -q --disable-pip-version-check --require-hashes --no-deps --only-binary :all: \
    -r requirements-bench.lock || fail "cannot install the peers; their part of the tables will say so"
touch .build/bench/.installed
