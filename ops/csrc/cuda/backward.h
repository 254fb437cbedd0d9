// Backward kernels. No float is ever added by an atomic, so each gradient is the same, bit by
// bit, in every run, whatever else is in the batch.
//
// 1. query_kernel, laid out as the forward pass: gradients of positions and scores.
// 2. value_kernel: one warp owns a band of tokens of one frame, head and 32 channels, and keeps
//    its sums in shared memory. It walks the level's samples in the order (query, point), takes
//    out those that touch the band, and lane i adds channel i of their contributions. Each sum is
//    written once; the order of its terms doesn't depend on the length of the bands.

#pragma once

#include "forward.h"

namespace avsbench::cuda {

constexpr int kBatch = 4;      // samples reduced together in query_kernel
constexpr int kInFlight = 16;  // gradient rows loaded ahead in value_kernel

// What the output's gradient makes of one sample, the attention weight left out.
template <class A>
struct Slope {
  A x, y, weight;
};

// The four entries of `parts` summed over a group's lanes: lane i receives the sum of entry
// i % 4 in parts[0]. Half of the entries are handed over at each of the first two steps.
template <int G, class A>
MSDA_DEVICE void scatter_sum(Slope<A> (&parts)[kBatch], int lane) {
  static_assert(kBatch == 4 && G >= 4, "one lane for each entry");
  const bool second = lane & 1, upper = lane & 2;
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    const Slope<A> keep = upper ? parts[i + 2] : parts[i];
    const Slope<A> give = upper ? parts[i] : parts[i + 2];
    parts[i].x = keep.x + __shfl_xor_sync(kWholeWarp, give.x, 2);
    parts[i].y = keep.y + __shfl_xor_sync(kWholeWarp, give.y, 2);
    parts[i].weight = keep.weight + __shfl_xor_sync(kWholeWarp, give.weight, 2);
  }
  const Slope<A> keep = second ? parts[1] : parts[0];
  const Slope<A> give = second ? parts[0] : parts[1];
  parts[0].x = keep.x + __shfl_xor_sync(kWholeWarp, give.x, 1);
  parts[0].y = keep.y + __shfl_xor_sync(kWholeWarp, give.y, 1);
  parts[0].weight = keep.weight + __shfl_xor_sync(kWholeWarp, give.weight, 1);
#pragma unroll
  for (int step = 4; step < G; step *= 2) {
    parts[0].x += __shfl_xor_sync(kWholeWarp, parts[0].x, step);
    parts[0].y += __shfl_xor_sync(kWholeWarp, parts[0].y, step);
    parts[0].weight += __shfl_xor_sync(kWholeWarp, parts[0].weight, step);
  }
}

// One lane's part of a sample's slopes: V channels of the four corners against the gradient.
template <class T, int V>
MSDA_DEVICE Slope<Accumulator<T>> slope_of(const Sample<Accumulator<T>>& sample,
                                           const char* channels, int step, int row,
                                           const Accumulator<T> (&grad)[V]) {
  using A = Accumulator<T>;
  Pack<T, V> packs[4];
  read_corners<T, V>(channels, sample, step, row, packs);
  A dot[4] = {};
#pragma unroll
  for (int corner = 0; corner < 4; ++corner) {
    A values[V];
    unpack<T, V>(packs[corner], values);
#pragma unroll
    for (int v = 0; v < V; ++v) dot[corner] += grad[v] * values[v];
  }
  const A x = sample.x, y = sample.y;
  Slope<A> slope;
  slope.x = (1 - y) * (dot[1] - dot[0]) + y * (dot[3] - dot[2]);
  slope.y = (1 - x) * (dot[2] - dot[0]) + x * (dot[3] - dot[1]);
  slope.weight = (1 - y) * ((1 - x) * dot[0] + x * dot[1]) + y * ((1 - x) * dot[2] + x * dot[3]);
  return slope;
}

