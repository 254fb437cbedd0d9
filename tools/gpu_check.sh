#!/usr/bin/env bash
# Check the CUDA operators on a machine with a GPU; no network is needed.
#
#   bash tools/gpu_check.sh [--out work_dir/gpu_check.json] [--parts build tests ...]
#
# Builds them, runs their tests (also under compute-sanitizer where it is installed), times them
# against PyTorch's operators, and takes AMP training steps of AVSegFormer with torch.compile.
# Prints a table and writes the figures; docs/benchmarks/README.md says what becomes of them.
# Exit code: 0 all parts passed, 1 one failed, 2 there is no GPU.
#
#   PYTHON=.venv/bin/python bash tools/gpu_check.sh    another interpreter than the active `python`
#   TORCH_CUDA_ARCH_LIST='8.0 9.0+PTX' ...             build for these, not for this GPU alone
set -euo pipefail
ROOT="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)"
PYTHON="${PYTHON:-python}"
if ! command -v -- "$PYTHON" > /dev/null; then
    echo "error: no '$PYTHON' here: activate an environment (source .venv/bin/activate)," \
        "or set PYTHON" >&2
    exit 2
fi
exec "$PYTHON" "$ROOT/tools/gpu_check.py" "$@"
