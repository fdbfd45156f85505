#!/bin/sh
# scripts/venv.sh PYTHON FOLDER: a virtual environment with exactly what requirements.lock names.
# Every failure is one line that says what is missing and how to mend it, exit 2.
python=$1 venv=$2
fail() { echo "bluflow: $1" >&2; exit 2; }

command -v "$python" >/dev/null 2>&1 || fail "no $python here; install Python 3.11 or newer (Debian: apt install python3 python3-venv)"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$("$python" --version 2>&1) is too old; bluflow needs 3.11 or newer (choose one with PYTHON=...)"
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
    fail "Python's venv module is missing; install it with: apt install python3-venv"

log=$(mktemp) || fail "no temporary file can be made; check TMPDIR"
trap 'rm -f "$log"' EXIT
echo "bluflow: making $venv (once, about a minute)"
"$python" -m venv --clear "$venv" >"$log" 2>&1 || fail "cannot make $venv: $(tail -n 1 "$log")"
"$venv/bin/python" -m pip install -q --disable-pip-version-check --require-hashes --only-binary :all: -r requirements.lock >"$log" 2>&1 ||
    fail "cannot install the locked packages: $(grep -i error "$log" | head -n 1)"
# The project itself goes in as a path entry: nothing is built, so nothing more is downloaded.
site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))') || fail "cannot find site-packages in $venv"
pwd >"$site/bluflow.pth" || fail "cannot write into $venv"
printf '#!/bin/sh\nexec "%s/bin/python" -P -m cli "$@"\n' "$(cd "$venv" && pwd)" >"$venv/bin/bluflow" ||
    fail "cannot write $venv/bin/bluflow"
chmod +x "$venv/bin/bluflow" || fail "cannot write $venv/bin/bluflow"
