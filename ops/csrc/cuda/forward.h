// Forward kernel: a group of G lanes owns one query of one head.
//
// The group computes the corner weights and places of its L * P samples once, in shared memory;
// then lane i mixes channels [i * V, i * V + V), 16 bytes of every corner. A block's queries are
// neighbours of one frame and head, so that their corners meet in the first-level cache.

#pragma once

#include "sampling.h"

namespace avsbench::cuda {

template <class T, int V, int G, class S>
MSDA_KERNEL(kMaxThreads, kResident)
forward_kernel(MSDA_ARGUMENT ForwardProblem problem, MSDA_ARGUMENT Divisor tiles) {
  using A = Accumulator<T>;
  MSDA_SHARED(memory);
  const int groups = blockDim.x / G, stride = shared_stride<G>(groups);
  const int lane = threadIdx.x % G, group = threadIdx.x / G;
  const int count = S::count(problem);
  const Place place = place_of(problem, tiles, groups, group);
  const int step = problem.heads * problem.dims * static_cast<int>(sizeof(T));
  Quad<A>* weights = reinterpret_cast<Quad<A>*>(memory) + group;
  Quad<unsigned>* offsets =
      reinterpret_cast<Quad<unsigned>*>(memory + sizeof(Quad<A>) * count * stride) + group;

  // A sample outside of its level must read something that can't be infinite if the output is
  // not: a corner of another sample. `known`: the place of one.
  int known = -1;
  unsigned outside = 0;
  visit_samples<T, G, S>(
      problem, place, lane, [&](int k, int index, const Located<A>& sample, A weight) {
        const Quad<unsigned> corners = corner_offsets(sample, problem.level[index], step);
        weights[k * stride] = corner_weights(sample, weight);
        offsets[k * stride] = corners;
        if (sample.inside()) {
          known = larger(known, static_cast<int>(corners.part[0]));
        } else {
          outside |= 1u << (k / G);
        }
      });
  known = group_max<G>(known);
  for (; outside != 0; outside &= outside - 1) {
    const int k = (__ffs(outside) - 1) * G + lane;
    const unsigned at = known;
    offsets[k * stride] = {{at, at, at, at}};
  }
  __syncwarp();

  const char* value =
      problem.value + head_offset<T>(problem, place.frame, place.head, problem.tokens);
  char* output = problem.output +
                 head_offset<T>(problem, place.frame, place.head, problem.queries) +
                 static_cast<int64_t>(place.query) * step;
  for (int channel = lane * V; channel < problem.dims; channel += G * V) {
    const char* channels = value + channel * sizeof(T);
    A sums[V] = {};
    if (known >= 0) {
#pragma unroll 2
      for (int k = 0; k < count; ++k) {
        const Quad<unsigned> offset = offsets[k * stride];
        const Quad<A> weight = weights[k * stride];
        Pack<T, V> packs[4];
#pragma unroll
        for (int corner = 0; corner < 4; ++corner) {
          packs[corner] = load_pack<T, V>(channels + offset.part[corner]);
        }
#pragma unroll
        for (int corner = 0; corner < 4; ++corner) {
          A values[V];
          unpack<T, V>(packs[corner], values);
#pragma unroll
          for (int v = 0; v < V; ++v) sums[v] += weight.part[corner] * values[v];
        }
      }
    } else {  // nothing to read: the weights are all zero, or NaN
      for (int k = 0; k < count; ++k) {
#pragma unroll
        for (int v = 0; v < V; ++v) sums[v] += weights[k * stride].part[0];
      }
    }
    if (place.active) store_pack<T, V>(output + channel * sizeof(T), pack_of<T, V>(sums));
  }
}

}  // namespace avsbench::cuda
