// The Python module glassnet._cpu.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <mutex>
#include <numeric>
#include <stdexcept>

#include "crew.hpp"
#include "dispatch.hpp"
#include "permutation.hpp"
#include "shared_gradient.hpp"
#include "simulation.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace glassnet {
namespace {

template <class T, std::size_t n_dims>
using Input = nb::ndarray<const T, nb::ndim<n_dims>, nb::c_contig, nb::device::cpu>;
using AnyWeights = nb::ndarray<nb::ro, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

void demand(bool condition, const char* message) {
    if (!condition) throw std::invalid_argument(message);
}

// A new NumPy array that owns its memory.
template <class T>
struct Output {
    explicit Output(std::initializer_list<std::size_t> shape_)
        : shape(shape_),
          data(new T[std::accumulate(shape.begin(), shape.end(), std::size_t{1}, std::multiplies<>())]()),
          owner(data, [](void* p) noexcept { delete[] static_cast<T*>(p); }) {}

    nb::ndarray<nb::numpy, T> array() const { return {data, shape.size(), shape.data(), owner}; }

    std::vector<std::size_t> shape;
    T* data;
    nb::capsule owner;
};

bool interrupted() {
    const nb::gil_scoped_acquire gil;
    return PyErr_CheckSignals() != 0;
}

struct Totals {
    Output<double> loss;
    Output<std::int64_t> awake, correct, nonzero;

    Totals(const std::vector<Score>& scores, std::size_t n_rows)
        : loss({scores.size()}), awake({scores.size()}), correct({scores.size()}), nonzero({scores.size()}) {
        for (std::size_t r = 0; r < scores.size(); ++r) {
            loss.data[r] = scores[r].loss / static_cast<double>(n_rows);
            awake.data[r] = scores[r].awake;
            correct.data[r] = scores[r].correct;
            nonzero.data[r] = scores[r].nonzero;
        }
    }
};

bool is_double(const std::string& precision) {
    demand(precision == "float32" || precision == "float64", "gradient must be 'float32' or 'float64'");
    return precision == "float64";
}

class Simulator {
public:
    Simulator(const Setting& setting, const std::vector<ReplicaSetting>& replicas, AnyWeights weights,
              const std::string& gradient)
        : n_replicas_(replicas.size()), n_rows_(setting.n_rows), double_weights_(weights.dtype() == nb::dtype<double>()) {
        demand(double_weights_ || weights.dtype() == nb::dtype<float>(), "weights must be float64 or float32");
        demand(setting.width > 0 && setting.depth > 0 && setting.n_features > 0,
               "width, depth and n_features must be at least 1");
        demand(setting.n_rows > 0 && setting.n_rows < (std::size_t{1} << 32), "there must be 1 to 2^32 - 1 rows");
        demand(setting.batch_size >= 1 && setting.batch_size <= setting.n_rows, "batch_size must be 1 to P_D");
        demand(setting.threads >= 1, "threads must be at least 1");
        n_weights_ = setting.n_features * setting.width + (setting.depth - 1) * setting.width * setting.width +
                     setting.width;
        demand(weights.shape(0) == n_replicas_ && weights.shape(1) == n_weights_,
               "weights must be (replica, weight) and fit the network");
        const bool double_gradient = is_double(gradient);
        const void* const values = weights.data();
        const nb::gil_scoped_release release;
        simulation_ = make_simulation(setting, replicas, values, double_weights_, double_gradient);
    }

    void advance(Input<std::int64_t, 1> n_steps) {
        demand(n_steps.shape(0) == n_replicas_, "n_steps must be one a replica");
        const std::int64_t* const n = n_steps.data();
        demand(std::all_of(n, n + n_replicas_, [](std::int64_t x) { return x >= 0; }), "n_steps must be >= 0");
        exclusively([&] { return simulation_->advance(n, interrupted); });
    }

    nb::tuple observe() {
        std::vector<Score> scores(n_replicas_);
        const Output<double> gradient({n_replicas_, n_weights_});
        exclusively([&] { return simulation_->observe(scores.data(), gradient.data, interrupted); });
        const Totals totals(scores, n_rows_);
        return nb::make_tuple(totals.loss.array(), totals.awake.array(), totals.correct.array(), totals.nonzero.array(),
                              gradient.array());
    }

    nb::tuple evaluate() {
        std::vector<Score> scores(n_replicas_);
        exclusively([&] { return simulation_->observe(scores.data(), nullptr, interrupted); });
        const Totals totals(scores, n_rows_);
        return nb::make_tuple(totals.loss.array(), totals.awake.array(), totals.correct.array(), totals.nonzero.array());
    }

