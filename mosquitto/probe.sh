#!/bin/sh
# Asks the broker in this container one of its own figures, as the user `probe`: probe.sh [TOPIC]. The health check does.
# The password goes by a file: arguments are seen by every user of the machine.
set -eu
: "${SECRETS:=/run/secrets}" "${PORT:=8883}" "${XDG_CONFIG_HOME:=/tmp/probe}"
export XDG_CONFIG_HOME
umask 077
mkdir -p "$XDG_CONFIG_HOME"
printf -- '-P %s\n' "$(cat "$SECRETS/mqtt-probe")" >"$XDG_CONFIG_HOME/mosquitto_sub" # a builtin: no argument either
exec mosquitto_sub -h localhost -p "$PORT" --cafile "$SECRETS/ca.crt" -u probe -t "${1:-\$SYS/broker/uptime}" -C 1 -W 4
