#!/usr/bin/env bash
# Submits Snakemake's jobs to a cluster and tells how they stand, as snakemake-executor-plugin-cluster-generic asks:
#   jobs.sh SYSTEM submit THREADS MB MINUTES [OPTION ...] JOBSCRIPT    prints the job's id
#   jobs.sh SYSTEM status ID                                           prints running, success or failed
# SYSTEM is sge, lsf or pbs. A job notes its exit status in a file, so no accounting is needed; one that has left the queue
# without a note was killed.
set -euo pipefail
system=$1
action=$2
shift 2
notes=$PWD/.snakemake/cluster-generic
# A note may take so many seconds to appear on the node that asks.
patience=30

submit() {
  local threads=$1 mb=$2 minutes=$3 script=${!#}
  local options=("${@:4:$#-4}")
  local job=$notes/$(basename "$script").$$ id
  case $system in
    sge) id=JOB_ID ;;
    lsf) id=LSB_JOBID ;;
    pbs) id=PBS_JOBID ;;
  esac
  mkdir -p "$notes"
  # The note appears whole or not at all.
  cat > "$job" <<END
#!/bin/bash
note=$(printf %q "$notes")/\$$id
bash $(printf %q "$script")
status=\$?
echo \$status > "\$note.part" && mv "\$note.part" "\$note"
exit \$status
END
  chmod +x "$job"
  case $system in
    sge)
      # The parallel environment's name is the cluster's own (qconf -spl lists them).
      [ "$threads" = 1 ] || options=(-pe smp "$threads" "${options[@]}")
      qsub -terse -cwd -V -S /bin/bash -j y -o "$job.log" -l "h_rt=$((minutes * 60)),mem_free=${mb}M" "${options[@]}" "$job"
      ;;
    lsf)
      bsub -n "$threads" -R "span[hosts=1] rusage[mem=$mb]" -W "$minutes" -o "$job.log" "${options[@]}" "$job" |
        sed -n 's/^Job <\([0-9]*\)>.*/\1/p'
      ;;
    pbs)
      qsub -V -S /bin/bash -j oe -o "$job.log" -l "select=1:ncpus=$threads:mem=${mb}mb" -l "walltime=$((minutes * 60))" \
        "${options[@]}" "$job"
      ;;
  esac
}

# Whether a job has left the queue; not where the question itself fails.
has_left() {
  local answer
  case $system in
    sge) answer=$(qstat -j "$1" 2>&1) || true ;;
    lsf) answer=$(bjobs -noheader -o stat "$1" 2>&1) || true ;;
    pbs) answer=$(qstat -f "$1" 2>&1) || true ;;
  esac
  # At the beginnings of lines, since answers may hold the job's whole environment.
  grep -Eq '^(Following jobs do not exist|(DONE|EXIT)$|Job <[0-9]+> is not found|qstat: .*(Unknown Job|has finished)| *job_state = [CFX]$)' <<< "$answer"
}

status() {
  if [ ! -e "$notes/$1" ]; then
    if ! has_left "$1"; then
      echo running
      return
    fi
    for ((second = 0; second < patience; second++)); do
      [ ! -e "$notes/$1" ] || break
      sleep 1
    done
  fi
  [ "$(cat "$notes/$1" 2>/dev/null)" = 0 ] && echo success || echo failed
}

"$action" "$@"