// From the slopes of a query's head to the gradients of its positions and scores.
template <class T, int G>
MSDA_DEVICE void write_slopes(const BackwardProblem& problem, const Place& place, int lane,
                              const Sample<Accumulator<T>>* samples,
                              const Slope<Accumulator<T>>* slopes) {
  using A = Accumulator<T>;
  const int count = problem.levels * problem.points;
  const int64_t first = first_sample(problem, place.frame, place.query, place.head);
  const bool offsets = problem.reference != nullptr;
  A mean = 0;  // of the weights' slopes, under the softmax
  if (offsets) {
    for (int k = lane; k < count; k += G) mean += samples[k].weight * slopes[k].weight;
    mean = group_sum<G>(mean);
  }
  if (!place.active) return;
  for (int k = lane; k < count; k += G) {
    const A weight = samples[k].weight;
    A position[2] = {weight * slopes[k].x, weight * slopes[k].y};
    A score = slopes[k].weight;
    if (offsets) {
      score = weight * (score - mean);
    } else {
      const Level& level = problem.level[k / problem.points];
      position[0] *= level.width;
      position[1] *= level.height;
    }
    write_pair<T>(problem.grad_positions, problem.wide_positions, first + k, position);
    write<T>(problem.grad_scores, problem.wide_scores, first + k, score);
  }
}

template <class T, int V, int G>
MSDA_KERNEL(kMaxThreads) query_kernel(MSDA_ARGUMENT BackwardProblem problem, int tiles) {
  using A = Accumulator<T>;
  MSDA_SHARED(memory);
  const int count = problem.levels * problem.points;
  const int groups = blockDim.x / G;
  const int lane = threadIdx.x % G, group = threadIdx.x / G;
  const Place place = place_of(problem, tiles, groups, group);
  Sample<A>* samples = reinterpret_cast<Sample<A>*>(memory) + group * count;
  Slope<A>* slopes =
      reinterpret_cast<Slope<A>*>(memory + sizeof(Sample<A>) * groups * count) + group * count;
  A maximum, scale;
  load_samples<T, G>(problem, place.frame, place.query, place.head, lane, samples, &maximum,
                     &scale);
  if (problem.softmax != nullptr && place.active && lane == 0) {
    const int64_t row = static_cast<int64_t>(place.frame) * problem.heads + place.head;
    const A kept[2] = {maximum, scale};
    write_pair<A>(problem.softmax, true, row * problem.queries + place.query, kept);
  }

  const int step = problem.heads * problem.dims * static_cast<int>(sizeof(T));
  const int head = place.head * problem.dims * static_cast<int>(sizeof(T));
  const char* value = problem.value +
                      static_cast<int64_t>(place.frame) * problem.tokens * step + head;
  const char* grad_output =
      problem.grad_output +
      (static_cast<int64_t>(place.frame) * problem.queries + place.query) * step + head;
  // Every lane makes every round: the sums below are taken over whole warps.
  for (int round = 0; round < problem.dims; round += G * V) {
    const int channel = round + lane * V;
    const bool active = channel < problem.dims;
    const int offset = active ? channel * static_cast<int>(sizeof(T)) : 0;
    A grad[V];
    unpack<T, V>(read_pack<T, V>(grad_output, offset, active), grad);
    for (int level = 0; level < problem.levels; ++level) {
      const int row = problem.level[level].width * step;
      for (int point = 0; point < problem.points; point += kBatch) {
        const int first = level * problem.points + point;
        Slope<A> parts[kBatch] = {};
#pragma unroll
        for (int i = 0; i < kBatch; ++i) {
          if (active && point + i < problem.points) {
            parts[i] = slope_of<T, V>(samples[first + i], value + offset, step, row, grad);
          }
        }
        scatter_sum<G>(parts, lane);
        if (lane < kBatch && point + lane < problem.points) {
          Slope<A>& slope = slopes[first + lane];
          if (round > 0) {
            parts[0].x += slope.x;
            parts[0].y += slope.y;
            parts[0].weight += slope.weight;
          }
          slope = parts[0];
        }
      }
    }
  }
  __syncwarp();
  write_slopes<T, G>(problem, place, lane, samples, slopes);
}

// A sample that touches the band. Each corner has a weight and a row of sums, in bytes (-1: the
// corner is not in the band).
template <class A>
struct alignas(16) Hit {
  A weight[4];
  int sum[4];
  int row;  // of the output's gradient, in bytes from the frame's and head's first
};

// Which tokens, head, frame and channels a warp owns.
struct Band {
  int frame, head, channel, level, first, tokens;
};

