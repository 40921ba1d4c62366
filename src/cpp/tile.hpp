// A tile of rows through the network: forward, hinge, backward.
#pragma once

#include "kernels.hpp"
#include "product.hpp"

namespace glassnet::GLASSNET_ISA {

// out = the product of `rows` (n_rows, n_terms) with a packed matrix; finish(at, sum) makes of a vector of sums what is
// stored at out + at.
template <class T, class Finish>
GLASSNET_INLINE void multiply_rows(const Layout& layout, std::size_t n_rows, std::size_t n_terms, const T* rows,
                                   std::size_t stride, const T* matrix, std::size_t padded_rows, T* out,
                                   Finish finish) {
    const std::size_t out_stride = layout.hidden_stride;
    for_each_panel(layout, [&]<int N>(PanelSize<N>, std::size_t vector) {
        using V = Vec<T>;
        constexpr int M = block_rows[N];
        std::size_t at = vector * V::lanes;
        const T* const panel = matrix + at * padded_rows;
        for (std::size_t row = 0; row < n_rows; row += M) {
            V sum[M][N];
            for (int m = 0; m < M; ++m) {
                for (int n = 0; n < N; ++n) sum[m][n] = V::zero();
            }
            multiply_add<M, N, T>(sum, {rows + row * stride, stride, 1}, panel, N * V::lanes, n_terms);
            for (int m = 0; m < M; ++m) {
                for (int n = 0; n < N; ++n) finish(at + n * V::lanes, sum[m][n]).store(out + at + n * V::lanes);
                at += out_stride;
            }
        }
    });
}

// gradient += activations^T deltas, the chains over rows going on from where they stand.
template <class T>
void add_outer(const Layout& layout, std::size_t n_rows, const T* activations, std::size_t activation_stride,
               std::size_t fan_in, const T* deltas, T* gradient, std::size_t padded_rows) {
    for_each_panel(layout, [&]<int N>(PanelSize<N>, std::size_t vector) {
        using V = Vec<T>;
        constexpr int M = block_rows[N];
        const std::size_t column = vector * V::lanes;
        T* panel = gradient + column * padded_rows;
        for (std::size_t i = 0; i < fan_in; i += M) {
            T* block = panel + i * N * V::lanes;
            V sum[M][N];
            for (int m = 0; m < M; ++m) {
                for (int n = 0; n < N; ++n) sum[m][n] = V::load(block + (m * N + n) * V::lanes);
            }
            multiply_add<M, N, T>(sum, {activations + i, 1, activation_stride}, deltas + column, layout.hidden_stride,
                                  n_rows);
            for (int m = 0; m < M; ++m) {
                for (int n = 0; n < N; ++n) sum[m][n].store(block + (m * N + n) * V::lanes);
            }
        }
    });
}

// The dot product over 16 virtual lanes: lane = index mod 16, one chain a lane, then folded in halves. Entries of
// `rows` from n on are read, up to whole vectors, and taken as zero.
template <class T>
void dot_products(std::size_t n_rows, const T* rows, std::size_t stride, const T* weights, std::size_t n, T* out) {
    using V = Vec<T>;
    constexpr std::size_t virtual_lanes = 16, n_parts = virtual_lanes / V::lanes;
    const std::size_t last = (n - 1) / virtual_lanes * virtual_lanes;
    alignas(64) T inside[virtual_lanes];
    for (std::size_t l = 0; l < virtual_lanes; ++l) inside[l] = last + l < n ? T(1) : T(0);
    for (std::size_t row = 0; row < n_rows; ++row, rows += stride) {
        V part[n_parts];
        for (std::size_t p = 0; p < n_parts; ++p) part[p] = V::zero();
        for (std::size_t i = 0; i < last; i += virtual_lanes) {
            for (std::size_t p = 0; p < n_parts; ++p) {
                const std::size_t at = i + p * V::lanes;
                part[p] = fma(V::load(rows + at), V::load(weights + at), part[p]);
            }
        }
        for (std::size_t p = 0; p < n_parts; ++p) {
            const std::size_t at = last + p * V::lanes;
            const V entries = where_positive(V::load(inside + p * V::lanes), V::load(rows + at));
            part[p] = fma(entries, V::load(weights + at), part[p]);
        }
        for (std::size_t half = n_parts / 2; half > 0; half /= 2) {
            for (std::size_t p = 0; p < half; ++p) part[p] = part[p] + part[p + half];
        }
        out[row] = fold(part[0]);
    }
}

template <class T>
void forward(const Layout& layout, const PackedWeights<T>& weights, const Tile<T>& tile) {
    const T* rows = tile.rows;
    std::size_t stride = layout.row_stride;
    for (std::size_t layer = 0; layer < layout.depth; ++layer) {
        T* out = tile.activations + layer * layout.layer_activations();
        multiply_rows(layout, tile.n_rows, layout.fan_in(layer), rows, stride, weights.matrices + layout.offset(layer),
                      layout.padded_rows(layer), out, [](std::size_t, Vec<T> sum) { return relu(sum); });
        rows = out;
        stride = layout.hidden_stride;
    }
    dot_products(tile.n_rows, rows, stride, weights.matrices + layout.output_offset(), layout.width, tile.outputs);
}

// The quadratic hinge. An output that is not a number counts as awake, so that it reaches the weights.
template <class T>
void hinge(const Layout& layout, const Tile<T>& tile, Score& score) {
    for (std::size_t row = 0; row < tile.n_rows; ++row) {
        const T label = tile.rows[row * layout.row_stride + layout.n_features];
        const T margin = label * tile.outputs[row];
        const bool asleep = margin >= T(1);
        const T slack = asleep ? T(0) : T(1) - margin;
        tile.slopes[row] = -label * slack;
        score.loss += static_cast<double>(slack * slack * T(0.5));
        score.awake += !asleep;
        score.correct += margin > T(0);
    }
}

// A sleeping row that goes backward contributes nothing even where it is infinite: 0 times its activations must be 0.
template <class T>
void silence_sleeping(const Layout& layout, const PackedWeights<T>& weights, const Tile<T>& tile) {
    for (std::size_t row = 0; row < tile.n_rows; ++row) {
        const T output = tile.outputs[row];
        const bool asleep = tile.rows[row * layout.row_stride + layout.n_features] * output >= T(1);
        const bool infinite = output - output != T(0);
        if (!asleep || (weights.finite && !infinite)) continue;
        for (std::size_t layer = 0; layer < layout.depth; ++layer) {
            T* h = tile.activations + layer * layout.layer_activations() + row * layout.hidden_stride;
            for (std::size_t i = 0; i < layout.row_size(); ++i) h[i] = T(0);
        }
    }
}

// Without a direction the slack itself. Norms are rounded up: a sum of squares is off by less than a rounding a term, squares below the normal numbers vanish.
// The first counts the label too.
template <class T>
void reach(const Layout& layout, const Tile<T>& tile, const double* direction, float* out) {
    using V = Vec<T>;
    constexpr double unit = sizeof(T) == sizeof(float) ? 0x1p-23 : 0x1p-52, vanishing = 1e-17, below_rounding = 0x1p-29;
    for (std::size_t row = 0; row < tile.n_rows; ++row) {
        const T label = tile.rows[row * layout.row_stride + layout.n_features];
        const double slack = static_cast<double>(label * tile.outputs[row]) - 1.0;
        if (!(slack > 0.0)) {
            out[row] = slack == 0.0 ? 0.0F : -1.0F;
            continue;
        }
        if (direction == nullptr) {
            out[row] = static_cast<float>(slack);
            continue;
        }
        double moved = 0.0;
        const T* h = tile.rows + row * layout.row_stride;
        std::size_t size = layout.row_stride;
        for (std::size_t layer = 0; layer <= layout.depth; ++layer) {
            V sum = V::zero();
            for (std::size_t i = 0; i < size; i += V::lanes) sum = fma(V::load(h + i), V::load(h + i), sum);
            const double norm = __builtin_sqrt(static_cast<double>(fold(sum)));
            moved += direction[layer] * (norm * (1.0 + static_cast<double>(size) * unit) + vanishing);
            h = tile.activations + layer * layout.layer_activations() + row * layout.hidden_stride;
            size = layout.row_size();
        }
        // A slack beyond what float32 holds is cut.
        const double usable = (slack < 1e30 ? slack : 1e30) - below_rounding;
        out[row] = static_cast<float>(usable / moved * (1.0 - 1e-6));
    }
}

// A sleeping row adds zeros to every chain, so it can be left out; rows before the first sleeping one stay in place.
template <class T>
std::size_t keep_awake(const Layout& layout, const Tile<T>& tile, T* kept) {
    using V = Vec<T>;
    std::size_t to = 0;
    for (std::size_t row = 0; row < tile.n_rows; ++row) {
        if (tile.slopes[row] == T(0)) continue;
        const T* const features = tile.rows + row * layout.row_stride;
        for (std::size_t i = 0; i < layout.row_stride; i += V::lanes) {
            V::load(features + i).store(kept + to * layout.row_stride + i);
        }
        if (to != row) {
            tile.slopes[to] = tile.slopes[row];
            for (std::size_t layer = 0; layer < layout.depth; ++layer) {
                T* const h = tile.activations + layer * layout.layer_activations();
                const T* const from = h + row * layout.hidden_stride;
                for (std::size_t i = 0; i < layout.row_size(); i += V::lanes) {
                    V::load(from + i).store(h + to * layout.hidden_stride + i);
                }
            }
        }
        ++to;
    }
    return to;
}

// The output's weight gradient, and the deltas of the last hidden layer.
template <class T>
void backward_output(const Layout& layout, const PackedWeights<T>& weights, const Tile<T>& tile, T* deltas,
                     T* gradient) {
    using V = Vec<T>;
    const T* h = tile.activations + (layout.depth - 1) * layout.layer_activations();
    const T* output_weights = weights.matrices + layout.output_offset();
    T* output_gradient = gradient + layout.output_offset();
    for_each_panel(layout, [&]<int N>(PanelSize<N>, std::size_t vector) {
        const std::size_t first = vector * V::lanes;
        V w[N], sum[N];
        for (int n = 0; n < N; ++n) {
            w[n] = V::load(output_weights + first + n * V::lanes);
            sum[n] = V::load(output_gradient + first + n * V::lanes);
        }
        for (std::size_t row = 0; row < tile.n_rows; ++row) {
            const V slope = V::all(tile.slopes[row]);
            for (int n = 0; n < N; ++n) {
                const std::size_t at = row * layout.hidden_stride + first + n * V::lanes;
                const V active = V::load(h + at);
                sum[n] = fma(active, slope, sum[n]);
                where_positive(active, slope * w[n]).store(deltas + at);
            }
        }
        for (int n = 0; n < N; ++n) sum[n].store(output_gradient + first + n * V::lanes);
    });
}

template <class T>
void backward(const Layout& layout, const PackedWeights<T>& weights, const Tile<T>& tile, T* gradient) {
    T* deltas = tile.deltas;
    T* next = tile.deltas + layout.layer_activations();
    backward_output(layout, weights, tile, deltas, gradient);
    for (std::size_t layer = layout.depth - 1; layer > 0; --layer) {
        const T* h = tile.activations + (layer - 1) * layout.layer_activations();
        add_outer(layout, tile.n_rows, h, layout.hidden_stride, layout.width, deltas, gradient + layout.offset(layer),
                  layout.hidden_rows);
        multiply_rows(layout, tile.n_rows, layout.width, deltas, layout.hidden_stride,
                      weights.transposes + layout.transposed_offset(layer), layout.hidden_rows, next,
                      [h](std::size_t at, Vec<T> sum) { return where_positive(Vec<T>::load(h + at), sum); });
        T* const done = deltas;
        deltas = next;
        next = done;
    }
    add_outer(layout, tile.n_rows, tile.rows, layout.row_stride, layout.n_features, deltas, gradient,
              layout.feature_rows);
}

}  // namespace glassnet::GLASSNET_ISA
