#include "crew.hpp"

#include <immintrin.h>

#include <chrono>
#include <string>
#include <utility>

namespace glassnet {
namespace {

// Subnormal numbers count as zero while this lives.
class FlushSubnormals {
public:
    FlushSubnormals() : saved_(_mm_getcsr()) { _mm_setcsr(saved_ | flush_to_zero | denormals_are_zero); }
    ~FlushSubnormals() { _mm_setcsr(saved_); }
    FlushSubnormals(const FlushSubnormals&) = delete;
    FlushSubnormals& operator=(const FlushSubnormals&) = delete;

private:
    static constexpr unsigned flush_to_zero = 0x8000, denormals_are_zero = 0x0040;
    unsigned saved_;
};

}  // namespace

bool Crew::run(std::vector<std::int64_t> units, const Tasks& tasks, const std::function<bool()>& interrupted) {
    stop_ = false;
    error_ = nullptr;
    taken_.assign(units.size(), false);
    units_ = std::move(units);
    n_taken_ = 0;
    n_working_ = n_threads_;

    std::vector<std::thread> threads;
    bool cancelled = false;
    try {
        start(threads, tasks);
        std::unique_lock lock(mutex_);
        while (!finished_.wait_for(lock, std::chrono::milliseconds(50), [this] { return n_working_ == 0; })) {
            lock.unlock();
            if (!cancelled && interrupted()) {
                cancelled = true;
                fail(nullptr);
            }
            lock.lock();
        }
    } catch (...) {
        fail(std::current_exception());
    }
    for (std::thread& thread : threads) thread.join();
    if (error_) std::rethrow_exception(error_);
    return !cancelled;
}

void Crew::start(std::vector<std::thread>& threads, const Tasks& tasks) {
    threads.reserve(n_threads_);
    try {
        for (std::size_t t = 0; t < n_threads_; ++t) threads.emplace_back([this, t, &tasks] { work(t, tasks); });
    } catch (const std::system_error& error) {
        const std::string asked = std::to_string(n_threads_), started = std::to_string(threads.size());
        throw ThreadsRefused("the system started " + started + " of the " + asked + " threads asked for (" +
                             error.code().message() + "): ask for fewer, with Cpu(threads=...) or --threads, or raise " +
                             "its limits of processes (ulimit -u) and of memory (ulimit -v)");
    }
}

void Crew::work(std::size_t thread, const Tasks& tasks) {
    const FlushSubnormals flush;
    std::unique_lock lock(mutex_);
    while (!stop_) {
        std::size_t item = 0;
        try {
            if (next_item(item)) {
                taken_[item] = true;
                ++n_taken_;
                const std::int64_t before = units_[item];
                lock.unlock();
                const std::int64_t left = tasks.run(item, thread, before);
                lock.lock();
                units_[item] = left;
                taken_[item] = false;
                --n_taken_;
                changed_.notify_all();
                continue;
            }
            if (tasks.can_help()) {
                lock.unlock();
                tasks.help(thread);
                lock.lock();
                continue;
            }
        } catch (...) {
            fail(std::current_exception());
            break;
        }
        if (n_taken_ == 0) break;
        changed_.wait(lock);
    }
    if (!lock.owns_lock()) lock.lock();
    --n_working_;
    finished_.notify_all();
}

// The free item with most units left: what keeps all threads busy longest.
bool Crew::next_item(std::size_t& item) const {
    std::int64_t most = 0;
    for (std::size_t i = 0; i < units_.size(); ++i) {
        if (!taken_[i] && units_[i] > most) {
            most = units_[i];
            item = i;
        }
    }
    return most > 0;
}

void Crew::call_for_help() {
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
}

void Crew::fail(std::exception_ptr error) {
    const std::lock_guard lock(mutex_);
    if (error && !error_) error_ = std::move(error);
    stop_ = true;
    changed_.notify_all();
}

}  // namespace glassnet
