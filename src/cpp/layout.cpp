#include "layout.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <vector>

namespace glassnet {
namespace {

std::size_t round_up(std::size_t n, std::size_t multiple) { return (n + multiple - 1) / multiple * multiple; }

// The cheapest way to cut a row of vectors into panels.
void choose_panels(const Blocking& blocking, std::size_t n_vectors, int (&panels)[max_panel + 1]) {
    std::vector<double> cost(n_vectors + 1, 0.0);
    std::vector<int> last(n_vectors + 1, 0);
    for (std::size_t v = 1; v <= n_vectors; ++v) {
        cost[v] = std::numeric_limits<double>::infinity();
        for (int n = 1; n <= max_panel && static_cast<std::size_t>(n) <= v; ++n) {
            if (blocking.rows[n] > 0 && cost[v - n] + blocking.cost[n] < cost[v]) {
                cost[v] = cost[v - n] + blocking.cost[n];
                last[v] = n;
            }
        }
    }
    std::fill(std::begin(panels), std::end(panels), 0);
    for (std::size_t v = n_vectors; v > 0; v -= last[v]) ++panels[last[v]];
}

}  // namespace

Layout make_layout(const Blocking& blocking, std::size_t scalar_bytes, std::size_t n_features, std::size_t width,
                   std::size_t depth) {
    constexpr std::size_t largest = std::size_t{1} << 24;
    if (n_features > largest || width > largest || depth > largest) {
        throw std::length_error("n_features, width and depth must be at most 2^24");
    }
    Layout s{};
    s.n_features = n_features;
    s.width = width;
    s.depth = depth;
    s.n_weights = n_features * width + (depth - 1) * width * width + width;
    s.lanes = blocking.lanes;
    s.n_vectors = round_up(width, s.lanes) / s.lanes;
    choose_panels(blocking, s.n_vectors, s.panels);

    constexpr std::size_t transpose_block = 4;
    std::size_t group = 1, tallest = 1;
    s.feature_rows = round_up(n_features, transpose_block);
    s.hidden_rows = round_up(width, transpose_block);
    for (int n = 1; n <= max_panel; ++n) {
        if (s.panels[n] == 0) continue;
        const std::size_t rows = blocking.rows[n];
        group = std::lcm(group, rows);
        tallest = std::max(tallest, rows);
        s.feature_rows = std::max(s.feature_rows, round_up(n_features, rows));
        s.hidden_rows = std::max(s.hidden_rows, round_up(width, rows));
    }

    constexpr std::size_t virtual_lanes = 16, line = 64, usual_tile = 104;
    s.row_stride = round_up(n_features + 1, s.lanes);
    s.hidden_stride = s.row_size();
    // Rows an even number of cache lines apart would fall on few sets of the cache.
    while (s.hidden_stride * scalar_bytes > 2 * line && s.hidden_stride * scalar_bytes % (2 * line) == 0) {
        s.hidden_stride += s.lanes;
    }
    s.row_group = group;
    s.tile_rows = std::max<std::size_t>(1, usual_tile / group) * group;
    s.backward_rows = std::max<std::size_t>(1, s.tile_rows / 2);
    // Loading and storing the gradient once costs as much as the way back of about two rows, moving a row about a
    // tenth of its way: from some 17 rows on it is cheaper not to gather more.
    s.enough_rows = s.tile_rows / 6;
    s.tallest_group = tallest;
    s.awake_capacity = s.tile_rows + tallest + 1;  // the last row asleep is written behind all others
    s.tile_capacity = s.backward_rows + s.tile_rows + tallest;
    s.packed_size = round_up(s.output_offset() + s.row_size(), virtual_lanes) + virtual_lanes;
    s.transposed_size = s.row_size() * (depth - 1) * s.hidden_rows;
    return s;
}

}  // namespace glassnet
