#!/bin/sh
# Makes .venv and installs the pinned requirements into it.
#   deploy/environment.sh runtime   what `make run` needs
#   deploy/environment.sh test      what `make test` needs on top
#   deploy/environment.sh train     what `make train` needs on top
set -eu
cd "$(dirname "$0")/.."
part=$1
began=$(date +%s)

say() { printf '%s\n' "setup: $*"; }
refuse() { printf '%s\n' "setup: $*" >&2; exit 1; }
is_root() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

apt() {
    say "apt-get install $*"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null ||
        refuse "apt-get could not install $*; see its message above"
}

find_python() {
    for name in ${PYTHON:-} python3 python3.13 python3.12 python3.11; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
}

make_venv() {
    python=$(find_python)
    if [ -z "$python" ]; then
        is_root || refuse "no Python 3.11 or newer was found. Ask root for: apt-get install python3 python3-venv"
        apt python3 python3-venv
        python=$(find_python)
        [ -n "$python" ] || refuse "this system's python3 is older than 3.11; set PYTHON to a newer one"
    fi
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        is_root || refuse "$python cannot make virtual environments. Ask root for: apt-get install python3-venv"
        apt python3-venv
    fi
    say "virtual environment .venv with $("$python" --version)"
    "$python" -m venv --clear .venv
}

install() {
    say "installing what $1 names (pinned; about a minute the first time)"
    status=.venv/pip.status log=.venv/pip.log
    # An `if`, as `set -e` would leave the braces at a failure and an older status would stand.
    { if .venv/bin/python -m pip install --disable-pip-version-check --no-input --progress-bar off -r "$1" 2>&1
      then echo 0 >"$status"; else echo 1 >"$status"; fi; } | tee "$log" | awk '
        /^Collecting/ { if (++found % 20 == 0) { print "setup:   " found " packages found"; fflush() } }
        /^Installing collected/ { print "setup:   installing them"; fflush() }'
    [ "$(cat "$status")" = 0 ] || { tail -n 15 "$log" >&2; refuse "pip failed; the whole story is in $log"; }
}

test_programs() {
    missing=
    command -v chromium >/dev/null || missing="$missing chromium"
    command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] || missing="$missing nginx-light"
    command -v prometheus >/dev/null || missing="$missing prometheus"
    [ -e /usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc ] || missing="$missing fonts-noto-cjk"
    [ -z "$missing" ] && return
    # shellcheck disable=SC2086
    if is_root; then apt $missing; else
        refuse "the tests of pages, of metrics and of the benchmark need$missing. Ask root for: apt-get install$missing
  Everything else: .venv/bin/python -m pytest -m 'not browser'"
    fi
}

case $part in
runtime)
    [ -x .venv/bin/python ] && .venv/bin/python -m pip --version >/dev/null 2>&1 || make_venv
    install requirements.txt ;;
test)
    test_programs
    install tests/requirements.txt ;;
train) install routing/lab/learn/requirements.txt ;;
*) refuse "unknown part '$part'; expected runtime, test or train" ;;
esac
touch ".venv/.$part"
say "$part environment is ready ($(($(date +%s) - began)) s)"
