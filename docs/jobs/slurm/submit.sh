#!/bin/bash
# A list of images on N tasks, and one file of it all:   submit.sh 8 images.txt out labels.csv [flags of classify]
set -euo pipefail
here=$(dirname "$(realpath "$0")")
shares=$1 list=$2 folder=$3 output=$4

mkdir -p "$folder"
array=$(sbatch --parsable --array="1-$shares" "$here/array.sbatch" "$shares" "$list" "$folder" "${@:5}")
# When a share fails for good, the merge is cancelled instead of waiting for ever.
merge=$(sbatch --parsable --dependency="afterok:$array" --kill-on-invalid-dep=yes "$here/merge.sbatch" "$folder" "$output")
echo "array $array, merge $merge"
