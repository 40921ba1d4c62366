// The most floating-point work a core can do: fused multiply-adds on registers only, for benchmarks.
#pragma once

#include "simd.hpp"

namespace glassnet::GLASSNET_ISA {

// Makes n rounds of 12 independent fused multiply-adds of float vectors; returns the flop of a round.
inline std::size_t multiply_add_rounds(std::size_t n) {
    constexpr int chains = 12;
    F32 sum[chains];
    F32 factor = F32::all(0.5f);
    // The compiler must neither know the values nor leave the work out.
    asm volatile("" ::"m"(factor) : "memory");
    for (int c = 0; c < chains; ++c) sum[c] = F32::all(static_cast<float>(c));
    for (std::size_t i = 0; i < n; ++i) {
        for (int c = 0; c < chains; ++c) sum[c] = fma(sum[c], factor, factor);
    }
    asm volatile("" ::"m"(sum) : "memory");
    return 2 * chains * F32::lanes;
}

}  // namespace glassnet::GLASSNET_ISA
