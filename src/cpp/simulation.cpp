#include "simulation.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>
#include <utility>

#include "buffer.hpp"
#include "crew.hpp"
#include "permutation.hpp"
#include "shared_gradient.hpp"

namespace glassnet {
namespace {

constexpr std::uint32_t noise_purpose = 2;
constexpr std::size_t words_padding = 32;
// A thread turns to another replica after this long, where there is one.
constexpr std::chrono::milliseconds turn{5};

template <class M>
struct Replica {
    ReplicaSetting setting;
    Buffer<M> weights, next;  // packed
    std::vector<std::uint32_t> order;
    std::int64_t epoch = -1;  // of `order`
    std::optional<Score> seen;      // at the current weights
    Buffer<double> seen_gradient;  // mean, packed
};

template <class M, class T>
class TypedSimulation final : public Simulation {
public:
    TypedSimulation(const Setting& setting, const std::vector<ReplicaSetting>& replicas, const M* weights)
        : setting_(setting),
          kernels_(*setting.kernels),
          layout_(make_layout(gradient_kernels<T>(kernels_).blocking, sizeof(T), setting.n_features, setting.width,
                              setting.depth)),
          data_(layout_, setting.features, setting.labels, setting.n_rows),
          crew_(setting.threads) {
        threads_.reserve(setting.threads);
        for (std::size_t t = 0; t < setting.threads; ++t) {
            threads_.push_back(std::make_unique<Thread>(kernels_, layout_, data_, crew_));
        }
        replicas_.resize(replicas.size());
        for (std::size_t r = 0; r < replicas.size(); ++r) {
            Replica<M>& replica = replicas_[r];
            replica.setting = replicas[r];
            replica.weights = Buffer<M>(layout_.packed_size);
            replica.next = Buffer<M>(layout_.packed_size);
            const M* from = weights + r * layout_.n_weights;
            for_each_run(layout_, [&](std::size_t flat, std::size_t packed, std::size_t n) {
                std::copy_n(from + flat, n, replica.weights.data() + packed);
            });
        }
    }

    bool advance(const std::int64_t* n_steps, const Interrupted& interrupted) override {
        std::vector<std::int64_t> units(n_steps, n_steps + replicas_.size());
        return share_out(std::move(units), interrupted, [this](std::size_t r, Thread& thread, std::int64_t units) {
            const auto deadline = std::chrono::steady_clock::now() + turn;
            do {
                if (!replicas_[r].setting.alive) return std::int64_t{0};
                if (!update(replicas_[r], thread)) return units;
            } while (--units > 0 && !crew_.stopped() && std::chrono::steady_clock::now() < deadline);
            return units;
        });
    }

    bool observe(Score* scores, double* gradients, const Interrupted& interrupted) override {
        std::vector<std::int64_t> units(replicas_.size(), 1);
        return share_out(std::move(units), interrupted, [&](std::size_t r, Thread& thread, std::int64_t) {
            constexpr std::int64_t done = 0, stopped = 1;
            Replica<M>& replica = replicas_[r];
            if (gradients == nullptr) {
                if (!differentiate(Pass::forward, replica, thread, all_rows())) return stopped;
                scores[r] = thread.gradient.score();
                return done;
            }
            if (!replica.seen) {
                if (!differentiate(Pass::gradient, replica, thread, all_rows())) return stopped;
                remember(replica, thread.gradient);
            }
            scores[r] = *replica.seen;
            read_packed(replica.seen_gradient.data(), gradients + r * layout_.n_weights);
            return done;
        });
    }

    void read_weights(void* out) const override {
        for (std::size_t r = 0; r < replicas_.size(); ++r) {
            read_packed(replicas_[r].weights.data(), static_cast<M*>(out) + r * layout_.n_weights);
        }
    }

    void read_step(std::int64_t* out) const override {
        for (const Replica<M>& replica : replicas_) *out++ = replica.setting.step;
    }

    void read_alive(bool* out) const override {
        for (const Replica<M>& replica : replicas_) *out++ = replica.setting.alive;
    }

private:
    struct Thread {
        Thread(const Kernels& kernels, const Layout& layout, const Rows<T>& data, const Crew& crew)
            : workspace(layout), gradient(kernels, layout, data, crew) {}

        Workspace<T> workspace;
        SharedGradient<T> gradient;
        Buffer<double> normals, xi;
        std::vector<std::uint32_t> words;
        PermutationSorter sorter;
    };

    template <class Run>
    bool share_out(std::vector<std::int64_t> units, const Interrupted& interrupted, Run run) {
        Crew::Tasks tasks;
        tasks.run = [&](std::size_t item, std::size_t thread, std::int64_t left) {
            return run(item, *threads_[thread], left);
        };
        tasks.can_help = [this] {
            for (const auto& thread : threads_) {
                if (thread->gradient.has_blocks()) return true;
            }
            return false;
        };
        tasks.help = [this](std::size_t helper) {
            for (const auto& thread : threads_) thread->gradient.work(threads_[helper]->workspace);
        };
        return crew_.run(std::move(units), tasks, interrupted);
    }

    RowOrder all_rows() const { return {nullptr, data_.n_rows, 0}; }

    bool differentiate(Pass pass, const Replica<M>& replica, Thread& thread, RowOrder rows) {
        SharedGradient<T>& gradient = thread.gradient;
        gradient.begin(pass, replica.weights.data(), rows);
        if (gradient.n_blocks() > 1) crew_.call_for_help();
        gradient.work(thread.workspace);
        return gradient.finish();
    }

