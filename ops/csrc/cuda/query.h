// Backward kernel 1: gradients of positions and scores, laid out as the forward pass. It also
// writes every sample's cell and corner weights, from which the others make the values' gradient.

#pragma once

#include "sampling.h"
#include "tensor.h"

namespace avsbench::cuda {

constexpr int kBatch = 4;  // samples reduced together

// What a lane keeps of a sample that it has computed.
template <class A>
struct alignas(16) Kept {
  A x, y, weight;
  int inside;  // bit i: corner i is a pixel
};

// What the output's gradient makes of one sample, the attention weight left out.
template <class A>
struct Slope {
  A x, y, weight;
};

// The four entries of `parts` summed over a group's lanes: lane i receives the sum of entry
// i % 4. Half of the entries are handed over at each of the first two steps.
template <int G, class A>
MSDA_DEVICE Quad<A> scatter_sum(Quad<A> (&parts)[kBatch], int lane) {
  static_assert(kBatch == 4 && G >= 4, "one lane for each entry");
  const bool second = lane & 1, upper = lane & 2;
  Quad<A> sum;
#pragma unroll
  for (int j = 0; j < 4; ++j) {
    A half[2];
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const A keep = upper ? parts[i + 2].part[j] : parts[i].part[j];
      const A give = upper ? parts[i].part[j] : parts[i + 2].part[j];
      half[i] = keep + __shfl_xor_sync(kWholeWarp, give, 2);
    }
    const A keep = second ? half[1] : half[0], give = second ? half[0] : half[1];
    sum.part[j] = keep + __shfl_xor_sync(kWholeWarp, give, 1);
#pragma unroll
    for (int step = 4; step < G; step *= 2) {
      sum.part[j] += __shfl_xor_sync(kWholeWarp, sum.part[j], step);
    }
  }
  return sum;
}

// One lane's part of a sample's four dot products: V channels of each corner and the gradient.
template <class T, int V>
MSDA_DEVICE Quad<Accumulator<T>> dot_corners(const char* channels,
                                             const Quad<unsigned>& offset,
                                             const Accumulator<T> (&grad)[V]) {
  using A = Accumulator<T>;
  Pack<T, V> packs[4];
#pragma unroll
  for (int corner = 0; corner < 4; ++corner) {
    packs[corner] = load_pack<T, V>(channels + offset.part[corner]);
  }
  Quad<A> dot{};
#pragma unroll
  for (int corner = 0; corner < 4; ++corner) {
    A values[V];
    unpack<T, V>(packs[corner], values);
#pragma unroll
    for (int v = 0; v < V; ++v) dot.part[corner] += grad[v] * values[v];
  }
  return dot;
}

// From the corners' dot products; those outside count as zero, whatever was read for them.
template <class A>
MSDA_DEVICE Slope<A> slope_of(const Kept<A>& sample, const Quad<A>& corners) {
  A dot[4];
#pragma unroll
  for (int i = 0; i < 4; ++i) dot[i] = sample.inside >> i & 1 ? corners.part[i] : 0;
  const A x = sample.x, y = sample.y;
  return {(1 - y) * (dot[1] - dot[0]) + y * (dot[3] - dot[2]),
          (1 - x) * (dot[2] - dot[0]) + x * (dot[3] - dot[1]),
          (1 - y) * ((1 - x) * dot[0] + x * dot[1]) + y * ((1 - x) * dot[2] + x * dot[3])};
}

template <class A>
MSDA_DEVICE Kept<A> kept_of(const Located<A>& sample, A weight) {
  const int sides = (sample.left ? 1 : 0) | (sample.right ? 2 : 0);
  const int inside = (sample.upper ? sides : 0) | (sample.lower ? sides << 2 : 0);
  return {sample.x, sample.y, weight, inside};
}

// What the other kernels need of a sample, in lists of one frame, head and level each.
template <class A>
struct Lists {
  const BackwardProblem& problem;
  int64_t first;  // sample of the query in the list of level 0
  bool active;

  MSDA_DEVICE Lists(const BackwardProblem& problem, const Place& place, int points)
      : problem(problem), active(place.active) {
    const int64_t pair = static_cast<int64_t>(place.frame) * problem.heads + place.head;
    first = (pair * problem.levels * problem.queries + place.query) * points;
  }

  MSDA_DEVICE void write(int point, int index, int points, const Located<A>& sample,
                         A weight) const {
    if (!active) return;
    const int64_t at = first + static_cast<int64_t>(problem.queries * points) * index + point;
    const int cell = (sample.row + 1) * (problem.level[index].width + 1) + sample.column + 1;
    problem.cells[at] = sample.inside() ? cell : -1;
    reinterpret_cast<Quad<A>*>(problem.corner_weights)[at] = corner_weights(sample, weight);
  }
};

