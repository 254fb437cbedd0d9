// Where the samples of a query lie in the packed map of one head, and what they weigh.
//
// A fragment: included inside the namespace of one instruction set, after plan.inl.h.

// Vectors are read whole, past the end of a query's samples; there lie those of another query.
// Only at the tensor's very end nothing does, so there the samples are copied.
AVSBENCH_INLINE const void* reach(const void* tensor, Type type, int64_t from, int64_t count,
                                  int64_t needed, int64_t total, void* room) {
  const int bytes = bytes_of(type);
  const char* here = static_cast<const char*>(tensor) + from * bytes;
  if (from + needed <= total) return here;
  __builtin_memset(room, 0, static_cast<size_t>(needed) * bytes);
  __builtin_memcpy(room, here, static_cast<size_t>(count) * bytes);
  return room;
}

template <class V>
AVSBENCH_INLINE typename V::F load_typed(const void* from, Type type, int64_t at) {
  if constexpr (sizeof(typename V::Scalar) == 8) {
    return V::load(static_cast<const double*>(from) + at);
  } else {
    if (type == Type::kFloat) return V::load(static_cast<const float*>(from) + at);
    if (type == Type::kBFloat16) return V::load(static_cast<const BFloat16*>(from) + at);
    return V::load(static_cast<const Half*>(from) + at);
  }
}

template <class V>
AVSBENCH_INLINE void store_typed(void* to, Type type, int64_t at, typename V::F x, int64_t count) {
  if constexpr (sizeof(typename V::Scalar) == 8) {
    V::store(static_cast<double*>(to) + at, x, count);
  } else {
    if (type == Type::kFloat) return V::store(static_cast<float*>(to) + at, x, count);
    if (type == Type::kBFloat16) return V::store(static_cast<BFloat16*>(to) + at, x, count);
    V::store(static_cast<Half*>(to) + at, x, count);
  }
}

// Index of the first sample of a query and head, in scores and in pairs of positions.
AVSBENCH_INLINE int64_t first_sample(const Problem& problem, int64_t frame, int64_t query,
                                     int64_t head) {
  return ((frame * problem.queries + query) * problem.heads + head) * problem.levels *
         problem.points;
}

// Attention weights of a query into `samples.weight`: the softmax of the logits, or as given.
template <class V, bool kFused>
AVSBENCH_INLINE void weigh(const Plan<V>& plan, int64_t first, Samples<V>& samples) {
  using F = typename V::F;
  using A = typename V::Scalar;
  const Problem& problem = plan.problem;
  const int64_t total =
      problem.frames * problem.queries * problem.heads * problem.levels * problem.points;
  const void* scores = reach(problem.scores, problem.scores_type, first, plan.samples, plan.padded,
                             total, plan.tail_scores);
  if constexpr (!kFused) {
    for (int i = 0; i < plan.padded; i += V::kLanes) {
      V::store(samples.weight + i, load_typed<V>(scores, problem.scores_type, i));
    }
  } else {
    const A infinity = __builtin_inf();
    F top = V::set(-infinity);
    for (int i = 0; i < plan.padded; i += V::kLanes) {
      F logits = load_typed<V>(scores, problem.scores_type, i);
      if (i + V::kLanes > plan.samples) logits = V::first(logits, plan.samples - i, -infinity);
      V::store(samples.weight + i, logits);
      top = V::largest(logits, top);
    }
    top = V::set(V::reduce_max(top));
    F sums{};
    for (int i = 0; i < plan.padded; i += V::kLanes) {
      const F power = exponential<V>(V::load(samples.weight + i) - top);
      V::store(samples.weight + i, power);
      sums += power;
    }
    const F scale = V::set(1 / V::reduce_sum(sums));
    for (int i = 0; i < plan.padded; i += V::kLanes) {
      V::store(samples.weight + i, V::load(samples.weight + i) * scale);
    }
  }
}

