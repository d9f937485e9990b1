// libcuda.so.1 for tests: one device whose memory is the host's.
//
// Streams are threads that work off a queue, so that nothing is done before it must be; a forgotten
// wait shows. What a module holds is not looked at: functions are the project's kernels on the CPU,
// and those of others do nothing. Misuse that a real driver notices is an error here too: no
// current context, a stream of another context, a pointer to no allocation.
#include "kernels.h"
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#define API extern "C" __attribute__((visibility("default")))

typedef int CUresult;
typedef int CUdevice;
typedef uintptr_t CUdeviceptr;

enum {
    SUCCESS = 0,
    INVALID_VALUE = 1,
    OUT_OF_MEMORY = 2,
    INVALID_CONTEXT = 201,
    INVALID_HANDLE = 400,
    NOT_FOUND = 500,
    NOT_READY = 600,
    ILLEGAL_ADDRESS = 700,
    NOT_SUPPORTED = 801,
};

namespace {

struct Context;

struct Stream {
    Context *context;
    bool blocking;
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<std::function<void()>> queue;
    bool busy = false, ending = false;
    std::thread worker;
};

struct Context {
    Stream *null_stream;
    std::set<Stream *> streams;
};

struct Reached {
    std::mutex mutex;
    std::condition_variable changed;
    uint64_t recorded = 0, reached = 0;
    std::chrono::steady_clock::time_point when;
};

// May be destroyed while streams still wait for it.
struct Event : std::shared_ptr<Reached> {};

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

std::mutex state;
std::set<Context *> contexts;
Context *primary = nullptr;
std::map<CUdeviceptr, size_t> device_memory;
std::map<uintptr_t, size_t> pinned_memory;
thread_local std::vector<Context *> stack;

std::atomic<bool> lost{false};
std::atomic<long> allocations_left{-1};
std::atomic<long> delay_us{0};
std::atomic<unsigned long> uploads{0}, downloads{0}, launches{0}, allocations{0}, waits{0};

Context *current() { return stack.empty() ? nullptr : stack.back(); }

void work(Stream *stream) {
    std::unique_lock<std::mutex> lock(stream->mutex);
    for (;;) {
        stream->changed.wait(lock, [&] { return stream->ending || !stream->queue.empty(); });
        if (stream->queue.empty()) return;
        auto item = std::move(stream->queue.front());
        stream->queue.pop_front();
        stream->busy = true;
        lock.unlock();
        if (long us = delay_us) std::this_thread::sleep_for(std::chrono::microseconds(us));
        item();
        lock.lock();
        stream->busy = false;
        stream->changed.notify_all();
    }
}

Stream *new_stream(Context *context, bool blocking) {
    Stream *stream = new Stream;
    stream->context = context;
    stream->blocking = blocking;
    stream->worker = std::thread(work, stream);
    context->streams.insert(stream);
    return stream;
}

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

void wait_for(Stream *stream) {
    std::unique_lock<std::mutex> lock(stream->mutex);
    stream->changed.wait(lock, [&] { return stream->queue.empty() && !stream->busy; });
}

void end(Stream *stream) {
    {
        std::lock_guard<std::mutex> lock(stream->mutex);
        stream->ending = true;
        stream->changed.notify_all();
    }
    stream->worker.join();
    delete stream;
}

Context *new_context() {
    Context *context = new Context;
    context->null_stream = new_stream(context, true);
    contexts.insert(context);
    return context;
}

CUresult enqueue(Stream *stream, std::function<void()> item) {
    Context *context = current();
    if (!context) return INVALID_CONTEXT;
    if (lost) return ILLEGAL_ADDRESS;
    if (!stream) stream = context->null_stream;
    if (stream->context != context) return INVALID_HANDLE;
    std::lock_guard<std::mutex> lock(stream->mutex);
    stream->queue.push_back(std::move(item));
    stream->changed.notify_all();
    return SUCCESS;
}

// What a call without a stream waits for.
CUresult wait_for_blocking_streams() {
    Context *context = current();
    if (!context) return INVALID_CONTEXT;
    if (lost) return ILLEGAL_ADDRESS;
    std::vector<Stream *> streams;
    {
        std::lock_guard<std::mutex> lock(state);
        for (Stream *stream : context->streams)
            if (stream->blocking) streams.push_back(stream);
    }
    for (Stream *stream : streams) wait_for(stream);
    return SUCCESS;
}

// Whether `bytes` from `address` on lie within one allocation.
bool covers(const std::map<uintptr_t, size_t> &memory, uintptr_t address, size_t bytes) {
    std::lock_guard<std::mutex> lock(state);
    auto next = memory.upper_bound(address);
    if (next == memory.begin()) return false;
    auto &[start, size] = *std::prev(next);
    return address + bytes <= start + size;
}

bool is_device(CUdeviceptr address, size_t bytes) { return covers(device_memory, address, bytes); }

CUresult allocate(std::map<uintptr_t, size_t> &memory, uintptr_t *address, size_t bytes) {
    if (!current()) return INVALID_CONTEXT;
    if (lost) return ILLEGAL_ADDRESS;
    if (bytes == 0) return INVALID_VALUE;
    if (allocations_left == 0) return OUT_OF_MEMORY;
    if (allocations_left > 0) allocations_left--;
    void *data = nullptr;
    if (posix_memalign(&data, 512, bytes)) return OUT_OF_MEMORY;
    std::memset(data, 0xa5, bytes);
    std::lock_guard<std::mutex> lock(state);
    memory[(uintptr_t)data] = bytes;
    allocations++;
    *address = (uintptr_t)data;
    return SUCCESS;
}

CUresult release(std::map<uintptr_t, size_t> &memory, uintptr_t address) {
    if (lost) return ILLEGAL_ADDRESS;
    // A real driver waits for the whole device.
    if (CUresult result = wait_for_blocking_streams()) return result;
    std::lock_guard<std::mutex> lock(state);
    if (!memory.erase(address)) return INVALID_VALUE;
    std::free((void *)address);
    return SUCCESS;
}

struct Copy2D {
    size_t srcXInBytes, srcY;
    unsigned srcMemoryType;
    const void *srcHost;
    CUdeviceptr srcDevice;
    void *srcArray;
    size_t srcPitch;
    size_t dstXInBytes, dstY;
    unsigned dstMemoryType;
    void *dstHost;
    CUdeviceptr dstDevice;
    void *dstArray;
    size_t dstPitch;
    size_t WidthInBytes, Height;
};

enum { HOST = 1, DEVICE = 2 };

CUresult prepare_2d(const Copy2D &c, std::function<void()> &item) {
    const char *from = c.srcMemoryType == HOST ? (const char *)c.srcHost : (const char *)c.srcDevice;
    char *to = c.dstMemoryType == HOST ? (char *)c.dstHost : (char *)c.dstDevice;
    from += c.srcY * c.srcPitch + c.srcXInBytes;
    to += c.dstY * c.dstPitch + c.dstXInBytes;
    size_t from_bytes = c.srcPitch * (c.Height - 1) + c.WidthInBytes;
    size_t to_bytes = c.dstPitch * (c.Height - 1) + c.WidthInBytes;
    if (c.srcMemoryType == DEVICE && !is_device((CUdeviceptr)from, from_bytes)) return INVALID_VALUE;
    if (c.dstMemoryType == DEVICE && !is_device((CUdeviceptr)to, to_bytes)) return INVALID_VALUE;
    if (c.srcMemoryType != c.dstMemoryType) (c.srcMemoryType == HOST ? uploads : downloads)++;
    item = [=] {
        for (size_t row = 0; row < c.Height; row++)
            std::memcpy(to + row * c.dstPitch, from + row * c.srcPitch, c.WidthInBytes);
    };
    return SUCCESS;
}

}  // namespace