// From the dot products of a query's head to the gradients of its positions and scores.
template <class T, int G, class S>
MSDA_DEVICE void write_slopes(const BackwardProblem& problem, const Place& place, int lane,
                              int stride, const Kept<Accumulator<T>>* samples,
                              const Quad<Accumulator<T>>* dots) {
  using A = Accumulator<T>;
  // A lane's samples; without a known number, they are computed again where they are needed again.
  constexpr int kOwn = S::kCount > 0 ? (S::kCount + G - 1) / G : 1;
  const int count = S::count(problem), own = S::kCount > 0 ? kOwn : (count + G - 1) / G;
  const int64_t row = static_cast<int64_t>(place.frame) * problem.queries + place.query;
  const int64_t first = (row * problem.heads + place.head) * count;
  const bool offsets = problem.reference != nullptr;
  Slope<A> slopes[kOwn];
  A mean = 0;  // of the weights' slopes, under the softmax
#pragma unroll kOwn
  for (int i = 0; i < own; ++i) {
    const int k = lane + i * G;
    if (k >= count) break;
    const Slope<A> slope = slope_of(samples[k * stride], dots[k * stride]);
    mean += samples[k * stride].weight * slope.weight;
    if constexpr (S::kCount > 0) slopes[i] = slope;
  }
  if (offsets) mean = group_sum<G>(mean);
  if (!place.active) return;
#pragma unroll kOwn
  for (int i = 0; i < own; ++i) {
    const int k = lane + i * G;
    if (k >= count) break;
    const A weight = samples[k * stride].weight;
    Slope<A> slope;
    if constexpr (S::kCount > 0) {
      slope = slopes[i];
    } else {
      slope = slope_of(samples[k * stride], dots[k * stride]);
    }
    A position[2] = {weight * slope.x, weight * slope.y}, score = slope.weight;
    if (offsets) {
      score = weight * (score - mean);
    } else {
      const Level& level = problem.level[k / S::points(problem)];
      position[0] *= level.width;
      position[1] *= level.height;
    }
    write_pair<T>(problem.grad_positions, problem.wide_positions, first + k, position);
    write<T>(problem.grad_scores, problem.wide_scores, first + k, score);
  }
}

// The dot products of all samples of a group's query, summed lane by lane.
template <class T, int V, int G, class S>
MSDA_DEVICE void write_dots(const BackwardProblem& problem, const char* value,
                            const char* grad_output, int lane, int stride,
                            const Quad<unsigned>* offsets, Quad<Accumulator<T>>* dots) {
  using A = Accumulator<T>;
  constexpr bool kWhole = S::kCount > 0 && S::kCount % kBatch == 0;  // no batch lacks a sample
  const int count = S::count(problem);
  // Every lane makes every round: the sums below are taken over whole warps.
  for (int round = 0; round < problem.dims; round += G * V) {
    const int channel = round + lane * V;
    const bool active = channel < problem.dims;
    const int offset = active ? channel * static_cast<int>(sizeof(T)) : 0;
    A grad[V] = {};
    if (active) unpack<T, V>(load_pack<T, V>(grad_output + offset), grad);
    for (int first = 0; first < count; first += kBatch) {
      Quad<A> parts[kBatch] = {};
#pragma unroll
      for (int i = 0; i < kBatch; ++i) {
        if (active && (kWhole || first + i < count)) {
          parts[i] = dot_corners<T, V>(value + offset, offsets[(first + i) * stride], grad);
        }
      }
      Quad<A> sum = scatter_sum<G>(parts, lane);
      // The lane that computed a sample goes on with it.
      const int k = first + lane % kBatch;
      if (k % G != lane || k >= count) continue;
      if (round > 0) {
#pragma unroll
        for (int corner = 0; corner < 4; ++corner) {
          sum.part[corner] += dots[k * stride].part[corner];
        }
      }
      dots[k * stride] = sum;
    }
  }
}

