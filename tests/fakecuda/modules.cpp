// Modules, their kernels, and launches of them, which tests can hold up.
#include "driver.h"
#include "kernels.h"
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace {

struct Module {
    Context *context;
};

struct Function {
    Context *context;
    const Kernel *kernel;
    std::string name;
};

// A kernel that is not begun before another has been run so often.
struct Gate {
    std::mutex mutex;
    std::condition_variable changed;
    std::string kernel, until;
    long runs = 0;
    bool stood_still = false;
    std::map<std::string, long> ran;
} gate;

// A test that would wait for ever fails after this.
const auto PATIENCE = std::chrono::seconds(20);

void run(const std::string &name, const Kernel *kernel, const void *parameter, const unsigned *grid, const unsigned *block) {
    std::unique_lock<std::mutex> lock(gate.mutex);
    auto is_open = [&] { return gate.kernel != name || gate.ran[gate.until] >= gate.runs; };
    gate.stood_still |= !gate.changed.wait_for(lock, PATIENCE, is_open);
    lock.unlock();
    kernel->run(parameter, grid, block);
    lock.lock();
    gate.ran[name]++;
    gate.changed.notify_all();
}

}  // namespace

// `kernel` is not begun before `until` has been run `runs` times from now on; an empty name is no kernel.
API void fakecuda_hold(const char *kernel, const char *until, long runs) {
    std::lock_guard<std::mutex> lock(gate.mutex);
    gate.kernel = kernel;
    gate.until = until;
    gate.runs = runs;
    gate.stood_still = false;
    gate.ran.clear();
    gate.changed.notify_all();
}
// Whether a kernel was held in vain.
API int fakecuda_stood_still() {
    std::lock_guard<std::mutex> lock(gate.mutex);
    return gate.stood_still;
}

API CUresult cuModuleLoadData(Module **module, const void *image) {
    if (!current()) return INVALID_CONTEXT;
    if (lost) return ILLEGAL_ADDRESS;
    if (!image) return INVALID_VALUE;
    return *module = new Module{current()}, SUCCESS;
}
API CUresult cuModuleUnload(Module *module) { return delete module, SUCCESS; }
// Functions are few and live as long as the process.
API CUresult cuModuleGetFunction(Function **function, Module *module, const char *name) {
    return *function = new Function{module->context, find_kernel(name), name}, SUCCESS;
}
API CUresult cuLaunchKernel(
    Function *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
    unsigned, Stream *stream, void **parameters, void **
) {
    if (function->context != current()) return INVALID_HANDLE;
    if (gx == 0 || gy == 0 || gz == 0 || bx * by * bz == 0 || bx * by * bz > 1024) return INVALID_VALUE;
    launches++;
    // Others' kernels do nothing.
    if (!function->kernel) return SUCCESS;
    auto bytes = static_cast<const char *>(parameters[0]);
    auto parameter = std::make_shared<std::vector<char>>(bytes, bytes + function->kernel->parameter_bytes);
    return enqueue(stream, [=] {
        const unsigned grid[3] = {gx, gy, gz}, block[3] = {bx, by, bz};
        run(function->name, function->kernel, parameter->data(), grid, block);
    });
}
