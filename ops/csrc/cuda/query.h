// Backward kernel 1: gradients of positions and scores, laid out as the forward pass. It also
// writes every sample's cell and corner weights, from which the others make the values' gradient.

#pragma once

#include "sampling.h"

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

// From the slopes of a query's head to the gradients of its positions and scores. A lane reads
// back what it wrote.
template <class T, int G, class S>
MSDA_DEVICE void write_slopes(const BackwardProblem& problem, const Place& place, int lane,
                              int stride, const Kept<Accumulator<T>>* samples,
                              const Slope<Accumulator<T>>* slopes) {
  using A = Accumulator<T>;
  const int count = S::count(problem), points = S::points(problem);
  const int64_t row = static_cast<int64_t>(place.frame) * problem.queries + place.query;
  const int64_t first = (row * problem.heads + place.head) * count;
  const bool offsets = problem.reference != nullptr;
  A mean = 0;  // of the weights' slopes, under the softmax
  if (offsets) {
    for (int k = lane; k < count; k += G) {
      mean += samples[k * stride].weight * slopes[k * stride].weight;
    }
    mean = group_sum<G>(mean);
  }
  if (!place.active) return;
  for (int k = lane; k < count; k += G) {
    const Slope<A> slope = slopes[k * stride];
    const A weight = samples[k * stride].weight;
    A position[2] = {weight * slope.x, weight * slope.y};
    A score = slope.weight;
    if (offsets) {
      score = weight * (score - mean);
    } else {
      const Level& level = problem.level[k / points];
      position[0] *= level.width;
      position[1] *= level.height;
    }
    write_pair<T>(problem.grad_positions, problem.wide_positions, first + k, position);
    write<T>(problem.grad_scores, problem.wide_scores, first + k, score);
  }
}

template <class T, int V, int G, class S>
MSDA_KERNEL(kMaxThreads, kResident)
query_kernel(MSDA_ARGUMENT BackwardProblem problem, MSDA_ARGUMENT Divisor tiles) {
  using A = Accumulator<T>;
  MSDA_SHARED(memory);
  const int groups = blockDim.x / G, stride = shared_stride<G>(groups);
  const int lane = threadIdx.x % G, group = threadIdx.x / G;
  const int count = S::count(problem), points = S::points(problem);
  constexpr bool kWhole = S::kCount > 0 && S::kCount % kBatch == 0;  // no batch lacks a sample
  const Place place = place_of(problem, tiles, groups, group);
  const int step = problem.heads * problem.dims * static_cast<int>(sizeof(T));
  Kept<A>* samples = reinterpret_cast<Kept<A>*>(memory) + group;
  unsigned char* behind = memory + sizeof(Kept<A>) * count * stride;
  Quad<unsigned>* offsets = reinterpret_cast<Quad<unsigned>*>(behind) + group;
  behind += sizeof(Quad<unsigned>) * count * stride;
  Slope<A>* slopes = reinterpret_cast<Slope<A>*>(behind) + group;
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
      const Quad<A> dots = scatter_sum<G>(parts, lane);
      // The lane that computed a sample goes on with it.
      const int k = first + lane % kBatch;
      if (k % G == lane && k < count) {
        Slope<A> slope = slope_of(samples[k * stride], dots);
        if (round > 0) {
          slope.x += slopes[k * stride].x;
          slope.y += slopes[k * stride].y;
          slope.weight += slopes[k * stride].weight;
        }
        slopes[k * stride] = slope;
      }
    }
  }
  write_slopes<T, G, S>(problem, place, lane, stride, samples, slopes);
}

}  // namespace avsbench::cuda
