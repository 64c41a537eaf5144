#!/bin/bash
# A list of images in N shares by GNU parallel, and one file of it all:
#   parallel.sh 8 images.txt out labels.csv [flags of classify]
# Typed again it goes on: shares that are done are not started, those that failed or were killed are.
# On other machines that see the same folders: PARALLEL='--sshlogin 4/node1,4/node2 --workdir .'
set -euo pipefail
shares=$1 list=$2 folder=$3 output=$4

mkdir -p "$folder"
seq "$shares" | parallel --quote --joblog "$folder/joblog" --resume-failed --jobs "${JOBS:-1}" \
  vgg16 classify --files-from "$list" --shard "{}/$shares" -o "$folder/part-{}.csv" --resume "${@:5}"
vgg16 merge "$folder"/part-*.csv -o "$output" --resume
