#include "dispatch.hpp"

#include <stdexcept>

namespace glassnet {
namespace {

bool has_v3() {
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
           __builtin_cpu_supports("bmi2");
}

bool has_v4() {
    return has_v3() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
}

}  // namespace

std::vector<std::string> supported_kernels() {
    if (!has_v3()) {
        throw std::runtime_error("the cpu engine needs a processor with AVX2 and FMA (x86-64-v3): use engine='reference'");
    }
    if (has_v4()) return {"v4", "v3", "v3wide"};
    return {"v3", "v3wide"};
}

const Kernels& find_kernels(const std::string& name) {
    const std::vector<std::string> supported = supported_kernels();
    std::string list;
    for (const std::string& s : supported) list += (list.empty() ? "" : ", ") + s;
    for (const Kernels* kernels : {&v3::kernels, &v3wide::kernels, &v4::kernels}) {
        if (name != kernels->name) continue;
        for (const std::string& s : supported) {
            if (s == name) return *kernels;
        }
        throw std::invalid_argument("GLASSNET_KERNEL must be one that this processor runs (" + list + "), but got '" +
                                    name + "', which needs AVX-512");
    }
    throw std::invalid_argument("GLASSNET_KERNEL must be v3, v4 or v3wide (here: " + list + "), but got '" + name +
                                "'");
}

}  // namespace glassnet
