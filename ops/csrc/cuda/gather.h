// Backward kernel 3: the values' gradient. A group of G lanes owns a token of one head and walks
// over the samples of the four cells around it, in their sorted order; lane i sums channels
// [i * V, i * V + V). No float is ever added by an atomic, so the gradient is the same, bit by bit,
// in every run, whatever else is in the batch.

#pragma once

#include "sampling.h"

namespace avsbench::cuda {

// The entries of the cells left and right of a token, in one row of cells.
struct Span {
  int begin, middle, end;
};

// A token's samples: above it, where it is the lower corner, and below.
struct Around {
  Span above, below;
  int64_t first;  // sample of the level's list
};

MSDA_DEVICE Around samples_around(const BackwardProblem& problem, int pair, int token) {
  int index = 0;
  while (index + 1 < problem.levels && token >= problem.level[index + 1].start) ++index;
  const Level& level = problem.level[index];
  const int row = (token - level.start) / level.width;
  const int column = token - level.start - row * level.width;
  const int* above = problem.starts + pair * problem.cells_of_head + level.cells_start +
                     (row * (level.width + 1) + column);
  const int* below = above + level.width + 1;
  return {{above[0], above[1], above[2]},
          {below[0], below[1], below[2]},
          (static_cast<int64_t>(pair) * problem.levels + index) *
              (problem.queries * problem.points)};
}

// Adds a span's samples. Corner `right` is that of samples in its left cell, whose right pixel the
// token is; `right` - 1 that of the others.
template <class T, int V>
MSDA_DEVICE void add_span(const Span& span, const Entry* entries, const char* corner_weights,
                          int right, const char* grad_output, Accumulator<T> (&sums)[V]) {
  using A = Accumulator<T>;
#pragma unroll 2
  for (int at = span.begin; at < span.end; ++at) {
    const Entry entry = entries[at];
    const unsigned corner = (at < span.middle ? right : right - 1) * sizeof(A);
    const A weight = *reinterpret_cast<const A*>(corner_weights + (entry.corner_weights + corner));
    A grad[V];
    unpack<T, V>(load_pack<T, V>(grad_output + entry.grad_output), grad);
#pragma unroll
    for (int v = 0; v < V; ++v) sums[v] += weight * grad[v];
  }
}

// `tiles`: blocks of tokens a frame and head.
template <class T, int V, int G>
MSDA_KERNEL(kMaxThreads, kResident)
gather_kernel(MSDA_ARGUMENT BackwardProblem problem, MSDA_ARGUMENT Divisor tiles) {
  using A = Accumulator<T>;
  const int groups = blockDim.x / G;
  const int lane = threadIdx.x % G, group = threadIdx.x / G;
  const int pair = tiles.quotient(blockIdx.x);
  // The last tokens are those of the coarsest level, which have most samples: they go first.
  const int tile = tiles.divisor - 1 - (static_cast<int>(blockIdx.x) - pair * tiles.divisor);
  const int token = tile * groups + group;
  if (token >= problem.tokens) return;
  const int frame = problem.per_frame.quotient(pair), head = pair - frame * problem.heads;
  const Around around = samples_around(problem, pair, token);
  const Entry* entries = problem.entries + around.first;
  const char* weights = problem.corner_weights + around.first * static_cast<int>(sizeof(Quad<A>));
  const char* grad_output =
      problem.grad_output + head_offset<T>(problem, frame, head, problem.queries);
  const int step = problem.heads * problem.dims * static_cast<int>(sizeof(T));
  char* grad_value = problem.grad_value + head_offset<T>(problem, frame, head, problem.tokens) +
                     static_cast<int64_t>(token) * step;
  for (int channel = lane * V; channel < problem.dims; channel += G * V) {
    const char* channels = grad_output + channel * sizeof(T);
    A sums[V] = {};
    add_span<T, V>(around.above, entries, weights, 3, channels, sums);
    add_span<T, V>(around.below, entries, weights, 1, channels, sums);
    store_pack<T, V>(grad_value + channel * sizeof(T), pack_of<T, V>(sums));
  }
}

}  // namespace avsbench::cuda
