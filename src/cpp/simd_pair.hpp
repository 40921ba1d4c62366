// A pair of vectors that stands for one of twice the width.
#pragma once

#include "simd_v3.hpp"

namespace glassnet::GLASSNET_ISA {

template <class V>
struct FloatPair {
    using Scalar = typename V::Scalar;
    static constexpr std::size_t lanes = 2 * V::lanes;
    V low, high;
    GLASSNET_INLINE static FloatPair load(const Scalar* p) { return {V::load(p), V::load(p + V::lanes)}; }
    GLASSNET_INLINE static FloatPair zero() { return {V::zero(), V::zero()}; }
    template <class T>
    GLASSNET_INLINE static FloatPair from(const T* p) {
        return {V::from(p), V::from(p + V::lanes)};
    }
    GLASSNET_INLINE static FloatPair all(Scalar x) { return {V::all(x), V::all(x)}; }
    GLASSNET_INLINE void store(Scalar* p) const {
        low.store(p);
        high.store(p + V::lanes);
    }
};

template <class V>
using F = FloatPair<V>;

template <class V>
GLASSNET_INLINE F<V> fma(F<V> a, F<V> b, F<V> c) { return {fma(a.low, b.low, c.low), fma(a.high, b.high, c.high)}; }
template <class V>
GLASSNET_INLINE F<V> operator*(F<V> a, F<V> b) { return {a.low * b.low, a.high * b.high}; }
template <class V>
GLASSNET_INLINE F<V> operator+(F<V> a, F<V> b) { return {a.low + b.low, a.high + b.high}; }
template <class V>
GLASSNET_INLINE F<V> operator-(F<V> a, F<V> b) { return {a.low - b.low, a.high - b.high}; }
template <class V>
GLASSNET_INLINE F<V> operator/(F<V> a, F<V> b) { return {a.low / b.low, a.high / b.high}; }
template <class V>
GLASSNET_INLINE F<V> square_root(F<V> a) { return {square_root(a.low), square_root(a.high)}; }
template <class V>
GLASSNET_INLINE F<V> relu(F<V> a) { return {relu(a.low), relu(a.high)}; }
template <class V>
GLASSNET_INLINE F<V> where_positive(F<V> h, F<V> a) {
    return {where_positive(h.low, a.low), where_positive(h.high, a.high)};
}

template <class V>
GLASSNET_INLINE typename V::Scalar fold(F<V> a) { return fold(a.low + a.high); }

struct U64x8 {
    static constexpr std::size_t lanes = 8;
    U64x4 low, high;
    GLASSNET_INLINE static U64x8 all(std::uint64_t x) { return {U64x4::all(x), U64x4::all(x)}; }
    GLASSNET_INLINE static U64x8 count_from(std::uint64_t x) {
        return {U64x4::count_from(x), U64x4::count_from(x + 4)};
    }
    GLASSNET_INLINE void store(std::uint64_t* p) const {
        low.store(p);
        high.store(p + 4);
    }
};

GLASSNET_INLINE U64x8 operator+(U64x8 a, U64x8 b) { return {a.low + b.low, a.high + b.high}; }
GLASSNET_INLINE U64x8 operator-(U64x8 a, U64x8 b) { return {a.low - b.low, a.high - b.high}; }
GLASSNET_INLINE U64x8 operator&(U64x8 a, U64x8 b) { return {a.low & b.low, a.high & b.high}; }
GLASSNET_INLINE U64x8 operator|(U64x8 a, U64x8 b) { return {a.low | b.low, a.high | b.high}; }
GLASSNET_INLINE U64x8 operator^(U64x8 a, U64x8 b) { return {a.low ^ b.low, a.high ^ b.high}; }
template <int N>
GLASSNET_INLINE U64x8 shift_right(U64x8 a) { return {shift_right<N>(a.low), shift_right<N>(a.high)}; }
template <int N>
GLASSNET_INLINE U64x8 shift_left(U64x8 a) { return {shift_left<N>(a.low), shift_left<N>(a.high)}; }
GLASSNET_INLINE U64x8 multiply_low(U64x8 a, U64x8 b) {
    return {multiply_low(a.low, b.low), multiply_low(a.high, b.high)};
}
GLASSNET_INLINE U64x8 bits(F<F64x4> a) { return {bits(a.low), bits(a.high)}; }
GLASSNET_INLINE F<F64x4> as_double(U64x8 a) { return {as_double(a.low), as_double(a.high)}; }
GLASSNET_INLINE F<F64x4> select(U64x8 mask, F<F64x4> a, F<F64x4> b) {
    return {select(mask.low, a.low, b.low), select(mask.high, a.high, b.high)};
}

}  // namespace glassnet::GLASSNET_ISA
