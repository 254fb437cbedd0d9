// Kernels for AVX-512 (F, BW, DQ, VL).

#include "kernels.h"

#ifdef AVSBENCH_X86
#include <immintrin.h>

#ifdef __clang__
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c"))), \
    apply_to = function)
#else
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")
#endif

namespace avsbench::cpu {
namespace avx512 {
namespace {

#include "simd.inl.h"

#include "simd_avx512.inl.h"

#include "plan.inl.h"

#include "sampling.inl.h"

#include "forward.inl.h"

#include "backward.inl.h"

using Single = Avx512;
using Twice = Vectors<double, 8>;

#include "table.inl.h"

}  // namespace
}  // namespace avx512

const Kernels avx512_kernels = {"avx512", avx512::scratch_bytes, avx512::forward, avx512::backward};

}  // namespace avsbench::cpu

#ifdef __clang__
#pragma clang attribute pop
#endif
#endif
