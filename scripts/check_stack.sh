#!/usr/bin/env bash
# `make check-stack`: what the stack's files say, without running them. docs/deploy.md tells what each tool sees.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=.build/stack/bin
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT

echo "compose files: Docker Compose's own loader"
.venv/bin/python -m tests.deploy.compose "$made" "$tools/compose"

echo "compose files: the compose specification's schema"
"$tools/check-jsonschema" -q --builtin-schema vendor.compose-spec docker-compose.yml "$made"/*.yml

echo "compose files: references and variables, by docker-compose"
for file in "$made"/*.yml; do
    # Debian's docker-compose knows neither the project's name nor create_host_path
    sed '/^name:/d; /^ *bind:$/d; /create_host_path:/d' "$file" >"$made/older"
    docker-compose --project-directory . -f "$made/older" --profile simulate --profile setup config -q
done

echo "Dockerfile: hadolint"
"$tools/hadolint" Dockerfile

echo "shell scripts: shellcheck"
"$tools/shellcheck" .ci/run scripts/*.sh mosquitto/*.sh redpanda/*.sh influxdb/*.sh alertmanager/*.sh loki/*.sh

echo "haproxy.cfg: haproxy"
/usr/sbin/haproxy -q -c -f mosquitto/haproxy.cfg

echo "YAML: yamllint"
"$tools/yamllint" -s -d "{extends: default, rules: {line-length: {max: 130}, document-start: disable, braces: disable,
    comments: {min-spaces-from-content: 1}, truthy: {check-keys: false}}}" \
    docker-compose.yml compose.*.yml redpanda/*.yaml config/*.yaml
