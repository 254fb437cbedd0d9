// Forward kernel: packs one head of one frame, then mixes the samples of its queries.
//
// A fragment: included inside the namespace of one instruction set, after sampling.inl.h.

constexpr int64_t kAhead = 6;  // queries that memory is asked for in advance

template <bool kWrite = false>
AVSBENCH_INLINE void prefetch(const void* tensor, int64_t byte, int64_t bytes) {
  const char* from = static_cast<const char*>(tensor) + byte;
  // The row may begin anywhere within a line of the cache.
  for (int64_t i = 0; i < bytes; i += 64) __builtin_prefetch(from + i, kWrite);
  __builtin_prefetch(from + bytes - 1, kWrite);
}

// Scores and positions that will soon be needed.
AVSBENCH_INLINE void prefetch_samples(const Problem& problem, int64_t frame, int64_t query,
                                      int64_t head) {
  if (query >= problem.queries) return;
  const int64_t first = first_sample(problem, frame, query, head);
  const int64_t count = problem.levels * problem.points;
  const int positions = bytes_of(problem.positions_type), scores = bytes_of(problem.scores_type);
  prefetch(problem.positions, 2 * first * positions, 2 * count * positions);
  prefetch(problem.scores, first * scores, count * scores);
}

// Calls use(query, samples) for each query. The next query's samples are located first: either is a
// chain of steps that wait for each other, and the processor goes on with one meanwhile.
template <class V, bool kFused, class Use>
AVSBENCH_INLINE void for_each_query(const Plan<V>& plan, int64_t frame, int64_t head,
                                    int64_t begin, int64_t end, Samples<V> (&room)[2],
                                    const Use& use) {
  for (int64_t next = begin; next <= end; ++next) {
    if (next < end) {
      prefetch_samples(plan.problem, frame, next + kAhead, head);
      locate<V, kFused>(plan, frame, next, head, room[next & 1]);
    }
    if (next > begin) use(next - 1, room[(next - 1) & 1]);
  }
}

// One pixel's channels, as they are or widened.
template <class V, class From, class To>
AVSBENCH_INLINE void copy_channels(const From* from, To* to, int64_t dims) {
  if constexpr (__is_same(From, To)) {
    // Whole vectors first: the length of a short copy is better known in advance.
    int64_t i = 0;
    for (; i + V::kLanes <= dims; i += V::kLanes) {
      __builtin_memcpy(to + i, from + i, V::kLanes * sizeof(To));
    }
    if (i < dims) __builtin_memcpy(to + i, from + i, (dims - i) * sizeof(To));
  } else {
    int64_t i = 0;
    for (; i + V::kLanes <= dims; i += V::kLanes) V::store(to + i, V::load(from + i));
    for (; i < dims; ++i) to[i] = widen(from[i]);
  }
}

// Calls visit(token, element in the map) for each token.
template <class V, class Visit>
AVSBENCH_INLINE void for_each_token(const Plan<V>& plan, const Visit& visit) {
  int64_t token = 0, start = 0;
  for (int64_t level = 0; level < plan.problem.levels; ++level) {
    const Level& size = plan.problem.level[level];
    for (int64_t y = 0; y < size.height; ++y) {
      int64_t pixel = start + (y + 1) * (size.width + 1) + 1;
      for (int64_t x = 0; x < size.width; ++x) visit(token++, pixel++ * plan.row);
    }
    start += Plan<V>::level_pixels(size);
  }
}

// Borders and channels past D stay zero.
template <class V, class T>
void pack(const Plan<V>& plan, int64_t frame, int64_t head, Packed<V, T>* map) {
  const Problem& problem = plan.problem;
  const int64_t stride = problem.heads * problem.dims;
  const T* value =
      static_cast<const T*>(problem.value) + frame * problem.tokens * stride + head * problem.dims;
  for_each_token(plan, [&](int64_t token, int64_t element) {
    copy_channels<V>(value + token * stride, map + element, problem.dims);
  });
}

