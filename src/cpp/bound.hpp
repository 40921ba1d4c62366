// How far the outputs of a network can have moved while its weights did.
//
// h' and h are what a row has become after matrix l under the weights now and at a reference, as computed, and n the
// norm of h before it. ReLU being 1-Lipschitz, and a computed product off by at most gamma |W|_F |h|,
//     |h'_l - h_l| <= (s_l + gamma F_l) |h'_(l-1) - h_(l-1)| + (delta_l + gamma (F_l + F_ref,l)) n_(l-1)
// with s and F the spectral and Frobenius norms now, delta the spectral norm of the displacement. So a row's output has
// moved by at most the sum over l of a coefficient, the same for all rows, times n_(l-1).
#pragma once

#include <vector>

#include "buffer.hpp"
#include "kernels.hpp"

namespace glassnet {

// Upper bounds, one a matrix, the output's vector last.
struct Norms {
    std::vector<double> spectral, frobenius;
};

template <class T>
class Bound {
public:
    Bound(const Kernels& kernels, const Layout& layout);

    // Of packed weights, or of what separates them from `reference` where that is not null.
    void norms(const T* weights, const T* reference, int n_squarings, Norms& out);

    // The coefficients, given the norms of reference and displacement. Infinite where the numbers end.
    void coefficients(const Norms& reference, const Norms& displacement, std::vector<double>& out) const;

    // What norms() costs, in rows sent forward.
    double cost_in_rows(int n_squarings) const;

private:
    void matrix_norms(std::size_t layer, const T* weights, const T* reference, int n_squarings, Norms& out);

    const Kernels& kernels_;
    const Layout& layout_;
    std::size_t stride_;
    Buffer<double> matrix_, transpose_, scratch_;  // made when first needed: most threads never do
};

}  // namespace glassnet
