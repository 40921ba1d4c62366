// Zeroed memory on cache line boundaries; where it is large, in large pages, of which few enough are needed that rows
// read in any order do not wait for the translation of their addresses.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstring>
#include <memory>
#include <new>

namespace glassnet {

template <class T>
class Buffer {
public:
    Buffer() = default;
    explicit Buffer(std::size_t n) : size_(n), data_(allocate(n)) { clear(); }

    T* data() { return data_.get(); }
    const T* data() const { return data_.get(); }
    std::size_t size() const { return size_; }
    void clear() { std::memset(static_cast<void*>(data_.get()), 0, size_ * sizeof(T)); }

private:
    static constexpr std::size_t line = 64, page = std::size_t{1} << 21;
    struct Free {
        std::align_val_t alignment{line};
        void operator()(T* p) const { ::operator delete[](p, alignment); }
    };
    using Memory = std::unique_ptr<T[], Free>;

    static Memory allocate(std::size_t n) {
        if (n > static_cast<std::size_t>(-1) / 2 / sizeof(T)) throw std::bad_alloc();
        const std::size_t bytes = n * sizeof(T);
        const std::align_val_t alignment{bytes < page ? line : page};
        Memory memory(static_cast<T*>(::operator new[](bytes, alignment)), Free{alignment});
#if defined(MADV_HUGEPAGE)
        // Refused, it is as good as not asked.
        if (bytes >= page) static_cast<void>(madvise(memory.get(), bytes / page * page, MADV_HUGEPAGE));
#endif
        return memory;
    }

    std::size_t size_ = 0;
    Memory data_;
};

}  // namespace glassnet
