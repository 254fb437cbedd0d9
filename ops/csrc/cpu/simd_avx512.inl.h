// 16 floats in an AVX-512 register, see simd.inl.h.
//
// A fragment: included inside the namespace of one instruction set, after simd.inl.h.

struct Avx512 : Vectors<float, 16> {
  using Base = Vectors<float, 16>;
  using Mask = __mmask16;
  using Base::load;
  using Base::store;
  static constexpr bool kReadsBFloat16 = true;
  static constexpr int kPass = 2;

  static AVSBENCH_INLINE F load(const float* from) { return _mm512_loadu_ps(from); }
  static AVSBENCH_INLINE F load(const BFloat16* from) {
    const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
  }
  static AVSBENCH_INLINE F load(const Half* from) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
  }
  static AVSBENCH_INLINE void store(Half* to, F x) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to),
                        _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  }
  static AVSBENCH_INLINE void store(float* to, F x, int64_t count) {
    if (count >= kLanes) return _mm512_storeu_ps(to, x);
    _mm512_mask_storeu_ps(to, static_cast<__mmask16>((1u << count) - 1), x);
  }

  static AVSBENCH_INLINE F lookup(F table, I index) {
    return _mm512_permutexvar_ps((__m512i)index, table);
  }

  static AVSBENCH_INLINE F floor(F x) {
    return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
  }
  static AVSBENCH_INLINE Mask within(F x, F width, F y, F height) {
    const F edge = set(-1);
    Mask mask = _mm512_cmp_ps_mask(x, edge, _CMP_GE_OQ);
    mask = _mm512_mask_cmp_ps_mask(mask, x, width, _CMP_LT_OQ);
    mask = _mm512_mask_cmp_ps_mask(mask, y, edge, _CMP_GE_OQ);
    return _mm512_mask_cmp_ps_mask(mask, y, height, _CMP_LT_OQ);
  }
  static AVSBENCH_INLINE I choose(Mask mask, I yes, I no) {
    return (I)_mm512_mask_blend_epi32(mask, (__m512i)no, (__m512i)yes);
  }
  static AVSBENCH_INLINE I truncate(Mask mask, F x) {
    return (I)_mm512_maskz_cvttps_epi32(mask, x);
  }
  static AVSBENCH_INLINE F first(F x, int count, float rest) {
    return _mm512_mask_blend_ps(static_cast<__mmask16>((1u << count) - 1), set(rest), x);
  }

  static AVSBENCH_INLINE F largest(F a, F b) { return _mm512_max_ps(a, b); }
  static AVSBENCH_INLINE float reduce_sum(F x) { return _mm512_reduce_add_ps(x); }
  static AVSBENCH_INLINE float reduce_max(F x) { return _mm512_reduce_max_ps(x); }

  static AVSBENCH_INLINE void deinterleave(F a, F b, F* even, F* odd) {
    const __m512i lanes =
        _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    *even = _mm512_permutex2var_ps(a, lanes, b);
    *odd = _mm512_permutex2var_ps(a, _mm512_add_epi32(lanes, _mm512_set1_epi32(1)), b);
  }
  static AVSBENCH_INLINE void interleave(F even, F odd, F* a, F* b) {
    const __m512i lanes = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    *a = _mm512_permutex2var_ps(even, lanes, odd);
    *b = _mm512_permutex2var_ps(even, _mm512_add_epi32(lanes, _mm512_set1_epi32(8)), odd);
  }

  static AVSBENCH_INLINE F partial(F a, F b, F c, F d) {
    const F ab = _mm512_unpacklo_ps(a, b) + _mm512_unpackhi_ps(a, b);  // a02 b02 a13 b13
    const F cd = _mm512_unpacklo_ps(c, d) + _mm512_unpackhi_ps(c, d);
    return _mm512_shuffle_ps(ab, cd, 0x44) + _mm512_shuffle_ps(ab, cd, 0xee);
  }
  static AVSBENCH_INLINE F total(const F (&parts)[4]) {
    // Quarters of 128 bits are summed: first halves of two points, then quarters of four.
    const F low = _mm512_shuffle_f32x4(parts[0], parts[1], 0x44) +
                  _mm512_shuffle_f32x4(parts[0], parts[1], 0xee);
    const F high = _mm512_shuffle_f32x4(parts[2], parts[3], 0x44) +
                   _mm512_shuffle_f32x4(parts[2], parts[3], 0xee);
    return _mm512_shuffle_f32x4(low, high, 0x88) + _mm512_shuffle_f32x4(low, high, 0xdd);
  }
};
