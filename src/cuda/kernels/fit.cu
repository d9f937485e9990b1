// Logits to what alpha is at any size: a sigmoid, or a guided filter's slope and offset.

struct Fit {
    const u8 *image;      // (side, side, 3)
    const float *logits;  // (side, side)
    float *offset;        // (side, side)
    u16 *luma;            // (side, side), 0..=65280
    uint4 *cells;         // (grid, grid): sums of luma, alpha, luma squared, luma times alpha
    float *slopes;        // (grid, grid), before the mean
    float *slope;         // (grid, grid)
    const Tap *taps;      // (side), from grid
    u32 side;
    u32 cell;             // pixels along a cell: 4, 2 or 1
    u32 grid;
};

#define ONE 4080.0f
#define EPS 1e-3f

static __device__ __forceinline__ float sigmoid(float logit) {
    const float saturated = 6.232448f;
    float x = 0.5f * clamped(logit, -saturated, saturated);
    float x2 = x * x;
    float above = x * (135135.0f + x2 * (17325.0f + x2 * (378.0f + x2)));
    float below = 135135.0f + x2 * (62370.0f + x2 * (3150.0f + x2 * 28.0f));
    float near = 0.5f + 0.5f * (above / below);
    float low = logit <= -saturated ? 0.0f : near;
    return logit >= saturated ? 1.0f : low;
}

// BT.709's luma in 0..=65280.
static __device__ __forceinline__ u32 luma_of(u32 r, u32 g, u32 b) {
    return (13933 * r + 46871 * g + 4732 * b) >> 8;
}

// 4 pixels a thread: alpha alone.
extern "C" __global__ void __launch_bounds__(THREADS) fit_alpha(Fit p) {
    u32 i = (blockIdx.x * THREADS + threadIdx.x) * 4, pixels = p.side * p.side;
    if (i + 4 <= pixels) {
        float4 l = *(const float4 *)(p.logits + i);
        *(float4 *)(p.offset + i) = make_float4(sigmoid(l.x), sigmoid(l.y), sigmoid(l.z), sigmoid(l.w));
        return;
    }
    for (; i < pixels; i++) p.offset[i] = sigmoid(p.logits[i]);
}

static __device__ __forceinline__ void add_pixel(uint4 &sums, u32 luma, float alpha) {
    u32 l = luma >> 4;
    // Not-a-number is 0.
    u32 a = __float_as_uint(fmaxf(alpha * ONE, 0.0f) + 12582912.0f) & 0xffff;
    sums.x += l;
    sums.y += a;
    sums.z += l * l;
    sums.w += l * a;
}

// A cell a thread: alpha into `offset`, luma, and the cell's sums.
extern "C" __global__ void __launch_bounds__(THREADS) fit_cells(Fit p) {
    u32 i = blockIdx.x * THREADS + threadIdx.x;
    if (i >= p.grid * p.grid) return;
    uint4 sums = make_uint4(0, 0, 0, 0);
    for (u32 row = 0; row < p.cell; row++) {
        size_t start = (size_t)(i / p.grid * p.cell + row) * p.side + i % p.grid * p.cell;
        if (p.cell == 4) {
            float4 l = *(const float4 *)(p.logits + start);
            float4 a = make_float4(sigmoid(l.x), sigmoid(l.y), sigmoid(l.z), sigmoid(l.w));
            const u32 *rgb = (const u32 *)(p.image + 3 * start);
            u32 b0 = rgb[0], b1 = rgb[1], b2 = rgb[2];
            ushort4 y = make_ushort4(
                luma_of(b0 & 255, b0 >> 8 & 255, b0 >> 16 & 255), luma_of(b0 >> 24, b1 & 255, b1 >> 8 & 255),
                luma_of(b1 >> 16 & 255, b1 >> 24, b2 & 255), luma_of(b2 >> 8 & 255, b2 >> 16 & 255, b2 >> 24)
            );
            add_pixel(sums, y.x, a.x);
            add_pixel(sums, y.y, a.y);
            add_pixel(sums, y.z, a.z);
            add_pixel(sums, y.w, a.w);
            *(float4 *)(p.offset + start) = a;
            *(ushort4 *)(p.luma + start) = y;
            continue;
        }
        for (u32 x = 0; x < p.cell; x++) {
            const u8 *rgb = p.image + 3 * (start + x);
            float alpha = sigmoid(p.logits[start + x]);
            u32 luma = luma_of(rgb[0], rgb[1], rgb[2]);
            add_pixel(sums, luma, alpha);
            p.offset[start + x] = alpha;
            p.luma[start + x] = (u16)luma;
        }
    }
    p.cells[i] = sums;
}

