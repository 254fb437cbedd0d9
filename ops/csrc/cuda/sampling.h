// Where a call's samples lie, and with which weights. Forward and backward share all of it.

#pragma once

#include "platform.h"
#include "problem.h"

namespace avsbench::cuda {

// Levels and points that the compiler knows, so that a lane's samples stay in registers; 0: those
// of the problem.
template <int kLevels, int kPoints>
struct Grid {
  static constexpr int kCount = kLevels * kPoints;
  static MSDA_DEVICE int points(const Problem& problem) {
    return kCount > 0 ? kPoints : problem.points;
  }
  static MSDA_DEVICE int count(const Problem& problem) {
    return kCount > 0 ? kCount : problem.levels * problem.points;
  }
};

// Which query, head and frame a group of lanes works for.
struct Place {
  int frame, head, query;
  bool active;  // false: past the last query; the lanes go along but store nothing
};

// `tiles`: blocks of queries a frame and head.
MSDA_DEVICE Place place_of(const Problem& problem, const Divisor& tiles, int groups, int group) {
  const int pair = tiles.quotient(blockIdx.x);
  const int tile = blockIdx.x - pair * tiles.divisor;
  const int frame = problem.per_frame.quotient(pair);
  const int query = tile * groups + group;
  const bool active = query < problem.queries;
  return {frame, pair - frame * problem.heads, active ? query : problem.queries - 1, active};
}

// A block's groups keep what they compute of sample k at [k * stride + group] of the shared
// memory: groups that read the same k meet no bank twice, nor do lanes that write 8 of them.
template <int G>
MSDA_BOTH int shared_stride(int groups) {
  return groups + (G == 4 ? 2 : 1);
}

// The cell of a sample: its upper left corner, maybe just outside, and the distance from it.
template <class A>
struct Located {
  A x, y;  // in pixels
  int column, row;
  bool left, right, upper, lower;  // whether the corners of this side are pixels

