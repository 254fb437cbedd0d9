// Forward kernel: a group of G lanes owns one query of one head.
//
// The group computes its L * P samples once, in shared memory; then lane i mixes channels
// [i * V, i * V + V), 16 bytes of every corner. A block's queries are neighbours of one frame and
// head, so that their corners meet in the first-level cache.

#pragma once

#include "sampling.h"

namespace avsbench::cuda {

// Which query, head and frame a group of lanes works for.
struct Place {
  int frame, head, query;
  bool active;  // false: past the last query; the lanes go along but store nothing
};

MSDA_DEVICE Place place_of(const Problem& problem, int tiles, int groups, int group) {
  const int tile = blockIdx.x % tiles;
  const int pair = blockIdx.x / tiles;
  const int query = tile * groups + group;
  const bool active = query < problem.queries;
  return {pair / problem.heads, pair % problem.heads, active ? query : problem.queries - 1, active};
}

// V channels, or zeros; the offset in bytes.
template <class T, int V>
MSDA_DEVICE Pack<T, V> read_pack(const char* channels, int offset, bool inside) {
  if (inside) return load_pack<T, V>(channels + offset);
  return Pack<T, V>{};
}

// V channels of a sample's four corners, zeros for those outside. `step` and `row`: bytes from a
// token to the one right of it and below it.
template <class T, int V, class A>
MSDA_DEVICE void read_corners(const char* channels, const Sample<A>& sample, int step, int row,
                              Pack<T, V> (&packs)[4]) {
  const int offset = (sample.packed >> 4) * step;
#pragma unroll
  for (int corner = 0; corner < 4; ++corner) {
    packs[corner] = read_pack<T, V>(channels, offset + (corner & 1) * step + (corner >> 1) * row,
                                    corner_inside(sample.packed, corner));
  }
}

// `tiles`: blocks of queries a frame and head.
template <class T, int V, int G>
MSDA_KERNEL(kMaxThreads) forward_kernel(MSDA_ARGUMENT ForwardProblem problem, int tiles) {
  using A = Accumulator<T>;
  MSDA_SHARED(memory);
  const int lane = threadIdx.x % G, group = threadIdx.x / G;
  const Place place = place_of(problem, tiles, blockDim.x / G, group);
  Sample<A>* samples =
      reinterpret_cast<Sample<A>*>(memory) + group * problem.levels * problem.points;
  A maximum, scale;
  load_samples<T, G>(problem, place.frame, place.query, place.head, lane, samples, &maximum,
                     &scale);

  const int step = problem.heads * problem.dims * static_cast<int>(sizeof(T));
  const int head = place.head * problem.dims * static_cast<int>(sizeof(T));
  const char* value = problem.value +
                      static_cast<int64_t>(place.frame) * problem.tokens * step + head;
  char* output = problem.output +
                 (static_cast<int64_t>(place.frame) * problem.queries + place.query) * step + head;
  for (int channel = lane * V; channel < problem.dims; channel += G * V) {
    const char* channels = value + channel * sizeof(T);
    A sums[V] = {};
    const Sample<A>* next = samples;
    for (int level = 0; level < problem.levels; ++level) {
      const int row = problem.level[level].width * step;
#pragma unroll 2
      for (int point = 0; point < problem.points; ++point) {
        const Sample<A> sample = *next++;
        Pack<T, V> packs[4];
        read_corners<T, V>(channels, sample, step, row, packs);
#pragma unroll
        for (int corner = 0; corner < 4; ++corner) {
          const A weight = sample.weight * corner_weight(sample, corner);
          A values[V];
          unpack<T, V>(packs[corner], values);
#pragma unroll
          for (int v = 0; v < V; ++v) sums[v] += weight * values[v];
        }
      }
    }
    if (place.active) store_pack<T, V>(output + channel * sizeof(T), pack_of<T, V>(sums));
  }
}

}  // namespace avsbench::cuda
