#!/bin/bash
# Once before: aws batch register-job-definition --cli-input-json file://job-definition.json
set -euo pipefail
cd "$(dirname "$0")"
array=$(aws batch submit-job --cli-input-json file://classify.json --query jobId --output text)
# Waits for all children; it fails when one of them does.
aws batch submit-job --cli-input-json file://merge.json --depends-on "jobId=$array"