// The same for 16-bit numbers on 4 lanes, at most 32 channels: a warp's 8 queries on the tensor
// cores. Lane 4 * g + j reads channels 8 * j to 8 * j + 7 of corner g of 8, that is four pairs,
// which it hands over as they are: the first and the third pair for row g of the product, the
// others for row g + 8. So columns 2 * i and 2 * i + 1 have the first and third, and the other
// pairs of the gradient of query i, and a dot product is the sum of two of the product's numbers,
// which are with lane j = i.
template <class T, class S>
MSDA_DEVICE void write_dots_of_warp(const BackwardProblem& problem, const char* value,
                                    const char* grad_output, int stride,
                                    const Quad<unsigned>* offsets, Quad<float>* dots) {
  constexpr int kChannels = 8, kColumns = 4;  // queries of a product
  constexpr bool kWhole = S::kCount > 0 && S::kCount % 2 == 0;
  const int count = S::count(problem);
  const int lane = threadIdx.x % 4, row = threadIdx.x % kWarp / 4;
  // A lane without channels reads the first ones, and has a gradient of 0 for them.
  const bool active = lane * kChannels < problem.dims;
  const int offset = active ? lane * kChannels * static_cast<int>(sizeof(T)) : 0;
  Pack<T, kChannels> grad{};
  if (active) grad = load_pack<T, kChannels>(grad_output + offset);
  uint32_t columns[2][2];  // of queries 0 to 3 and 4 to 7
#pragma unroll
  for (int set = 0; set < 2; ++set) {
    const int from = (set * kColumns + row / 2) * 4 + lane;
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const uint32_t even = __shfl_sync(kWholeWarp, grad.words[2 * i], from);
      const uint32_t odd = __shfl_sync(kWholeWarp, grad.words[2 * i + 1], from);
      columns[set][i] = row % 2 == 0 ? even : odd;
    }
  }
  // From the group's own entries to those of the warp's first query, and this row's corner.
  const unsigned* places = offsets[-row].part + row % 4;
  float* results = dots[lane - row].part + row % 4;
  value += offset;
#pragma unroll 2
  for (int first = 0; first < count; first += 2) {
    // Where there is no second sample, the first one stands for it.
    const int k = first + row / 4, from = kWhole ? k : smaller(k, count - 1);
    float kept[2] = {};
#pragma unroll
    for (int query = 0; query < 2 * kColumns; ++query) {
      const unsigned place = places[(from * stride + query) * 4];
      const Pack<T, kChannels> corner = load_pack<T, kChannels>(value + place);
      float sums[4] = {};
      multiply_add<T>(corner.words, columns[query / kColumns], sums);
      if (lane == query % kColumns) kept[query / kColumns] = sums[0] + sums[3];
    }
    if (kWhole || k < count) {
      results[k * stride * 4] = kept[0];
      results[(k * stride + kColumns) * 4] = kept[1];
    }
  }
  __syncwarp();
}

template <class T, int V, int G, class S>
MSDA_KERNEL(kMaxThreads, kResident)
query_kernel(MSDA_ARGUMENT BackwardProblem problem, MSDA_ARGUMENT Divisor tiles) {
  using A = Accumulator<T>;
  MSDA_SHARED(memory);
  const int groups = blockDim.x / G, stride = shared_stride<G>(groups);
  const int lane = threadIdx.x % G, group = threadIdx.x / G;
  const int count = S::count(problem), points = S::points(problem);
  const Place place = place_of(problem, tiles, groups, group);
  const int step = problem.heads * problem.dims * static_cast<int>(sizeof(T));
  Kept<A>* samples = reinterpret_cast<Kept<A>*>(memory) + group;
  unsigned char* behind = memory + sizeof(Kept<A>) * count * stride;
  Quad<unsigned>* offsets = reinterpret_cast<Quad<unsigned>*>(behind) + group;
  behind += sizeof(Quad<unsigned>) * count * stride;
  Quad<A>* dots = reinterpret_cast<Quad<A>*>(behind) + group;
  const Lists<A> lists(problem, place, points);
  visit_samples<T, G, S>(
      problem, place, lane, [&](int k, int index, const Located<A>& sample, A weight) {
        samples[k * stride] = kept_of(sample, weight);
        offsets[k * stride] = corner_offsets(sample, problem.level[index], step);
        lists.write(k - index * points, index, points, sample, weight);
      });
  __syncwarp();

  const char* value =
      problem.value + head_offset<T>(problem, place.frame, place.head, problem.tokens);
  const char* grad_output =
      problem.grad_output + head_offset<T>(problem, place.frame, place.head, problem.queries) +
      static_cast<int64_t>(place.query) * step;
  if constexpr (sizeof(T) == 2 && V == 8 && G == 4) {
    write_dots_of_warp<T, S>(problem, value, grad_output, stride, offsets, dots);
  } else {
    write_dots<T, V, G, S>(problem, value, grad_output, lane, stride, offsets, dots);
  }
  write_slopes<T, G, S>(problem, place, lane, stride, samples, dots);
}

}  // namespace avsbench::cuda