// Bands of at most `length` tokens, level by level, then channels, heads, frames.
MSDA_DEVICE Band band_of(const Problem& problem, int length, int bands, int64_t block) {
  const int chunks = (problem.dims + kWarp - 1) / kWarp;
  int index = static_cast<int>(block % bands);
  const int64_t rest = block / bands;
  const int chunk = static_cast<int>(rest % chunks);
  const int pair = static_cast<int>(rest / chunks);
  int level = 0, size = 0;
  for (; level < problem.levels; ++level) {
    size = problem.level[level].height * problem.level[level].width;
    const int here = (size + length - 1) / length;
    if (index < here) break;
    index -= here;
  }
  const int left = size - index * length;
  return {pair / problem.heads,
          pair % problem.heads,
          chunk * kWarp,
          level,
          problem.level[level].start + index * length,
          left < length ? left : length};
}

// What a lane reads of one sample, a step ahead of its use.
template <class A>
struct Raw {
  A position[2], centre[2], score, softmax[2];
  int query;  // -1: past the last sample
};

// A band's samples in the order (query, point), kWarp at a time: this lane's one of them. What a
// frame holds is less than 2^31 bytes, so offsets within it are ints.
template <class T>
struct Walk {
  using A = Accumulator<T>;
  const char *positions, *scores, *centres, *softmax;  // of query 0, point 0
  int query, point;

  MSDA_DEVICE Walk(const BackwardProblem& problem, const Band& band, int lane)
      : softmax(nullptr), query(lane / problem.points), point(lane % problem.points) {
    const int64_t sample =
        first_sample(problem, band.frame, 0, band.head) + band.level * problem.points;
    const int pair = 2 * (problem.wide_positions ? sizeof(A) : sizeof(T));
    const int score = problem.wide_scores ? sizeof(A) : sizeof(T);
    positions = problem.positions + sample * pair;
    scores = problem.scores + sample * score;
    centres = problem.reference;
    if (problem.softmax != nullptr) {
      const int64_t centre = first_centre(problem, band.frame, 0) + band.level;
      centres += centre * static_cast<int>(2 * sizeof(A));
      const int64_t row = static_cast<int64_t>(band.frame) * problem.heads + band.head;
      softmax = problem.softmax + row * problem.queries * static_cast<int>(2 * sizeof(A));
    }
  }

  MSDA_DEVICE Raw<A> read_next(const BackwardProblem& problem) {
    Raw<A> raw{{0, 0}, {0, 0}, 0, {0, 0}, -1};
    if (query >= problem.queries) return raw;
    const int sample = query * (problem.heads * problem.levels * problem.points) + point;
    read_pair<T>(positions, problem.wide_positions, sample, raw.position);
    raw.score = read<T>(scores, problem.wide_scores, sample);
    if (softmax != nullptr) {
      read_pair<A>(centres, true, query * problem.levels, raw.centre);
      read_pair<A>(softmax, true, query, raw.softmax);
    }
    raw.query = query;
    query += kWarp / problem.points;
    point += kWarp % problem.points;
    if (point >= problem.points) {
      point -= problem.points;
      ++query;
    }
    return raw;
  }
};

// Whether the sample touches the band, and if so how. `step`: bytes from a row of the output's
// gradient to the next query's.
template <class A>
MSDA_DEVICE bool hit_of(const BackwardProblem& problem, const Band& band, const Raw<A>& raw,
                        int step, Hit<A>* hit) {
  if (raw.query < 0) return false;
  const Level& level = problem.level[band.level];
  const bool fused = problem.softmax != nullptr;
  A x, y;
  pixel(fused, raw.position, raw.centre, level, &x, &y);
  Sample<A> sample = locate(x, y, raw.score, level);
  const int token = (sample.packed >> 4) - band.first;
  // Most samples lie in other bands.
  if (token >= band.tokens || token + level.width + 1 < 0) return false;
  if (fused) sample.weight = exponential(raw.score - raw.softmax[0]) * raw.softmax[1];
  bool touches = false;
#pragma unroll
  for (int corner = 0; corner < 4; ++corner) {
    const int slot = token + (corner & 1) + (corner >> 1) * level.width;
    const bool owned = corner_inside(sample.packed, corner) && slot >= 0 && slot < band.tokens;
    hit->sum[corner] = owned ? slot * static_cast<int>(kWarp * sizeof(A)) : -1;
    hit->weight[corner] = sample.weight * corner_weight(sample, corner);
    touches |= owned;
  }
  hit->row = raw.query * step;
  return touches;
}

