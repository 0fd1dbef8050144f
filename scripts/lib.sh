# Shared by the scripts: saying what is done, installing Debian packages, finding Python.
say() { printf '%s  %s\n' "$(date -u +%H:%M:%SZ)" "$*"; }

die() { printf 'error: %s\n' "$*" >&2; exit 1; }

find_python() {
  local name
  for name in python3.11 python3 python3.12 python3.13; do
    if command -v "$name" >/dev/null && "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then echo "$name"; return; fi
  done
  die "Python 3.11 or newer is needed: apt-get install python3 python3-venv"
}

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

# Services that a package would start at once (a system RabbitMQ, sshd) are not wanted: ours run in folders of their own.
install_debian_packages() {
  local missing=() package made_policy=
  for package; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  # A Java, Maven or Python from elsewhere does as well.
  if command -v javac >/dev/null; then missing=("${missing[@]/default-jdk-headless/}"); fi
  if command -v mvn >/dev/null; then missing=("${missing[@]/maven/}"); fi
  missing=(${missing[@]})
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || die "please install: ${missing[*]}"
  say "installing Debian packages: ${missing[*]}"
  if [ ! -e /usr/sbin/policy-rc.d ]; then
    printf '#!/bin/sh\nexit 101\n' | as_root tee /usr/sbin/policy-rc.d >/dev/null
    as_root chmod +x /usr/sbin/policy-rc.d
    made_policy=1
  fi
  local status=0 log
  log=$(mktemp)
  { as_root apt-get -qq update && as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "${missing[@]}"; } >"$log" 2>&1 || status=$?
  if [ "$made_policy" ]; then as_root rm -f /usr/sbin/policy-rc.d; fi
  if [ "$status" != 0 ]; then tail -n 5 "$log" >&2; rm -f "$log"; die "apt-get could not install: ${missing[*]}"; fi
  rm -f "$log"
}
