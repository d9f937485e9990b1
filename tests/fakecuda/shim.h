// CUDA's built-ins for the CPU: enough of them to compile src/cuda/kernels as C++.
//
// The threads of a block are fibers of one thread of the host, run in turn; `__syncthreads` hands
// over to the next. Blocks run one after the other, so that shared memory is plain memory.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>

#define __global__
#define __device__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __shared__ static thread_local

struct Dim3 {
    unsigned x, y, z;
};

extern thread_local Dim3 threadIdx, blockIdx;

void __syncthreads();

struct alignas(16) uint4 {
    unsigned x, y, z, w;
};
struct alignas(16) float4 {
    float x, y, z, w;
};
struct alignas(8) ushort4 {
    unsigned short x, y, z, w;
};

static inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }
static inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
static inline ushort4 make_ushort4(unsigned x, unsigned y, unsigned z, unsigned w) {
    return {(unsigned short)x, (unsigned short)y, (unsigned short)z, (unsigned short)w};
}

static inline unsigned min(unsigned a, unsigned b) { return a < b ? a : b; }
static inline unsigned max(unsigned a, unsigned b) { return a > b ? a : b; }
// Blocks and threads run one after the other.
static inline unsigned atomicAdd(unsigned *sum, unsigned value) {
    unsigned before = *sum;
    *sum += value;
    return before;
}
static inline float __ll2float_rn(long long v) { return (float)v; }
static inline unsigned __float_as_uint(float v) {
    unsigned bits;
    std::memcpy(&bits, &v, sizeof bits);
    return bits;
}
