// 8 floats in an AVX register, see simd.inl.h.
//
// A fragment: included inside the namespace of one instruction set, after simd.inl.h.

struct Avx2 : Vectors<float, 8> {
  using Base = Vectors<float, 8>;
  using Base::load;
  using Base::store;
  static constexpr bool kReadsBFloat16 = true;

  static AVSBENCH_INLINE F load(const float* from) { return _mm256_loadu_ps(from); }
  static AVSBENCH_INLINE F load(const BFloat16* from) {
    const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
  }
  static AVSBENCH_INLINE F load(const Half* from) {
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
  }
  static AVSBENCH_INLINE void store(Half* to, F x) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to),
                     _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  }
  static AVSBENCH_INLINE void store(float* to, F x, int64_t count) {
    if (count >= kLanes) return _mm256_storeu_ps(to, x);
    _mm256_maskstore_ps(to, (__m256i)(lanes() < static_cast<int>(count)), x);
  }

  static AVSBENCH_INLINE F lookup(F table, I index) {
    return _mm256_permutevar8x32_ps(table, (__m256i)index);
  }

  static AVSBENCH_INLINE F floor(F x) { return _mm256_floor_ps(x); }
  static AVSBENCH_INLINE F first(F x, int count, float rest) {
    return lanes() < count ? x : set(rest);
  }

  static AVSBENCH_INLINE F largest(F a, F b) { return _mm256_max_ps(a, b); }
  static AVSBENCH_INLINE float reduce_sum(F x) {
    __m128 half = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    half = _mm_add_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_add_ss(half, _mm_movehdup_ps(half)));
  }
  static AVSBENCH_INLINE float reduce_max(F x) {
    __m128 half = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    half = _mm_max_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_max_ss(half, _mm_movehdup_ps(half)));
  }

  static AVSBENCH_INLINE void deinterleave(F a, F b, F* even, F* odd) {
    const F low = _mm256_permute2f128_ps(a, b, 0x20), high = _mm256_permute2f128_ps(a, b, 0x31);
    // low: a0 a1 a2 a3 b0 b1 b2 b3, high: a4 ... a7 b4 ... b7
    *even = _mm256_shuffle_ps(low, high, 0x88);
    *odd = _mm256_shuffle_ps(low, high, 0xdd);
  }
  static AVSBENCH_INLINE void interleave(F even, F odd, F* a, F* b) {
    const F low = _mm256_unpacklo_ps(even, odd), high = _mm256_unpackhi_ps(even, odd);
    *a = _mm256_permute2f128_ps(low, high, 0x20);
    *b = _mm256_permute2f128_ps(low, high, 0x31);
  }

  static AVSBENCH_INLINE F partial(F a, F b, F c, F d) {
    const F ab = _mm256_unpacklo_ps(a, b) + _mm256_unpackhi_ps(a, b);  // a02 b02 a13 b13
    const F cd = _mm256_unpacklo_ps(c, d) + _mm256_unpackhi_ps(c, d);
    return _mm256_shuffle_ps(ab, cd, 0x44) + _mm256_shuffle_ps(ab, cd, 0xee);
  }
  static AVSBENCH_INLINE F total(const F (&parts)[2]) {
    return _mm256_permute2f128_ps(parts[0], parts[1], 0x20) +
           _mm256_permute2f128_ps(parts[0], parts[1], 0x31);
  }

 private:
  static AVSBENCH_INLINE I lanes() { return I{0, 1, 2, 3, 4, 5, 6, 7}; }
};
