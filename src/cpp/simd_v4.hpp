// Vectors of 512 bits (AVX-512).
#pragma once

#include "simd_v3.hpp"

namespace glassnet::GLASSNET_ISA {

struct F32x16 {
    using Scalar = float;
    static constexpr std::size_t lanes = 16;
    __m512 v;
    GLASSNET_INLINE static F32x16 load(const float* p) { return {_mm512_loadu_ps(p)}; }
    GLASSNET_INLINE static F32x16 zero() { return {_mm512_setzero_ps()}; }
    GLASSNET_INLINE static F32x16 from(const float* p) { return load(p); }
    GLASSNET_INLINE static F32x16 from(const double* p) {
        const __m256 low = _mm512_cvtpd_ps(_mm512_loadu_pd(p)), high = _mm512_cvtpd_ps(_mm512_loadu_pd(p + 8));
        return {_mm512_insertf32x8(_mm512_castps256_ps512(low), high, 1)};
    }
    GLASSNET_INLINE static F32x16 all(float x) { return {_mm512_set1_ps(x)}; }
    GLASSNET_INLINE void store(float* p) const { _mm512_storeu_ps(p, v); }
};

GLASSNET_INLINE F32x16 fma(F32x16 a, F32x16 b, F32x16 c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
GLASSNET_INLINE F32x16 operator*(F32x16 a, F32x16 b) { return {_mm512_mul_ps(a.v, b.v)}; }
GLASSNET_INLINE F32x16 operator+(F32x16 a, F32x16 b) { return {_mm512_add_ps(a.v, b.v)}; }
GLASSNET_INLINE F32x16 operator-(F32x16 a, F32x16 b) { return {_mm512_sub_ps(a.v, b.v)}; }
GLASSNET_INLINE F32x16 relu(F32x16 a) { return {_mm512_max_ps(_mm512_setzero_ps(), a.v)}; }
GLASSNET_INLINE F32x16 where_positive(F32x16 h, F32x16 a) {
    return {_mm512_maskz_mov_ps(_mm512_cmp_ps_mask(h.v, _mm512_setzero_ps(), _CMP_GT_OQ), a.v)};
}

struct F64x8 {
    using Scalar = double;
    static constexpr std::size_t lanes = 8;
    __m512d v;
    GLASSNET_INLINE static F64x8 load(const double* p) { return {_mm512_loadu_pd(p)}; }
    GLASSNET_INLINE static F64x8 zero() { return {_mm512_setzero_pd()}; }
    GLASSNET_INLINE static F64x8 from(const double* p) { return load(p); }
    GLASSNET_INLINE static F64x8 from(const float* p) { return {_mm512_cvtps_pd(_mm256_loadu_ps(p))}; }
    GLASSNET_INLINE static F64x8 all(double x) { return {_mm512_set1_pd(x)}; }
    GLASSNET_INLINE void store(double* p) const { _mm512_storeu_pd(p, v); }
};

GLASSNET_INLINE F64x8 fma(F64x8 a, F64x8 b, F64x8 c) { return {_mm512_fmadd_pd(a.v, b.v, c.v)}; }
GLASSNET_INLINE F64x8 operator*(F64x8 a, F64x8 b) { return {_mm512_mul_pd(a.v, b.v)}; }
GLASSNET_INLINE F64x8 operator+(F64x8 a, F64x8 b) { return {_mm512_add_pd(a.v, b.v)}; }
GLASSNET_INLINE F64x8 operator-(F64x8 a, F64x8 b) { return {_mm512_sub_pd(a.v, b.v)}; }
GLASSNET_INLINE F64x8 operator/(F64x8 a, F64x8 b) { return {_mm512_div_pd(a.v, b.v)}; }
GLASSNET_INLINE F64x8 square_root(F64x8 a) { return {_mm512_sqrt_pd(a.v)}; }
GLASSNET_INLINE F64x8 relu(F64x8 a) { return {_mm512_max_pd(_mm512_setzero_pd(), a.v)}; }
GLASSNET_INLINE F64x8 where_positive(F64x8 h, F64x8 a) {
    return {_mm512_maskz_mov_pd(_mm512_cmp_pd_mask(h.v, _mm512_setzero_pd(), _CMP_GT_OQ), a.v)};
}

GLASSNET_INLINE float fold(F32x16 a) {
    const F32x8 low{_mm512_castps512_ps256(a.v)}, high{_mm512_extractf32x8_ps(a.v, 1)};
    return fold(low + high);
}
GLASSNET_INLINE double fold(F64x8 a) {
    const F64x4 low{_mm512_castpd512_pd256(a.v)}, high{_mm512_extractf64x4_pd(a.v, 1)};
    return fold(low + high);
}

struct U64x8 {
    static constexpr std::size_t lanes = 8;
    __m512i v;
    GLASSNET_INLINE static U64x8 all(std::uint64_t x) { return {_mm512_set1_epi64(static_cast<long long>(x))}; }
    GLASSNET_INLINE static U64x8 count_from(std::uint64_t x) {
        return {_mm512_add_epi64(_mm512_set1_epi64(static_cast<long long>(x)), _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7))};
    }
    GLASSNET_INLINE void store(std::uint64_t* p) const { _mm512_storeu_si512(p, v); }
};

GLASSNET_INLINE U64x8 operator+(U64x8 a, U64x8 b) { return {_mm512_add_epi64(a.v, b.v)}; }
GLASSNET_INLINE U64x8 operator-(U64x8 a, U64x8 b) { return {_mm512_sub_epi64(a.v, b.v)}; }
GLASSNET_INLINE U64x8 operator&(U64x8 a, U64x8 b) { return {_mm512_and_si512(a.v, b.v)}; }
GLASSNET_INLINE U64x8 operator|(U64x8 a, U64x8 b) { return {_mm512_or_si512(a.v, b.v)}; }
GLASSNET_INLINE U64x8 operator^(U64x8 a, U64x8 b) { return {_mm512_xor_si512(a.v, b.v)}; }
template <int N>
GLASSNET_INLINE U64x8 shift_right(U64x8 a) { return {_mm512_srli_epi64(a.v, N)}; }
template <int N>
GLASSNET_INLINE U64x8 shift_left(U64x8 a) { return {_mm512_slli_epi64(a.v, N)}; }
// The 64-bit product of the low halves of each lane.
GLASSNET_INLINE U64x8 multiply_low(U64x8 a, U64x8 b) { return {_mm512_mul_epu32(a.v, b.v)}; }
GLASSNET_INLINE U64x8 bits(F64x8 a) { return {_mm512_castpd_si512(a.v)}; }
GLASSNET_INLINE F64x8 as_double(U64x8 a) { return {_mm512_castsi512_pd(a.v)}; }
// a in the lanes where the mask's top bit is set, else b.
GLASSNET_INLINE F64x8 select(U64x8 mask, F64x8 a, F64x8 b) {
    return {_mm512_mask_blend_pd(_mm512_movepi64_mask(mask.v), b.v, a.v)};
}

}  // namespace glassnet::GLASSNET_ISA
