// The random words and normal numbers that glassnet/random.py defines, bit for bit, a vector of blocks at a time.
#pragma once

#include "kernels.hpp"
#include "simd.hpp"

namespace glassnet::GLASSNET_ISA {

// Philox 4x32-10 of U64::lanes blocks in a row; the words stand in the low halves, the high halves are undefined.
GLASSNET_INLINE void philox(const Stream& stream, std::uint64_t first_block, U64 (&word)[4]) {
    const U64 multiplier0 = U64::all(0xD2511F53), multiplier1 = U64::all(0xCD9E8D57);
    U64 c0 = U64::count_from(first_block), c1 = U64::all(stream.noise);
    U64 c2 = U64::all(stream.step & 0xFFFFFFFF);
    U64 c3 = U64::all((stream.step >> 32) | (std::uint64_t{stream.purpose} << 24));
    std::uint32_t key0 = stream.seed, key1 = stream.origin;
    for (int round = 0; round < 10; ++round) {
        const U64 product0 = multiply_low(c0, multiplier0), product1 = multiply_low(c2, multiplier1);
        c0 = shift_right<32>(product1) ^ c1 ^ U64::all(key0);
        c2 = shift_right<32>(product0) ^ c3 ^ U64::all(key1);
        c1 = product1;
        c3 = product0;
        key0 += 0x9E3779B9;
        key1 += 0xBB67AE85;
    }
    word[0] = c0;
    word[1] = c1;
    word[2] = c2;
    word[3] = c3;
}

inline void words(const Stream& stream, std::size_t n, std::uint32_t* out) {
    alignas(64) std::uint64_t lane[4][U64::lanes];
    for (std::size_t i = 0; i < n; i += 4 * U64::lanes) {
        U64 word[4];
        philox(stream, i / 4, word);
        for (int w = 0; w < 4; ++w) word[w].store(lane[w]);
        for (std::size_t l = 0; l < U64::lanes; ++l) {
            for (int w = 0; w < 4; ++w) out[i + 4 * l + w] = static_cast<std::uint32_t>(lane[w][l]);
        }
    }
}

template <int N>
GLASSNET_INLINE F64 horner(F64 x, const double (&coefficients)[N]) {
    F64 result = F64::all(coefficients[N - 1]);
    for (int k = N - 2; k >= 0; --k) result = result * x + F64::all(coefficients[k]);
    return result;
}

inline constexpr double atanh_series[] = {1.0,        1.0 / 3.0,  1.0 / 5.0,  1.0 / 7.0,  1.0 / 9.0, 1.0 / 11.0,
                                          1.0 / 13.0, 1.0 / 15.0, 1.0 / 17.0, 1.0 / 19.0, 1.0 / 21.0};
inline constexpr double sine_series[] = {1.0,           -1.0 / 6.0,        1.0 / 120.0,        -1.0 / 5040.0,
                                         1.0 / 362880., -1.0 / 39916800.0, 1.0 / 6227020800.0, -1.0 / 1307674368000.0};
inline constexpr double cosine_series[] = {
    1.0,             -1.0 / 2.0,        1.0 / 24.0,          -1.0 / 720.0,           1.0 / 40320.0,
    -1.0 / 3628800., 1.0 / 479001600.0, -1.0 / 87178291200., 1.0 / 20922789888000.0,
};
inline constexpr double log_two = 0.6931471805599453, half_pi = 1.5707963267948966;

// A number below 2^52 in each lane: exact.
GLASSNET_INLINE F64 small_to_double(U64 a) {
    const std::uint64_t two_to_52 = 0x4330000000000000;
    return as_double(a | U64::all(two_to_52)) - F64::all(0x1p52);
}

// log u: u = m 2^e with m in [sqrt(1/2), sqrt(2)), log m = 2 atanh((m - 1) / (m + 1)).
GLASSNET_INLINE F64 logarithm(F64 u) {
    const U64 sqrt_half = U64::all(0x3FE6A09E667F3BCD);
    constexpr std::uint64_t bias = 1024;
    const U64 biased = shift_right<52>(bits(u) - sqrt_half + U64::all(bias << 52));
    const F64 m = as_double(bits(u) - shift_left<52>(biased - U64::all(bias)));
    const F64 exponent = small_to_double(biased) - F64::all(static_cast<double>(bias));
    const F64 s = (m - F64::all(1.0)) / (m + F64::all(1.0));
    return exponent * F64::all(log_two) + (F64::all(2.0) * s) * horner(s * s, atanh_series);
}

// Box and Muller: a word for the radius, a word for the angle.
GLASSNET_INLINE void normal_pair(U64 radius_word, U64 angle_word, F64& first, F64& second) {
    const F64 half = F64::all(0.5);
    const F64 u = (small_to_double(radius_word & U64::all(0xFFFFFFFF)) + half) * F64::all(0x1p-32);
    const U64 sign_bits = bits(F64::all(-0.0));
    const F64 radius = square_root(F64::all(-2.0) * logarithm(u));
    const F64 fraction = small_to_double(angle_word & U64::all(0x3FFFFFFF));
    const F64 angle = ((fraction + half) * F64::all(0x1p-30) - half) * F64::all(half_pi);
    const F64 squared = angle * angle;
    const F64 sine = angle * horner(squared, sine_series), cosine = horner(squared, cosine_series);
    // Bits 30 and 31 of the word are the quadrant: brought to the top, they choose and negate.
    const U64 low_bit = shift_left<33>(angle_word), high_bit = shift_left<32>(angle_word);
    const F64 x = select(low_bit, sine, cosine), y = select(low_bit, cosine, sine);
    first = radius * as_double(bits(x) ^ ((low_bit ^ high_bit) & sign_bits));
    second = radius * as_double(bits(y) ^ (high_bit & sign_bits));
}

inline void normals(const Stream& stream, std::size_t n, double* out) {
    alignas(64) double lane[4][F64::lanes];
    for (std::size_t i = 0; i < n; i += 4 * F64::lanes) {
        U64 word[4];
        philox(stream, i / 4, word);
        F64 number[4];
        normal_pair(word[0], word[1], number[0], number[1]);
        normal_pair(word[2], word[3], number[2], number[3]);
        for (int w = 0; w < 4; ++w) number[w].store(lane[w]);
        for (std::size_t l = 0; l < F64::lanes; ++l) {
            for (int w = 0; w < 4; ++w) out[i + 4 * l + w] = lane[w][l];
        }
    }
}

}  // namespace glassnet::GLASSNET_ISA
