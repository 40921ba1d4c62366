// Rows that are looked at without proof: those awake, or nearly so, at the last full pass.
//
// Full passes stand at fixed multiples of the step, and where there is no list yet. What is kept between them depends
// on the trajectory alone, so that it can be carried from one session to the next.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "row_list.hpp"

namespace glassnet {

struct SkinSetting {
    std::int64_t interval = 0;  // steps; 0 where there is no skin
    double first_width = 0.0, widen = 1.0, narrow = 1.0, narrowest = 0.0, widest = 0.0;
};

struct SkinState {
    bool listed = false;
    double width = 0.0;
    std::int64_t missed = 0;           // rows found awake that were not listed, since the first list
    std::vector<std::uint8_t> rows{};  // a bit a row, the first in the highest bit
};

class Skin {
public:
    Skin(const SkinSetting& setting, const SkinState& state, std::size_t n_rows)
        : setting_(setting), listed_(state.listed), width_(state.width), missed_(state.missed), n_rows_(n_rows) {
        if (!listed_) return;
        std::vector<float> reach(n_rows);
        for (std::size_t row = 0; row < n_rows; ++row) reach[row] = state.rows[row / 8] >> (7 - row % 8) & 1 ? 0 : 1;
        list_.choose(reach, 0.5F);
    }

    bool full_pass_due(std::int64_t step) const { return !listed_ || step % setting_.interval == 0; }
    const RowList& list() const { return list_; }

    // After a full pass: `reach` is y f - 1 of each row.
    void renew(const std::vector<float>& reach) {
        if (listed_) {
            const std::int64_t missed = count_missed(reach);
            missed_ += missed;
            width_ = missed > 0 ? std::min(width_ * setting_.widen, setting_.widest)
                                : std::max(width_ * setting_.narrow, setting_.narrowest);
        } else {
            width_ = setting_.first_width;
            listed_ = true;
        }
        list_.choose(reach, static_cast<float>(width_));
    }

    SkinState state() const {
        SkinState s{listed_, width_, missed_, std::vector<std::uint8_t>((n_rows_ + 7) / 8)};
        for (const std::uint32_t row : list_.rows) s.rows[row / 8] |= static_cast<std::uint8_t>(0x80 >> row % 8);
        return s;
    }

private:
    std::int64_t count_missed(const std::vector<float>& reach) const {
        std::int64_t missed = 0;
        auto listed = list_.rows.begin();
        for (std::size_t row = 0; row < n_rows_; ++row) {
            if (listed != list_.rows.end() && *listed == row) {
                ++listed;
            } else {
                missed += !(reach[row] >= 0.0F);
            }
        }
        return missed;
    }

    SkinSetting setting_;
    bool listed_;
    double width_;
    std::int64_t missed_;
    std::size_t n_rows_;
    RowList list_;
};

}  // namespace glassnet
