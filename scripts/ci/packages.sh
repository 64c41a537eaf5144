#!/usr/bin/env bash
# Debian's Slurm, GNU parallel and ShellCheck, for the tests that run the job files of docs/jobs; a browser, for exported models.
set -euo pipefail
export PATH=$PATH:/usr/sbin DEBIAN_FRONTEND=noninteractive

declare -A package=([slurmctld]=slurmctld [slurmd]=slurmd [sbatch]=slurm-client [munged]=munge [parallel]=parallel [shellcheck]=shellcheck [chromium]=chromium)
missing=()
for command in "${!package[@]}"; do
  command -v "$command" > /dev/null || missing+=("${package[$command]}")
done
[ ${#missing[@]} -gt 0 ] || exit 0

log=$(mktemp)
trap 'rm -f "$log"' EXIT
{ apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}"; } > "$log" 2>&1 || {
  tail -n 5 "$log" >&2
  exit 1
}
