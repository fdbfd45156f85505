#!/usr/bin/env bash
# Starts one node. rpk writes its configuration anew by renaming, which a mounted file forbids: it works on a copy.
#   NAME   this node, as the others and the clients reach it      SEEDS   other nodes, host:port[,host:port]; empty: alone
#   CORES, MEMORY   what it may use       ADMIN_PASSWORD_FILE   the superuser's; empty: nobody logs in (compose.poc.yml)
set -euo pipefail
: "${NAME:?}" "${CORES:=1}" "${MEMORY:=1G}" "${SEEDS:=}" "${CONFIG:=/config}" "${ETC:=/etc/redpanda}"

kind=${ADMIN_PASSWORD_FILE:+redpanda}
sed "s/@NAME@/$NAME/g" "$CONFIG/${kind:-open}.yaml" >"$ETC/redpanda.yaml"
cp "$CONFIG/${kind:-open}.bootstrap.yaml" "$ETC/.bootstrap.yaml" # read at the first start of a cluster only
if [ -n "${ADMIN_PASSWORD_FILE:-}" ]; then
    password=$(cat "$ADMIN_PASSWORD_FILE")
    export RP_BOOTSTRAP_USER="admin:$password:SCRAM-SHA-256" # read at the first start of a cluster only
fi
start=(rpk redpanda start --smp "$CORES" --memory "$MEMORY" --reserve-memory 0M --overprovisioned --check=false)
if [ -n "$SEEDS" ]; then
    start+=(--seeds "$SEEDS")
    sed -i 's/empty_seed_starts_cluster: true/empty_seed_starts_cluster: false/' "$ETC/redpanda.yaml"
fi
exec "${start[@]}"
