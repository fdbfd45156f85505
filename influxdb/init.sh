#!/usr/bin/env bash
# Makes the buckets with their retention and one token each for sinks, API and Grafana, with the least rights that serve.
# Run as often as you like: what is there stays, but a bucket's retention is set to what stands here.
#   INFLUX_HOST, INFLUX_ORG   the server     BUCKET   the readings'; the aggregates' are this name with _5m, _1h, _1d
#   ADMIN_TOKEN_FILE   who may do that       TOKENS   folder: each token goes into <reader>/token, mode 0600
set -euo pipefail
: "${BUCKET:=bluflow}" "${TOKENS:=/tokens}" "${INFLUX_ORG:?}"
INFLUX_TOKEN=$(cat "${ADMIN_TOKEN_FILE:?}")
export INFLUX_TOKEN
umask 077

bucket_id() { influx bucket list --hide-headers | awk -v name="$1" -F'\t' '$2 == name { print $1 }'; }

# Readings 30 days, windows of five minutes a year, of an hour and a day for ever (0s). The stream makes the windows.
ids=()
for each in "$BUCKET 30d" "${BUCKET}_5m 365d" "${BUCKET}_1h 0s" "${BUCKET}_1d 0s"; do
    read -r name keep <<<"$each"
    id=$(bucket_id "$name")
    if [ -z "$id" ]; then
        influx bucket create --name "$name" --retention "$keep" >/dev/null
        id=$(bucket_id "$name")
        echo "bucket $name: made, keeps $keep"
    else
        influx bucket update --id "$id" --retention "$keep" >/dev/null
        echo "bucket $name: there, keeps $keep"
    fi
    ids+=("$id")
done

# A sink also reads: it asks by name whether its buckets are there before it writes.
for reader in sinks api grafana; do
    file=$TOKENS/$reader/token
    if [ -s "$file" ]; then
        echo "token of $reader: there"
        continue
    fi
    rights=()
    for id in "${ids[@]}"; do
        rights+=(--read-bucket "$id")
        [ "$reader" != sinks ] || rights+=(--write-bucket "$id")
    done
    influx auth create --description "bluflow $reader" "${rights[@]}" --hide-headers |
        awk -F'\t' '{ print $3 }' >"$file.new"
    [ -s "$file.new" ] || { echo "influx gave no token for $reader" >&2; exit 1; }
    mv "$file.new" "$file"
    echo "token of $reader: made"
done
