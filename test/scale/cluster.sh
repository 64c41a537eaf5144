#!/bin/bash
# A Slurm cluster of virtual nodes n1, n2, … that lives in one folder and listens on 127.0.0.1 only. It runs until its stdin
# ends, and so never outlives the test that started it; "ready" on stdout says that all nodes are idle.
# usage: cluster.sh FOLDER FIRST_PORT NODES        clients need SLURM_CONF=FOLDER/slurm.conf
set -euo pipefail
folder=$1 port=$2 nodes=$3

# The daemons bind to what the host name resolves to, which has to be the loopback address.
name=$(hostname -s)
if ! getent hosts "$name" | grep -q '^127\.0\.0\.1[[:space:]]'; then
  [ -z "${OWN_NAME:-}" ] || { echo "the host name $name does not resolve to 127.0.0.1" >&2; exit 1; }
  # shellcheck disable=SC2016
  OWN_NAME=1 exec unshare --uts bash -c 'hostname localhost && exec "$0" "$@"' "$0" "$@"
fi

daemons() { cat "$folder"/*.pid 2>/dev/null || true; }

# Jobs and what they started: the only processes, beside the daemons, that were given this SLURM_CONF.
ours() { grep -lszxF "SLURM_CONF=$folder/slurm.conf" /proc/[0-9]*/environ | grep -o '[0-9]*' || true; }

stop() {
  trap - EXIT
  local signal all
  for signal in TERM KILL; do
    all="$(daemons) $(ours)"
    # shellcheck disable=SC2086
    kill -$signal $all 2>/dev/null || true
    for _ in {1..30}; do
      # shellcheck disable=SC2086
      kill -0 $all 2>/dev/null || break 2
      sleep 0.1
    done
  done
}
trap stop EXIT
trap 'exit 143' TERM INT

mkdir -p "$folder"/{state,munge}
chmod 755 "$folder" "$folder/munge"
(umask 077 && head -c 1024 /dev/urandom > "$folder/munge/key")
echo 'CgroupAutomount=no' > "$folder/cgroup.conf"
cat > "$folder/slurm.conf" <<CONF
ClusterName=test
SlurmctldHost=$name(127.0.0.1)
SlurmctldPort=$port
SrunPortRange=$((port + 50))-$((port + 99))
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthType=auth/munge
AuthInfo=socket=$folder/munge/socket
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool-%n
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd-%n.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd-%n.log
# Nothing of the host's: no control groups, no accounting, no MPI.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
# What real clusters do slowly, at once.
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=2
KillWait=2
SlurmdTimeout=10
ReturnToService=1
MinJobAge=600
# The nodes need not be what the machine is.
SlurmdParameters=config_overrides
NodeName=n[1-$nodes] NodeHostname=$name NodeAddr=127.0.0.1 Port=[$((port + 1))-$((port + nodes))] CPUs=4 RealMemory=8000
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
export SLURM_CONF=$folder/slurm.conf

munged --force --num-threads=2 --socket="$folder/munge/socket" --key-file="$folder/munge/key" --pid-file="$folder/munge.pid" \
  --log-file="$folder/munge.log" --seed-file="$folder/munge/seed" 2> "$folder/munge.err" || { cat "$folder/munge.err" >&2; exit 1; }
slurmctld -c
for ((i = 1; i <= nodes; i++)); do
  mkdir -p "$folder/spool-n$i"
  slurmd -N "n$i"
done
for _ in {1..300}; do
  [ "$(sinfo -h -N -o %T 2>/dev/null | grep -cx idle)" != "$nodes" ] || break
  sleep 0.1
done
[ "$(sinfo -h -N -o %T | grep -cx idle)" = "$nodes" ] || { tail -n 5 "$folder"/*.log >&2; exit 1; }
echo ready
while read -r _; do :; done # until the test closes stdin, or is gone
