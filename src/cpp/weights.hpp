// What happens to weights once a step: packed for the gradient, its blocks added up, and the update.
#pragma once

#include "kernels.hpp"
#include "product.hpp"

namespace glassnet::GLASSNET_ISA {

GLASSNET_INLINE void transpose_block(const float* from, std::size_t from_stride, float* to, std::size_t to_stride) {
    __m128 a = _mm_loadu_ps(from), b = _mm_loadu_ps(from + from_stride);
    __m128 c = _mm_loadu_ps(from + 2 * from_stride), d = _mm_loadu_ps(from + 3 * from_stride);
    _MM_TRANSPOSE4_PS(a, b, c, d);
    _mm_storeu_ps(to, a);
    _mm_storeu_ps(to + to_stride, b);
    _mm_storeu_ps(to + 2 * to_stride, c);
    _mm_storeu_ps(to + 3 * to_stride, d);
}

GLASSNET_INLINE void transpose_block(const double* from, std::size_t from_stride, double* to, std::size_t to_stride) {
    const __m256d a = _mm256_loadu_pd(from), b = _mm256_loadu_pd(from + from_stride);
    const __m256d c = _mm256_loadu_pd(from + 2 * from_stride), d = _mm256_loadu_pd(from + 3 * from_stride);
    const __m256d ab0 = _mm256_unpacklo_pd(a, b), ab1 = _mm256_unpackhi_pd(a, b);
    const __m256d cd0 = _mm256_unpacklo_pd(c, d), cd1 = _mm256_unpackhi_pd(c, d);
    _mm256_storeu_pd(to, _mm256_permute2f128_pd(ab0, cd0, 0x20));
    _mm256_storeu_pd(to + to_stride, _mm256_permute2f128_pd(ab1, cd1, 0x20));
    _mm256_storeu_pd(to + 2 * to_stride, _mm256_permute2f128_pd(ab0, cd0, 0x31));
    _mm256_storeu_pd(to + 3 * to_stride, _mm256_permute2f128_pd(ab1, cd1, 0x31));
}

// The packed transpose of a packed (width, width) matrix, four by four.
template <class T>
void transpose(const Layout& layout, const T* matrix, T* out) {
    constexpr std::size_t block = 4;
    for_each_panel(layout, [&]<int N>(PanelSize<N>, std::size_t vector) {
        const std::size_t first = vector * Vec<T>::lanes, size = N * Vec<T>::lanes;
        const T* panel = matrix + first * layout.hidden_rows;
        for_each_panel(layout, [&]<int NT>(PanelSize<NT>, std::size_t out_vector) {
            const std::size_t out_first = out_vector * Vec<T>::lanes, out_size = NT * Vec<T>::lanes;
            T* out_panel = out + out_first * layout.hidden_rows;
            for (std::size_t row = out_first; row < out_first + out_size && row < layout.width; row += block) {
                for (std::size_t column = first; column < first + size && column < layout.width; column += block) {
                    transpose_block(panel + row * size + column - first, size,
                                    out_panel + column * out_size + row - out_first, out_size);
                }
            }
        });
    });
}

// Whether a sum of products with zero shows that all factors were finite.
template <class V>
GLASSNET_INLINE bool all_zero(V sum) {
    alignas(64) typename V::Scalar lane[V::lanes];
    sum.store(lane);
    bool zero = true;
    for (std::size_t l = 0; l < V::lanes; ++l) zero = zero && lane[l] == 0;
    return zero;
}

template <class T, class M>
bool round_all(const Layout& layout, const M* weights, T* matrices) {
    using V = Vec<T>;
    V infinite = V::zero();
    for (std::size_t i = 0; i < layout.packed_size; i += V::lanes) {
        const V w = V::from(weights + i);
        infinite = fma(w, V::zero(), infinite);
        w.store(matrices + i);
    }
    return all_zero(infinite);
}

template <class T>
void transpose_all(const Layout& layout, const T* matrices, T* transposes) {
    for (std::size_t layer = 1; layer < layout.depth; ++layer) {
        transpose(layout, matrices + layout.offset(layer), transposes + layout.transposed_offset(layer));
    }
}

// Zeroes what the products left in padding.
template <class T>
void clear_padding(const Layout& layout, T* gradient) {
    const std::size_t surplus = layout.row_size() - layout.width;
    for (std::size_t layer = 0; layer < layout.depth; ++layer) {
        const std::size_t fan_in = layout.fan_in(layer), padded_rows = layout.padded_rows(layer);
        for_each_panel(layout, [&]<int N>(PanelSize<N>, std::size_t vector) {
            const std::size_t size = N * Vec<T>::lanes;
            T* panel = gradient + layout.offset(layer) + vector * Vec<T>::lanes * padded_rows;
            for (std::size_t i = fan_in * size; i < padded_rows * size; ++i) panel[i] = T(0);
            if (vector + N < layout.n_vectors) return;
            for (std::size_t row = 0; row < fan_in; ++row) {
                for (std::size_t i = size - surplus; i < size; ++i) panel[row * size + i] = T(0);
            }
        });
    }
    T* output = gradient + layout.output_offset();
    for (std::size_t i = layout.width; i < layout.row_size(); ++i) output[i] = T(0);
}

template <class T>
void add_block(const Layout& layout, const T* block, bool first, double* total) {
    for (std::size_t i = 0; i < layout.packed_size; i += F64::lanes) {
        const F64 before = first ? F64::zero() : F64::load(total + i);
        (before + F64::from(block + i)).store(total + i);
    }
}

template <bool noisy, bool rounds, class M, class S>
Updated update_all(const Update<M, S> u) {
    using V = Vec<M>;
    using R = Vec<S>;
    constexpr std::size_t together = V::lanes > R::lanes ? V::lanes : R::lanes;
    alignas(64) double mean[V::lanes];
    const V rate = V::all(u.rate), l2 = V::all(u.l2), scale = V::all(u.scale);
    const F64 zero = F64::zero(), reciprocal = F64::all(u.reciprocal_rows);
    V infinite = V::zero();
    R infinite_rounded = R::zero();
    for (std::size_t begin = 0; begin < u.n; begin += together) {
        for (std::size_t i = begin; i < begin + together; i += V::lanes) {
            for (std::size_t l = 0; l < V::lanes; l += F64::lanes) {
                ((zero + F64::from(u.gradient_sum + i + l)) * reciprocal).store(mean + l);
            }
            const V w = V::load(u.weights + i);
            V next = w - rate * (V::from(mean) + l2 * w);
            if constexpr (noisy) next = next + scale * V::from(u.xi + i);
            infinite = fma(next, V::zero(), infinite);
            next.store(u.next + i);
        }
        if constexpr (rounds) {
            for (std::size_t i = begin; i < begin + together; i += R::lanes) {
                const R next = R::from(u.next + i);
                infinite_rounded = fma(next, R::zero(), infinite_rounded);
                next.store(u.rounded + i);
            }
        }
    }
    return {all_zero(infinite), all_zero(infinite_rounded)};
}

template <class M, class S>
Updated update(const Update<M, S>& u) {
    if (u.rounded != nullptr) return u.xi != nullptr ? update_all<true, true>(u) : update_all<false, true>(u);
    return u.xi != nullptr ? update_all<true, false>(u) : update_all<false, false>(u);
}

}  // namespace glassnet::GLASSNET_ISA
