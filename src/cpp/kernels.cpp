// The kernels of one instruction set. This file is compiled once for each, with GLASSNET_ISA naming the namespace;
// it uses no function of the standard library, whose inline functions the linker shares between instruction sets.
#include "kernels.hpp"

#include "peak.hpp"
#include "random.hpp"
#include "spectral.hpp"
#include "tile.hpp"
#include "weights.hpp"

#define GLASSNET_TEXT_OF(x) #x
#define GLASSNET_TEXT(x) GLASSNET_TEXT_OF(x)

namespace glassnet::GLASSNET_ISA {
namespace {

template <class T>
void evaluate_tile(const Layout& layout, const PackedWeights<T>& weights, const Tile<T>& tile, Score& score) {
    forward(layout, weights, tile);
    hinge(layout, tile, score);
}

template <class T>
void backward_of_rows(const Layout& layout, const PackedWeights<T>& weights, const Tile<T>& tile, bool begin,
                      T* gradient) {
    backward(layout, weights, tile, EveryRow{layout.hidden_stride, layout.row_stride}, tile.n_rows, begin, gradient);
}

template <class T>
void backward_of_awake(const Layout& layout, const PackedWeights<T>& weights, const Tile<T>& tile, std::size_t n_awake,
                       bool begin, T* gradient) {
    // Products take groups of rows, and name some beyond the last.
    const std::size_t n = n_awake + layout.tallest_group, room = layout.awake_capacity;
    std::uint32_t *const rows = tile.awake, *const begins = rows + room, *const feature_begins = begins + room;
    for (std::size_t k = n_awake; k < n; ++k) rows[k] = 0;
    for (std::size_t k = 0; k < n; ++k) {
        begins[k] = static_cast<std::uint32_t>(rows[k] * layout.hidden_stride);
        feature_begins[k] = static_cast<std::uint32_t>(rows[k] * layout.row_stride);
    }
    backward(layout, weights, tile, ChosenRows{rows, begins, feature_begins}, n_awake, begin, gradient);
}

template <class T>
void backward_of_every_row(const Layout& layout, const PackedWeights<T>& weights, const Tile<T>& tile, bool begin,
                           T* gradient) {
    silence_sleeping(layout, weights, tile);
    backward_of_rows(layout, weights, tile, begin, gradient);
}

template <class T>
constexpr GradientKernels<T> gradient_kernels = {
    blocking<T>,
    round_all<T, double>,
    round_all<T, float>,
    transpose_all<T>,
    evaluate_tile<T>,
    keep_awake<T>,
    reach<T>,
    backward_of_rows<T>,
    backward_of_awake<T>,
    backward_of_every_row<T>,
    clear_padding<T>,
    add_block<T>,
};

}  // namespace

extern const Kernels kernels = {
    GLASSNET_TEXT(GLASSNET_ISA), gradient_kernels<float>, gradient_kernels<double>,
    update<float, float>, update<float, double>, update<double, float>, update<double, double>,
    words, normals, power_norm2, multiply_add_rounds,
};

}  // namespace glassnet::GLASSNET_ISA
