#!/usr/bin/env bash
# Build the operators in place: ops/avsbench_ops/_library.so.
#
#   bash ops/make.sh                             CPU kernels, and CUDA kernels where a toolkit is
#   AVSBENCH_OPS_CUDA=0 bash ops/make.sh         CPU kernels alone; 1: fail without CUDA
#   AVSBENCH_OPS_OPTIONAL=1 bash ops/make.sh     if it can't be built, print one line and succeed
#   TORCH_CUDA_ARCH_LIST=9.0 bash ops/make.sh    for this GPU alone; default 8.0 8.6 8.9 9.0+PTX
#   MAX_JOBS=2 bash ops/make.sh                  compilers at a time
#   PYTHON=.venv/bin/python bash ops/make.sh     another interpreter than the active `python`
set -euo pipefail
PYTHON="$(command -v -- "${PYTHON:-python}" || true)"
if [ -z "$PYTHON" ]; then
    echo "error: no '${PYTHON:-python}' here: activate an environment, or set PYTHON" >&2
    exit 2
fi
PYTHON="$(cd -- "$(dirname -- "$PYTHON")" && pwd)/$(basename -- "$PYTHON")"
cd -- "$(dirname -- "${BASH_SOURCE[0]}")"
LOG=build/make.log
mkdir -p build
# The file that each line of the log compiles, with ninja's count of them where ninja is. What ninja
# repeats of a compilation that failed is no progress.
progress() {
    sed -u -n -E '/^FAILED: /{n;d}; s#^(\[[0-9]+/[0-9]+\] )?.* -c ([^ ]*/)?([^ /]+) .*#\1\3#p'
}
if "$PYTHON" -u setup.py build_ext --inplace 2>&1 | tee "$LOG" | progress >&2; then
    tail -n 1 <(grep -h '^avsbench_ops' "$LOG" || echo 'avsbench_ops: built')
    exit
fi
cat "$LOG" >&2
exit 1
