// The project's own kernels on the CPU, and a launcher that runs a grid of them.
#include "kernels.h"
#include "shim.h"
#include <ucontext.h>
#include <cstdint>
#include <map>
#include <vector>

thread_local Dim3 threadIdx, blockIdx;

#include "../../src/cuda/kernels/pixels.cu"
#include "../../src/cuda/kernels/squash.cu"
#include "../../src/cuda/kernels/fit.cu"
#include "../../src/cuda/kernels/lines.cu"
#include "../../src/cuda/kernels/alpha.cu"
#include "../../src/cuda/kernels/guess.cu"
#include "../../src/cuda/kernels/composite.cu"
#include "../../src/cuda/kernels/follow.cu"
#include "../../src/cuda/kernels/steady.cu"

namespace {

// What one launch runs: the kernel with its parameter, by value as a kernel gets it.
thread_local const std::function<void()> *body;

struct Fiber {
    ucontext_t context;
    std::vector<char> stack;
    Dim3 thread;
    bool done;
};

thread_local ucontext_t scheduler;
thread_local Fiber *running;

void run_fiber() {
    (*body)();
    running->done = true;
    swapcontext(&running->context, &scheduler);
}

// Every thread up to its next barrier, again and again, until all have ended.
void run_block(std::vector<Fiber> &fibers, Dim3 block) {
    size_t i = 0;
    for (unsigned z = 0; z < block.z; z++)
        for (unsigned y = 0; y < block.y; y++)
            for (unsigned x = 0; x < block.x; x++) {
                Fiber &fiber = fibers[i++];
                fiber.thread = {x, y, z};
                fiber.done = false;
                getcontext(&fiber.context);
                fiber.context.uc_stack.ss_sp = fiber.stack.data();
                fiber.context.uc_stack.ss_size = fiber.stack.size();
                fiber.context.uc_link = nullptr;
                makecontext(&fiber.context, run_fiber, 0);
            }
    for (bool any = true; any;) {
        any = false;
        for (Fiber &fiber : fibers) {
            if (fiber.done) continue;
            running = &fiber;
            threadIdx = fiber.thread;
            swapcontext(&scheduler, &fiber.context);
            any |= !fiber.done;
        }
    }
}

template <typename P>
void launch(void (*kernel)(P), const void *parameter, bool syncs, const unsigned grid[3], const unsigned block[3]) {
    P p = *static_cast<const P *>(parameter);
    std::function<void()> call = [&] { kernel(p); };
    body = &call;
    std::vector<Fiber> fibers(syncs ? block[0] * block[1] * block[2] : 0);
    for (Fiber &fiber : fibers) fiber.stack.resize(64 << 10);
    for (unsigned bz = 0; bz < grid[2]; bz++)
        for (unsigned by = 0; by < grid[1]; by++)
            for (unsigned bx = 0; bx < grid[0]; bx++) {
                blockIdx = {bx, by, bz};
                if (syncs) {
                    run_block(fibers, {block[0], block[1], block[2]});
                    continue;
                }
                for (threadIdx.z = 0; threadIdx.z < block[2]; threadIdx.z++)
                    for (threadIdx.y = 0; threadIdx.y < block[1]; threadIdx.y++)
                        for (threadIdx.x = 0; threadIdx.x < block[0]; threadIdx.x++) call();
            }
}

template <typename P>
Kernel kernel(void (*function)(P), bool syncs) {
    return {sizeof(P), [=](const void *parameter, const unsigned *grid, const unsigned *block) {
                launch(function, parameter, syncs, grid, block);
            }};
}

const std::map<std::string, Kernel> KERNELS = {
    {"squash", kernel(squash, true)},
    {"fit_alpha", kernel(fit_alpha, false)},
    {"fit_cells", kernel(fit_cells, false)},
    {"fit_slopes", kernel(fit_slopes, false)},
    {"fit_mean", kernel(fit_mean, false)},
    {"fit_offset", kernel(fit_offset, false)},
    {"lines_gather", kernel(lines_gather, false)},
    {"lines_measure", kernel(lines_measure, false)},
    {"lines_fit", kernel(lines_fit, false)},
    {"lines_average", kernel(lines_average, false)},
    {"lines_of_samples", kernel(lines_of_samples, false)},
    {"guess_measure", kernel(guess_measure, false)},
    {"guess_gather", kernel(guess_gather, false)},
    {"guess_settle", kernel(guess_settle, true)},
    {"guess_spread", kernel(guess_spread, false)},
    {"composite_gray", kernel(composite_gray, false)},
    {"composite_gray16", kernel(composite_gray16, false)},
    {"composite_packed", kernel(composite_packed, false)},
    {"composite_packed_estimated", kernel(composite_packed_estimated, false)},
    {"composite_a420", kernel(composite_a420, false)},
    {"composite_a420_estimated", kernel(composite_a420_estimated, false)},
    {"mask_enlarge", kernel(mask_enlarge, false)},
    {"mask_fill", kernel(mask_fill, false)},
    {"gate_open", kernel(gate_open, false)},
    {"gate_widen", kernel(gate_widen, false)},
    {"gate_soften", kernel(gate_soften, false)},
    {"gate_apply", kernel(gate_apply, false)},
    {"find_not_finite", kernel(find_not_finite, false)},
    {"glance", kernel(glance, false)},
    {"steady_change", kernel(steady_change, false)},
    {"steady_settle", kernel(steady_settle, true)},
    {"steady_share", kernel(steady_share, false)},
    {"steady_draw", kernel(steady_draw, false)},
};

}  // namespace

void __syncthreads() { swapcontext(&running->context, &scheduler); }

const Kernel *find_kernel(const std::string &name) {
    auto found = KERNELS.find(name);
    return found == KERNELS.end() ? nullptr : &found->second;
}
