#!/usr/bin/env bash
# `make check-watch`: what Prometheus and Alertmanager read, by their own tools. bash scripts/debian.sh gets them.
set -euo pipefail
cd "$(dirname "$0")/.."
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT

echo "prometheus.yml and rules: promtool"
cp -r prometheus "$made"
.venv/bin/bluflow secrets init --dir "$made/secrets" >/dev/null # promtool wants to see the files that are named
sed -i "s#/run/secrets/#$made/secrets/#" "$made/prometheus/prometheus.yml" "$made"/secrets/*-web.yml
promtool check config "$made/prometheus/prometheus.yml" "$made/prometheus/poc.yml"
promtool check web-config "$made"/secrets/*-web.yml
promtool test rules prometheus/tests/*.yml

echo "alertmanager.yml, and with every setting: amtool"
amtool check-config alertmanager/alertmanager.yml
ALERT_WEBHOOK_URL=http://house/ ALERT_CRITICAL_WEBHOOK_URL=https://pager/ ALERT_EMAIL_TO=a@example.org ALERT_SMTP=mail:587 \
    ALERT_SMTP_USER=me ALERT_SMTP_PASSWORD_FILE=/run/secrets/smtp sh alertmanager/start.sh print >"$made/alertmanager.yml"
amtool check-config "$made/alertmanager.yml"
