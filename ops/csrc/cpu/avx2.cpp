// Kernels for AVX2, FMA and F16C.

#include "kernels.h"

#ifdef AVSBENCH_X86
#include <immintrin.h>

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#else
#pragma GCC target("avx2,fma,f16c")
#endif

namespace avsbench::cpu {
namespace avx2 {
namespace {

#include "simd.inl.h"

#include "simd_avx2.inl.h"

#include "plan.inl.h"

#include "sampling.inl.h"

#include "forward.inl.h"

#include "backward.inl.h"

using Single = Avx2;
using Twice = Vectors<double, 4>;

#include "table.inl.h"

}  // namespace
}  // namespace avx2

const Kernels avx2_kernels = {"avx2", avx2::scratch_bytes, avx2::forward, avx2::backward};

}  // namespace avsbench::cpu

#ifdef __clang__
#pragma clang attribute pop
#endif
#endif