  MSDA_DEVICE bool inside() const { return (left || right) && (upper || lower); }
};

// x, y in pixels, 0 the centre of the first one. A coordinate that is not a number, or infinite,
// has no corner inside and a distance of NaN, which the output receives, as grid_sample does.
template <class A>
MSDA_DEVICE Located<A> locate(A x, A y, const Level& level) {
  const A left = round_down(x), upper = round_down(y);
  const A width = level.width, height = level.height;
  // Far away, both corners of a side are outside. What is not a number becomes -2.
  const int column = static_cast<int>(smaller(larger(left, A(-2)), width));
  const int row = static_cast<int>(smaller(larger(upper, A(-2)), height));
  const unsigned columns = level.width, rows = level.height;
  return {x - left, y - upper, column, row, static_cast<unsigned>(column) < columns,
          static_cast<unsigned>(column + 1) < columns, static_cast<unsigned>(row) < rows,
          static_cast<unsigned>(row + 1) < rows};
}

// Corner weights times the attention weight. Bit 0 of a corner's number: right; bit 1: lower. Those
// outside are zero, or NaN where something is: whatever they are multiplied with, a NaN is not
// lost.
template <class A>
MSDA_DEVICE Quad<A> corner_weights(const Located<A>& sample, A weight) {
  const A x = sample.x, y = sample.y, none = 0 * (x + y), nothing = none * weight;
  const A left = sample.left ? (1 - x) * weight : nothing;
  const A right = sample.right ? x * weight : nothing;
  const A upper = sample.upper ? 1 - y : none, lower = sample.lower ? y : none;
  return {{left * upper, right * upper, left * lower, right * lower}};
}

// Bytes from the frame's first token to each corner; `step`: from a token to the next. A corner
// outside is replaced by a pixel of the same sample, so that all four can be read.
template <class A>
MSDA_DEVICE Quad<unsigned> corner_offsets(const Located<A>& sample, const Level& level,
                                          unsigned step) {
  const int left = smaller(larger(sample.column, 0), level.width - 1);
  const int upper = smaller(larger(sample.row, 0), level.height - 1);
  const unsigned first = (level.start + upper * level.width + left) * step;
  const unsigned across = sample.left && sample.right ? step : 0;
  const unsigned down = sample.upper && sample.lower ? level.width * step : 0;
  return {{first, first + across, first + down, first + across + down}};
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

// A query's head in the inputs.
template <class T>
struct Reader {
  using A = Accumulator<T>;
  const Problem& problem;
  int64_t first;   // sample, in positions (by pairs) and scores
  int64_t centre;  // first reference point, one a level

  MSDA_DEVICE Reader(const Problem& problem, const Place& place, int count)
      : problem(problem), centre(0) {
    const int64_t row = static_cast<int64_t>(place.frame) * problem.queries + place.query;
    first = (row * problem.heads + place.head) * count;
    centre = (problem.shared_reference ? place.query : row) * problem.levels;
  }

  MSDA_DEVICE A score(int k) const {
    return read<T>(problem.scores, problem.wide_scores, first + k);
  }
  MSDA_DEVICE void position(int k, A (&pair)[2]) const {
    read_pair<T>(problem.positions, problem.wide_positions, first + k, pair);
  }
  // Reference point of a level; not there for locations, which don't need one.
  MSDA_DEVICE void point(int index, A (&pair)[2]) const {
    if (problem.reference != nullptr) {
      read_pair<A>(problem.reference, true, centre + index, pair);
    }
  }
  // A position, and the reference point of its level, in pixels.
  MSDA_DEVICE Located<A> located(const A (&position)[2], const A (&point)[2],
                                 const Level& level) const {
    const bool offset = problem.reference != nullptr;
    const A half = static_cast<A>(0.5), width = level.width, height = level.height;
    const A x = (offset ? point[0] : position[0]) * width - half;
    const A y = (offset ? point[1] : position[1]) * height - half;
    return locate(offset ? x + position[0] : x, offset ? y + position[1] : y, level);
  }
};

// All of a lane's samples in registers, and loaded before the first is used.
template <class T, int G, class S, class Visit>
MSDA_DEVICE void visit_known(const Problem& problem, const Place& place, int lane, Visit visit) {
  using A = Accumulator<T>;
  constexpr int kOwn = (S::kCount + G - 1) / G;
  const Reader<T> reader(problem, place, S::kCount);
  const auto is_one = [&](int i) { return S::kCount % G == 0 || lane + i * G < S::kCount; };
  A weights[kOwn], positions[kOwn][2], points[kOwn][2] = {};
#pragma unroll
  for (int i = 0; i < kOwn; ++i) {
    weights[i] = -std::numeric_limits<A>::infinity();
    if (!is_one(i)) continue;
    const int k = lane + i * G;
    weights[i] = reader.score(k);
    reader.position(k, positions[i]);
    reader.point(k / S::points(problem), points[i]);
  }
  if (problem.reference != nullptr) {
    A top = weights[0], sum = 0;
#pragma unroll
    for (int i = 1; i < kOwn; ++i) top = larger(top, weights[i]);
    top = group_max<G>(top);
#pragma unroll
    for (int i = 0; i < kOwn; ++i) sum += weights[i] = exponential(weights[i] - top);
    const A scale = 1 / group_sum<G>(sum);
#pragma unroll
    for (int i = 0; i < kOwn; ++i) weights[i] *= scale;
  }
#pragma unroll
  for (int i = 0; i < kOwn; ++i) {
    if (!is_one(i)) continue;
    const int k = lane + i * G, index = k / S::points(problem);
    visit(k, index, reader.located(positions[i], points[i], problem.level[index]), weights[i]);
  }
}

// Any number of samples: those of a lane are read again where they are needed again.
template <class T, int G, class Visit>
MSDA_DEVICE void visit_any(const Problem& problem, const Place& place, int lane, Visit visit) {
  using A = Accumulator<T>;
  const int count = problem.levels * problem.points;
  const Reader<T> reader(problem, place, count);
  const bool fused = problem.reference != nullptr;
  A top = -std::numeric_limits<A>::infinity(), scale = 1;
  if (fused) {
    A sum = 0;
    for (int k = lane; k < count; k += G) top = larger(top, reader.score(k));
    top = group_max<G>(top);
    for (int k = lane; k < count; k += G) sum += exponential(reader.score(k) - top);
    scale = 1 / group_sum<G>(sum);
  }
  for (int k = lane; k < count; k += G) {
    const int index = k / problem.points;
    const A score = reader.score(k);
    A position[2], point[2] = {};
    reader.position(k, position);
    reader.point(index, point);
    visit(k, index, reader.located(position, point, problem.level[index]),
          fused ? exponential(score - top) * scale : score);
  }
}

// Calls visit(k, index of the level, Located, attention weight) for the samples k = lane,
// lane + G, ... of a query's head. Every lane of the warp comes here, for the sums over groups.
template <class T, int G, class S, class Visit>
MSDA_DEVICE void visit_samples(const Problem& problem, const Place& place, int lane, Visit visit) {
  if constexpr (S::kCount > 0) {
    visit_known<T, G, S>(problem, place, lane, visit);
  } else {
    visit_any<T, G>(problem, place, lane, visit);
  }
}

// Where a head's channels of one frame begin, in a tensor (N, rows, M, D) of value's type.
template <class T>
MSDA_DEVICE int64_t head_offset(const Problem& problem, int frame, int head, int rows) {
  const int row = problem.heads * problem.dims * static_cast<int>(sizeof(T));
  return static_cast<int64_t>(frame) * rows * row +
         head * problem.dims * static_cast<int>(sizeof(T));
}

}  // namespace avsbench::cuda
