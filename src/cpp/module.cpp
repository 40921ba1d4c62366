#include <nanobind/nanobind.h>

NB_MODULE(_cpu, module) { module.doc() = "The cpu engine's compiled part."; }
