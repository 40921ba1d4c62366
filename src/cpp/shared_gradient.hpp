// The gradient of one network over many rows, cut into fixed blocks that several threads may take.
//
// A block's chains run in row order; the blocks' sums are added in float64 in block order, whoever finishes first.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <type_traits>
#include <utility>
#include <vector>

#include "buffer.hpp"
#include "crew.hpp"
#include "kernels.hpp"
#include "row_list.hpp"

namespace glassnet {

// Rows in the gradient's precision, each its features and then its label, padded to whole vectors.
template <class T>
struct Rows {
    Rows(const Layout& layout, const float* features, const float* labels, std::size_t n)
        : n_rows(n), values((n + layout.tile_capacity) * layout.row_stride + layout.feature_rows) {
        T* out = values.data();
        for (std::size_t row = 0; row < n; ++row, out += layout.row_stride) {
            std::copy_n(features + row * layout.n_features, layout.n_features, out);
            out[layout.n_features] = labels[row];
        }
    }

    std::size_t n_rows;
    Buffer<T> values;
};

// The rows that a sum is over: all n where `order` is null, else n of them in that order. The `n_after` entries that
// follow in the order will be asked for next. Blocks are of `block_rows` in a row, or begin where `block_begin` says.
struct RowOrder {
    const std::uint32_t* order;
    std::size_t n, n_after;
    std::size_t n_blocks;
    const std::size_t* block_begin;
};

inline RowOrder all_rows(std::size_t n) { return {nullptr, n, 0, count_blocks(n), nullptr}; }

inline RowOrder listed(const RowList& list) {
    return {list.rows.data(), list.rows.size(), 0, list.block_begin.size() - 1, list.block_begin.data()};
}

// What a pass over all rows in turn notes of each, and whether it counts the outputs that are not 0.
struct Notes {
    float* reach = nullptr;
    const double* direction = nullptr;
    bool count_nonzero = false;
};

// A thread's own room for a tile and a block.
template <class T>
struct Workspace {
    explicit Workspace(const Layout& layout)
        : rows(layout.tile_capacity * layout.row_stride + layout.feature_rows),
          kept(layout.tile_capacity * layout.row_stride + layout.feature_rows),
          activations(layout.depth * layout.layer_activations() + slack(layout)),
          deltas(2 * layout.layer_activations() + slack(layout)),
          outputs(layout.tile_capacity),
          slopes(layout.tile_capacity),
          block(layout.packed_size),
          awake(3 * layout.awake_capacity) {}

    // Kernels read a little beyond the last row.
    static std::size_t slack(const Layout& layout) { return layout.hidden_rows + 16; }

    Buffer<T> rows, kept, activations, deltas, outputs, slopes, block;
    Buffer<std::uint32_t> awake;  // rows, and where two things of each begin
};

enum class Pass { forward, gradient };

template <class T>
class SharedGradient {
public:
    SharedGradient(const Kernels& kernels, const Layout& layout, const Rows<T>& data, const Crew& crew, bool exhaustive)
        : kernels_(gradient_kernels<T>(kernels)),
          exhaustive_(exhaustive),
          layout_(layout),
          data_(data),
          crew_(crew),
          matrices_(layout.packed_size),
          transposes_(layout.transposed_size),
          total_(layout.packed_size),
          single_(layout.packed_size) {}

    // Takes weights; no thread may be at work here.
    template <class M>
    void load(const M* weights) {
        take(round(weights));
    }

    // The weights taken, packed in the gradient's precision.
    const T* weights() const { return matrices_.data(); }

    // Whoever writes other weights there takes them, and says whether all are finite.
    T* weights() { return matrices_.data(); }
    void take(bool finite) {
        kernels_.transpose(layout_, matrices_.data(), transposes_.data());
        weights_ = {matrices_.data(), transposes_.data(), finite};
    }

    // Begins anew at the weights taken; no thread may be at work here.
    void begin(Pass pass, RowOrder rows, Notes notes) {
        const std::lock_guard lock(mutex_);
        pass_ = pass;
        rows_ = rows;
        notes_ = notes;
        n_blocks_ = rows.n_blocks;
        next_ = merged_ = in_work_ = n_added_ = 0;
        waiting_.clear();
        waiting_.resize(n_blocks_);
        score_ = {};
    }