// ---- what tests turn ------------------------------------------------------------------------

// Everything fails from now on, as after a kernel's fault; 0 mends it.
API void fakecuda_lose(int is_lost) { lost = is_lost; }
// The allocation after so many others fails, and all after it; negative is never.
API void fakecuda_allocations_left(long count) { allocations_left = count; }
// How long a stream waits before each piece of work.
API void fakecuda_delay_us(long us) { delay_us = us; }
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
// Copies from the host, to the host, kernels, allocations, waits of the host, so far.
API void fakecuda_counts(unsigned long counts[5]) {
    counts[0] = uploads;
    counts[1] = downloads;
    counts[2] = launches;
    counts[3] = allocations;
    counts[4] = waits;
}

// ---- the driver -----------------------------------------------------------------------------

API CUresult cuInit(unsigned) { return SUCCESS; }
API CUresult cuDriverGetVersion(int *version) { return *version = 13000, SUCCESS; }
API CUresult cuGetErrorName(CUresult error, const char **text) {
    static const std::map<int, const char *> names = {
        {SUCCESS, "CUDA_SUCCESS"},
        {INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE"},
        {OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY"},
        {INVALID_CONTEXT, "CUDA_ERROR_INVALID_CONTEXT"},
        {INVALID_HANDLE, "CUDA_ERROR_INVALID_HANDLE"},
        {NOT_FOUND, "CUDA_ERROR_NOT_FOUND"},
        {NOT_READY, "CUDA_ERROR_NOT_READY"},
        {ILLEGAL_ADDRESS, "CUDA_ERROR_ILLEGAL_ADDRESS"},
        {NOT_SUPPORTED, "CUDA_ERROR_NOT_SUPPORTED"},
    };
    auto found = names.find(error);
    if (found == names.end()) return INVALID_VALUE;
    *text = found->second;
    return SUCCESS;
}
API CUresult cuGetErrorString(CUresult error, const char **text) { return cuGetErrorName(error, text); }

API CUresult cuDeviceGetCount(int *count) { return *count = 1, SUCCESS; }
API CUresult cuDeviceGet(CUdevice *device, int ordinal) {
    if (ordinal != 0) return INVALID_VALUE;
    return *device = 0, SUCCESS;
}
API CUresult cuDeviceGetName(char *name, int bytes, CUdevice) {
    std::strncpy(name, "emulated on the CPU", bytes);
    return SUCCESS;
}
API CUresult cuDeviceGetAttribute(int *value, int attribute, CUdevice) {
    switch (attribute) {
        case 14: return *value = 512, SUCCESS;  // TEXTURE_ALIGNMENT
        case 75: return *value = 8, SUCCESS;    // COMPUTE_CAPABILITY_MAJOR
        case 76: return *value = 6, SUCCESS;    // COMPUTE_CAPABILITY_MINOR
        default: return *value = 0, SUCCESS;    // no memory pools, no virtual memory
    }
}
API CUresult cuDeviceCanAccessPeer(int *can, CUdevice, CUdevice) { return *can = 0, SUCCESS; }

API CUresult cuCtxCreate_v2(Context **context, unsigned, CUdevice) {
    if (allocations_left == 0) return OUT_OF_MEMORY;
    std::lock_guard<std::mutex> lock(state);
    stack.push_back(*context = new_context());
    return SUCCESS;
}
API CUresult cuCtxDestroy_v2(Context *context) {
    std::set<Stream *> streams;
    {
        std::lock_guard<std::mutex> lock(state);
        if (!contexts.erase(context)) return INVALID_CONTEXT;
        streams.swap(context->streams);
        if (current() == context) stack.pop_back();
    }
    for (Stream *stream : streams) end(stream);
    delete context;
    return SUCCESS;
}
API CUresult cuCtxPushCurrent_v2(Context *context) {
    std::lock_guard<std::mutex> lock(state);
    if (!contexts.count(context)) return INVALID_CONTEXT;
    stack.push_back(context);
    return SUCCESS;
}
API CUresult cuCtxPopCurrent_v2(Context **context) {
    if (stack.empty()) return INVALID_CONTEXT;
    if (context) *context = stack.back();
    stack.pop_back();
    return SUCCESS;
}
API CUresult cuCtxGetCurrent(Context **context) { return *context = current(), SUCCESS; }
API CUresult cuCtxSetCurrent(Context *context) {
    std::lock_guard<std::mutex> lock(state);
    if (context && !contexts.count(context)) return INVALID_CONTEXT;
    if (!stack.empty()) stack.pop_back();
    if (context) stack.push_back(context);
    return SUCCESS;
}
API CUresult cuCtxSynchronize() {
    waits++;
    if (!current()) return INVALID_CONTEXT;
    std::vector<Stream *> streams;
    {
        std::lock_guard<std::mutex> lock(state);
        streams.assign(current()->streams.begin(), current()->streams.end());
    }
    for (Stream *stream : streams) wait_for(stream);
    return lost ? ILLEGAL_ADDRESS : SUCCESS;
}
API CUresult cuCtxEnablePeerAccess(Context *, unsigned) { return NOT_SUPPORTED; }
API CUresult cuCtxDisablePeerAccess(Context *) { return NOT_SUPPORTED; }
API CUresult cuDevicePrimaryCtxRetain(Context **context, CUdevice) {
    std::lock_guard<std::mutex> lock(state);
    if (!primary) primary = new_context();
    *context = primary;
    return SUCCESS;
}
API CUresult cuDevicePrimaryCtxRelease_v2(CUdevice) { return SUCCESS; }

API CUresult cuMemAlloc_v2(CUdeviceptr *address, size_t bytes) {
    return allocate(device_memory, address, bytes);
}
API CUresult cuMemAllocPitch_v2(CUdeviceptr *address, size_t *pitch, size_t width, size_t height, unsigned) {
    *pitch = (width + 511) / 512 * 512;
    return allocate(device_memory, address, *pitch * height);
}
API CUresult cuMemFree_v2(CUdeviceptr address) { return release(device_memory, address); }
API CUresult cuMemAllocHost_v2(void **address, size_t bytes) {
    return allocate(pinned_memory, (uintptr_t *)address, bytes);
}
API CUresult cuMemHostAlloc(void **address, size_t bytes, unsigned) {
    return allocate(pinned_memory, (uintptr_t *)address, bytes);
}
API CUresult cuMemFreeHost(void *address) { return release(pinned_memory, (uintptr_t)address); }
API CUresult cuMemGetInfo_v2(size_t *left, size_t *total) { return *left = *total = 1u << 30, SUCCESS; }

API CUresult cuMemcpy2D_v2(const Copy2D *copy) {
    std::function<void()> item;
    if (CUresult result = wait_for_blocking_streams()) return result;
    if (CUresult result = prepare_2d(*copy, item)) return result;
    return item(), SUCCESS;
}
API CUresult cuMemcpy2DAsync_v2(const Copy2D *copy, Stream *stream) {
    std::function<void()> item;
    if (CUresult result = prepare_2d(*copy, item)) return result;
    return enqueue(stream, item);
}
API CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t bytes, Stream *stream) {
    if (!is_device(to, bytes)) return INVALID_VALUE;
    uploads++;
    if (covers(pinned_memory, (uintptr_t)from, bytes))
        return enqueue(stream, [=] { std::memcpy((void *)to, from, bytes); });
    // Pageable memory is read before the call returns.
    auto copy = std::make_shared<std::vector<char>>((const char *)from, (const char *)from + bytes);
    return enqueue(stream, [=] { std::memcpy((void *)to, copy->data(), bytes); });
}
API CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t bytes, Stream *stream) {
    if (!is_device(from, bytes)) return INVALID_VALUE;
    downloads++;
    return enqueue(stream, [=] { std::memcpy(to, (void *)from, bytes); });
}
API CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes, Stream *stream) {
    if (!is_device(from, bytes) || !is_device(to, bytes)) return INVALID_VALUE;
    return enqueue(stream, [=] { std::memcpy((void *)to, (void *)from, bytes); });
}
API CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char byte, size_t bytes, Stream *stream) {
    if (!is_device(to, bytes)) return INVALID_VALUE;
    return enqueue(stream, [=] { std::memset((void *)to, byte, bytes); });
}

