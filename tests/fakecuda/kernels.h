// What the driver knows of the kernels.
#pragma once
#include <cstddef>
#include <functional>
#include <string>

struct Kernel {
    size_t parameter_bytes;
    std::function<void(const void *parameter, const unsigned *grid, const unsigned *block)> run;
};

// Nothing where there is no such kernel.
const Kernel *find_kernel(const std::string &name);