    bool has_blocks() const {
        const std::lock_guard lock(mutex_);
        return next_ < n_blocks_;
    }

    std::size_t n_blocks() const { return n_blocks_; }

    // Takes blocks until none is left or the crew stops.
    void work(Workspace<T>& workspace) {
        for (;;) {
            std::size_t index = 0;
            {
                const std::lock_guard lock(mutex_);
                if (next_ == n_blocks_ || crew_.stopped()) return;
                index = next_++;
                ++in_work_;
            }
            const InWork guard{*this};
            Score score;
            bool empty = true;
            if (!compute(index, workspace, score, empty)) return;
            merge(index, workspace, score, empty);
        }
    }

    // Waits for the other threads' blocks; false where the crew stopped before all was done.
    bool finish() {
        std::unique_lock lock(mutex_);
        done_.wait(lock, [this] { return in_work_ == 0; });
        next_ = n_blocks_;  // where the crew stopped, nobody is to be offered what was left
        if (n_added_ == 0) {
            (n_blocks_ == 1 ? single_.clear() : total_.clear());
        }
        return merged_ == n_blocks_;
    }

    // Calls use(sum) with the packed sum over all rows: in float64, or of a single block as it is.
    template <class Use>
    auto with_sum(Use use) const {
        return n_blocks_ == 1 ? use(single_.data()) : use(static_cast<const double*>(total_.data()));
    }
    const Score& score() const { return score_; }

private:
    struct Finished {
        bool done = false, empty = true;
        Score score{};
        Buffer<T> block{};
    };

    struct InWork {
        SharedGradient& shared;
        ~InWork() {
            const std::lock_guard lock(shared.mutex_);
            if (--shared.in_work_ == 0) shared.done_.notify_all();
        }
    };

    bool round(const double* weights) { return kernels_.round_double(layout_, weights, matrices_.data()); }
    bool round(const float* weights) { return kernels_.round_float(layout_, weights, matrices_.data()); }

    // `empty` becomes false where any row has gone backward.
    bool compute(std::size_t index, Workspace<T>& w, Score& score, bool& empty) const {
        const bool given = rows_.block_begin != nullptr;
        const std::size_t begin = given ? rows_.block_begin[index] : index * block_rows;
        const std::size_t end = given ? rows_.block_begin[index + 1] : std::min(begin + block_rows, rows_.n);
        if (begin == end) return true;
        const std::size_t step = rows_per_tile(end - begin);
        std::size_t n_kept = 0;
        for (std::size_t row = begin; row < end; row += step) {
            if (crew_.stopped()) return false;
            const Tile<T> tile = make_tile(row, std::min(step, end - row), n_kept, w);
            const std::int64_t before = score.awake;
            kernels_.forward(layout_, weights_, tile, score);
            score.forward += static_cast<std::int64_t>(tile.n_rows);
            if (notes_.count_nonzero) {
                const auto n = static_cast<std::ptrdiff_t>(tile.n_rows);
                score.nonzero += n - std::count(tile.outputs, tile.outputs + n, T(0));
            }
            if (pass_ == Pass::forward) continue;
            if (notes_.reach != nullptr) kernels_.reach(layout_, tile, notes_.direction, notes_.reach + row);
            if (exhaustive_) {
                kernels_.backward_of_every_row(layout_, weights_, tile, std::exchange(empty, false), w.block.data());
                score.backward += static_cast<std::int64_t>(tile.n_rows);
                continue;
            }
            const auto n_awake = static_cast<std::size_t>(score.awake - before);
            const bool last = row + step >= end;
            if (n_kept == 0 && n_awake > 0 && (last || n_awake >= layout_.enough_rows)) {
                kernels_.backward_of_awake(layout_, weights_, tile, n_awake, std::exchange(empty, false),
                                           w.block.data());
                score.backward += static_cast<std::int64_t>(n_awake);
                continue;
            }
            kernels_.keep_awake(layout_, tile, n_awake, w.kept.data() + n_kept * layout_.row_stride);
            n_kept += n_awake;
            if (n_kept >= layout_.backward_rows || (n_kept > 0 && last)) {
                kernels_.backward(layout_, weights_, tile_at(0, w.kept.data(), n_kept, w), std::exchange(empty, false),
                                  w.block.data());
                score.backward += static_cast<std::int64_t>(n_kept);
                n_kept = 0;
            }
        }
        return true;
    }

