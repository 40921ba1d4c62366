#include <nanobind/nanobind.h>

NB_MODULE(_cpu, module) { module.attr("version") = "1"; }
