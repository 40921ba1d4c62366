// Where everything stands: how the matrices of a network are cut into panels of vectors, and the sizes of buffers.
//
// A matrix (rows, columns) is stored panel by panel. A panel is a few neighbouring vectors of columns, so few that
// a block of its rows fits the registers: element (k, j) of the panel that begins at vector v and has n of them is
// at v * lanes * padded_rows + k * n * lanes + (j - v * lanes). Weights, gradients and transposes share this order.
#pragma once

#include <cstddef>

namespace glassnet {

inline constexpr int max_panel = 6;

// How the registers of one instruction set are shared out.
struct Blocking {
    std::size_t lanes;
    int rows[max_panel + 1];     // rows of accumulators beside a panel of n vectors; 0 where there is no such panel
    double cost[max_panel + 1];  // time of such a panel relative to a perfect one of one vector
};

// Its functions are always inlined: kernels of different instruction sets call them.
struct Layout {
    std::size_t n_features, width, depth, n_weights;
    std::size_t lanes;
    std::size_t n_vectors;            // of a row of `width` values
    int panels[max_panel + 1];        // how many panels of n vectors make up such a row
    std::size_t feature_rows;         // padded rows of the first matrix
    std::size_t hidden_rows;          // and of the others and of the transposes
    std::size_t row_stride;           // between rows of features, each with its label
    std::size_t hidden_stride;        // between rows of activations and deltas
    std::size_t row_group;            // rows that all panels' blocks divide
    std::size_t tile_rows;            // most rows that go through the network together
    std::size_t backward_rows;        // awake rows that wait for others until they are as many
    std::size_t tile_capacity;        // rows that a tile's buffers hold, behind those that wait
    std::size_t enough_rows;          // so many awake rows of a tile go backward by themselves
    std::size_t tallest_group;        // most rows that a panel's block takes
    std::size_t awake_capacity;       // of a list of a tile's awake rows
    std::size_t packed_size;          // all matrices, the output's vector last
    std::size_t transposed_size;      // transposes of all but the first matrix and the output

    [[gnu::always_inline]] std::size_t row_size() const { return n_vectors * lanes; }
    [[gnu::always_inline]] std::size_t fan_in(std::size_t layer) const { return layer == 0 ? n_features : width; }
    [[gnu::always_inline]] std::size_t padded_rows(std::size_t layer) const { return layer == 0 ? feature_rows : hidden_rows; }
    [[gnu::always_inline]] std::size_t offset(std::size_t layer) const {
        return layer == 0 ? 0 : row_size() * (feature_rows + (layer - 1) * hidden_rows);
    }
    [[gnu::always_inline]] std::size_t output_offset() const { return offset(depth); }
    [[gnu::always_inline]] std::size_t transposed_offset(std::size_t layer) const { return row_size() * (layer - 1) * hidden_rows; }
    [[gnu::always_inline]] std::size_t layer_activations() const { return tile_capacity * hidden_stride; }
};

// Throws std::length_error where the sizes do not fit in memory addresses.
Layout make_layout(const Blocking& blocking, std::size_t scalar_bytes, std::size_t n_features, std::size_t width,
                   std::size_t depth);

// Calls visit(row, column, packed, n) for each run of n neighbours in a row of one matrix, the output's vector being
// the row of the last.
template <class Visit>
void for_each_row_part(const Layout& layout, std::size_t layer, Visit visit) {
    if (layer == layout.depth) {
        visit(std::size_t{0}, std::size_t{0}, layout.output_offset(), layout.width);
        return;
    }
    for (std::size_t row = 0; row < layout.fan_in(layer); ++row) {
        std::size_t vector = 0;
        for (int n = max_panel; n > 0; --n) {
            for (int i = 0; i < layout.panels[n]; ++i) {
                const std::size_t column = vector * layout.lanes, size = n * layout.lanes;
                const std::size_t packed = layout.offset(layer) + column * layout.padded_rows(layer) + row * size;
                const std::size_t left = layout.width - column;
                visit(row, column, packed, size < left ? size : left);
                vector += n;
            }
        }
    }
}

// Calls visit(flat, packed, n) for each run of n weights that are neighbours both in the flat vector (matrix after
// matrix, row-major) and in the packed order.
template <class Visit>
void for_each_run(const Layout& layout, Visit visit) {
    std::size_t flat = 0;
    for (std::size_t layer = 0; layer <= layout.depth; ++layer) {
        for_each_row_part(layout, layer, [&](std::size_t, std::size_t, std::size_t packed, std::size_t n) {
            visit(flat, packed, n);
            flat += n;
        });
    }
}

}  // namespace glassnet
