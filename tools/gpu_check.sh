#!/usr/bin/env bash
# Check and time everything on a machine with a GPU; no network is needed.
#
#   bash tools/gpu_check.sh [--out FOLDER] [--stage 1|2] [--budget SECONDS] [--parts build tests ...]
#                           [--wheels FOLDER] [--library FILE] [--commit HASH] [--dry-run]
#
# Stage 1 builds the operators, runs their tests, times them against PyTorch's, takes training steps
# of all systems, trains and tests the demo, and profiles the kernels. Stage 2 takes steps with
# torch.compile, trains in mixed precision, and runs tests under compute-sanitizer. FOLDER receives
# report.json and log.txt, whole after each part, so a machine that is taken away loses one part.
# With --dry-run what can run on the CPU does, with small networks: to try the script itself.
# docs/benchmarks/README.md says how to carry packages along, and what becomes of the figures.
# Exit code: 0 all parts passed, 1 one failed or came too late, 2 there is no GPU.
#
#   PYTHON=.venv/bin/python bash tools/gpu_check.sh    another interpreter than `python3`
#   TORCH_CUDA_ARCH_LIST='8.0 9.0+PTX' ...             build for these, not for this GPU alone
set -euo pipefail
ROOT="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)"
PYTHON="${PYTHON:-python3}"
if ! command -v -- "$PYTHON" > /dev/null; then
    echo "error: no '$PYTHON' here: activate an environment (source .venv/bin/activate)," \
        "or set PYTHON" >&2
    exit 2
fi
exec "$PYTHON" "$ROOT/tools/gpu_check.py" "$@"