    nb::tuple skin() {
        const auto lock = take();
        const std::size_t n_bytes = (n_rows_ + 7) / 8;
        const Output<bool> listed({n_replicas_});
        const Output<double> width({n_replicas_});
        const Output<std::int64_t> missed({n_replicas_});
        const Output<std::uint8_t> rows({n_replicas_, n_bytes});
        for (std::size_t r = 0; r < n_replicas_; ++r) {
            const SkinState state = simulation_->skin(r);
            listed.data[r] = state.listed;
            width.data[r] = state.width;
            missed.data[r] = state.missed;
            std::copy_n(state.rows.begin(), n_bytes, rows.data + r * n_bytes);
        }
        return nb::make_tuple(listed.array(), width.array(), missed.array(), rows.array());
    }

    nb::tuple work() {
        const auto lock = take();
        const Work work = simulation_->work();
        return nb::make_tuple(work.forward, work.awake, work.backward);
    }

    nb::object weights() {
        return double_weights_ ? read<double>({n_replicas_, n_weights_}, [&](double* p) { simulation_->read_weights(p); })
                               : read<float>({n_replicas_, n_weights_}, [&](float* p) { simulation_->read_weights(p); });
    }
    nb::object step() {
        return read<std::int64_t>({n_replicas_}, [&](std::int64_t* p) { simulation_->read_step(p); });
    }
    nb::object alive() {
        return read<bool>({n_replicas_}, [&](bool* p) { simulation_->read_alive(p); });
    }

private:
    std::unique_lock<std::mutex> take() {
        std::unique_lock lock(mutex_, std::try_to_lock);
        if (!lock) throw std::runtime_error("this session is at work in another thread");
        return lock;
    }

    template <class Work>
    void exclusively(Work work) {
        const auto lock = take();
        bool done = false;
        {
            const nb::gil_scoped_release release;
            done = work();
        }
        if (!done) throw nb::python_error();
    }

    template <class T, class Read>
    nb::object read(std::initializer_list<std::size_t> shape, Read read_into) {
        const auto lock = take();
        const Output<T> out(shape);
        read_into(out.data);
        return nb::cast(out.array());
    }

    std::size_t n_replicas_, n_rows_, n_weights_ = 0;
    bool double_weights_;
    std::mutex mutex_;
    std::unique_ptr<Simulation> simulation_;
};

void check_data(Input<float, 2> features, Input<float, 1> labels) {
    demand(features.shape(0) == labels.shape(0), "features and labels must have as many rows");
}

Sampling as_sampling(int purpose) {
    const auto sampling = static_cast<Sampling>(purpose);
    demand(sampling == Sampling::all_rows || sampling == Sampling::sgd_permutation ||
               sampling == Sampling::sgd_replacement || sampling == Sampling::langevin_permutation,
           "sampling must be 0 or the purpose of a draw of batches");
    return sampling;
}

// interval, first width, widen, narrow, narrowest, widest
using SkinArguments = std::tuple<std::int64_t, double, double, double, double, double>;

SkinSetting as_skin(const SkinArguments& a) {
    return {std::get<0>(a), std::get<1>(a), std::get<2>(a), std::get<3>(a), std::get<4>(a), std::get<5>(a)};
}

void construct(Simulator* self, std::size_t width, std::size_t depth, Input<float, 2> features, Input<float, 1> labels,
               AnyWeights weights, Input<std::uint32_t, 1> seed, Input<std::uint32_t, 1> origin,
               Input<std::uint32_t, 1> noise, Input<std::int64_t, 1> step, Input<bool, 1> alive,
               Input<double, 1> learning_rate, Input<double, 1> temperature, Input<double, 1> l2, int sampling,
               std::size_t batch_size, const std::string& gradient, bool exhaustive, const SkinArguments& skin,
               Input<bool, 1> skin_listed, Input<double, 1> skin_width, Input<std::int64_t, 1> skin_missed,
               Input<std::uint8_t, 2> skin_rows, std::size_t threads, const std::string& kernel) {
    check_data(features, labels);
    const std::size_t n = weights.shape(0);
    for (const std::size_t size : {seed.shape(0), origin.shape(0), noise.shape(0), step.shape(0), alive.shape(0),
                                   learning_rate.shape(0), temperature.shape(0), l2.shape(0), skin_listed.shape(0),
                                   skin_width.shape(0), skin_missed.shape(0), skin_rows.shape(0)}) {
        demand(size == n, "all arrays must have one entry a replica");
    }
    demand(std::none_of(skin_listed.data(), skin_listed.data() + n, [](bool x) { return x; }) ||
               skin_rows.shape(1) == (features.shape(0) + 7) / 8,
           "skin_rows must hold a bit a row");
    std::vector<ReplicaSetting> replicas(n);
    for (std::size_t r = 0; r < n; ++r) {
        replicas[r] = {seed(r),  origin(r),        noise(r),       step(r),
                       alive(r), learning_rate(r), temperature(r), l2(r),
                       {}};
        if (!skin_listed(r)) continue;
        const std::uint8_t* const rows = skin_rows.data() + r * skin_rows.shape(1);
        replicas[r].skin = {true, skin_width(r), skin_missed(r), {rows, rows + skin_rows.shape(1)}};
    }
    const Setting setting{features.shape(1), width,      depth,   features.data(),      labels.data(), features.shape(0),
                          as_sampling(sampling), batch_size, threads, exhaustive, as_skin(skin), &find_kernels(kernel)};
    new (self) Simulator(setting, replicas, weights, gradient);
}

nb::tuple evaluate(std::size_t width, std::size_t depth, Input<float, 2> features, Input<float, 1> labels,
                   AnyWeights weights, const std::string& gradient, std::size_t threads, const std::string& kernel) {
    check_data(features, labels);
    const Setting setting{features.shape(1),  width,   depth, features.data(), labels.data(), features.shape(0),
                          Sampling::all_rows, features.shape(0), threads,      true,            {}, &find_kernels(kernel)};
    return Simulator(setting, std::vector<ReplicaSetting>(weights.shape(0)), weights, gradient).evaluate();
}

nb::object words(std::uint32_t purpose, std::uint32_t seed, std::uint32_t origin, std::uint32_t noise,
                 std::uint64_t step, std::size_t n, const std::string& kernel) {
    std::vector<std::uint32_t> padded(n + 32);
    find_kernels(kernel).words({purpose, seed, origin, noise, step}, n, padded.data());
    const Output<std::uint32_t> out({n});
    std::copy_n(padded.begin(), n, out.data);
    return nb::cast(out.array());
}

nb::object normals(std::uint32_t seed, std::uint32_t origin, std::uint32_t noise, std::uint64_t step, std::size_t n,
                   const std::string& kernel) {
    constexpr std::uint32_t noise_purpose = 2;
    std::vector<double> padded(n + 32);
    find_kernels(kernel).normals({noise_purpose, seed, origin, noise, step}, n, padded.data());
    const Output<double> out({n});
    std::copy_n(padded.begin(), n, out.data);
    return nb::cast(out.array());
}

// Floating-point operations made in n rounds of the fastest loop there is.
std::size_t multiply_add_flop(std::size_t n, const std::string& kernel) {
    const Kernels& kernels = find_kernels(kernel);
    const nb::gil_scoped_release release;
    return n * kernels.multiply_add_rounds(n);
}

nb::object permutation(Input<std::uint32_t, 1> random_words) {
    const std::size_t n = random_words.shape(0);
    std::vector<std::uint32_t> order(n);
    PermutationSorter().sort(random_words.data(), n, order.data());
    const Output<std::int64_t> out({n});
    std::copy(order.begin(), order.end(), out.data);
    return nb::cast(out.array());
}

}  // namespace
}  // namespace glassnet

