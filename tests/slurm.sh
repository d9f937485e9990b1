#!/usr/bin/env bash
# A batch on a real Slurm, one controller and two nodes on loopback: a task is killed in the middle,
# Slurm queues it again, and what is merged is byte for byte what one machine writes, times apart.
# Usage: tests/slurm.sh [MGDSAM2]      (as root: installs Debian's slurm-wlm and munge)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
MGDSAM2="$(realpath "${1:-target/release/mgdsam2}")"
export MGDSAM2
script="$PWD/pipelines/slurm/batch.sbatch"

skip() {
    echo "slurm skipped: $*"
    exit 0
}

fail() {
    echo "slurm: $*" >&2
    tail -n 20 "$work"/*.log >&2
    exit 1
}

[[ "$(id -u)" == 0 ]] || skip "only root can start its daemons"
if ! command -v slurmctld slurmd munged >/dev/null; then
    command -v apt-get >/dev/null || skip "slurm-wlm and munge are not installed"
    apt-get update -q >/dev/null || true
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends slurm-wlm munge >/dev/null ||
        skip "slurm-wlm and munge cannot be installed"
fi

work="$(mktemp -d)"
stop_all() {
    local file
    for file in "$work"/d-n1.pid "$work"/d-n2.pid "$work"/ctld.pid "$work"/munge.pid; do
        [[ -s "$file" ]] && kill "$(cat "$file")" 2>/dev/null
    done
    sleep 1
    rm -rf "$work"
}
trap stop_all EXIT

# A munge of our own: a machine may have another.
chmod 755 "$work"
dd if=/dev/urandom of="$work/munge.key" bs=1024 count=1 status=none
chmod 400 "$work/munge.key"
munged --force --key-file="$work/munge.key" --socket="$work/munge.socket" --pid-file="$work/munge.pid" \
    --log-file="$work/munged.log" --seed-file="$work/munge.seed" 2>/dev/null
host="$(hostname -s)"
cat >"$work/slurm.conf" <<END
ClusterName=t
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=17000
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$work/munge.socket
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
ReturnToService=2
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool-%n
SlurmctldPidFile=$work/ctld.pid
SlurmdPidFile=$work/d-%n.pid
SlurmctldLogFile=$work/ctld.log
SlurmdLogFile=$work/d-%n.log
NodeName=n1 NodeAddr=127.0.0.1 NodeHostname=$host Port=17001 CPUs=1
NodeName=n2 NodeAddr=127.0.0.1 NodeHostname=$host Port=17002 CPUs=1
PartitionName=p Nodes=n1,n2 Default=YES State=UP
END
export SLURM_CONF="$work/slurm.conf"
mkdir "$work/state"
slurmctld -c
slurmd -N n1
slurmd -N n2

# Up to 100 s for `command` to succeed.
wait_until() {
    local what="$1" tries
    shift
    for ((tries = 0; tries < 1000; tries++)); do
        "$@" && return
        sleep 0.1
    done
    fail "waited in vain until $what"
}

nodes_are_idle() {
    [[ "$(sinfo -h -t idle -o %D)" == 2 ]]
}
wait_until "both nodes are idle" nodes_are_idle

frames=(30 10 20 25 15 30 12 18 22)
for i in "${!frames[@]}"; do
    "$MGDSAM2" -q synth --out "$work/data/clip$i.mkv" --frames "${frames[i]}" --size 320x180 --seed "$i"
done
# One thread: OpenVINO's sums on several differ from run to run in their last bit.
printf 'root = "data"\nout = "shards"\nthreads = 1\n' >"$work/job.toml"
"$MGDSAM2" -q batch "$work/job.toml" --out "$work/whole"

cd "$work"
id="$(sbatch --parsable --array=0-2 "$script" "$work/job.toml")"
victim="$work/shards/journal-1-of-3.jsonl"
has_a_line() {
    [[ -s "$victim" ]]
}
wait_until "shard 1 has done an item" has_a_line
pid="$(pgrep -f -- "^$MGDSAM2 --quiet batch $work/job.toml --shard 1/3")" || fail "shard 1 ended too soon"
kill -9 "$pid"
cp "$victim" "$work/before"

# Slurm lets what was queued again wait for minutes; nobody else is here.
array_is_through() {
    scontrol update "JobId=${id}_1" StartTime=now 2>/dev/null || true
    [[ -z "$(squeue -h -j "$id" 2>/dev/null)" ]]
}
wait_until "the array is through" array_is_through
grep -q "queued again" "mgdsam2-${id}_1.log" || fail "shard 1 was not queued again"
grep -q "start 2" "mgdsam2-${id}_1.log" || fail "shard 1 was not started again"
cmp -n "$(stat -c %s before)" before "$victim" || fail "what shard 1 had done was not kept"
sbatch --parsable --wait --dependency="afterok:$id" --output="$work/merge.log" \
    --wrap "$MGDSAM2 batch $work/job.toml --merge" >/dev/null || fail "the shards were not merged"

diff -r whole/mattes shards/mattes || fail "mattes differ"
python3 - <<'PYTHON' || fail "results differ"
import json, sys

def timeless(path):
    times = ("seconds", "engine_seconds", "stages")
    return [{k: v for k, v in json.loads(line).items() if k not in times} for line in open(path)]

whole, shards = timeless("whole/result.jsonl"), timeless("shards/result.jsonl")
sys.exit(len(whole) != 9 or whole != shards)
PYTHON
echo "slurm: three shards on two nodes, one killed and queued again: the same $(wc -l <shards/result.jsonl) results"
