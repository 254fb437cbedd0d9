// Products of small matrices of 16-bit numbers, by a whole warp on the tensor cores.

#pragma once

#include "platform.h"

namespace avsbench::cuda {

// sums (16 x 8) += a (16 x 16) * b (16 x 8), products and sums in float32. Of lane 4 * g + j:
//   a     pairs of neighbours in a row: (g, 2j), (g + 8, 2j), (g, 2j + 8), (g + 8, 2j + 8)
//   b     pairs of neighbours in a column: (2j, g), (2j + 8, g)
//   sums  (g, 2j), (g, 2j + 1), (g + 8, 2j), (g + 8, 2j + 1)
template <class T>
MSDA_DEVICE void multiply_add(const uint32_t (&a)[4], const uint32_t (&b)[2], float (&sums)[4]) {
  static_assert(sizeof(T) == 2, "16 bits a number");
#if !defined(__CUDACC__)
  emulator::multiply_add<T>(a, b, sums);
#else
  if constexpr (std::is_same_v<T, c10::BFloat16>) {
    asm volatile(  // not to be moved to where only some lanes go
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  } else {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  }
#endif
}

}  // namespace avsbench::cuda
