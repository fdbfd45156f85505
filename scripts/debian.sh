#!/usr/bin/env bash
# The Debian packages the suite talks to beside the embedded brokers. Needs root only when something is missing.
set -euo pipefail
missing=()
[ -x /usr/sbin/mosquitto ] || missing+=(mosquitto)
command -v mosquitto_sub >/dev/null || missing+=(mosquitto-clients)
[ -x /usr/bin/chromium ] || missing+=(chromium)
# read the stack's files in `make check-stack`
command -v docker-compose >/dev/null || missing+=(docker-compose)
[ -x /usr/sbin/haproxy ] || missing+=(haproxy)
# runs the gateway's script in the tests
command -v node >/dev/null || missing+=(nodejs)
# judge and send the alerts in the tests; promtool and amtool check the rules
command -v promtool >/dev/null || missing+=(prometheus)
command -v amtool >/dev/null || missing+=(prometheus-alertmanager)
# the fault suite's Kafka broker, and what fetches it
[ -x /usr/bin/java ] || missing+=(openjdk-17-jre-headless)
[ -x /usr/bin/mvn ] || missing+=(maven)
if [ "${#missing[@]}" -gt 0 ]; then
    # none of them starts as a service of the machine: the tests start their own
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
    rm -f /usr/sbin/policy-rc.d
fi

# influxdb is only unpacked, into a folder of ours: no service, no user, no root
here=$(cd "$(dirname "$0")/.." && pwd)
if ! command -v influxd >/dev/null && [ ! -x "$here/.build/debian/usr/bin/influxd" ]; then
    mkdir -p "$here/.build/debian"
    (
        cd "$here/.build/debian"
        # the lists may be missing, or name a version that is gone; updating them needs root
        download=(apt-get -qq -o APT::Sandbox::User=root download influxdb)
        "${download[@]}" 2>/dev/null || { apt-get update -qq && "${download[@]}"; }
        dpkg -x influxdb_*.deb .
        rm -f influxdb_*.deb
    )
fi