// A cell a thread: cov(luma, alpha) / (var(luma) + EPS) over it and its neighbours.
extern "C" __global__ void __launch_bounds__(THREADS) fit_slopes(Fit p) {
    u32 i = blockIdx.x * THREADS + threadIdx.x;
    if (i >= p.grid * p.grid) return;
    u32 x = i % p.grid, y = i / p.grid;
    u32 x0 = x ? x - 1 : 0, x1 = min(x + 2, p.grid), y0 = y ? y - 1 : 0, y1 = min(y + 2, p.grid);
    uint4 s = make_uint4(0, 0, 0, 0);
    for (u32 r = y0; r < y1; r++) {
        for (u32 c = x0; c < x1; c++) {
            uint4 cell = p.cells[r * p.grid + c];
            s.x += cell.x;
            s.y += cell.y;
            s.z += cell.z;
            s.w += cell.w;
        }
    }
    long long pixels = (long long)((x1 - x0) * (y1 - y0) * p.cell * p.cell);
    long long covariance = pixels * s.w - (long long)s.x * s.y;
    long long variance = pixels * s.z - (long long)s.x * s.x;
    float unit = ONE * (float)pixels;
    p.slopes[i] = __ll2float_rn(covariance) / (__ll2float_rn(variance) + EPS * unit * unit);
}

// A cell a thread: the mean over it and its neighbours; column sums first, as on the CPU.
extern "C" __global__ void __launch_bounds__(THREADS) fit_mean(Fit p) {
    u32 i = blockIdx.x * THREADS + threadIdx.x;
    if (i >= p.grid * p.grid) return;
    u32 x = i % p.grid, y = i / p.grid;
    u32 y0 = y ? y - 1 : 0, y1 = min(y + 2, p.grid);
    float columns[3];
    for (u32 c = 0; c < 3; c++) {
        columns[c] = 0.0f;
        if (x + c == 0 || x + c > p.grid) continue;
        for (u32 r = y0; r < y1; r++) columns[c] += p.slopes[r * p.grid + x + c - 1];
    }
    u32 across = 3 - (x == 0) - (x + 1 == p.grid);
    float count = (float)(y1 - y0) * (float)across;
    p.slope[i] = (columns[0] + columns[1] + columns[2]) / count;
}

// 4 pixels a thread: offset -= slope * luma.
extern "C" __global__ void __launch_bounds__(THREADS) fit_offset(Fit p) {
    u32 x0 = (blockIdx.x * THREADS + threadIdx.x) * 4, y = blockIdx.y;
    if (x0 >= p.side) return;
    Tap ty = p.taps[y];
    size_t start = (size_t)y * p.side + x0;
    if (p.side % 4 == 0) {
        float4 o = *(float4 *)(p.offset + start);
        ushort4 l = *(const ushort4 *)(p.luma + start);
        o.x -= lerp_at(p.slope, p.grid, p.taps[x0], ty) * (float)l.x * (1.0f / 65280.0f);
        o.y -= lerp_at(p.slope, p.grid, p.taps[x0 + 1], ty) * (float)l.y * (1.0f / 65280.0f);
        o.z -= lerp_at(p.slope, p.grid, p.taps[x0 + 2], ty) * (float)l.z * (1.0f / 65280.0f);
        o.w -= lerp_at(p.slope, p.grid, p.taps[x0 + 3], ty) * (float)l.w * (1.0f / 65280.0f);
        *(float4 *)(p.offset + start) = o;
        return;
    }
    for (u32 i = 0; i < 4 && x0 + i < p.side; i++) {
        float slope = lerp_at(p.slope, p.grid, p.taps[x0 + i], ty);
        p.offset[start + i] -= slope * (float)p.luma[start + i] * (1.0f / 65280.0f);
    }
}
