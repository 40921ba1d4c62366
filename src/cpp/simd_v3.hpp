// Vectors of 256 bits (AVX2 and FMA).
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace glassnet::GLASSNET_ISA {

// A zero made where it is used. A shared one would sit in a register through the products' loops, which have none to
// spare: gcc would spill an accumulator.
GLASSNET_INLINE __m256 fresh_zero() {
    __m256 zero;
    asm volatile("vxorps %0, %0, %0" : "=x"(zero));
    return zero;
}

// from: a load that converts to the vector's type, rounding to nearest.
// relu: max returns its second operand where the first is not greater, so NaN passes.
// where_positive: a in the lanes where h > 0, else 0.
struct F32x8 {
    using Scalar = float;
    static constexpr std::size_t lanes = 8;
    __m256 v;
    GLASSNET_INLINE static F32x8 load(const float* p) { return {_mm256_loadu_ps(p)}; }
    GLASSNET_INLINE static F32x8 zero() { return {fresh_zero()}; }
    GLASSNET_INLINE static F32x8 from(const float* p) { return load(p); }
    GLASSNET_INLINE static F32x8 from(const double* p) {
        return {_mm256_set_m128(_mm256_cvtpd_ps(_mm256_loadu_pd(p + 4)), _mm256_cvtpd_ps(_mm256_loadu_pd(p)))};
    }
    GLASSNET_INLINE static F32x8 all(float x) { return {_mm256_set1_ps(x)}; }
    GLASSNET_INLINE void store(float* p) const { _mm256_storeu_ps(p, v); }
};

GLASSNET_INLINE F32x8 fma(F32x8 a, F32x8 b, F32x8 c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
GLASSNET_INLINE F32x8 operator*(F32x8 a, F32x8 b) { return {_mm256_mul_ps(a.v, b.v)}; }
GLASSNET_INLINE F32x8 operator+(F32x8 a, F32x8 b) { return {_mm256_add_ps(a.v, b.v)}; }
GLASSNET_INLINE F32x8 operator-(F32x8 a, F32x8 b) { return {_mm256_sub_ps(a.v, b.v)}; }
GLASSNET_INLINE F32x8 relu(F32x8 a) { return {_mm256_max_ps(fresh_zero(), a.v)}; }
GLASSNET_INLINE F32x8 where_positive(F32x8 h, F32x8 a) {
    return {_mm256_and_ps(a.v, _mm256_cmp_ps(h.v, fresh_zero(), _CMP_GT_OQ))};
}

struct F64x4 {
    using Scalar = double;
    static constexpr std::size_t lanes = 4;
    __m256d v;
    GLASSNET_INLINE static F64x4 load(const double* p) { return {_mm256_loadu_pd(p)}; }
    GLASSNET_INLINE static F64x4 zero() { return {_mm256_castps_pd(fresh_zero())}; }
    GLASSNET_INLINE static F64x4 from(const double* p) { return load(p); }
    GLASSNET_INLINE static F64x4 from(const float* p) { return {_mm256_cvtps_pd(_mm_loadu_ps(p))}; }
    GLASSNET_INLINE static F64x4 all(double x) { return {_mm256_set1_pd(x)}; }
    GLASSNET_INLINE void store(double* p) const { _mm256_storeu_pd(p, v); }
};

GLASSNET_INLINE F64x4 fma(F64x4 a, F64x4 b, F64x4 c) { return {_mm256_fmadd_pd(a.v, b.v, c.v)}; }
GLASSNET_INLINE F64x4 operator*(F64x4 a, F64x4 b) { return {_mm256_mul_pd(a.v, b.v)}; }
GLASSNET_INLINE F64x4 operator+(F64x4 a, F64x4 b) { return {_mm256_add_pd(a.v, b.v)}; }
GLASSNET_INLINE F64x4 operator-(F64x4 a, F64x4 b) { return {_mm256_sub_pd(a.v, b.v)}; }
GLASSNET_INLINE F64x4 operator/(F64x4 a, F64x4 b) { return {_mm256_div_pd(a.v, b.v)}; }
GLASSNET_INLINE F64x4 square_root(F64x4 a) { return {_mm256_sqrt_pd(a.v)}; }
GLASSNET_INLINE F64x4 relu(F64x4 a) { return {_mm256_max_pd(_mm256_castps_pd(fresh_zero()), a.v)}; }
GLASSNET_INLINE F64x4 where_positive(F64x4 h, F64x4 a) {
    return {_mm256_and_pd(a.v, _mm256_cmp_pd(h.v, _mm256_castps_pd(fresh_zero()), _CMP_GT_OQ))};
}

// Lanes added in halves: l and l + half, down to one.
GLASSNET_INLINE float fold(F32x8 a) {
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
GLASSNET_INLINE double fold(F64x4 a) {
    const __m128d two = _mm_add_pd(_mm256_castpd256_pd128(a.v), _mm256_extractf128_pd(a.v, 1));
    return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
}

struct U64x4 {
    static constexpr std::size_t lanes = 4;
    __m256i v;
    GLASSNET_INLINE static U64x4 all(std::uint64_t x) { return {_mm256_set1_epi64x(static_cast<long long>(x))}; }
    GLASSNET_INLINE static U64x4 count_from(std::uint64_t x) {
        return {_mm256_add_epi64(_mm256_set1_epi64x(static_cast<long long>(x)), _mm256_setr_epi64x(0, 1, 2, 3))};
    }
    GLASSNET_INLINE void store(std::uint64_t* p) const { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v); }
};

GLASSNET_INLINE U64x4 operator+(U64x4 a, U64x4 b) { return {_mm256_add_epi64(a.v, b.v)}; }
GLASSNET_INLINE U64x4 operator-(U64x4 a, U64x4 b) { return {_mm256_sub_epi64(a.v, b.v)}; }
GLASSNET_INLINE U64x4 operator&(U64x4 a, U64x4 b) { return {_mm256_and_si256(a.v, b.v)}; }
GLASSNET_INLINE U64x4 operator|(U64x4 a, U64x4 b) { return {_mm256_or_si256(a.v, b.v)}; }
GLASSNET_INLINE U64x4 operator^(U64x4 a, U64x4 b) { return {_mm256_xor_si256(a.v, b.v)}; }
template <int N>
GLASSNET_INLINE U64x4 shift_right(U64x4 a) { return {_mm256_srli_epi64(a.v, N)}; }
template <int N>
GLASSNET_INLINE U64x4 shift_left(U64x4 a) { return {_mm256_slli_epi64(a.v, N)}; }
// The 64-bit product of the low halves of each lane.
GLASSNET_INLINE U64x4 multiply_low(U64x4 a, U64x4 b) { return {_mm256_mul_epu32(a.v, b.v)}; }
GLASSNET_INLINE U64x4 bits(F64x4 a) { return {_mm256_castpd_si256(a.v)}; }
GLASSNET_INLINE F64x4 as_double(U64x4 a) { return {_mm256_castsi256_pd(a.v)}; }
// a in the lanes where the mask's top bit is set, else b.
GLASSNET_INLINE F64x4 select(U64x4 mask, F64x4 a, F64x4 b) {
    return {_mm256_blendv_pd(b.v, a.v, _mm256_castsi256_pd(mask.v))};
}

}  // namespace glassnet::GLASSNET_ISA