    // Tiles of a block are as equal as the kernels' groups of rows allow.
    std::size_t rows_per_tile(std::size_t n) const {
        const std::size_t n_tiles = (n + layout_.tile_rows - 1) / layout_.tile_rows;
        const std::size_t n_groups = (n + layout_.row_group - 1) / layout_.row_group;
        return (n_groups + n_tiles - 1) / n_tiles * layout_.row_group;
    }

    // Behind `n_kept` rows that wait for their way back.
    Tile<T> make_tile(std::size_t row, std::size_t n, std::size_t n_kept, Workspace<T>& w) const {
        const T* rows = data_.values.data() + row * layout_.row_stride;
        if (rows_.order != nullptr) {
            gather(row, n, w.rows.data());
            rows = w.rows.data();
        }
        return tile_at(n_kept, rows, n, w);
    }

    Tile<T> tile_at(std::size_t first, const T* rows, std::size_t n, Workspace<T>& w) const {
        return {rows,
                n,
                w.activations.data() + first * layout_.hidden_stride,
                w.deltas.data(),
                w.outputs.data() + first,
                w.slopes.data() + first,
                w.awake.data()};
    }

    void gather(std::size_t begin, std::size_t n, T* out) const {
        const std::size_t stride = layout_.row_stride;
        const std::uint32_t* const rows = rows_.order + begin;
        const std::size_t n_in_sight = rows_.n + rows_.n_after - begin;
        const T* const values = data_.values.data();
        for (std::size_t i = 0; i < n; ++i) {
            // As far ahead as the tile is long, one at a time: more at once would wait for each other.
            if (n + i < n_in_sight) __builtin_prefetch(values + rows[n + i] * stride);
            const T* in = values + rows[i] * stride;
            for (std::size_t column = 0; column < stride; column += 4) {
                std::memcpy(out + column, in + column, 4 * sizeof(T));
            }
            out += stride;
        }
    }

    void merge(std::size_t index, Workspace<T>& w, const Score& score, bool empty) {
        const std::lock_guard lock(mutex_);
        if (index != merged_) {
            waiting_[index] = {true, empty, score, empty ? Buffer<T>() : std::exchange(w.block, spare())};
            return;
        }
        add(score, empty, w.block);
        while (merged_ < n_blocks_ && waiting_[merged_].done) {
            Finished& next = waiting_[merged_];
            add(next.score, next.empty, next.block);
            if (!next.empty) spares_.push_back(std::move(next.block));
        }
    }

    void add(const Score& score, bool empty, Buffer<T>& block) {
        if (!empty) {
            kernels_.clear_padding(layout_, block.data());
            if (n_blocks_ == 1) {
                std::swap(single_, block);
            } else {
                kernels_.add_block(layout_, block.data(), n_added_ == 0, total_.data());
            }
            ++n_added_;
        }
        score_.loss += score.loss;
        score_.awake += score.awake;
        score_.correct += score.correct;
        score_.forward += score.forward;
        score_.backward += score.backward;
        score_.nonzero += score.nonzero;
        ++merged_;
    }

    Buffer<T> spare() {
        if (spares_.empty()) return Buffer<T>(layout_.packed_size);
        Buffer<T> buffer = std::move(spares_.back());
        spares_.pop_back();
        return buffer;
    }

    const GradientKernels<T>& kernels_;
    const bool exhaustive_;
    const Layout& layout_;
    const Rows<T>& data_;
    const Crew& crew_;
    Buffer<T> matrices_, transposes_;
    PackedWeights<T> weights_{};

    mutable std::mutex mutex_;
    std::condition_variable done_;
    Pass pass_ = Pass::gradient;
    RowOrder rows_{};
    Notes notes_{};
    std::size_t n_blocks_ = 0, next_ = 0, merged_ = 0, in_work_ = 0;
    std::size_t n_added_ = 0;  // blocks that were not empty
    std::vector<Finished> waiting_;  // blocks finished before their turn
    std::vector<Buffer<T>> spares_;
    Buffer<double> total_;
    Buffer<T> single_;  // the only block's sum
    Score score_;
};

}  // namespace glassnet