    void remember(Replica<M>& replica, const SharedGradient<T>& gradient) const {
        if (replica.seen_gradient.size() == 0) replica.seen_gradient = Buffer<double>(layout_.packed_size);
        const double reciprocal = 1.0 / static_cast<double>(data_.n_rows);
        double* const mean = replica.seen_gradient.data();
        gradient.with_sum([&](const auto* sum) {
            for (std::size_t i = 0; i < layout_.packed_size; ++i) mean[i] = static_cast<double>(sum[i]) * reciprocal;
        });
        replica.seen = gradient.score();
    }

    // One update, or none where it would leave the finite numbers; false where the crew stopped before it.
    bool update(Replica<M>& replica, Thread& thread) {
        if (setting_.sampling == Sampling::all_rows && replica.seen) {
            move(replica, thread, replica.seen_gradient.data(), 1.0);
            return true;
        }
        if (!differentiate(Pass::gradient, replica, thread, draw_batch(replica, thread))) return false;
        const double reciprocal = 1.0 / static_cast<double>(setting_.batch_size);
        thread.gradient.with_sum([&](const auto* sum) { move(replica, thread, sum, reciprocal); });
        return true;
    }

    template <class S>
    void move(Replica<M>& replica, Thread& thread, const S* gradient_sum, double reciprocal_rows) {
        ReplicaSetting& setting = replica.setting;
        Update<M, S> u{};
        u.n = layout_.packed_size;
        u.weights = replica.weights.data();
        u.gradient_sum = gradient_sum;
        u.reciprocal_rows = reciprocal_rows;
        u.rate = static_cast<M>(setting.learning_rate);
        u.l2 = static_cast<M>(setting.l2);
        if (setting.temperature > 0) {
            const double n_rows = static_cast<double>(data_.n_rows);
            u.scale = static_cast<M>(std::sqrt(2.0 * setting.learning_rate * setting.temperature / n_rows));
            u.xi = draw_noise(setting, thread);
        }
        u.next = replica.next.data();
        if (glassnet::update(kernels_, u)) {
            std::swap(replica.weights, replica.next);
            ++setting.step;
            replica.seen.reset();
        } else {
            setting.alive = false;
        }
    }

    RowOrder draw_batch(Replica<M>& replica, Thread& thread) {
        if (setting_.sampling == Sampling::all_rows) return all_rows();
        const ReplicaSetting& s = replica.setting;
        const std::size_t n_rows = data_.n_rows, size = setting_.batch_size;
        const auto purpose = static_cast<std::uint32_t>(setting_.sampling);
        if (setting_.sampling == Sampling::sgd_replacement) {
            draw_words({purpose, s.seed, s.origin, s.noise, static_cast<std::uint64_t>(s.step)}, size, thread);
            replica.order.resize(size);
            for (std::size_t i = 0; i < size; ++i) {
                replica.order[i] = static_cast<std::uint32_t>(std::uint64_t{thread.words[i]} * n_rows >> 32);
            }
            return {replica.order.data(), size, 0};
        }
        const auto steps = static_cast<std::int64_t>(n_rows / size);
        const std::int64_t epoch = s.step / steps;
        if (epoch != replica.epoch) {
            const std::uint32_t noise = setting_.sampling == Sampling::sgd_permutation ? 0 : s.noise;
            draw_words({purpose, s.seed, s.origin, noise, static_cast<std::uint64_t>(epoch)}, n_rows, thread);
            replica.order.resize(n_rows);
            thread.sorter.sort(thread.words.data(), n_rows, replica.order.data());
            replica.epoch = epoch;
        }
        const std::size_t begin = static_cast<std::size_t>(s.step % steps) * size;
        return {replica.order.data() + begin, size, n_rows - begin - size};
    }

    void draw_words(const Stream& stream, std::size_t n, Thread& thread) {
        thread.words.resize(n + words_padding);
        kernels_.words(stream, n, thread.words.data());
    }

    const double* draw_noise(const ReplicaSetting& s, Thread& thread) {
        if (thread.xi.size() == 0) {
            thread.normals = Buffer<double>(layout_.n_weights + words_padding);
            thread.xi = Buffer<double>(layout_.packed_size);
        }
        const Stream stream{noise_purpose, s.seed, s.origin, s.noise, static_cast<std::uint64_t>(s.step)};
        kernels_.normals(stream, layout_.n_weights, thread.normals.data());
        for_each_run(layout_, [&](std::size_t flat, std::size_t packed, std::size_t n) {
            std::copy_n(thread.normals.data() + flat, n, thread.xi.data() + packed);
        });
        return thread.xi.data();
    }

    template <class X>
    void read_packed(const X* from, X* out) const {
        for_each_run(layout_, [&](std::size_t flat, std::size_t packed, std::size_t n) {
            std::copy_n(from + packed, n, out + flat);
        });
    }

    Setting setting_;
    const Kernels& kernels_;
    Layout layout_;
    Rows<T> data_;
    Crew crew_;
    std::vector<std::unique_ptr<Thread>> threads_;
    std::vector<Replica<M>> replicas_;
};

template <class M, class T>
std::unique_ptr<Simulation> make(const Setting& setting, const std::vector<ReplicaSetting>& replicas,
                                 const void* weights) {
    return std::make_unique<TypedSimulation<M, T>>(setting, replicas, static_cast<const M*>(weights));
}

}  // namespace

std::unique_ptr<Simulation> make_simulation(const Setting& setting, const std::vector<ReplicaSetting>& replicas,
                                            const void* weights, bool double_weights, bool double_gradient) {
    if (double_weights) {
        return double_gradient ? make<double, double>(setting, replicas, weights)
                               : make<double, float>(setting, replicas, weights);
    }
    return double_gradient ? make<float, double>(setting, replicas, weights)
                           : make<float, float>(setting, replicas, weights);
}

}  // namespace glassnet
