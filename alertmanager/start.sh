#!/bin/sh
# Alertmanager with the receivers that the environment names; it does not look there itself.
#   start.sh [OPTION ...]   starts it with these options       start.sh print   shows the configuration and ends
#   ALERT_WEBHOOK_URL, ALERT_CRITICAL_WEBHOOK_URL   or ..._FILE; the second gets critical alerts besides
#   ALERT_EMAIL_TO     addresses, with commas               ALERT_EMAIL_FROM   bluflow@localhost if unset
#   ALERT_SMTP         host:port of the mail server         ALERT_SMTP_TLS     false for one without STARTTLS
#   ALERT_SMTP_USER, ALERT_SMTP_PASSWORD_FILE               if it wants a login
set -eu
here=$(cd "$(dirname "$0")" && pwd)

refuse() { echo "alertmanager/start.sh: $1" >&2; exit 2; }
# as a YAML string; a quote is doubled
quoted() { printf "'%s'" "$(printf %s "$1" | sed "s/'/''/g")"; }

# the setting $1, or what the file that ${1}_FILE names holds
setting() {
    eval "value=\${$1:-} file=\${${1}_FILE:-}"
    [ -z "$file" ] || value=$(cat "$file" 2>/dev/null) || refuse "${1}_FILE: cannot read $file"
    printf %s "$value"
}

webhook() {
    url=$(setting "$1") || exit
    case $url in
    '') return 0 ;;
    *[[:space:]]*) refuse "$1 is not one URL" ;;
    http://* | https://*) ;;
    *) refuse "$1 does not begin with http:// or https://" ;;
    esac
    printf '      - url: %s\n' "$(quoted "$url")"
}

email() {
    [ -n "${ALERT_EMAIL_TO:-}" ] || return 0
    [ -n "${ALERT_SMTP:-}" ] || refuse "ALERT_EMAIL_TO needs ALERT_SMTP, host:port of the mail server"
    tls=${ALERT_SMTP_TLS:-true}
    case $tls in true | false) ;; *) refuse "ALERT_SMTP_TLS is true or false" ;; esac
    printf '    email_configs:\n      - to: %s\n        from: %s\n        smarthost: %s\n        require_tls: %s\n' \
        "$(quoted "$ALERT_EMAIL_TO")" "$(quoted "${ALERT_EMAIL_FROM:-bluflow@localhost}")" "$(quoted "$ALERT_SMTP")" \
        "$tls"
    printf '        send_resolved: true\n'
    [ -z "${ALERT_SMTP_USER:-}" ] || printf '        auth_username: %s\n' "$(quoted "$ALERT_SMTP_USER")"
    [ -z "${ALERT_SMTP_PASSWORD_FILE:-}" ] ||
        printf '        auth_password_file: %s\n' "$(quoted "$ALERT_SMTP_PASSWORD_FILE")"
}

receiver() {
    name=$1
    shift
    printf '  - name: %s\n' "$name"
    email
    [ -z "$*" ] || printf '    webhook_configs:\n%s\n' "$*"
}

configuration() {
    both=$(webhook ALERT_WEBHOOK_URL) || exit
    urgent=$(webhook ALERT_CRITICAL_WEBHOOK_URL) || exit
    sed '/^receivers:/,$d' "$here/alertmanager.yml"
    printf 'receivers:\n'
    receiver warnings "$both"
    receiver critical "$both${both:+${urgent:+
}}$urgent"
}

[ "${1:-}" != print ] || { configuration; exit; }
made=${TMPDIR:-/tmp}/alertmanager.yml
umask 077
configuration >"$made"
exec "${ALERTMANAGER:-alertmanager}" --config.file="$made" "$@"
