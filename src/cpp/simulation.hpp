// An ensemble of networks under one dynamics.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "kernels.hpp"
#include "skin.hpp"

namespace glassnet {

// The purposes of random.py that draw batches.
enum class Sampling { all_rows = 0, sgd_permutation = 3, sgd_replacement = 4, langevin_permutation = 5 };

struct Setting {
    std::size_t n_features, width, depth;
    const float* features;  // (n_rows, n_features), copied
    const float* labels;    // (n_rows), copied
    std::size_t n_rows;
    Sampling sampling;
    std::size_t batch_size;
    std::size_t threads;
    bool exhaustive;  // every row goes forward and backward at every step
    SkinSetting skin;
    const Kernels* kernels;
};

// Who a replica is, and the numbers of its dynamics.
struct ReplicaSetting {
    std::uint32_t seed, origin, noise;
    std::int64_t step;
    bool alive;
    double learning_rate, temperature, l2;
    SkinState skin;
};

struct Work {
    std::int64_t forward = 0, awake = 0, backward = 0;
};

class Simulation {
public:
    using Interrupted = std::function<bool()>;

    virtual ~Simulation() = default;

    // n_steps[r] updates of replica r. False where it was interrupted: each replica then stands after a whole update.
    virtual bool advance(const std::int64_t* n_steps, const Interrupted& interrupted) = 0;

    // Sums over all rows at the current weights; `gradients` (replica, weight) gets the mean data gradient, and the
    // next full-batch update uses it. Null asks for a forward pass only. False where it was interrupted.
    virtual bool observe(Score* scores, double* gradients, const Interrupted& interrupted) = 0;

    // Rows sent forward so far, rows that were awake among them, and rows sent backward.
    virtual Work work() const = 0;

    // The skin of a replica, where there is one.
    virtual SkinState skin(std::size_t replica) const = 0;

    virtual void read_weights(void* out) const = 0;
    virtual void read_step(std::int64_t* out) const = 0;
    virtual void read_alive(bool* out) const = 0;
};

// `weights` is (replica, weight), double or float; the gradient's precision is double or float.
std::unique_ptr<Simulation> make_simulation(const Setting& setting, const std::vector<ReplicaSetting>& replicas,
                                            const void* weights, bool double_weights, bool double_gradient);

}  // namespace glassnet