API CUresult cuStreamCreate(Stream **stream, unsigned flags) {
    if (!current()) return INVALID_CONTEXT;
    if (lost) return ILLEGAL_ADDRESS;
    std::lock_guard<std::mutex> lock(state);
    *stream = new_stream(current(), !(flags & 1));
    return SUCCESS;
}
API CUresult cuStreamDestroy_v2(Stream *stream) {
    {
        std::lock_guard<std::mutex> lock(state);
        stream->context->streams.erase(stream);
    }
    return end(stream), SUCCESS;
}
// The name that libgstcuda 1.22 looks for.
API CUresult cuStreamDestroy(Stream *stream) { return cuStreamDestroy_v2(stream); }
API CUresult cuStreamSynchronize(Stream *stream) {
    waits++;
    if (!current()) return INVALID_CONTEXT;
    wait_for(stream ? stream : current()->null_stream);
    return lost ? ILLEGAL_ADDRESS : SUCCESS;
}
API CUresult cuStreamWaitEvent(Stream *stream, Event *event, unsigned) {
    std::shared_ptr<Reached> at = *event;
    uint64_t goal;
    {
        std::lock_guard<std::mutex> lock(at->mutex);
        goal = at->recorded;
    }
    return enqueue(stream, [=] {
        std::unique_lock<std::mutex> lock(at->mutex);
        at->changed.wait(lock, [&] { return at->reached >= goal; });
    });
}

