#!/usr/bin/env bash
# Two Pythons under ~/.cache/vgg16-test: readers of our files in `venv`, the frameworks that models come from and go to in
# `frameworks`. Each is kept until its list of packages changes.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=$HOME/.cache/vgg16-test

# environment NAME LIST...: what a list whose name says so asks for is installed without what it depends on.
environment() {
  local venv=$cache/$1
  shift
  mkdir -p "$cache"
  exec 9> "$venv.lock"
  flock 9
  if cat "$@" | cmp -s - "$venv/made-of.txt" && "$venv/bin/python" -c ''; then return 0; fi
  rm -rf "$venv"
  python3 -m venv "$venv"
  for list in "$@"; do
    local alone=()
    case $list in *.no-deps.txt) alone=(--no-deps) ;; esac
    "$venv/bin/python" -m pip install -qq --disable-pip-version-check --no-compile --only-binary :all: "${alone[@]}" -r "$list"
  done
  cat "$@" > "$venv/made-of.txt" # last: a run that was cut off begins anew
}

(environment venv "$here/requirements.txt") &
readers=$!
(environment frameworks "$here/frameworks-1.txt" "$here/frameworks-2.no-deps.txt" "$here/frameworks-3.txt") || failed=frameworks
wait $readers || failed="${failed:-} readers"
[ -z "${failed:-}" ] || { echo "could not install: $failed" >&2; exit 1; }
