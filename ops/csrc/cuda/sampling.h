// Where a call's samples lie. Forward and backward share all of it.

#pragma once

#include "platform.h"
#include "problem.h"

namespace avsbench::cuda {

// Where one sample lies in its level: the token of its upper left corner (which may lie outside,
// even before the first token) and which of the four corners are inside.
template <class A>
struct alignas(16) Sample {
  A x, y;    // distance from the upper left corner, in pixels
  A weight;  // attention weight
  int packed;
};

// Corner i: bit 0 is right, bit 1 is lower.
MSDA_DEVICE bool corner_inside(int packed, int corner) { return (packed >> corner) & 1; }

MSDA_DEVICE int corner_token(int packed, int corner, int width) {
  return (packed >> 4) + (corner & 1) + (corner >> 1) * width;
}

template <class A>
MSDA_DEVICE A corner_weight(const Sample<A>& sample, int corner) {
  const A x = (corner & 1) ? sample.x : 1 - sample.x;
  const A y = (corner >> 1) ? sample.y : 1 - sample.y;
  return x * y;
}

// x, y in pixels, 0 the centre of the first one. A coordinate that is not a number, or infinite,
// has no corner inside and a distance of NaN, which the output receives, as grid_sample does.
template <class A>
MSDA_DEVICE Sample<A> locate(A x, A y, A weight, const Level& level) {
  const A left = round_down(x), upper = round_down(y);
  Sample<A> sample{x - left, y - upper, weight, 0};
  if (x >= -1 && x < level.width && y >= -1 && y < level.height) {
    const int column = static_cast<int>(left), row = static_cast<int>(upper);
    const int is_left = column >= 0, is_right = column + 1 < level.width;
    const int is_upper = row >= 0, is_lower = row + 1 < level.height;
    const int corners = (is_upper & is_left) | (is_upper & is_right) << 1 |
                        (is_lower & is_left) << 2 | (is_lower & is_right) << 3;
    sample.packed = (level.start + row * level.width + column) * 16 + corners;
  }
  return sample;
}

// Element `index` of a tensor that is wide or not.
template <class T>
MSDA_DEVICE Accumulator<T> read(const char* data, bool wide, int64_t index) {
  using A = Accumulator<T>;
  if (wide) return reinterpret_cast<const A*>(data)[index];
  return static_cast<A>(reinterpret_cast<const T*>(data)[index]);
}

// Pair `index`, by one access.
template <class T>
MSDA_DEVICE void read_pair(const char* data, bool wide, int64_t index,
                           Accumulator<T> (&pair)[2]) {
  using A = Accumulator<T>;
  if (wide) {
    unpack<A, 2>(load_pack<A, 2>(data + index * static_cast<int>(2 * sizeof(A))), pair);
  } else {
    unpack<T, 2>(load_pack<T, 2>(data + index * static_cast<int>(2 * sizeof(T))), pair);
  }
}

template <class T>
MSDA_DEVICE void write(char* data, bool wide, int64_t index, Accumulator<T> x) {
  if (wide) {
    reinterpret_cast<Accumulator<T>*>(data)[index] = x;
  } else {
    reinterpret_cast<T*>(data)[index] = static_cast<T>(x);
  }
}

template <class T>
MSDA_DEVICE void write_pair(char* data, bool wide, int64_t index,
                            const Accumulator<T> (&pair)[2]) {
  using A = Accumulator<T>;
  if (wide) {
    store_pack(data + index * static_cast<int>(2 * sizeof(A)), pack_of<A, 2>(pair));
  } else {
    store_pack(data + index * static_cast<int>(2 * sizeof(T)), pack_of<T, 2>(pair));
  }
}

// First of the L * P samples of a frame's query and head, in positions (by pairs) and scores.
MSDA_DEVICE int64_t first_sample(const Problem& problem, int frame, int query, int head) {
  const int64_t row = (static_cast<int64_t>(frame) * problem.queries + query) * problem.heads + head;
  return row * (problem.levels * problem.points);
}

// Pixel coordinates of a position (x, y), 0 the centre of the first pixel. `centre`: the reference
// point of an offset.
template <class A>
MSDA_DEVICE void pixel(bool offsets, const A (&position)[2], const A (&centre)[2],
                       const Level& level, A* x, A* y) {
  const A half = static_cast<A>(0.5);
  const A width = level.width, height = level.height;
  *x = offsets ? centre[0] * width - half + position[0] : position[0] * width - half;
  *y = offsets ? centre[1] * height - half + position[1] : position[1] * height - half;
}

// First reference point (one per level) of a query.
MSDA_DEVICE int64_t first_centre(const Problem& problem, int frame, int query) {
  const int64_t row =
      problem.shared_reference ? query : static_cast<int64_t>(frame) * problem.queries + query;
  return row * problem.levels;
}

// A warp's groups of G lanes each fill `samples` (L * P in shared memory, one array a group) for
// their own query; `maximum` and `scale` receive the softmax's maximum and 1 / sum (0 and 1
// without one). Ends with the samples visible to the group.
template <class T, int G>
MSDA_DEVICE void load_samples(const Problem& problem, int frame, int query, int head, int lane,
                              Sample<Accumulator<T>>* samples, Accumulator<T>* maximum,
                              Accumulator<T>* scale) {
  using A = Accumulator<T>;
  const int count = problem.levels * problem.points;
  const int64_t first = first_sample(problem, frame, query, head);
  const bool fused = problem.reference != nullptr;
  A top = 0, factor = 1;
  if (fused) {
    // A lane reads back only what it wrote itself.
    top = -std::numeric_limits<A>::infinity();
    for (int k = lane; k < count; k += G) {
      samples[k].weight = read<T>(problem.scores, problem.wide_scores, first + k);
      top = larger(top, samples[k].weight);
    }
    top = group_max<G>(top);
    A sum = 0;
    for (int k = lane; k < count; k += G) sum += exponential(samples[k].weight - top);
    factor = 1 / group_sum<G>(sum);
  }
  for (int k = lane; k < count; k += G) {
    const int level = k / problem.points;
    A position[2], centre[2] = {}, x, y;
    read_pair<T>(problem.positions, problem.wide_positions, first + k, position);
    if (fused) {
      read_pair<A>(problem.reference, true, first_centre(problem, frame, query) + level, centre);
    }
    pixel(fused, position, centre, problem.level[level], &x, &y);
    const A weight = fused ? exponential(samples[k].weight - top) * factor
                           : read<T>(problem.scores, problem.wide_scores, first + k);
    samples[k] = locate(x, y, weight, problem.level[level]);
  }
  *maximum = top;
  *scale = factor;
  __syncwarp();
}

}  // namespace avsbench::cuda
