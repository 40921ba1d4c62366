// Which kernels this processor can run.
#pragma once

#include <string>
#include <vector>

#include "kernels.hpp"

namespace glassnet {

// Names of the kernels that run here, the fastest first. Throws std::runtime_error where there is none.
std::vector<std::string> supported_kernels();

// Throws std::invalid_argument where the name is unknown or its instructions are missing.
const Kernels& find_kernels(const std::string& name);

}  // namespace glassnet
