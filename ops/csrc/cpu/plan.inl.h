// What a task sets up before its first query: memory, and tables that all queries share.
//
// A task copies the channels of one head into its scratch memory ("packs" them), each level with a
// border of zeros, so that the four corners of every sample can be read without bounds checks: rows
// of width + 1 pixels, the last one of which is the border at the right and, as the next row's
// neighbour, at the left. Samples that touch no pixel read a place of zeros behind the levels.
//
// A fragment: included inside the namespace of one instruction set, after simd.inl.h.

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