API CUresult cuEventCreate(Event **event, unsigned) {
    if (!current()) return INVALID_CONTEXT;
    return *event = new Event{std::make_shared<Reached>()}, SUCCESS;
}
API CUresult cuEventDestroy_v2(Event *event) { return delete event, SUCCESS; }
API CUresult cuEventRecord(Event *event, Stream *stream) {
    std::shared_ptr<Reached> at = *event;
    std::lock_guard<std::mutex> lock(at->mutex);
    uint64_t goal = at->recorded + 1;
    CUresult result = enqueue(stream, [=] {
        std::lock_guard<std::mutex> lock(at->mutex);
        at->reached = std::max(at->reached, goal);
        at->when = std::chrono::steady_clock::now();
        at->changed.notify_all();
    });
    if (result == SUCCESS) at->recorded = goal;
    return result;
}
API CUresult cuEventSynchronize(Event *event) {
    waits++;
    std::shared_ptr<Reached> at = *event;
    std::unique_lock<std::mutex> lock(at->mutex);
    at->changed.wait(lock, [&] { return at->reached == at->recorded; });
    return lost ? ILLEGAL_ADDRESS : SUCCESS;
}
API CUresult cuEventQuery(Event *event) {
    std::shared_ptr<Reached> at = *event;
    std::lock_guard<std::mutex> lock(at->mutex);
    return at->reached == at->recorded ? SUCCESS : NOT_READY;
}
API CUresult cuEventElapsedTime_v2(float *ms, Event *start, Event *end) {
    *ms = std::chrono::duration<float, std::milli>((*end)->when - (*start)->when).count();
    return SUCCESS;
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

// NVRTC asks the driver for a table of private functions, and takes none from so short a one.
API CUresult cuGetExportTable(const void **table, const void *) {
    static const size_t bytes[] = {sizeof(size_t)};
    return *table = bytes, SUCCESS;
}

// What libgstcuda looks for and tests do not use.
#define MISSING(name) \
    API CUresult name() { return NOT_SUPPORTED; }
MISSING(cuGraphicsMapResources)
MISSING(cuGraphicsUnmapResources)
MISSING(cuGraphicsResourceSetMapFlags_v2)
MISSING(cuGraphicsSubResourceGetMappedArray)
MISSING(cuGraphicsResourceGetMappedPointer_v2)
MISSING(cuGraphicsUnregisterResource)
MISSING(cuGraphicsGLRegisterImage)
MISSING(cuGraphicsGLRegisterBuffer)
MISSING(cuGLGetDevices_v2)
MISSING(cuTexObjectCreate)
MISSING(cuTexObjectDestroy)
