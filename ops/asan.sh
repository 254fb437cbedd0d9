#!/usr/bin/env bash
# Build the CPU operators with AddressSanitizer and UndefinedBehaviorSanitizer, away from the usual
# build, and run the tests of the kernels and of bad input with them.
#
#   bash ops/asan.sh [pytest options]
#   PYTHON=.venv/bin/python bash ops/asan.sh     another interpreter than the active `python`
#
# Ends with 77 where the compiler has no such sanitizers. The results in build/asan are kept, so
# that only what has changed is built again.
set -euo pipefail
PYTHON="$(command -v -- "${PYTHON:-python}" || true)"
if [ -z "$PYTHON" ]; then
    echo "error: no python here: activate an environment, or set PYTHON" >&2
    exit 2
fi
PYTHON="$(cd -- "$(dirname -- "$PYTHON")" && pwd)/$(basename -- "$PYTHON")"
cd -- "$(dirname -- "${BASH_SOURCE[0]}")"
OUT=build/asan
CHECKS='-fsanitize=address,undefined -fno-sanitize=alignment,vptr -fno-sanitize-recover=undefined'
mkdir -p "$OUT"

CXX="${CXX:-c++}"
runtime() { "$CXX" -print-file-name="$1"; }
if ! echo 'int main() {}' | "$CXX" $CHECKS -x c++ - -o "$OUT/probe" 2> "$OUT/probe.log" ||
    [ ! -e "$(runtime libasan.so)" ]; then
    echo "$CXX has no address sanitizer" >&2
    exit 77
fi

if ! CFLAGS="-O1 $CHECKS" LDFLAGS="$CHECKS" AVSBENCH_OPS_CUDA=0 \
    "$PYTHON" setup.py build_ext --build-lib "$OUT/lib" --build-temp "$OUT/temp" \
    > "$OUT/make.log" 2>&1; then
    cat "$OUT/make.log" >&2
    exit 1
fi
cp avsbench_ops/*.py "$OUT/lib/avsbench_ops/"

# The interpreter is built without the sanitizer, so that its memory comes late and leaks look real.
export LD_PRELOAD="$(runtime libasan.so) $(runtime libubsan.so)"
export ASAN_OPTIONS=detect_leaks=0:detect_odr_violation=0 UBSAN_OPTIONS=print_stacktrace=1
export PYTHONPATH="$PWD/$OUT/lib" PYTHONMALLOC=malloc OMP_NUM_THREADS=2
TESTS="$PWD/tests"
cd "$OUT"  # Python looks for packages where it is started: the usual build must not be there
"$PYTHON" -c "import avsbench_ops as ops; assert str(ops.LIBRARY).startswith('$PWD'), ops.LIBRARY"
# A sanitizer's report goes to the real standard error, which must not be captured: the process ends.
exec "$PYTHON" -m pytest -p no:cacheprovider --capture=sys -k 'not gradcheck' \
    "$TESTS/test_cpu.py" "$TESTS/test_ops_errors.py" "$@"
