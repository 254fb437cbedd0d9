#!/usr/bin/env bash
# Train a network.
#
#   bash train.sh SUBSET CONFIG [options]      one process; options: bash train.sh --help
#   GPUS=4 bash train.sh ...                   4 processes on this machine (on the CPU without CUDA)
#   PARTITION=gpu GPUS=8 bash train.sh ...     8 processes on SLURM; also JOB_NAME, GPUS_PER_NODE,
#                                              CPUS_PER_TASK, SRUN_ARGS
#   PYTHON=.venv/bin/python bash train.sh ...  another interpreter than the active `python`
set -euo pipefail
ROOT="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)"
PYTHON="${PYTHON:-python}"
if ! command -v -- "$PYTHON" > /dev/null; then
    echo "error: no '$PYTHON' here: activate an environment (source .venv/bin/activate)," \
        "or set PYTHON" >&2
    exit 2
fi
export PYTHONPATH="$ROOT${PYTHONPATH:+:$PYTHONPATH}"
exec "$PYTHON" -m avsbench.processes.launch "$ROOT/train.py" "$@"
