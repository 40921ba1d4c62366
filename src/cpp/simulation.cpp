#include "simulation.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>
#include <type_traits>
#include <utility>

#include "buffer.hpp"
#include "crew.hpp"
#include "permutation.hpp"
#include "shared_gradient.hpp"
#include "watch.hpp"

namespace glassnet {
namespace {

constexpr std::uint32_t noise_purpose = 2;
constexpr std::size_t words_padding = 32;
// A thread turns to another replica after this long, where there is one.
constexpr std::chrono::milliseconds turn{5};

template <class M, class T>
struct Replica {
    ReplicaSetting setting;
    Buffer<M> weights, next;  // packed
    std::vector<std::uint32_t> order;
    std::int64_t epoch = -1;  // of `order`
    std::optional<Score> seen;      // at the current weights
    Buffer<double> seen_gradient;  // mean, packed
    std::unique_ptr<Watch<T>> watch;
    std::unique_ptr<Skin> skin;
    const void* holder = nullptr;  // the thread whose gradient has last taken the current weights
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
        const std::size_t threads = std::min(setting.threads, count_blocks(data_.n_rows) * replicas.size());
        waiting_ = std::max(1.0, static_cast<double>(threads) / static_cast<double>(replicas.size()));
        threads_.reserve(setting.threads);
        for (std::size_t t = 0; t < setting.threads; ++t) {
            threads_.push_back(std::make_unique<Thread>(kernels_, layout_, data_, crew_, setting.exhaustive));
        }
        replicas_.resize(replicas.size());
        for (std::size_t r = 0; r < replicas.size(); ++r) {
            Replica<M, T>& replica = replicas_[r];
            replica.setting = replicas[r];
            if (setting.skin.interval > 0) {
                replica.skin = std::make_unique<Skin>(setting.skin, replicas[r].skin, data_.n_rows);
            }
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
        const Pass pass = gradients != nullptr ? Pass::gradient : Pass::forward;
        return share_out(std::vector<std::int64_t>(replicas_.size(), 1), interrupted,
                         [&](std::size_t r, Thread& thread, std::int64_t) -> std::int64_t {
                             Replica<M, T>& replica = replicas_[r];
                             if (pass == Pass::forward || !replica.seen) {
                                 load(replica, thread);
                                 if (!pass_over(pass, thread, all_rows(data_.n_rows), {.count_nonzero = true})) return 1;
                                 scores[r] = thread.gradient.score();
                             }
                             if (pass == Pass::gradient) {
                                 remember(replica, thread.gradient);
                                 scores[r] = *replica.seen;
                                 read_packed(replica.seen_gradient.data(), gradients + r * layout_.n_weights);
                             }
                             return 0;
                         });
    }

    Work work() const override {
        Work sum;
        for (const auto& thread : threads_) {
            sum.forward += thread->work.forward;
            sum.awake += thread->work.awake;
            sum.backward += thread->work.backward;
        }
        return sum;
    }

    SkinState skin(std::size_t replica) const override { return replicas_[replica].skin->state(); }

    void read_weights(void* out) const override {
        for (std::size_t r = 0; r < replicas_.size(); ++r) {
            read_packed(replicas_[r].weights.data(), static_cast<M*>(out) + r * layout_.n_weights);
        }
    }

    void read_step(std::int64_t* out) const override {
        for (const Replica<M, T>& replica : replicas_) *out++ = replica.setting.step;
    }

    void read_alive(bool* out) const override {
        for (const Replica<M, T>& replica : replicas_) *out++ = replica.setting.alive;
    }

private:
    struct Thread {
        Thread(const Kernels& kernels, const Layout& layout, const Rows<T>& data, const Crew& crew, bool exhaustive)
            : workspace(layout), gradient(kernels, layout, data, crew, exhaustive), bound(kernels, layout) {}

        Workspace<T> workspace;
        SharedGradient<T> gradient;
        Bound<T> bound;
        Work work;
        const void* held = nullptr;  // the replica whose weights the gradient has
        std::vector<float> reach;
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

    void load(Replica<M, T>& replica, Thread& thread) {
        if (replica.holder == &thread && thread.held == &replica) return;
        thread.gradient.load(replica.weights.data());
        replica.holder = &thread;
        thread.held = &replica;
    }