NB_MODULE(_cpu, module) {
    using namespace glassnet;
    nb::register_exception_translator([](const std::exception_ptr& thrown, void*) {
        try {
            std::rethrow_exception(thrown);
        } catch (const ThreadsRefused& error) {
            PyErr_SetString(PyExc_OSError, error.what());
        }
    });
    module.attr("version") = "1";
    module.attr("sources") = GLASSNET_SOURCES;
    module.attr("block_rows") = block_rows;
    module.def("supported_kernels", &supported_kernels);
    nb::class_<Simulator>(module, "Simulator")
        .def("__init__", &construct, nb::kw_only(), "width"_a, "depth"_a, "features"_a, "labels"_a, "weights"_a,
             "seed"_a, "origin"_a, "noise"_a, "step"_a, "alive"_a, "learning_rate"_a, "temperature"_a, "l2"_a,
             "sampling"_a, "batch_size"_a, "gradient"_a, "exhaustive"_a, "skin"_a, "skin_listed"_a, "skin_width"_a,
             "skin_missed"_a, "skin_rows"_a, "threads"_a, "kernel"_a)
        .def("advance", &Simulator::advance, "n_steps"_a)
        .def("observe", &Simulator::observe)
        .def("skin", &Simulator::skin)
        .def("work", &Simulator::work)
        .def("weights", &Simulator::weights)
        .def("step", &Simulator::step)
        .def("alive", &Simulator::alive);
    module.def("evaluate", &evaluate, nb::kw_only(), "width"_a, "depth"_a, "features"_a, "labels"_a, "weights"_a,
               "gradient"_a, "threads"_a, "kernel"_a);
    module.def("words", &words, "purpose"_a, "seed"_a, "origin"_a, "noise"_a, "step"_a, "n"_a, "kernel"_a);
    module.def("normals", &normals, "seed"_a, "origin"_a, "noise"_a, "step"_a, "n"_a, "kernel"_a);
    module.def("multiply_add_flop", &multiply_add_flop, "n"_a, "kernel"_a);
    module.def("permutation", &permutation, "words"_a);
}