// Pixels of the reference points, for levels that no vector's lookup holds.
template <class V>
void spread_reference(const Plan<V>& plan, const void* reference, int64_t at) {
  using A = typename V::Scalar;
  const A* points = static_cast<const A*>(reference) + at;
  for (int64_t level = 0, i = 0; level < plan.problem.levels; ++level) {
    for (int64_t point = 0; point < plan.problem.points; ++point, ++i) {
      plan.centre_x[i] = points[2 * level];
      plan.centre_y[i] = points[2 * level + 1];
    }
  }
}

// Fills `samples` for one query and head. A coordinate that is NaN or infinite touches no pixel
// and lies NaN from the next one, which the output receives: so it is with grid_sample.
template <class V, bool kFused>
AVSBENCH_INLINE void locate(const Plan<V>& plan, int64_t frame, int64_t query, int64_t head,
                            Samples<V>& samples) {
  using A = typename V::Scalar;
  using F = typename V::F;
  using I = typename V::I;
  const Problem& problem = plan.problem;
  const int64_t first = first_sample(problem, frame, query, head);
  weigh<V, kFused>(plan, first, samples);

  const int64_t pairs =
      problem.frames * problem.queries * problem.heads * problem.levels * problem.points;
  const void* positions = reach(problem.positions, problem.positions_type, 2 * first,
                                2 * plan.samples, 2 * plan.padded, 2 * pairs, plan.tail_positions);
  F points{};
  if constexpr (kFused) {
    const int64_t frames = problem.shared_reference ? 1 : problem.frames;
    const int64_t at = ((problem.shared_reference ? 0 : frame) * problem.queries + query) *
                       problem.levels * 2;
    if (plan.has_lookup()) {
      points = V::load(static_cast<const A*>(
          reach(problem.reference, sizeof(A) == 8 ? Type::kDouble : Type::kFloat, at,
                2 * problem.levels, V::kLanes, frames * problem.queries * problem.levels * 2,
                plan.tail_reference)));
    } else {
      spread_reference(plan, problem.reference, at);
    }
  }
  for (int i = 0; i < plan.padded; i += V::kLanes) {
    F x, y;
    V::deinterleave(load_typed<V>(positions, problem.positions_type, 2 * i),
                    load_typed<V>(positions, problem.positions_type, 2 * i + V::kLanes), &x, &y);
    const F width = V::load(plan.width + i), height = V::load(plan.height + i);
    if constexpr (kFused) {
      F centre_x, centre_y;
      if (plan.has_lookup()) {
        centre_x = V::lookup(points, V::load_int(plan.lookup_x + i));
        centre_y = V::lookup(points, V::load_int(plan.lookup_y + i));
      } else {
        centre_x = V::load(plan.centre_x + i);
        centre_y = V::load(plan.centre_y + i);
      }
      x += centre_x * width - A(0.5);
      y += centre_y * height - A(0.5);
    } else {
      x = x * width - A(0.5);
      y = y * height - A(0.5);
    }
    const F left = V::floor(x), above = V::floor(y);
    const F dx = x - left, dy = y - above;
    const auto inside = V::within(x, width, y, height);
    const I column = V::truncate(inside, left), line = V::truncate(inside, above);
    const I stride = V::load_int(plan.stride + i);
    const I upper = V::choose(inside,
                              V::load_int(plan.start + i) + line * stride +
                                  column * static_cast<typename V::Int>(plan.row),
                              I{} + static_cast<typename V::Int>(plan.nowhere));
    const F weight = V::load(samples.weight + i);
    const F low = weight * dy, high = weight - low;
    V::store_int(samples.upper + i, upper);
    V::store_int(samples.lower + i, upper + stride);
    V::store(samples.corner[1] + i, high * dx);
    V::store(samples.corner[0] + i, high - high * dx);
    V::store(samples.corner[3] + i, low * dx);
    V::store(samples.corner[2] + i, low - low * dx);
    V::store(samples.x + i, dx);
    V::store(samples.y + i, dy);
  }
}