// Adds the queue's first `count` hits to the band's sums, one after the other. The whole warp
// works on one hit at a time, each lane on its own channel: `grad_output` and `sums` are the
// lane's, null past the last channel.
template <class T>
MSDA_DEVICE void add_hits(int count, const Hit<Accumulator<T>>* queue, const char* grad_output,
                          char* sums) {
  using A = Accumulator<T>;
  for (int first = 0; first < count; first += kInFlight) {
    A grad[kInFlight];
#pragma unroll
    for (int i = 0; i < kInFlight; ++i) {
      grad[i] = 0;
      if (grad_output != nullptr && first + i < count) {
        grad[i] = static_cast<A>(*reinterpret_cast<const T*>(grad_output + queue[first + i].row));
      }
    }
    Hit<A> hit = queue[first];
#pragma unroll
    for (int i = 0; i < kInFlight; ++i) {
      if (first + i >= count) break;
      const Hit<A> next = queue[first + i + 1];  // before the sums change, to hide its latency
      // A sample's corners are four different tokens: all are read before one is written.
      A before[4] = {};
#pragma unroll
      for (int corner = 0; corner < 4; ++corner) {
        if (hit.sum[corner] >= 0) {
          before[corner] = *reinterpret_cast<const A*>(sums + hit.sum[corner]);
        }
      }
#pragma unroll
      for (int corner = 0; corner < 4; ++corner) {
        if (hit.sum[corner] >= 0) {
          *reinterpret_cast<A*>(sums + hit.sum[corner]) =
              before[corner] + hit.weight[corner] * grad[i];
        }
      }
      hit = next;
    }
  }
}

template <class T>
MSDA_KERNEL(kWarp) value_kernel(MSDA_ARGUMENT BackwardProblem problem, int length, int bands) {
  using A = Accumulator<T>;
  MSDA_SHARED(memory);
  const int lane = threadIdx.x;
  const Band band = band_of(problem, length, bands, blockIdx.x);
  const int channel = band.channel + lane;
  const bool active = channel < problem.dims;
  const int step = problem.heads * problem.dims * static_cast<int>(sizeof(T));
  const int column = (band.head * problem.dims + channel) * static_cast<int>(sizeof(T));

  Hit<A>* queue = reinterpret_cast<Hit<A>*>(memory);  // 2 * kWarp of them
  A* sums = reinterpret_cast<A*>(memory + 2 * kWarp * sizeof(Hit<A>)) + lane;
  // No lane reads another one's sums, so only the queue needs the warp to meet.
  for (int token = 0; token < band.tokens; ++token) sums[token * kWarp] = 0;

  const char* grad_output = nullptr;
  if (active) {
    grad_output = problem.grad_output +
                  static_cast<int64_t>(band.frame) * problem.queries * step + column;
  }
  const int samples = problem.queries * problem.points;
  int waiting = 0;
  Walk<T> walk(problem, band, lane);
  Raw<A> raw = walk.read_next(problem);
  for (int first = 0; first < samples || waiting > 0; first += kWarp) {
    const Raw<A> next = walk.read_next(problem);
    Hit<A> hit;
    const bool touches = hit_of(problem, band, raw, step, &hit);
    const unsigned vote = __ballot_sync(kWholeWarp, touches);
    if (touches) queue[waiting + __popc(vote & ((1u << lane) - 1))] = hit;
    waiting += __popc(vote);
    raw = next;
    const bool last = first + kWarp >= samples;
    if (waiting < kWarp && !last) continue;
    const int count = waiting < kWarp ? waiting : kWarp;
    __syncwarp();
    add_hits<T>(count, queue, grad_output, reinterpret_cast<char*>(sums));
    waiting -= count;
    __syncwarp();
    if (lane < waiting) queue[lane] = queue[kWarp + lane];
    __syncwarp();
  }

  if (!active) return;
  char* grad_value = problem.grad_value +
                     (static_cast<int64_t>(band.frame) * problem.tokens + band.first) * step +
                     column;
  for (int token = 0; token < band.tokens; ++token) {
    *reinterpret_cast<T*>(grad_value + token * step) = static_cast<T>(sums[token * kWarp]);
  }
}

}  // namespace avsbench::cuda
