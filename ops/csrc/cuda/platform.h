// What the kernels need of the machine they are compiled for.
//
// nvcc compiles them for the GPU. Any C++17 compiler compiles the same sources for the tests'
// emulator (ops/tests/emulator), which runs every thread of a block and checks each access.

#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

#if defined(__CUDACC__)
#include <cuda_runtime.h>

#define MSDA_DEVICE __device__ __forceinline__
#define MSDA_KERNEL(threads, blocks) __global__ void __launch_bounds__(threads, blocks)
#define MSDA_ARGUMENT const __grid_constant__
// Each kernel lays out the dynamic shared memory by itself, from byte 0.
#define MSDA_SHARED(name) extern __shared__ __align__(16) unsigned char name[]
#else
#include "emulator.h"
#endif

namespace avsbench::cuda {

constexpr int kWarp = 32;
constexpr unsigned kWholeWarp = 0xffffffffu;
constexpr int kMaxThreads = 128;  // of a block
constexpr int kResident = 8;      // blocks of so many threads that a multiprocessor is to hold

// Type of coordinates, weights and sums for a value type.
template <class T>
struct AccumulatorOf {
  using type = float;
};
template <>
struct AccumulatorOf<double> {
  using type = double;
};
template <class T>
using Accumulator = typename AccumulatorOf<T>::type;

// V neighbours in memory, moved by one access (by words: single half types would be moved, and
// replaced by zeros, one by one).
template <class T, int V>
struct alignas(sizeof(T) * V) Pack {
  using Word = std::conditional_t<sizeof(T) * V < sizeof(uint32_t), uint16_t, uint32_t>;
  static constexpr int kWords = sizeof(T) * V / sizeof(Word);
  Word words[kWords];
};

template <class T, int V>
MSDA_DEVICE Pack<T, V> load_pack(const char* from) {
#if defined(__CUDACC__)
  return *reinterpret_cast<const Pack<T, V>*>(from);
#else
  return emulator::aligned_read<Pack<T, V>>(from);
#endif
}

template <class T, int V>
MSDA_DEVICE void store_pack(char* to, const Pack<T, V>& pack) {
#if defined(__CUDACC__)
  *reinterpret_cast<Pack<T, V>*>(to) = pack;
#else
  emulator::aligned_write(to, pack);
#endif
}

template <class T, int V>
MSDA_DEVICE Pack<T, V> pack_of(const Accumulator<T> (&from)[V]) {
  T narrow[V];
#pragma unroll
  for (int v = 0; v < V; ++v) narrow[v] = static_cast<T>(from[v]);
  Pack<T, V> pack;
  memcpy(pack.words, narrow, sizeof(pack));
  return pack;
}

template <class T, int V>
MSDA_DEVICE void unpack(const Pack<T, V>& pack, Accumulator<T> (&to)[V]) {
  if constexpr (std::is_same_v<T, c10::BFloat16> && V > 1) {
    // A bfloat16 is the upper half of a float.
#pragma unroll
    for (int word = 0; word < V / 2; ++word) {
      const uint32_t lower = pack.words[word] << 16, upper = pack.words[word] & 0xffff0000u;
      memcpy(&to[2 * word], &lower, sizeof(lower));
      memcpy(&to[2 * word + 1], &upper, sizeof(upper));
    }
  } else {
    T narrow[V];
    memcpy(narrow, pack.words, sizeof(pack));
#pragma unroll
    for (int v = 0; v < V; ++v) to[v] = static_cast<Accumulator<T>>(narrow[v]);
  }
}

MSDA_DEVICE float exponential(float x) { return ::expf(x); }
MSDA_DEVICE double exponential(double x) { return ::exp(x); }
MSDA_DEVICE float round_down(float x) { return ::floorf(x); }
MSDA_DEVICE double round_down(double x) { return ::floor(x); }
MSDA_DEVICE float larger(float a, float b) { return ::fmaxf(a, b); }
MSDA_DEVICE double larger(double a, double b) { return ::fmax(a, b); }
MSDA_DEVICE int larger(int a, int b) { return a < b ? b : a; }
MSDA_DEVICE float smaller(float a, float b) { return ::fminf(a, b); }
MSDA_DEVICE double smaller(double a, double b) { return ::fmin(a, b); }
MSDA_DEVICE int smaller(int a, int b) { return b < a ? b : a; }

// Four neighbours, such as a sample's corners; moved by 16 bytes.
template <class X>
struct alignas(16) Quad {
  X part[4];
};

// Sum and maximum over a group of G neighbouring lanes (G a power of two); every lane of the warp
// calls them, every lane of the group receives the result, in an order that is always the same.
template <int G, class A>
MSDA_DEVICE A group_sum(A x) {
#pragma unroll
  for (int step = 1; step < G; step *= 2) x += __shfl_xor_sync(kWholeWarp, x, step);
  return x;
}

template <int G, class A>
MSDA_DEVICE A group_max(A x) {
#pragma unroll
  for (int step = 1; step < G; step *= 2) {
    x = larger(x, __shfl_xor_sync(kWholeWarp, x, step));
  }
  return x;
}

}  // namespace avsbench::cuda
