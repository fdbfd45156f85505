#!/usr/bin/env bash
# Starts the agent, whose configuration is one file: what it reads, and start.sh's argument, tls.alloy or poc.alloy.
set -euo pipefail
here=$(dirname "$0")
made=${TMPDIR:-/tmp}/config.alloy
cat "$here/config.alloy" "$here/${1:?tls.alloy or poc.alloy}" >"$made"
exec "${ALLOY:-alloy}" run --storage.path=/var/lib/alloy --server.http.listen-addr=0.0.0.0:12345 "$made"
