// Division without a division, for kernels and the host.

#pragma once

#include <cstdint>

#if defined(__CUDACC__)
#define MSDA_BOTH __host__ __device__ __forceinline__
#else
#define MSDA_BOTH inline
#endif

namespace avsbench::cuda {

// Divides numbers of at least 0 and less than 2^31 by one that the host knows.
struct Divisor {
  int divisor;
  unsigned factor, shift;

  MSDA_BOTH int quotient(int number) const {
    return static_cast<int>(static_cast<uint64_t>(static_cast<unsigned>(number)) * factor >> shift);
  }
};

// For a divisor of at least 1. With 2^bits the first power of two that is not less, the factor is
// 2^(31 + bits) / divisor, rounded up by less than 1: too little to change a quotient.
inline Divisor divisor_of(int by) {
  unsigned bits = 0;
  while ((int64_t{1} << bits) < by) ++bits;
  const uint64_t factor = ((uint64_t{1} << (31 + bits)) + by - 1) / by;
  return {by, static_cast<unsigned>(factor), 31 + bits};
}

}  // namespace avsbench::cuda
