// Rows that are looked at, in order, and where each block's begin.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace glassnet {

inline constexpr std::size_t block_rows = 2048;

inline std::size_t count_blocks(std::size_t n_rows) { return (n_rows + block_rows - 1) / block_rows; }

struct RowList {
    std::vector<std::uint32_t> rows;
    std::vector<std::size_t> block_begin;  // one more than there are blocks

    // All rows whose `reach` is not above `limit`: not a number counts as within.
    void choose(const std::vector<float>& reach, float limit) {
        const std::size_t n_rows = reach.size();
        rows.resize(n_rows);
        block_begin.assign(1, 0);
        std::size_t n = 0;
        for (std::size_t begin = 0; begin < n_rows; begin += block_rows) {
            const std::size_t end = begin + block_rows < n_rows ? begin + block_rows : n_rows;
            for (std::size_t row = begin; row < end; ++row) {
                rows[n] = static_cast<std::uint32_t>(row);
                n += !(reach[row] > limit);
            }
            block_begin.push_back(n);
        }
        rows.resize(n);
    }
};

}  // namespace glassnet
