// Vectors of W lanes, written with the compilers' vector extension: runs everywhere, and is what
// simd_avx2.inl.h and simd_avx512.inl.h start from.
//
// A fragment: included inside the namespace of one instruction set, after kernels.h, so that no two
// instruction sets share a symbol; for the same reason no function of the standard library's headers
// may be used here.

struct BFloat16 {
  uint16_t bits;
};

struct Half {
  uint16_t bits;
};

#define AVSBENCH_INLINE inline __attribute__((always_inline))

template <class To, class From>
AVSBENCH_INLINE To bit_cast(const From& from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  __builtin_memcpy(&to, &from, sizeof(to));
  return to;
}

AVSBENCH_INLINE float widen_half(uint16_t half) {
  // The exponent moves to where 2^112 corrects its bias, of subnormal numbers too.
  const uint32_t magnitude = static_cast<uint32_t>(half & 0x7fff) << 13;
  float x = bit_cast<float>(magnitude) * 0x1p112f;
  if (magnitude >= 0x0f800000) x = bit_cast<float>(magnitude | 0x7f800000);  // infinity, NaN
  return half & 0x8000 ? -x : x;
}

AVSBENCH_INLINE uint16_t narrow_half(float x) {
  const uint32_t bits = bit_cast<uint32_t>(x), sign = bits >> 16 & 0x8000;
  const float magnitude = bit_cast<float>(bits & 0x7fffffff);
  if (!(magnitude < 65520.0f)) {  // rounds to infinity, or NaN
    return static_cast<uint16_t>(sign | (magnitude == magnitude ? 0x7c00 : 0x7e00));
  }
  if (magnitude < 0x1p-14f) {  // subnormal: the addition rounds to multiples of 2^-24
    const float shifted = magnitude + 0.5f;
    return static_cast<uint16_t>(sign | (bit_cast<uint32_t>(shifted) - 0x3f000000));
  }
  const uint32_t rebased = (bits & 0x7fffffff) - (112u << 23);
  return static_cast<uint16_t>(sign | ((rebased + 0xfff + (rebased >> 13 & 1)) >> 13));
}

AVSBENCH_INLINE float widen(Half x) { return widen_half(x.bits); }
AVSBENCH_INLINE float widen(BFloat16 x) {
  return bit_cast<float>(static_cast<uint32_t>(x.bits) << 16);
}

template <class A>
struct IntOf;
template <>
struct IntOf<float> {
  using type = int32_t;
};
template <>
struct IntOf<double> {
  using type = int64_t;
};

template <class T, int W>
struct VectorOf {
  typedef T type __attribute__((vector_size(W * sizeof(T))));
};

template <class A, int W>
struct Vectors {
  using Scalar = A;
  using Int = typename IntOf<A>::type;
  using F = typename VectorOf<A, W>::type;
  using I = typename VectorOf<Int, W>::type;
  using Narrow = typename VectorOf<uint16_t, W>::type;
  using Wide = typename VectorOf<uint32_t, W>::type;
  using Mask = I;
  static constexpr int kLanes = W;
  static constexpr int kPass = 4;  // vectors of channels summed at once
  static constexpr bool kReadsBFloat16 = false;

  static AVSBENCH_INLINE F set(A x) { return x - F{}; }

  static AVSBENCH_INLINE F load(const A* from) {
    F x;
    __builtin_memcpy(&x, from, sizeof(x));
    return x;
  }
  static AVSBENCH_INLINE F load(const BFloat16* from) {
    Narrow bits;
    __builtin_memcpy(&bits, from, sizeof(bits));
    return bit_cast<F>(__builtin_convertvector(bits, Wide) << 16);
  }
  static AVSBENCH_INLINE F load(const Half* from) {
    F x;
    for (int i = 0; i < W; ++i) x[i] = widen_half(from[i].bits);
    return x;
  }
  static AVSBENCH_INLINE I load_int(const Int* from) {
    I x;
    __builtin_memcpy(&x, from, sizeof(x));
    return x;
  }

  static AVSBENCH_INLINE void store(A* to, F x) { __builtin_memcpy(to, &x, sizeof(x)); }
  static AVSBENCH_INLINE void store(BFloat16* to, F x) {
    const Wide bits = bit_cast<Wide>(x);
    const Wide rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;  // to nearest, ties to even
    const Narrow out = __builtin_convertvector(x == x ? rounded : Wide{} + 0x7fc0, Narrow);
    __builtin_memcpy(to, &out, sizeof(out));
  }
  static AVSBENCH_INLINE void store(Half* to, F x) {
    for (int i = 0; i < W; ++i) to[i].bits = narrow_half(x[i]);
  }
  static AVSBENCH_INLINE void store_int(Int* to, I x) { __builtin_memcpy(to, &x, sizeof(x)); }
  // The first `count` lanes alone.
  template <class T>
  static AVSBENCH_INLINE void store(T* to, F x, int64_t count) {
    if (count >= W) return store(to, x);
    T all[W];
    store(all, x);
    for (int64_t i = 0; i < count; ++i) to[i] = all[i];
  }

