// The device, its contexts, and what tests turn.
#include "driver.h"
#include <cstring>
#include <map>
#include <vector>

namespace {

std::set<Context *> contexts;
Context *primary = nullptr;
thread_local std::vector<Context *> stack;

Context *new_context() {
    Context *context = new Context;
    context->null_stream = new_stream(context, true);
    contexts.insert(context);
    return context;
}

}  // namespace

Context *current() { return stack.empty() ? nullptr : stack.back(); }

// ---- what tests turn ------------------------------------------------------------------------

// Everything fails from now on, as after a kernel's fault; 0 mends it.
API void fakecuda_lose(int is_lost) { lost = is_lost; }
// The allocation after so many others fails, and all after it; negative is never.
API void fakecuda_allocations_left(long count) { allocations_left = count; }
// How long a stream waits before each piece of work.
API void fakecuda_delay_us(long us) { delay_us = us; }
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
// From GStreamer 1.24 on.
MISSING(cuCtxGetLimit)
MISSING(cuCtxSetLimit)
MISSING(cuDestroyExternalMemory)
MISSING(cuDestroyExternalSemaphore)
MISSING(cuExternalMemoryGetMappedBuffer)
MISSING(cuExternalMemoryGetMappedMipmappedArray)
MISSING(cuImportExternalMemory)
MISSING(cuImportExternalSemaphore)
MISSING(cuIpcCloseMemHandle)
MISSING(cuIpcGetEventHandle)
MISSING(cuIpcGetMemHandle)
MISSING(cuIpcOpenEventHandle)
MISSING(cuIpcOpenMemHandle)
MISSING(cuMemAddressFree)
MISSING(cuMemAddressReserve)
MISSING(cuMemAllocAsync)
MISSING(cuMemAllocFromPoolAsync)
MISSING(cuMemCreate)
MISSING(cuMemExportToShareableHandle)
MISSING(cuMemFreeAsync)
MISSING(cuMemGetAccess)
MISSING(cuMemGetAllocationGranularity)
MISSING(cuMemGetAllocationPropertiesFromHandle)
MISSING(cuMemImportFromShareableHandle)
MISSING(cuMemMap)
MISSING(cuMemPoolCreate)
MISSING(cuMemPoolDestroy)
MISSING(cuMemPoolGetAttribute)
MISSING(cuMemPoolSetAttribute)
MISSING(cuMemRelease)
MISSING(cuMemRetainAllocationHandle)
MISSING(cuMemSetAccess)
MISSING(cuMemUnmap)
MISSING(cuMemcpyDtoD_v2)
MISSING(cuMemcpyDtoH_v2)
MISSING(cuMemcpyHtoD_v2)
MISSING(cuMemsetD2D16Async)
MISSING(cuMemsetD2D16_v2)
MISSING(cuMemsetD2D32Async)
MISSING(cuMemsetD2D32_v2)
MISSING(cuMemsetD2D8Async)
MISSING(cuMemsetD2D8_v2)
MISSING(cuSignalExternalSemaphoresAsync)
MISSING(cuWaitExternalSemaphoresAsync)
