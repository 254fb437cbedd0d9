#!/usr/bin/env bash
# Test a checkpoint.
#
#   bash test.sh SUBSET CONFIG CHECKPOINT [options]; for the options: bash test.sh --help
#   GPUS=4 bash test.sh ...                    4 processes on this machine (on the CPU without CUDA)
#   PARTITION=gpu GPUS=8 bash test.sh ...      8 processes on SLURM; also JOB_NAME, GPUS_PER_NODE,
#                                              CPUS_PER_TASK, SRUN_ARGS
#   PYTHON=.venv/bin/python bash test.sh ...   another interpreter than the active `python`
set -euo pipefail
ROOT="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)"
PYTHON="${PYTHON:-python}"
if ! command -v -- "$PYTHON" > /dev/null; then
    echo "error: no '$PYTHON' here: activate an environment (source .venv/bin/activate)," \
        "or set PYTHON" >&2
    exit 2
fi
export PYTHONPATH="$ROOT${PYTHONPATH:+:$PYTHONPATH}"
exec "$PYTHON" -m avsbench.processes.launch "$ROOT/test.py" "$@"
