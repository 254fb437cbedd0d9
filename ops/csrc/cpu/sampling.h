// Where the samples of a query lie in the padded map of one head, and what they weigh.
//
// A task copies the channels of one head into its scratch memory ("packs" them), each level with a
// border of zeros, so that the four corners of every sample can be read without a question: rows
// of width + 1 pixels, the last one of which is the border at the right and, as the next row's
// neighbour, at the left. Samples that touch no pixel read a place of zeros behind the levels.

template <class T>
AVSBENCH_INLINE constexpr int size_of() {
  return sizeof(T);
}

AVSBENCH_INLINE int64_t round_up(int64_t n, int64_t multiple) {
  return (n + multiple - 1) / multiple * multiple;
}

AVSBENCH_INLINE int bytes_of(Type type) {
  return type == Type::kDouble ? 8 : type == Type::kFloat ? 4 : 2;
}

// What a packed channel is kept as, for values of type T: 16-bit floats are widened as they are
// packed, if not bfloat16 is read as fast as it is on V.
template <class V, class T>
struct PackedOf {
  using type = typename V::Scalar;
};
template <class V>
  requires(V::kReadsBFloat16)
struct PackedOf<V, BFloat16> {
  using type = BFloat16;
};
template <class V, class T>
using Packed = typename PackedOf<V, T>::type;

// Takes pieces of the scratch memory; only counts where there is none.
class Arena {
 public:
  explicit Arena(void* memory) : memory_(static_cast<char*>(memory)) {}

  template <class T>
  T* take(int64_t count) {
    T* piece = memory_ == nullptr ? nullptr : reinterpret_cast<T*>(memory_ + used_);
    used_ += round_up(count * size_of<T>(), 64);
    return piece;
  }
  int64_t used() const { return used_; }

 private:
  char* memory_;
  int64_t used_ = 0;
};

// The samples of one query and head. Lanes past `count` hold what may be read but means nothing.
template <class V>
struct Samples {
  using A = typename V::Scalar;
  using Int = typename V::Int;

  int count, padded;  // L * P, and the same in whole vectors
  Int* upper;         // [padded], element of the upper left corner's first channel
  Int* lower;         // [padded], of the lower left corner's
  A* corner[4];       // [padded], weight of each corner times that of the sample
  A *x, *y;           // [padded], distance from the upper left corner
  A* weight;          // [padded], attention weight

  Samples(Arena& arena, int count)
      : count(count), padded(static_cast<int>(round_up(count, V::kLanes))) {
    upper = arena.take<Int>(padded);
    lower = arena.take<Int>(padded);
    for (A*& weights : corner) weights = arena.take<A>(padded);
    x = arena.take<A>(padded);
    y = arena.take<A>(padded);
    weight = arena.take<A>(padded);
  }
};

// What stays the same for all queries of a call.
template <class V>
struct Plan {
  using A = typename V::Scalar;
  using F = typename V::F;
  using Int = typename V::Int;

  const Problem& problem;
  int64_t row;       // elements of a packed pixel: D in whole vectors
  int64_t elements;  // of the packed map
  int64_t nowhere;   // element where samples that touch no pixel read
  int samples, padded;
  // Of each sample's level, [padded]:
  A *width, *height;
  Int *stride, *start;  // elements of a row, and from the map's start to pixel (0, 0)
  Int *lookup_x, *lookup_y;
  A *tail_positions, *tail_scores, *tail_reference;  // room for copies, see `reach`
  A *centre_x, *centre_y;                            // [padded], for want of a lookup

  Plan(Arena& arena, const Problem& problem)
      : problem(problem),
        row(round_up(problem.dims, V::kLanes)),
        samples(static_cast<int>(problem.levels * problem.points)),
        padded(static_cast<int>(round_up(samples, V::kLanes))) {
    width = arena.take<A>(padded);
    height = arena.take<A>(padded);
    stride = arena.take<Int>(padded);
    start = arena.take<Int>(padded);
    lookup_x = arena.take<Int>(padded);
    lookup_y = arena.take<Int>(padded);
    tail_positions = arena.take<A>(2 * padded);
    tail_scores = arena.take<A>(padded);
    tail_reference = arena.take<A>(V::kLanes);
    centre_x = arena.take<A>(padded);
    centre_y = arena.take<A>(padded);
    int64_t pixels = 0, widest = 0;
    for (int64_t level = 0; level < problem.levels; ++level) {
      pixels += level_pixels(problem.level[level]);
      if (problem.level[level].width > widest) widest = problem.level[level].width;
    }
    nowhere = pixels * row;
    elements = (pixels + widest + 3) * row;
    if (width != nullptr) fill();
  }

  static int64_t level_pixels(const Level& level) {
    return (static_cast<int64_t>(level.height) + 2) * (level.width + 1) + 1;
  }

  // A vector's lookup holds (x, y) of all levels.
  bool has_lookup() const { return 2 * problem.levels <= V::kLanes; }

 private:
  void fill() {
    for (int i = 0; i < padded; ++i) {
      width[i] = height[i] = 1;
      stride[i] = start[i] = lookup_x[i] = lookup_y[i] = 0;
      centre_x[i] = centre_y[i] = 0;
    }
    int64_t pixels = 0;
    for (int64_t level = 0, i = 0; level < problem.levels; ++level) {
      const Level& size = problem.level[level];
      for (int64_t point = 0; point < problem.points; ++point, ++i) {
        width[i] = size.width;
        height[i] = size.height;
        stride[i] = static_cast<Int>((size.width + 1) * row);
        start[i] = static_cast<Int>((pixels + size.width + 2) * row);
        lookup_x[i] = static_cast<Int>(2 * level);
        lookup_y[i] = static_cast<Int>(2 * level + 1);
      }
      pixels += level_pixels(size);
    }
  }
};

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
