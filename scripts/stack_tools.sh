#!/bin/sh
# The tools of `make check-stack` in an environment of their own, .build/stack, as scripts/stack-tools.lock names them.
python=${1:-python3}
fail() { echo "bluflow: $1" >&2; exit 2; }

echo "bluflow: making .build/stack (once, about a minute)"
mkdir -p .build || fail "cannot make .build"
"$python" -m venv --clear .build/stack || fail "cannot make .build/stack"
.build/stack/bin/python -m pip install -q --disable-pip-version-check --require-hashes --only-binary :all: \
    -r scripts/stack-tools.lock || fail "cannot install what scripts/stack-tools.lock names"
PATH=$PWD/.build/stack/bin:$PATH
(cd scripts/compose && GOFLAGS=-mod=readonly GOTOOLCHAIN=local go build -o ../../.build/stack/bin/compose .) ||
    fail "cannot build scripts/compose; are its Go modules (go.sum) to be had?"
touch .build/stack/.installed
