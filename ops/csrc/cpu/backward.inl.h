// Backward kernel: one task owns the gradient of one head of one frame, and adds to it in the
// order of the queries, so that the sums do not depend on the number of threads.
//
// A fragment: included inside the namespace of one instruction set, after forward.inl.h.

// Gradients by the weight and the pixel coordinates of each sample.
template <class V>
struct Slopes {
  using A = typename V::Scalar;

  A* dots;    // [padded, 4], each corner's channels times the gradient of the output
  A* weight;  // [padded]
  A *x, *y;   // [padded]
  A* grad;    // [row], gradient of the query's output

  Slopes(Arena& arena, int padded, int64_t row) {
    dots = arena.take<A>(4 * padded);
    weight = arena.take<A>(padded);
    x = arena.take<A>(padded);
    y = arena.take<A>(padded);
    grad = arena.take<A>(row);
  }
};

// Adds the samples' share to `grad_map`, in N vectors of channels; the products of the channels
// with the gradient start (kFirst) or go on in `slopes.dots`.
template <class V, int N, int64_t kRow, bool kFirst, class Channel>
AVSBENCH_INLINE void scatter(const Channel* __restrict map, typename V::Scalar* __restrict grad_map,
                             int64_t row, const Samples<V>& samples, int64_t channel,
                             Slopes<V>& slopes) {
  using F = typename V::F;
  constexpr int kGroup = V::kLanes / 4;
  const int64_t right = kRow ? kRow : row;
  F grad[N];
  for (int n = 0; n < N; ++n) grad[n] = V::load(slopes.grad + channel + n * V::kLanes);
  map += channel;
  grad_map += channel;
  for (int begin = 0; begin < samples.count; begin += kGroup) {
    F parts[kGroup] = {};
#pragma GCC unroll 4
    for (int j = 0; j < kGroup; ++j) {
      const int k = begin + j;
      if (k >= samples.count) break;
      const int64_t at[4] = {samples.upper[k], samples.upper[k] + right, samples.lower[k],
                             samples.lower[k] + right};
      F dots[4] = {};
#pragma GCC unroll 4
      for (int corner = 0; corner < 4; ++corner) {
        const F weight = V::set(samples.corner[corner][k]);
        auto* sums = grad_map + at[corner];
#pragma GCC unroll 4
        for (int n = 0; n < N; ++n) {
          dots[corner] += grad[n] * V::load(map + at[corner] + n * V::kLanes);
          V::store(sums + n * V::kLanes, V::load(sums + n * V::kLanes) + weight * grad[n]);
        }
      }
      parts[j] = V::partial(dots[0], dots[1], dots[2], dots[3]);
    }
    F total = V::total(parts);
    if constexpr (!kFirst) total += V::load(slopes.dots + 4 * begin);
    V::store(slopes.dots + 4 * begin, total);
  }
}

// From the corners' dots to the gradients by each sample's weight and coordinates, in pixels.
template <class V>
AVSBENCH_INLINE void differentiate(const Samples<V>& samples, Slopes<V>& slopes) {
  using F = typename V::F;
  for (int i = 0; i < samples.padded; i += V::kLanes) {
    F dots[4], even[2], odd[2], at[4];
    for (int j = 0; j < 4; ++j) dots[j] = V::load(slopes.dots + 4 * i + j * V::kLanes);
    V::deinterleave(dots[0], dots[1], &even[0], &odd[0]);
    V::deinterleave(dots[2], dots[3], &even[1], &odd[1]);
    V::deinterleave(even[0], even[1], &at[0], &at[2]);
    V::deinterleave(odd[0], odd[1], &at[1], &at[3]);
    const F x = V::load(samples.x + i), y = V::load(samples.y + i);
    const F weight = V::load(samples.weight + i);
    const F above = at[0] + x * (at[1] - at[0]), below = at[2] + x * (at[3] - at[2]);
    const F left = at[0] + y * (at[2] - at[0]), right = at[1] + y * (at[3] - at[1]);
    V::store(slopes.weight + i, above + y * (below - above));
    V::store(slopes.x + i, weight * (right - left));
    V::store(slopes.y + i, weight * (below - above));
  }
}

// Writes a query's gradients by its positions and scores.
template <class V, bool kFused>
AVSBENCH_INLINE void write_slopes(const Plan<V>& plan, int64_t first, const Samples<V>& samples,
                                  const Slopes<V>& slopes) {
  using F = typename V::F;
  const Problem& problem = plan.problem;
  F mean{};
  if constexpr (kFused) {
    for (int i = 0; i < samples.padded; i += V::kLanes) {
      F product = V::load(samples.weight + i) * V::load(slopes.weight + i);
      if (i + V::kLanes > samples.count) product = V::first(product, samples.count - i, 0);
      mean += product;
    }
    mean = V::set(V::reduce_sum(mean));
  }
  for (int i = 0; i < samples.padded; i += V::kLanes) {
    const int64_t left = samples.count - i;
    F x = V::load(slopes.x + i), y = V::load(slopes.y + i), score = V::load(slopes.weight + i);
    if constexpr (kFused) {
      score = V::load(samples.weight + i) * (score - mean);
    } else {
      x *= V::load(plan.width + i);
      y *= V::load(plan.height + i);
    }
    store_typed<V>(problem.grad_scores, problem.scores_type, first + i, score, left);
    F low, high;
    V::interleave(x, y, &low, &high);
    const int64_t at = 2 * (first + i);
    store_typed<V>(problem.grad_positions, problem.positions_type, at, low, 2 * left);
    if (2 * left > V::kLanes) {
      store_typed<V>(problem.grad_positions, problem.positions_type, at + V::kLanes, high,
                     2 * left - V::kLanes);
    }
  }
}

