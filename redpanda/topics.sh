#!/usr/bin/env bash
# Makes the topics of topics.list that are missing, and the client's user with its password and rights. Run as often as you like.
# Where a topic is there with another number of partitions it makes nothing, says how to migrate and ends with 1.
#   PREFIX, REPLICATION   of the topics
#   GENERATION   the one in use, if not the first: then the derived topics are `bluflow generation create`'s
#   CLIENT, CLIENT_PASSWORD_FILE, ADMIN_PASSWORD_FILE   empty: nobody logs in (compose.poc.yml); RPK_* are rpk's own
set -euo pipefail
: "${PREFIX:=shelly.}" "${REPLICATION:=1}" "${CLIENT:=}" "${ADMIN_PASSWORD_FILE:=}"
list=$(cat "$(dirname "$0")/topics.list")
[ -z "${GENERATION:-}" ] || list=$(grep -E '^(raw-frames|sensors|dead-letters)\.' <<<"$list")

if [ -n "$ADMIN_PASSWORD_FILE" ]; then
    RPK_PASS=$(cat "$ADMIN_PASSWORD_FILE")
    export RPK_PASS
fi

there=$(rpk topic list)
wrong=0
while read -r name partitions _; do
    found=$(awk -v name="$PREFIX$name" '$1 == name { print $2 }' <<<"$there")
    if [ -n "$found" ] && [ "$found" != "$partitions" ]; then
        echo "topic $PREFIX$name has $found partitions, not $partitions, and that never changes in place:" \
            "make a new generation (docs/generations.md)" >&2
        wrong=1
    fi
done <<<"$list"
[ "$wrong" = 0 ] || exit 1

while read -r name partitions settings; do
    if awk -v name="$PREFIX$name" '$1 == name { found = 1 } END { exit !found }' <<<"$there"; then
        continue
    fi
    make=(rpk topic create "$PREFIX$name" --partitions "$partitions" --replicas "$REPLICATION")
    for setting in $settings; do
        make+=(--topic-config "$setting")
    done
    "${make[@]}"
done <<<"$list"

[ -n "$CLIENT" ] || exit 0
password=$(cat "${CLIENT_PASSWORD_FILE:?}")
if rpk security user list | awk -v name="$CLIENT" '$1 == name { found = 1 } END { exit !found }'; then
    # one that is still right is not set again: rpk takes it as an argument only, which others on the machine can see
    RPK_USER=$CLIENT RPK_PASS=$password rpk topic list >/dev/null 2>&1 ||
        rpk security user update "$CLIENT" --new-password "$password" --mechanism SCRAM-SHA-256 >/dev/null
else
    rpk security user create "$CLIENT" --password "$password" --mechanism SCRAM-SHA-256 >/dev/null # it would print it
fi
# All of our own topics and groups, no others; of the cluster what an idempotent producer and an admin client ask for.
allow=(rpk security acl create --allow-principal "User:$CLIENT")
"${allow[@]}" --operation all --topic "$PREFIX" --group "$PREFIX" --resource-pattern-type prefixed
"${allow[@]}" --operation idempotent_write,describe --cluster
