// Zeroed memory on cache line boundaries.
#pragma once

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
    static constexpr std::align_val_t alignment{64};
    struct Free {
        void operator()(T* p) const { ::operator delete[](p, alignment); }
    };
    static T* allocate(std::size_t n) {
        if (n > static_cast<std::size_t>(-1) / 2 / sizeof(T)) throw std::bad_alloc();
        return static_cast<T*>(::operator new[](n * sizeof(T), alignment));
    }

    std::size_t size_ = 0;
    std::unique_ptr<T[], Free> data_;
};

}  // namespace glassnet
