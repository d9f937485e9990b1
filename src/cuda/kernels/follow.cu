// What a session does between two engines that follow an object. The CPU's code is in `src/session`.

struct Mask {
    const float *from;  // (from_side, from_side)
    float *to;          // (side, side)
    const Tap *taps;    // (side), from from_side
    u32 from_side;
    u32 side;
    u32 radius;
    float value;
};

#define NO_OBJECT (-1024.0f)

static __device__ __forceinline__ float enlarged(const Mask &p, u32 i) {
    return lerp_at(p.from, p.from_side, p.taps[i % p.side], p.taps[i / p.side]);
}

extern "C" __global__ void __launch_bounds__(THREADS) mask_enlarge(Mask p) {
    u32 i = blockIdx.x * THREADS + threadIdx.x;
    if (i < p.side * p.side) p.to[i] = enlarged(p, i);
}

extern "C" __global__ void __launch_bounds__(THREADS) mask_fill(Mask p) {
    u32 i = blockIdx.x * THREADS + threadIdx.x;
    if (i < p.side * p.side) p.to[i] = p.value;
}

// How far the gate is open: not at all at a logit of -4, wholly at 0.
extern "C" __global__ void __launch_bounds__(THREADS) gate_open(Mask p) {
    u32 i = blockIdx.x * THREADS + threadIdx.x;
    if (i < p.side * p.side) p.to[i] = clamped((p.from[i] + 4.0f) / 4.0f, 0.0f, 1.0f);
}

// The largest of each window along rows, which become columns.
extern "C" __global__ void __launch_bounds__(THREADS) gate_widen(Mask p) {
    u32 i = blockIdx.x * THREADS + threadIdx.x;
    if (i >= p.side * p.side) return;
    u32 x = i % p.side, y = i / p.side;
    u32 first = x > p.radius ? x - p.radius : 0, end = min(x + p.radius + 1, p.side);
    float largest = 0.0f;
    for (u32 at = first; at < end; at++) largest = fmaxf(largest, p.from[y * p.side + at]);
    p.to[x * p.side + y] = largest;
}

// The mean of each window along rows, which become columns.
extern "C" __global__ void __launch_bounds__(THREADS) gate_soften(Mask p) {
    u32 i = blockIdx.x * THREADS + threadIdx.x;
    if (i >= p.side * p.side) return;
    u32 x = i % p.side, y = i / p.side;
    u32 first = x > p.radius ? x - p.radius : 0, end = min(x + p.radius + 1, p.side);
    float sum = 0.0f;
    for (u32 at = first; at < end; at++) sum += p.from[y * p.side + at];
    p.to[x * p.side + y] = sum / (float)(end - first);
}

// The logit of `sigmoid(logit) * open`.
extern "C" __global__ void __launch_bounds__(THREADS) gate_apply(Mask p) {
    u32 i = blockIdx.x * THREADS + threadIdx.x;
    if (i >= p.side * p.side) return;
    float open = enlarged(p, i), logit = p.to[i];
    if (open >= 0.999f) return;
    float gated = logf(open) - logf(1.0f - open + expf(-logit));
    p.to[i] = open <= 0.0f ? NO_OBJECT : fmaxf(gated, NO_OBJECT);
}

struct Finite {
    const float *values;
    u32 *found;  // becomes 1 where one is not
    u32 len;
};

extern "C" __global__ void __launch_bounds__(THREADS) find_not_finite(Finite p) {
    u32 i = blockIdx.x * THREADS + threadIdx.x;
    if (i < p.len && !(fabsf(p.values[i]) <= 3.40282347e38f)) *p.found = 1;
}

struct Glance {
    const u8 *image;  // (side, side, 3)
    u32 *cells;       // (GRID, GRID): sums of luma in thousandths
    u32 *colours;     // (STEPS, STEPS, STEPS): how many pixels
    u32 side;
};

#define GRID 16
#define STEP 4
#define STEPS 8

// A pixel of every STEP along both sides a thread.
extern "C" __global__ void __launch_bounds__(THREADS) glance(Glance p) {
    u32 samples = (p.side + STEP - 1) / STEP;
    u32 i = blockIdx.x * THREADS + threadIdx.x;
    if (i >= samples * samples) return;
    u32 x = i % samples * STEP, y = i / samples * STEP;
    const u8 *rgb = p.image + 3 * ((size_t)y * p.side + x);
    u32 r = rgb[0], g = rgb[1], b = rgb[2];
    atomicAdd(p.cells + y * GRID / p.side * GRID + x * GRID / p.side, 299 * r + 587 * g + 114 * b);
    atomicAdd(p.colours + (r * STEPS / 256 * STEPS + g * STEPS / 256) * STEPS + b * STEPS / 256, 1);
}
