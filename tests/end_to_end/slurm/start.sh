#!/bin/bash
# Starts a real Slurm on this machine: a controller and nodes of two CPUs, authenticated by munge, without accounting and systemd.
# Needs, as root:  apt-get install --no-install-recommends slurm-wlm munge
# Usage: start.sh FOLDER [NODES]    FOLDER gets the daemons' state. The configuration is /etc/slurm/slurm.conf, since
# Snakemake's job steps drop SLURM_CONF from their environment.
set -eu
state=${1:?a folder for the state of the daemons} nodes=${2:-1}
host=$(hostname -s) memory=$(awk '/MemTotal/{printf "%d", $2/1024*0.8}' /proc/meminfo)
mkdir -p "$state/controller" /etc/slurm
cat > /etc/slurm/slurm.conf <<CONF
# Made by BitSweep's tests.
ClusterName=local
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
StateSaveLocation=$state/controller
SlurmdSpoolDir=$state/%n
SlurmctldPidFile=$state/slurmctld.pid
SlurmdPidFile=$state/slurmd-%n.pid
SlurmctldLogFile=$state/slurmctld.log
SlurmdLogFile=$state/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
# A job that takes more memory than it asked for is killed, as cgroups do it elsewhere.
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
MpiDefault=none
ReturnToService=2
MinJobAge=300
KillWait=5
SlurmdTimeout=10
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=500
SlurmdParameters=config_overrides
$(for ((n = 1; n <= nodes; n++)); do
  echo "NodeName=node$n NodeHostname=$host NodeAddr=127.0.0.1 Port=$((17000 + n)) CPUs=2 RealMemory=$((memory / nodes)) State=UNKNOWN"
done)
PartitionName=main Nodes=ALL Default=YES MaxTime=60 DefaultTime=10 State=UP
CONF
if ! munge -n >/dev/null 2>&1; then
  install -d -o munge -g munge -m 0755 /run/munge
  runuser -u munge -- /usr/sbin/munged --force --pid-file=/run/munge/munged.pid
fi
slurmctld
for ((n = 1; n <= nodes; n++)); do
  mkdir -p "$state/node$n"
  slurmd -N "node$n"
done
for ((n = 0; n < 100; n++)); do
  [ "$(sinfo -h -N -t idle | wc -l)" = "$nodes" ] && break
  sleep 0.1
done
srun --ntasks=1 true