    // False where the crew stopped before the end.
    bool differentiate(Replica<M, T>& replica, Thread& thread) {
        load(replica, thread);
        if (setting_.sampling != Sampling::all_rows) {
            return pass_over(Pass::gradient, thread, draw_batch(replica, thread), {});
        }
        if (setting_.exhaustive || (!replica.skin && !Watch<T>::may_pay(thread.bound, data_.n_rows, waiting_))) {
            return pass_over(Pass::gradient, thread, all_rows(data_.n_rows), {});
        }
        if (replica.skin) return look_within_skin(*replica.skin, replica.setting.step, thread);
        if (!replica.watch) replica.watch = std::make_unique<Watch<T>>(layout_, data_.n_rows, waiting_);
        Watch<T>& watch = *replica.watch;
        const T* const weights = thread.gradient.weights();
        switch (watch.look(weights, thread.bound)) {
            case Watch<T>::Look::everywhere:
                return pass_over(Pass::gradient, thread, all_rows(data_.n_rows), {});
            case Watch<T>::Look::at_list:
                return pass_over(Pass::gradient, thread, listed(watch.list()), {});
            case Watch<T>::Look::to_remember:
                break;
        }
        if (!pass_over(Pass::gradient, thread, all_rows(data_.n_rows), {watch.reach(), watch.direction()})) return false;
        watch.remember(weights, thread.bound);
        return true;
    }

    bool look_within_skin(Skin& skin, std::int64_t step, Thread& thread) {
        if (!skin.full_pass_due(step)) return pass_over(Pass::gradient, thread, listed(skin.list()), {});
        thread.reach.resize(data_.n_rows);
        if (!pass_over(Pass::gradient, thread, all_rows(data_.n_rows), {thread.reach.data(), nullptr})) return false;
        skin.renew(thread.reach);
        return true;
    }

    bool pass_over(Pass pass, Thread& thread, RowOrder rows, Notes notes) {
        SharedGradient<T>& gradient = thread.gradient;
        gradient.begin(pass, rows, notes);
        if (gradient.n_blocks() > 1) crew_.call_for_help();
        gradient.work(thread.workspace);
        if (!gradient.finish()) return false;
        thread.work.forward += gradient.score().forward;
        thread.work.awake += gradient.score().awake;
        thread.work.backward += gradient.score().backward;
        return true;
    }

    void remember(Replica<M, T>& replica, SharedGradient<T>& gradient) {
        if (replica.seen) return;
        if (replica.seen_gradient.size() == 0) replica.seen_gradient = Buffer<double>(layout_.packed_size);
        const double reciprocal = 1.0 / static_cast<double>(data_.n_rows);
        double* const mean = replica.seen_gradient.data();
        gradient.with_sum([&](const auto* sum) {
            for (std::size_t i = 0; i < layout_.packed_size; ++i) {
                // A sum that was flushed to -0 is 0: rows left out would have made it so.
                mean[i] = (0.0 + static_cast<double>(sum[i])) * reciprocal;
            }
        });
        replica.seen = gradient.score();
    }

    // One update, or none where it would leave the finite numbers; false where the crew stopped before it.
    bool update(Replica<M, T>& replica, Thread& thread) {
        // Within a skin a step is made from the rows listed, not from what an observation saw of all.
        if (setting_.sampling == Sampling::all_rows && replica.seen && !replica.skin) {
            move(replica, thread, replica.seen_gradient.data(), 1.0);
            return true;
        }
        if (!differentiate(replica, thread)) return false;
        const double reciprocal = 1.0 / static_cast<double>(setting_.batch_size);
        thread.gradient.with_sum([&](const auto* sum) { move(replica, thread, sum, reciprocal); });
        return true;
    }

    template <class S>
    void move(Replica<M, T>& replica, Thread& thread, const S* gradient_sum, double reciprocal_rows) {
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
        replica.holder = nullptr;
        // A small step is spared reading its weights again.
        if constexpr (std::is_same_v<S, T>) u.rounded = thread.gradient.weights();
        const Updated updated = glassnet::update(kernels_, u);
        if (!updated.next) {
            setting.alive = false;
            thread.held = nullptr;
            return;
        }
        std::swap(replica.weights, replica.next);
        ++setting.step;
        replica.seen.reset();
        if constexpr (std::is_same_v<S, T>) {
            thread.gradient.take(updated.rounded);
            replica.holder = &thread;
            thread.held = &replica;
        }
    }

    RowOrder draw_batch(Replica<M, T>& replica, Thread& thread) {
        const ReplicaSetting& s = replica.setting;
        const std::size_t n_rows = data_.n_rows, size = setting_.batch_size;
        const auto purpose = static_cast<std::uint32_t>(setting_.sampling);
        if (setting_.sampling == Sampling::sgd_replacement) {
            draw_words({purpose, s.seed, s.origin, s.noise, static_cast<std::uint64_t>(s.step)}, size, thread);
            replica.order.resize(size);
            for (std::size_t i = 0; i < size; ++i) {
                replica.order[i] = static_cast<std::uint32_t>(std::uint64_t{thread.words[i]} * n_rows >> 32);
            }
            return {replica.order.data(), size, 0, count_blocks(size), nullptr};
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
        return {replica.order.data() + begin, size, n_rows - begin - size, count_blocks(size), nullptr};
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
    std::vector<Replica<M, T>> replicas_;
    double waiting_ = 1.0;  // threads a replica
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
