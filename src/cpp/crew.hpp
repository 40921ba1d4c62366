// Worker threads that share items of work: an item has a number of units left and is one thread's at a time.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <vector>

namespace glassnet {

// The system did not start as many threads as were asked for.
class ThreadsRefused : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

class Crew {
public:
    struct Tasks {
        // Works on an item for a while; returns the units left.
        std::function<std::int64_t(std::size_t item, std::size_t thread, std::int64_t units)> run;
        // Whether another thread is at something that can be helped with, and the help.
        std::function<bool()> can_help;
        std::function<void(std::size_t thread)> help;
    };

    explicit Crew(std::size_t n_threads) : n_threads_(n_threads) {}

    // Works until no units are left. `interrupted` is asked on the calling thread, twenty times a second; once it
    // says true the work stops and run returns false. What a task throws stops the others and is thrown here, as is
    // ThreadsRefused.
    bool run(std::vector<std::int64_t> units, const Tasks& tasks, const std::function<bool()>& interrupted);

    // For tasks: whether to give up, looked at often; and word to idle threads that there is something to help with.
    bool stopped() const { return stop_.load(std::memory_order_relaxed); }
    void call_for_help();

private:
    void start(std::vector<std::thread>& threads, const Tasks& tasks);
    void work(std::size_t thread, const Tasks& tasks);
    bool next_item(std::size_t& item) const;
    void fail(std::exception_ptr error);

    std::size_t n_threads_;
    std::mutex mutex_;
    std::condition_variable changed_, finished_;
    std::atomic<bool> stop_{false};
    std::vector<std::int64_t> units_;
    std::vector<bool> taken_;
    std::size_t n_taken_ = 0, n_working_ = 0;
    std::exception_ptr error_;
};

}  // namespace glassnet
