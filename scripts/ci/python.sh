#!/usr/bin/env bash
# A Python with the readers that the tests compare with, in ~/.cache/vgg16-test/venv; kept until requirements.txt changes.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
venv=$HOME/.cache/vgg16-test/venv

mkdir -p "$(dirname "$venv")"
exec 9> "$venv.lock"
flock 9
if cmp -s "$here/requirements.txt" "$venv/made-of.txt" && "$venv/bin/python" -c ''; then exit 0; fi
rm -rf "$venv"
python3 -m venv "$venv"
"$venv/bin/python" -m pip install -qq --disable-pip-version-check --no-compile --only-binary :all: -r "$here/requirements.txt"
cp "$here/requirements.txt" "$venv/made-of.txt" # last: a run that was cut off begins anew
