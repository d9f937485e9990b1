// Allocations, and copies between them.
#include "driver.h"
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <vector>

namespace {

std::map<CUdeviceptr, size_t> device_memory;
std::map<uintptr_t, size_t> pinned_memory;

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