  static AVSBENCH_INLINE F largest(F a, F b) { return a > b ? a : b; }
  static AVSBENCH_INLINE F floor(F x) {
    // Beyond `whole` there are no fractions; NaN and infinities stay what they are.
    constexpr A whole = sizeof(A) == 4 ? A(0x1p23) : A(0x1p52);
    const I small = (x < whole) & (x > -whole);
    const F down = __builtin_convertvector(truncate(small, x), F);
    return small ? (down > x ? down - 1 : down) : x;
  }

  // Whether (x, y) touches a pixel of the level.
  static AVSBENCH_INLINE Mask within(F x, F width, F y, F height) {
    return (x >= -1) & (x < width) & (y >= -1) & (y < height);
  }
  static AVSBENCH_INLINE I choose(Mask mask, I yes, I no) { return mask ? yes : no; }
  // x without its fraction, below 2^31, where the mask says so; zero elsewhere.
  static AVSBENCH_INLINE I truncate(Mask mask, F x) {
    return __builtin_convertvector(mask ? x : F{}, I);
  }
  // The first `count` lanes of x, then `rest`.
  static AVSBENCH_INLINE F first(F x, int count, A rest) {
    for (int i = 0; i < W; ++i) x[i] = i < count ? x[i] : rest;
    return x;
  }

  // Entry `index` of the W in the table, for each lane.
  static AVSBENCH_INLINE F lookup(F table, I index) {
    F x;
    for (int i = 0; i < W; ++i) x[i] = table[index[i]];
    return x;
  }

  static AVSBENCH_INLINE A reduce_sum(F x) {
    A sum = 0;
    for (int i = 0; i < W; ++i) sum += x[i];
    return sum;
  }
  static AVSBENCH_INLINE A reduce_max(F x) {
    A top = x[0];
    for (int i = 1; i < W; ++i) top = x[i] > top ? x[i] : top;
    return top;
  }

  // (a, b) one after the other, taken apart into even and odd lanes; and back.
  static AVSBENCH_INLINE void deinterleave(F a, F b, F* even, F* odd) {
    F x{}, y{};
    for (int i = 0; i < W / 2; ++i) {
      x[i] = a[2 * i];
      y[i] = a[2 * i + 1];
      x[W / 2 + i] = b[2 * i];
      y[W / 2 + i] = b[2 * i + 1];
    }
    *even = x;
    *odd = y;
  }
  static AVSBENCH_INLINE void interleave(F even, F odd, F* a, F* b) {
    F x{}, y{};
    for (int i = 0; i < W / 2; ++i) {
      x[2 * i] = even[i];
      x[2 * i + 1] = odd[i];
      y[2 * i] = even[W / 2 + i];
      y[2 * i + 1] = odd[W / 2 + i];
    }
    *a = x;
    *b = y;
  }

  // Sums over lanes: partial(a, b, c, d) of each of W / 4 points, then `total` of these gives
  // (sum a, sum b, sum c, sum d) of the first point, then of the second, ...
  static AVSBENCH_INLINE F partial(F a, F b, F c, F d) {
    F sums{};
    for (int i = 0; i < W; i += 4) {
      for (int j = 0; j < 4; ++j) {
        sums[i] += a[i + j];
        sums[i + 1] += b[i + j];
        sums[i + 2] += c[i + j];
        sums[i + 3] += d[i + j];
      }
    }
    return sums;
  }
  static AVSBENCH_INLINE F total(const F (&parts)[W / 4]) {
    F sums{};
    for (int point = 0; point < W / 4; ++point) {
      for (int i = 0; i < W; ++i) sums[4 * point + i % 4] += parts[point][i];
    }
    return sums;
  }
};

// e^x for x <= 0 (also of NaN, which it returns). Relative error below 2^-22 for floats.
template <class V>
AVSBENCH_INLINE typename V::F exponential(typename V::F x) {
  using F = typename V::F;
  using Bits = typename V::Wide;  // unsigned: what is thrown away below may be anything
  if constexpr (sizeof(typename V::Scalar) == 8) {
    for (int i = 0; i < V::kLanes; ++i) x[i] = __builtin_exp(x[i]);
    return x;
  } else {
    // e^x = 2^n e^r, |r| <= ln 2 / 2; the constant rounds to an integer as it is added.
    const F shifted = x * 1.44269504f + 0x1.8p23f;
    const F n = shifted - 0x1.8p23f;
    const F r = (x - n * 0x1.62e4p-1f) - n * 0x1.7f7d1cp-20f;
    F p = r * (1.0f / 5040) + (1.0f / 720);
    p = p * r + (1.0f / 120);
    p = p * r + (1.0f / 24);
    p = p * r + (1.0f / 6);
    p = p * r + 0.5f;
    p = p * r + 1;
    p = p * r + 1;
    const F power = bit_cast<F>(bit_cast<Bits>(p) + (bit_cast<Bits>(shifted) << 23));
    // Below, the result would be subnormal: zero to a softmax in float32.
    return x < -87.0f ? F{} : (x == x ? power : x);
  }
}
