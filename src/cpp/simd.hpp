// The vectors that this translation unit is compiled for. GLASSNET_ISA names the namespace of its kernels (no inline
// function may be shared between instruction sets), GLASSNET_WIDE asks for vectors of 512 bits.
//
// Each operation rounds as its name says; nothing is contracted.
#pragma once

#define GLASSNET_INLINE [[gnu::always_inline]] inline
#define GLASSNET_PRAGMA(x) _Pragma(#x)
#if defined(__clang__)
#define GLASSNET_UNROLL(n) GLASSNET_PRAGMA(clang loop unroll_count(n))
#else
#define GLASSNET_UNROLL(n) GLASSNET_PRAGMA(GCC unroll n)
#endif

#include "simd_v3.hpp"
#if defined(GLASSNET_WIDE) && defined(__AVX512F__)
#include "simd_v4.hpp"
#elif defined(GLASSNET_WIDE)
#include "simd_pair.hpp"
#endif

namespace glassnet::GLASSNET_ISA {

#if !defined(GLASSNET_WIDE)
using F32 = F32x8;
using F64 = F64x4;
using U64 = U64x4;
#elif defined(__AVX512F__)
using F32 = F32x16;
using F64 = F64x8;
using U64 = U64x8;
#else
using F32 = FloatPair<F32x8>;
using F64 = FloatPair<F64x4>;
using U64 = U64x8;
#endif

template <class T>
struct VectorOf;
template <>
struct VectorOf<float> {
    using Type = F32;
};
template <>
struct VectorOf<double> {
    using Type = F64;
};

template <class T>
using Vec = typename VectorOf<T>::Type;

}  // namespace glassnet::GLASSNET_ISA
