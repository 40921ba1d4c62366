// The permutation that sorts random words, equal words in the order of their index.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace glassnet {

class PermutationSorter {
public:
    // Writes the n indices in sorted order. Fast where the words are random: those that share their 22 highest bits
    // change places one by one. Throws std::bad_alloc.
    void sort(const std::uint32_t* words, std::size_t n, std::uint32_t* order);

private:
    std::vector<std::uint64_t> pairs_, sorted_;
};

}  // namespace glassnet