AVSBENCH_INLINE void prefetch_slopes(const Problem& problem, int64_t first) {
  const int64_t count = problem.levels * problem.points;
  const int positions = bytes_of(problem.positions_type), scores = bytes_of(problem.scores_type);
  prefetch<true>(problem.grad_positions, 2 * first * positions, 2 * count * positions);
  prefetch<true>(problem.grad_scores, first * scores, count * scores);
}

template <class V, int64_t kRow, class Channel>
AVSBENCH_INLINE void scatter_channels(const Plan<V>& plan, const Channel* map,
                                      typename V::Scalar* grad_map, const Samples<V>& samples,
                                      Slopes<V>& slopes) {
  constexpr int64_t kStep = V::kPass * V::kLanes;
  int64_t channel = 0;
  if (plan.row >= kStep) {
    scatter<V, V::kPass, kRow, true>(map, grad_map, plan.row, samples, 0, slopes);
    for (channel = kStep; channel + kStep <= plan.row; channel += kStep) {
      scatter<V, V::kPass, kRow, false>(map, grad_map, plan.row, samples, channel, slopes);
    }
  } else {
    scatter<V, 1, kRow, true>(map, grad_map, plan.row, samples, 0, slopes);
    channel = V::kLanes;
  }
  for (; channel < plan.row; channel += V::kLanes) {
    scatter<V, 1, kRow, false>(map, grad_map, plan.row, samples, channel, slopes);
  }
}

template <class V, class T, bool kFused, int64_t kRow>
void backward_queries(const Plan<V>& plan, int64_t frame, int64_t head,
                      const Packed<V, T>* map, typename V::Scalar* grad_map,
                      Samples<V> (&room)[2], Slopes<V>& slopes) {
  const Problem& problem = plan.problem;
  const int64_t stride = problem.heads * problem.dims;
  const T* grad_output = static_cast<const T*>(problem.grad_output) +
                         frame * problem.queries * stride + head * problem.dims;
  const auto add_query = [&](int64_t query, const Samples<V>& samples) {
    if (query + kAhead < problem.queries) {
      prefetch(grad_output, (query + kAhead) * stride * size_of<T>(), problem.dims * size_of<T>());
      prefetch_slopes(problem, first_sample(problem, frame, query + kAhead, head));
    }
    copy_channels<V>(grad_output + query * stride, slopes.grad, problem.dims);
    scatter_channels<V, kRow>(plan, map, grad_map, samples, slopes);
    differentiate<V>(samples, slopes);
    write_slopes<V, kFused>(plan, first_sample(problem, frame, query, head), samples, slopes);
  };
  for_each_query<V, kFused>(plan, frame, head, 0, problem.queries, room, add_query);
}

template <class V, class T>
void unpack(const Plan<V>& plan, int64_t frame, int64_t head, const typename V::Scalar* map) {
  const Problem& problem = plan.problem;
  const int64_t stride = problem.heads * problem.dims;
  T* grad_value = static_cast<T*>(problem.grad_value) + frame * problem.tokens * stride +
                  head * problem.dims;
  for_each_token(plan, [&](int64_t token, int64_t element) {
    for (int64_t i = 0; i < problem.dims; i += V::kLanes) {
      V::store(grad_value + token * stride + i, V::load(map + element + i), problem.dims - i);
    }
  });
}

// Scratch memory of the backward pass.
template <class V, class T>
struct BackwardScratch {
  ForwardScratch<V, T> forward;
  Slopes<V> slopes;
  typename V::Scalar* grad_map;

  BackwardScratch(const Problem& problem, void* memory)
      : forward(problem, memory),
        slopes(forward.arena, forward.plan.padded, forward.plan.row),
        grad_map(forward.arena.template take<typename V::Scalar>(forward.plan.elements)) {}
};

template <class V, class T, bool kFused>
void backward_tasks(const Problem& problem, int64_t begin, int64_t end, void* memory) {
  BackwardScratch<V, T> scratch(problem, memory);
  const Plan<V>& plan = scratch.forward.plan;
  auto& samples = scratch.forward.samples;
  auto* map = scratch.forward.map;
  const size_t elements = static_cast<size_t>(plan.elements);
  __builtin_memset(map, 0, elements * sizeof(*map));
  for (int64_t i = 0; i < plan.row; ++i) scratch.slopes.grad[i] = 0;
  for (int64_t i = 0; i < 4 * plan.padded; ++i) scratch.slopes.dots[i] = 0;
  for (int64_t task = begin; task < end; ++task) {
    const int64_t frame = task / problem.heads, head = task % problem.heads;
    pack<V, T>(plan, frame, head, map);
    __builtin_memset(scratch.grad_map, 0, elements * sizeof(*scratch.grad_map));
    if (plan.row == 32) {
      backward_queries<V, T, kFused, 32>(plan, frame, head, map, scratch.grad_map, samples,
                                         scratch.slopes);
    } else {
      backward_queries<V, T, kFused, 0>(plan, frame, head, map, scratch.grad_map, samples,
                                        scratch.slopes);
    }
    unpack<V, T>(plan, frame, head, scratch.grad_map);
  }
}
