#!/usr/bin/env bash
# rpk as the superuser at this node: `docker compose exec redpanda bash /config/rpk.sh cluster health`. The health check does
# the same. The password goes by the environment: arguments are seen by every user of the machine.
#   ADMIN_PASSWORD_FILE   empty: nobody logs in (compose.poc.yml)
set -euo pipefail
export RPK_BROKERS=localhost:9092 RPK_ADMIN_HOSTS=localhost:9644
if [ -n "${ADMIN_PASSWORD_FILE:-}" ]; then
    RPK_PASS=$(cat "$ADMIN_PASSWORD_FILE")
    export RPK_PASS RPK_USER=admin RPK_SASL_MECHANISM=SCRAM-SHA-256
    export RPK_TLS_ENABLED=true RPK_TLS_CA=/run/secrets/ca.crt
    export RPK_ADMIN_TLS_ENABLED=true RPK_ADMIN_TLS_CA=/run/secrets/ca.crt
fi
exec rpk "$@"
