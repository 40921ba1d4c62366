// Which rows of one network must be looked at: all but those that provably sleep since the last full pass.
//
// A full pass leaves each row's reach, its slack y f - 1 over the sum of its norms weighted by a fixed direction. At
// any later weights a row whose reach is above the largest ratio of coefficient to direction sleeps. Everything here
// is decided by counts of rows, and decides about speed only.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "bound.hpp"
#include "row_list.hpp"

namespace glassnet {

template <class T>
class Watch {
public:
    enum class Look {
        everywhere,    // at all rows
        to_remember,   // at all rows, and remember() them
        at_list,
    };

    // `waiting`: how many threads stand still while one works on bounds, itself counted.
    Watch(const Layout& layout, std::size_t n_rows, double waiting)
        : layout_(layout), n_rows_(static_cast<double>(n_rows)), waiting_(waiting) {
        direction_.resize(layout.depth + 1, 1.0);
    }

    // Whether bounds are cheap enough beside a step to be worth a try.
    static bool may_pay(const Bound<T>& bound, std::size_t n_rows, double waiting) {
        return waiting * bound.cost_in_rows(n_squarings) < dearest * static_cast<double>(n_rows);
    }

    Look look(const T* weights, Bound<T>& bound) {
        if (rest_left_ > 0) {
            --rest_left_;
            return Look::everywhere;
        }
        if (!remembers_) return Look::to_remember;
        const double needed = farthest(weights, bound);
        if (!(needed <= limit_)) {
            limit_ = static_cast<float>(needed * growth);
            list_.choose(reach_, limit_);
            spent_ += choosing * n_rows_;
        }
        const double cost = static_cast<double>(list_.rows.size()) + waiting_ * bound.cost_in_rows(n_squarings);
        // What another step costs has passed what a step has cost since the full pass, or saves nothing: begin again.
        if (cost * n_steps_ > spent_ || cost > worthless * n_rows_) return begin_again();
        spent_ += cost;
        n_steps_ += 1.0;
        return Look::at_list;
    }

    const RowList& list() const { return list_; }

    // For the full pass: where the reach of each row goes, and the direction.
    float* reach() {
        reach_.resize(static_cast<std::size_t>(n_rows_));
        return reach_.data();
    }
    const double* direction() const { return direction_.data(); }

    // The full pass is done, at these weights.
    void remember(const T* weights, Bound<T>& bound) {
        if (reference_.size() == 0) reference_ = Buffer<T>(layout_.packed_size);
        std::copy_n(weights, layout_.packed_size, reference_.data());
        bound.norms(weights, nullptr, n_reference_squarings, reference_norms_);
        remembers_ = true;
        limit_ = -1.0F;
        spent_ = remembering * n_rows_;
        n_steps_ = 1.0;
    }

private:
    static constexpr int n_squarings = 2, n_reference_squarings = 4;
    // In rows sent forward, a row: what the norms may cost, a full pass that remembers, a list.
    static constexpr double dearest = 0.2, remembering = 1.3, choosing = 0.01;
    // How much longer than needed a list is made to last, and from which share of rows on lists do not pay.
    static constexpr double growth = 1.15, worthless = 0.93;
    static constexpr long shortest_rest = 64, longest_rest = 8192;

    double farthest(const T* weights, Bound<T>& bound) {
        bound.norms(weights, reference_.data(), n_squarings, displacement_);
        bound.coefficients(reference_norms_, displacement_, coefficients_);
        double ratio = 0.0;
        for (std::size_t l = 0; l < coefficients_.size(); ++l) {
            const double r = coefficients_[l] / direction_[l];
            // Not a number is as far as can be.
            ratio = r <= ratio ? ratio : (r < std::numeric_limits<float>::max() ? r : std::numeric_limits<double>::infinity());
        }
        return ratio * (1.0 + 1e-6);
    }

    Look begin_again() {
        remembers_ = false;
        const double largest = *std::max_element(coefficients_.begin(), coefficients_.end());
        if (largest > 0.0 && largest < std::numeric_limits<double>::infinity()) {
            for (std::size_t l = 0; l < direction_.size(); ++l) {
                direction_[l] = std::max(coefficients_[l] / largest, 1e-6);
            }
        }
        if (spent_ < worthless * n_rows_ * n_steps_) {
            rest_ = shortest_rest;
            return Look::to_remember;
        }
        // Many replicas may rest for long: what they remember of each row is given back.
        reach_ = std::vector<float>();
        list_ = RowList();
        reference_ = Buffer<T>();
        rest_left_ = rest_;
        rest_ = std::min(2 * rest_, longest_rest);
        return Look::everywhere;
    }

    const Layout& layout_;
    double n_rows_, waiting_;
    std::vector<float> reach_;
    std::vector<double> direction_, coefficients_;
    Norms reference_norms_, displacement_;
    Buffer<T> reference_;
    bool remembers_ = false;
    RowList list_;
    float limit_ = -1.0F;
    double spent_ = 0.0, n_steps_ = 0.0;
    long rest_ = shortest_rest, rest_left_ = 0;
};

}  // namespace glassnet
