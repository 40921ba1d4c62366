// A tile of rows through the network: forward, hinge, backward.
#pragma once

#include "kernels.hpp"
#include "product.hpp"

namespace glassnet::GLASSNET_ISA {

// out = the product of `rows` (n_rows, n_terms) with a packed matrix; finish(row, column, sum) makes of a vector of sums
// what is stored there.
template <class T, class Finish>
GLASSNET_INLINE void multiply_rows(const Layout& layout, std::size_t n_rows, std::size_t n_terms, const T* rows,
                                   std::size_t stride, const T* matrix, std::size_t padded_rows, T* out,
                                   Finish finish) {
    const std::size_t out_stride = layout.hidden_stride;
    for_each_panel(layout, [&]<int N>(PanelSize<N>, std::size_t vector) {
        using V = Vec<T>;
        constexpr int M = block_rows[N];
        const std::size_t first = vector * V::lanes;
        const T* const panel = matrix + first * padded_rows;
        for (std::size_t row = 0; row < n_rows; row += M) {
            V sum[M][N];
            for (int m = 0; m < M; ++m) {
                for (int n = 0; n < N; ++n) sum[m][n] = V::zero();
            }
            multiply_add(sum, AlongRows<T>{rows + row * stride, stride}, panel, N * V::lanes, n_terms);
            for (int m = 0; m < M; ++m) {
                for (int n = 0; n < N; ++n) {
                    const std::size_t column = first + n * V::lanes;
                    finish(row + m, column, sum[m][n]).store(out + (row + m) * out_stride + column);
                }
            }
        }
    });
}

// gradient += activations^T deltas, the chains over rows going on from where they stand, or beginning at zero. The k-th
// of the deltas belongs to the k-th of the rows that `activations` names.
template <class T, template <class> class S>
void add_outer(const Layout& layout, std::size_t n_rows, S<T> activations, std::size_t fan_in, const T* deltas,
               bool begin, T* gradient, std::size_t padded_rows) {
    for_each_panel(layout, [&]<int N>(PanelSize<N>, std::size_t vector) {
        using V = Vec<T>;
        constexpr int M = block_rows[N];
        const std::size_t column = vector * V::lanes;
        T* panel = gradient + column * padded_rows;
        S<T> scalars = activations;
        for (std::size_t i = 0; i < fan_in; i += M, scalars.first += M) {
            T* block = panel + i * N * V::lanes;
            V sum[M][N];
            for (int m = 0; m < M; ++m) {
                for (int n = 0; n < N; ++n) sum[m][n] = begin ? V::zero() : V::load(block + (m * N + n) * V::lanes);
            }
            multiply_add(sum, scalars, deltas + column, layout.hidden_stride, n_rows);
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
                      layout.padded_rows(layer), out, [](std::size_t, std::size_t, Vec<T> sum) { return relu(sum); });
        rows = out;
        stride = layout.hidden_stride;
    }
    dot_products(tile.n_rows, rows, stride, weights.matrices + layout.output_offset(), layout.width, tile.outputs);
}

// The quadratic hinge, and which rows are awake. An output that is not a number counts as awake, so that it reaches the
// weights.
template <class T>
void hinge(const Layout& layout, const Tile<T>& tile, Score& score) {
    double loss = score.loss;
    std::size_t n_awake = 0, n_correct = 0;
    const T* label = tile.rows + layout.n_features;
    for (std::size_t row = 0; row < tile.n_rows; ++row, label += layout.row_stride) {
        const T margin = *label * tile.outputs[row];
        const T rest = T(1) - margin;
        const T slack = T(0) > rest ? T(0) : rest;
        tile.slopes[row] = -*label * slack;
        loss += static_cast<double>(slack * slack * T(0.5));
        tile.awake[n_awake] = static_cast<std::uint32_t>(row);
        n_awake += !(margin >= T(1));
        n_correct += margin > T(0);
    }
    score.loss = loss;
    score.awake += static_cast<std::int64_t>(n_awake);
    score.correct += static_cast<std::int64_t>(n_correct);
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

// Without a direction the slack itself. Norms are rounded up: a sum of squares is off by less than a rounding a term, and
// squares below the normal numbers vanish. The first norm counts the label too.
template <class T>
void reach(const Layout& layout, const Tile<T>& tile, const double* direction, float* out) {
    using V = Vec<T>;
    constexpr double unit = sizeof(T) == sizeof(float) ? 0x1p-23 : 0x1p-52, vanishing = 0x1p-62, below_rounding = 0x1p-29;
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
            const double n = static_cast<double>(size);
            moved += direction[layer] * (norm * (1.0 + n * unit) + n * vanishing);
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
void keep_awake(const Layout& layout, const Tile<T>& tile, std::size_t n_awake, T* kept) {
    using V = Vec<T>;
    for (std::size_t to = 0; to < n_awake; ++to) {
        const std::size_t row = tile.awake[to];
        const T* const features = tile.rows + row * layout.row_stride;
        for (std::size_t i = 0; i < layout.row_stride; i += V::lanes) {
            V::load(features + i).store(kept + to * layout.row_stride + i);
        }
        if (to == row) continue;
        tile.slopes[to] = tile.slopes[row];
        for (std::size_t layer = 0; layer < layout.depth; ++layer) {
            T* const h = tile.activations + layer * layout.layer_activations();
            const T* const from = h + row * layout.hidden_stride;
            for (std::size_t i = 0; i < layout.row_size(); i += V::lanes) {
                V::load(from + i).store(h + to * layout.hidden_stride + i);
            }
        }
    }
}

// Which rows of a tile go backward: the k-th of them, and where what it became, and its features, begin.
struct EveryRow {
    std::size_t stride, feature_stride;

    GLASSNET_INLINE std::size_t row(std::size_t k) const { return k; }
    GLASSNET_INLINE std::size_t begin(std::size_t k) const { return k * stride; }
    template <class T>
    GLASSNET_INLINE DownRows<T> activations(const T* first) const {
        return {first, stride};
    }
    template <class T>
    GLASSNET_INLINE DownRows<T> features(const T* first) const {
        return {first, feature_stride};
    }
};

struct ChosenRows {
    const std::uint32_t *rows, *begins, *feature_begins;

    GLASSNET_INLINE std::size_t row(std::size_t k) const { return rows[k]; }
    GLASSNET_INLINE std::size_t begin(std::size_t k) const { return begins[k]; }
    template <class T>
    GLASSNET_INLINE DownChosenRows<T> activations(const T* first) const {
        return {first, begins};
    }
    template <class T>
    GLASSNET_INLINE DownChosenRows<T> features(const T* first) const {
        return {first, feature_begins};
    }
};

// The output's weight gradient, and the deltas of the last hidden layer, one for each chosen row.
template <class T, class Choice>
void backward_output(const Layout& layout, const PackedWeights<T>& weights, const Tile<T>& tile, Choice choice,
                     std::size_t n, T* deltas, bool begin, T* gradient) {
    using V = Vec<T>;
    const T* h = tile.activations + (layout.depth - 1) * layout.layer_activations();
    const T* output_weights = weights.matrices + layout.output_offset();
    T* output_gradient = gradient + layout.output_offset();
    for_each_panel(layout, [&]<int N>(PanelSize<N>, std::size_t vector) {
        const std::size_t first = vector * V::lanes;
        V w[N], sum[N];
        for (int i = 0; i < N; ++i) {
            w[i] = V::load(output_weights + first + i * V::lanes);
            sum[i] = begin ? V::zero() : V::load(output_gradient + first + i * V::lanes);
        }
        for (std::size_t k = 0; k < n; ++k) {
            const V slope = V::all(tile.slopes[choice.row(k)]);
            for (int i = 0; i < N; ++i) {
                const std::size_t column = first + i * V::lanes;
                const V active = V::load(h + choice.begin(k) + column);
                sum[i] = fma(active, slope, sum[i]);
                where_positive(active, slope * w[i]).store(deltas + k * layout.hidden_stride + column);
            }
        }
        for (int i = 0; i < N; ++i) sum[i].store(output_gradient + first + i * V::lanes);
    });
}

// Of n chosen rows, in order.
template <class T, class Choice>
void backward(const Layout& layout, const PackedWeights<T>& weights, const Tile<T>& tile, Choice choice, std::size_t n,
              bool begin, T* gradient) {
    T* deltas = tile.deltas;
    T* next = tile.deltas + layout.layer_activations();
    const std::size_t stride = layout.hidden_stride;
    backward_output(layout, weights, tile, choice, n, deltas, begin, gradient);
    for (std::size_t layer = layout.depth - 1; layer > 0; --layer) {
        const T* h = tile.activations + (layer - 1) * layout.layer_activations();
        add_outer(layout, n, choice.activations(h), layout.width, deltas, begin, gradient + layout.offset(layer),
                  layout.hidden_rows);
        multiply_rows(layout, n, layout.width, deltas, stride, weights.transposes + layout.transposed_offset(layer),
                      layout.hidden_rows, next, [&](std::size_t k, std::size_t column, Vec<T> sum) {
                          return where_positive(Vec<T>::load(h + choice.begin(k) + column), sum);
                      });
        T* const done = deltas;
        deltas = next;
        next = done;
    }
    add_outer(layout, n, choice.features(tile.rows), layout.n_features, deltas, begin, gradient,
              layout.feature_rows);
}

}  // namespace glassnet::GLASSNET_ISA
