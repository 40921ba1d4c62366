// Upper bounds of spectral norms, proven with the rounding of their own computation.
#pragma once

#include "kernels.hpp"
#include "simd.hpp"

namespace glassnet::GLASSNET_ISA {

// out = left right, all square of order n in rows of `stride` doubles, padded with zeros; both are multiples of what
// a block takes.
inline void multiply_square(std::size_t n_rows, std::size_t n_terms, std::size_t stride, const double* left,
                            const double* right, double* out) {
    constexpr std::size_t M = 4, N = 2;
    for (std::size_t column = 0; column < n_rows; column += N * F64::lanes) {
        for (std::size_t row = 0; row < n_rows; row += M) {
            F64 sum[M][N];
            for (std::size_t m = 0; m < M; ++m) {
                for (std::size_t n = 0; n < N; ++n) sum[m][n] = F64::zero();
            }
            for (std::size_t k = 0; k < n_terms; ++k) {
                F64 vector[N];
                for (std::size_t n = 0; n < N; ++n) vector[n] = F64::load(right + k * stride + column + n * F64::lanes);
                for (std::size_t m = 0; m < M; ++m) {
                    const F64 scalar = F64::all(left[(row + m) * stride + k]);
                    for (std::size_t n = 0; n < N; ++n) sum[m][n] = fma(scalar, vector[n], sum[m][n]);
                }
            }
            for (std::size_t m = 0; m < M; ++m) {
                for (std::size_t n = 0; n < N; ++n) {
                    sum[m][n].store(out + (row + m) * stride + column + n * F64::lanes);
                }
            }
        }
    }
}

// |A| <= |(A A^T)^(2^k)|_F^(1/2^(k+1)), k = n_squarings. A has `n_rows` rows of `n_terms`, as has its transpose the
// other way; both are scaled to a Frobenius norm near 1, in a square of `stride`. The square of the largest power's
// norm is returned; `scratch` holds one more square, and `matrix` is overwritten.
inline double power_norm2(std::size_t n_rows, std::size_t n_terms, std::size_t stride, int n_squarings, double* matrix,
                          const double* transpose, double* scratch) {
    double* from = scratch;
    double* to = matrix;
    multiply_square(n_rows, n_terms, stride, matrix, transpose, from);
    for (int k = 0; k < n_squarings; ++k) {
        multiply_square(n_rows, n_rows, stride, from, from, to);
        double* const done = from;
        from = to;
        to = done;
    }
    double norm2 = 0.0;
    for (std::size_t row = 0; row < n_rows; ++row) {
        for (std::size_t i = 0; i < n_rows; ++i) norm2 += from[row * stride + i] * from[row * stride + i];
    }
    return norm2;
}

}  // namespace glassnet::GLASSNET_ISA
