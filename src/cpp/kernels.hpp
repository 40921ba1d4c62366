// What the rest of the engine sees of an instruction set: a table of functions, one table for each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "layout.hpp"

namespace glassnet {

// Sums over rows: the loss in float64, in row order; rows that are awake; rows on the right side; where a pass counts
// them, rows whose output is not 0; and how many rows kernels were given for it.
struct Score {
    double loss = 0.0;
    std::int64_t awake = 0, correct = 0, nonzero = 0;
    std::int64_t forward = 0, backward = 0;
};

// A network's weights in the gradient's precision, packed, with the transposes that the backward pass needs.
template <class T>
struct PackedWeights {
    const T* matrices;
    const T* transposes;
    bool finite;  // a weight may overflow in the gradient's precision
};

// Rows that go through the network together, and room for what they become.
template <class T>
struct Tile {
    const T* rows;  // (n_rows, row_stride): a row's features, then its label
    std::size_t n_rows;
    T* activations;  // (depth, tile_capacity, hidden_stride)
    T* deltas;       // (2, tile_capacity, hidden_stride)
    T* outputs;
    T* slopes;             // d loss / d output
    std::uint32_t* awake;  // the rows that are
};

struct Stream {
    std::uint32_t purpose, seed, origin, noise;
    std::uint64_t step;
};

// One update of packed weights: next = (weights - rate (mean + l2 weights)) + scale xi, mean = sum / rows. Weights are
// of type M, sums over rows of type S. Where `rounded` is not null it becomes `next` in the type of the sums.
template <class M, class S>
struct Update {
    std::size_t n;  // a multiple of 16
    const M* weights;
    const S* gradient_sum;
    double reciprocal_rows;
    M rate, l2, scale;
    const double* xi;  // null without noise
    M* next;
    S* rounded;
};

// Whether all numbers of each are finite.
struct Updated {
    bool next, rounded;
};

template <class T>
struct GradientKernels {
    Blocking blocking;
    // Packed weights of either type, rounded; return whether all are finite.
    bool (*round_double)(const Layout&, const double* weights, T* matrices);
    bool (*round_float)(const Layout&, const float* weights, T* matrices);
    void (*transpose)(const Layout&, const T* matrices, T* transposes);
    void (*forward)(const Layout&, const PackedWeights<T>&, const Tile<T>&, Score&);
    // After forward: moves what the n awake rows became together, in order, and copies the rows themselves to `kept`.
    void (*keep_awake)(const Layout&, const Tile<T>&, std::size_t n_awake, T* kept);
    // After forward: how far each row is from waking, (y f - 1) over the sum of its norms times `direction`, one a
    // matrix (null: y f - 1 itself); rounded down, below 0 where it is awake.
    void (*reach)(const Layout&, const Tile<T>&, const double* direction, float* out);
    // Backward into the packed gradient's chains, which `begin` at zero or go on: of a tile's rows that are all awake,
    // of its awake rows alone, and of rows some of which may sleep.
    void (*backward)(const Layout&, const PackedWeights<T>&, const Tile<T>&, bool begin, T* gradient);
    void (*backward_of_awake)(const Layout&, const PackedWeights<T>&, const Tile<T>&, std::size_t n_awake, bool begin,
                              T* gradient);
    void (*backward_of_every_row)(const Layout&, const PackedWeights<T>&, const Tile<T>&, bool begin, T* gradient);
    // Zeroes what the products left in a block's padding.
    void (*clear_padding)(const Layout&, T* block);
    // total += block, from 0 for the first.
    void (*add_block)(const Layout&, const T* block, bool first, double* total);
};

struct Kernels {
    const char* name;
    GradientKernels<float> float32;
    GradientKernels<double> float64;
    Updated (*update_float_by_float)(const Update<float, float>&);
    Updated (*update_float_by_double)(const Update<float, double>&);
    Updated (*update_double_by_float)(const Update<double, float>&);
    Updated (*update_double_by_double)(const Update<double, double>&);
    // Whole blocks are written: room for n rounded up to a multiple of 32.
    void (*words)(const Stream&, std::size_t n, std::uint32_t* out);
    void (*normals)(const Stream&, std::size_t n, double* out);
    // Of the powers of a matrix, for the bound of its spectral norm.
    double (*power_norm2)(std::size_t n_rows, std::size_t n_terms, std::size_t stride, int n_squarings, double* matrix,
                          const double* transpose, double* scratch);
    std::size_t (*multiply_add_rounds)(std::size_t n);
};

template <class T>
const GradientKernels<T>& gradient_kernels(const Kernels& kernels) {
    if constexpr (std::is_same_v<T, float>) {
        return kernels.float32;
    } else {
        return kernels.float64;
    }
}

inline Updated update(const Kernels& k, const Update<float, float>& u) { return k.update_float_by_float(u); }
inline Updated update(const Kernels& k, const Update<float, double>& u) { return k.update_float_by_double(u); }
inline Updated update(const Kernels& k, const Update<double, float>& u) { return k.update_double_by_float(u); }
inline Updated update(const Kernels& k, const Update<double, double>& u) { return k.update_double_by_double(u); }

namespace v3 {
extern const Kernels kernels;
}
namespace v3wide {
extern const Kernels kernels;
}
namespace v4 {
extern const Kernels kernels;
}

}  // namespace glassnet
