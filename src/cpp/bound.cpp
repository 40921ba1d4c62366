#include "bound.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace glassnet {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// Relative error of sums of products that make n or fewer steps.
template <class T>
double gamma(std::size_t n) {
    const double nu = (static_cast<double>(n) + 8.0) * static_cast<double>(std::numeric_limits<T>::epsilon()) / 2.0;
    return nu < 0.5 ? nu / (1.0 - nu) : infinity;
}

}  // namespace

template <class T>
Bound<T>::Bound(const Kernels& kernels, const Layout& layout) : kernels_(kernels), layout_(layout) {
    constexpr std::size_t multiple = 16;
    stride_ = (std::max(layout.width, layout.n_features) + multiple - 1) / multiple * multiple;
}

template <class T>
void Bound<T>::norms(const T* weights, const T* reference, int n_squarings, Norms& out) {
    if (matrix_.size() == 0) {
        matrix_ = Buffer<double>(stride_ * stride_);
        transpose_ = Buffer<double>(stride_ * stride_);
        scratch_ = Buffer<double>(stride_ * stride_);
    }
    out.spectral.resize(layout_.depth + 1);
    out.frobenius.resize(layout_.depth + 1);
    for (std::size_t layer = 0; layer <= layout_.depth; ++layer) {
        matrix_norms(layer, weights, reference, n_squarings, out);
    }
}

template <class T>
void Bound<T>::matrix_norms(std::size_t layer, const T* weights, const T* reference, int n_squarings, Norms& out) {
    const bool is_output = layer == layout_.depth;
    const std::size_t fan_in = is_output ? 1 : layout_.fan_in(layer), fan_out = layout_.width;
    // A A^T or A^T A, whichever is smaller.
    const bool upright = fan_in <= fan_out;
    double* const tall = upright ? transpose_.data() : matrix_.data();
    double* const flat = upright ? matrix_.data() : transpose_.data();
    matrix_.clear();
    transpose_.clear();
    double norm2 = 0.0;
    for_each_row_part(layout_, layer, [&](std::size_t row, std::size_t column, std::size_t packed, std::size_t n) {
        for (std::size_t i = 0; i < n; ++i) {
            double x = static_cast<double>(weights[packed + i]);
            if (reference != nullptr) x -= static_cast<double>(reference[packed + i]);
            norm2 += x * x;
            matrix_.data()[row * stride_ + column + i] = x;
            transpose_.data()[(column + i) * stride_ + row] = x;
        }
    });
    // Each of the sums below is off by less than 64 n^2 roundings; entries below 1e-154 lose their squares.
    const double n = static_cast<double>(stride_);
    const double rounding = 1.0 + 64.0 * n * n * std::numeric_limits<double>::epsilon();
    const double frobenius = std::sqrt(norm2) * rounding + n * 1e-150;
    out.frobenius[layer] = out.spectral[layer] = frobenius;
    if (is_output || !(frobenius < 1e150) || frobenius < 1e-100) return;
    for (std::size_t i = 0; i < stride_ * stride_; ++i) {
        tall[i] /= frobenius;
        flat[i] /= frobenius;
    }
    const double power = kernels_.power_norm2(std::min(fan_in, fan_out), std::max(fan_in, fan_out), stride_,
                                              n_squarings, flat, tall, scratch_.data());
    double root = std::sqrt(std::sqrt(power));
    for (int k = 0; k < n_squarings; ++k) root = std::sqrt(root);
    out.spectral[layer] = std::min(frobenius, (root * frobenius + n * 1e-150) * rounding);
}

template <class T>
void Bound<T>::coefficients(const Norms& reference, const Norms& displacement, std::vector<double>& out) const {
    constexpr double rounding = 1.0 + 1e-9;
    // A sum's steps that fall below the normal numbers: no more than this in all, or nothing is known.
    constexpr double smallest = 0x1p-125, negligible = 0x1p-31;
    const double width = static_cast<double>(std::max(layout_.width, layout_.n_features));
    out.resize(layout_.depth + 1);
    double later = 1.0, lost = 0.0;
    for (std::size_t l = layout_.depth + 1; l-- > 0;) {
        const double g = gamma<T>(l == 0 ? layout_.n_features : layout_.width);
        const double frobenius = reference.frobenius[l] + displacement.frobenius[l];
        out[l] = later * (displacement.spectral[l] + g * (frobenius + reference.frobenius[l])) * rounding;
        lost += 2.0 * later * width * width * smallest;
        later *= (reference.spectral[l] + displacement.spectral[l] + g * frobenius) * rounding;
    }
    if (!(lost < negligible)) std::fill(out.begin(), out.end(), infinity);
}

template <class T>
double Bound<T>::cost_in_rows(int n_squarings) const {
    // The small products of float64, and what prepares them, reach about a fifth of the speed of a forward pass.
    constexpr double slower = 5.0;
    const auto up = [](std::size_t n, std::size_t multiple) { return (n + multiple - 1) / multiple * multiple; };
    const std::size_t w = layout_.width;
    const double product = static_cast<double>(up(w, 4) * up(w, 8) * w), inner = static_cast<double>(layout_.depth);
    // Clearing and scaling the squares, which a wide input layer makes large.
    const double squares = 4.0 * (inner + 1.0) * static_cast<double>(stride_) * static_cast<double>(stride_);
    return (slower * inner * (n_squarings + 2.0) * product + squares) / static_cast<double>(layout_.packed_size);
}

template class Bound<float>;
template class Bound<double>;

}  // namespace glassnet