// Channels [0, N * lanes) of the map's pixels, mixed. kRow: elements of a pixel, 0: not known.
template <class V, int N, int64_t kRow, class Channel>
AVSBENCH_INLINE void mix(const Channel* map, int64_t row, const Samples<V>& samples,
                         typename V::F (&sums)[N]) {
  using F = typename V::F;
  const int64_t right = kRow ? kRow : row;
  F upper[N] = {}, lower[N] = {};
#pragma GCC unroll 2
  for (int k = 0; k < samples.count; ++k) {
    const Channel* above = map + samples.upper[k];
    const Channel* below = map + samples.lower[k];
    const F weight[4] = {V::set(samples.corner[0][k]), V::set(samples.corner[1][k]),
                         V::set(samples.corner[2][k]), V::set(samples.corner[3][k])};
#pragma GCC unroll 8
    for (int n = 0; n < N; ++n) {
      upper[n] += weight[0] * V::load(above + n * V::kLanes);
      lower[n] += weight[2] * V::load(below + n * V::kLanes);
      upper[n] += weight[1] * V::load(above + right + n * V::kLanes);
      lower[n] += weight[3] * V::load(below + right + n * V::kLanes);
    }
  }
#pragma GCC unroll 8
  for (int n = 0; n < N; ++n) sums[n] = upper[n] + lower[n];
}

template <class V, int N, int64_t kRow, class Channel, class T>
AVSBENCH_INLINE void mix_channels(const Channel* map, const Plan<V>& plan,
                                  const Samples<V>& samples, int64_t channel, T* output) {
  typename V::F sums[N];
  mix<V, N, kRow>(map + channel, plan.row, samples, sums);
  for (int n = 0; n < N; ++n, channel += V::kLanes) {
    V::store(output + channel, sums[n], plan.problem.dims - channel);
  }
}

template <class V, class T, bool kFused, int64_t kRow>
void forward_queries(const Plan<V>& plan, int64_t frame, int64_t head, int64_t begin, int64_t end,
                     const Packed<V, T>* map, Samples<V> (&room)[2]) {
  const Problem& problem = plan.problem;
  const int64_t stride = problem.heads * problem.dims;
  T* output = static_cast<T*>(problem.output) + frame * problem.queries * stride +
              head * problem.dims;
  const auto mix_query = [&](int64_t query, const Samples<V>& samples) {
    T* row = output + query * stride;
    if (query + kAhead < end) {
      // Each line is written whole, but as the processor knows that too late it is read before.
      prefetch<true>(output, (query + kAhead) * stride * size_of<T>(),
                     problem.dims * size_of<T>());
    }
    int64_t channel = 0;
    for (; channel + V::kPass * V::kLanes <= plan.row; channel += V::kPass * V::kLanes) {
      mix_channels<V, V::kPass, kRow>(map, plan, samples, channel, row);
    }
    for (; channel < plan.row; channel += V::kLanes) {
      mix_channels<V, 1, kRow>(map, plan, samples, channel, row);
    }
  };
  for_each_query<V, kFused>(plan, frame, head, begin, end, room, mix_query);
}

// Scratch memory of the forward pass.
template <class V, class T>
struct ForwardScratch {
  Arena arena;
  Plan<V> plan;
  Samples<V> samples[2];  // of a query and of the next one
  Packed<V, T>* map;

  ForwardScratch(const Problem& problem, void* memory)
      : arena(memory), plan(arena, problem), samples{{arena, plan.samples}, {arena, plan.samples}} {
    map = arena.take<Packed<V, T>>(plan.elements);
  }
};

template <class V, class T, bool kFused>
void forward_tasks(const Problem& problem, int64_t begin, int64_t end, void* memory) {
  ForwardScratch<V, T> scratch(problem, memory);
  const Plan<V>& plan = scratch.plan;
  __builtin_memset(scratch.map, 0, static_cast<size_t>(plan.elements) * sizeof(*scratch.map));
  int64_t packed = -1;
  for (int64_t task = begin; task < end; ++task) {
    const int64_t pair = task / problem.parts, part = task % problem.parts;
    const int64_t frame = pair / problem.heads, head = pair % problem.heads;
    if (pair != packed) pack<V, T>(plan, frame, head, scratch.map);
    packed = pair;
    const int64_t first = part * problem.queries / problem.parts;
    const int64_t last = (part + 1) * problem.queries / problem.parts;
    if (plan.row == 32) {
      forward_queries<V, T, kFused, 32>(plan, frame, head, first, last, scratch.map,
                                        scratch.samples);
    } else {
      forward_queries<V, T, kFused, 0>(plan, frame, head, first, last, scratch.map,
                                       scratch.samples);
    }
  }
}
