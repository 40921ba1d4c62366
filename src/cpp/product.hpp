// The one product: out[m][n] += sum over k of scalar[m, k] * vector[k, n], a block of accumulators held in registers,
// each lane one chain of fused multiply-adds in the order of k.
#pragma once

#include <cstdint>

#include "layout.hpp"
#include "simd.hpp"

namespace glassnet::GLASSNET_ISA {

// Rows of accumulators beside a panel of n vectors, with room left for its vectors and a broadcast.
#if defined(GLASSNET_WIDE)
inline constexpr int block_rows[max_panel + 1] = {0, 12, 12, 8, 6, 5, 4};
inline constexpr double panel_cost[max_panel + 1] = {0, 1.3, 2.1, 3.05, 4, 5, 6};
#else
inline constexpr int block_rows[max_panel + 1] = {0, 12, 6, 4, 3, 0, 0};
inline constexpr double panel_cost[max_panel + 1] = {0, 1.3, 2.1, 3, 4.15, 0, 0};
#endif

template <class T>
inline constexpr Blocking blocking = [] {
    Blocking b{Vec<T>::lanes, {}, {}};
    for (int n = 0; n <= max_panel; ++n) {
        b.rows[n] = block_rows[n];
        b.cost[n] = panel_cost[n];
    }
    return b;
}();

// Where the scalars of a product stand: scalar (m, k) in a row that goes on with k,
template <class T>
struct AlongRows {
    const T* first;
    std::size_t row;

    GLASSNET_INLINE const T* term(std::size_t k) const { return first + k; }
    GLASSNET_INLINE std::size_t scalar(int m) const { return m * row; }
};

// or side by side in the k-th of rows that stand one after the other,
template <class T>
struct DownRows {
    const T* first;
    std::size_t step;

    GLASSNET_INLINE const T* term(std::size_t k) const { return first + k * step; }
    GLASSNET_INLINE std::size_t scalar(int m) const { return m; }
};

// or in the k-th of rows that begin where they are said to.
template <class T>
struct DownChosenRows {
    const T* first;
    const std::uint32_t* begin;

    GLASSNET_INLINE const T* term(std::size_t k) const { return first + begin[k]; }
    GLASSNET_INLINE std::size_t scalar(int m) const { return m; }
};

template <int M, int N, class T, template <class> class S>
GLASSNET_INLINE void multiply_add(Vec<T> (&sum)[M][N], S<T> scalars, const T* vectors, std::size_t vector_step,
                                  std::size_t n_terms) {
    using V = Vec<T>;
    GLASSNET_UNROLL(2)
    for (std::size_t k = 0; k < n_terms; ++k) {
        const T* const scalar = scalars.term(k);
        if constexpr (M >= N) {
            V vector[N];
            for (int n = 0; n < N; ++n) vector[n] = V::load(vectors + n * V::lanes);
            for (int m = 0; m < M; ++m) {
                const V s = V::all(scalar[scalars.scalar(m)]);
                for (int n = 0; n < N; ++n) sum[m][n] = fma(s, vector[n], sum[m][n]);
            }
        } else {
            V s[M];
            for (int m = 0; m < M; ++m) s[m] = V::all(scalar[scalars.scalar(m)]);
            for (int n = 0; n < N; ++n) {
                const V vector = V::load(vectors + n * V::lanes);
                for (int m = 0; m < M; ++m) sum[m][n] = fma(s[m], vector, sum[m][n]);
            }
        }
        vectors += vector_step;
    }
}

template <int N>
struct PanelSize {};

// Calls visit(PanelSize<n>{}, first_vector) for each panel of a row.
template <int N = max_panel, class Visit>
GLASSNET_INLINE void for_each_panel(const Layout& layout, Visit visit, std::size_t vector = 0) {
    if constexpr (block_rows[N] > 0) {
        for (int i = 0; i < layout.panels[N]; ++i, vector += N) visit(PanelSize<N>{}, vector);
    }
    if constexpr (N > 1) for_each_panel<N - 1>(layout, visit, vector);
}

}  // namespace glassnet::GLASSNET_ISA
