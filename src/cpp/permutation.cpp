#include "permutation.hpp"

#include <array>

namespace glassnet {
namespace {

constexpr int digit_bits = 11, n_passes = 2, lowest_bit = 32 - n_passes * digit_bits;
constexpr std::size_t n_digits = std::size_t{1} << digit_bits;

std::size_t digit(std::uint64_t pair, int pass) {
    return (pair >> (32 + lowest_bit + pass * digit_bits)) & (n_digits - 1);
}

}  // namespace

// Stable radix sorts of the highest bits, after which few words are left to change places with a neighbour.
void PermutationSorter::sort(const std::uint32_t* words, std::size_t n, std::uint32_t* order) {
    pairs_.resize(n);
    sorted_.resize(n);
    std::array<std::array<std::uint32_t, n_digits>, n_passes> place{};
    for (std::size_t i = 0; i < n; ++i) {
        pairs_[i] = std::uint64_t{words[i]} << 32 | i;
        for (int pass = 0; pass < n_passes; ++pass) ++place[pass][digit(pairs_[i], pass)];
    }
    for (auto& counts : place) {
        std::uint32_t before = 0;
        for (auto& count : counts) {
            const std::uint32_t here = count;
            count = before;
            before += here;
        }
    }
    for (int pass = 0; pass < n_passes; ++pass) {
        for (const std::uint64_t pair : pairs_) sorted_[place[pass][digit(pair, pass)]++] = pair;
        pairs_.swap(sorted_);
    }
    for (std::size_t i = 1; i < n; ++i) {
        const std::uint64_t pair = pairs_[i];
        std::size_t to = i;
        for (; to > 0 && pairs_[to - 1] > pair; --to) pairs_[to] = pairs_[to - 1];
        pairs_[to] = pair;
    }
    for (std::size_t i = 0; i < n; ++i) order[i] = static_cast<std::uint32_t>(pairs_[i]);
}

}  // namespace glassnet
