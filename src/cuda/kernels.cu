// Pixel work on a CUDA device. Each kernel gives the same bytes as the CPU's code in `src/frame`,
// whose files say what is computed and why; this one says how it is spread over threads.
//
// Compiled by NVRTC for a device, and as C++ for the emulated driver of the tests. Built without
// contraction of products and sums, so that floats come out as on the CPU.

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;

// One component of a picture: sample (x, y) lies at data + y * stride + x * step.
struct Component {
    const u8 *data;
    u32 stride;
    u32 step;
};

// A picture to read: R, G, B, or Y', Cb, Cr, or Y' alone.
struct Source {
    Component component[3];
    u32 width;
    u32 height;
    u32 count;       // components
    u32 subsampled;  // chroma has half the width and half the height
    u32 ten_bits;    // P010's words
};

// Linear interpolation: samples `left` and `left + 1`, the right one's weight.
struct Tap {
    u32 left;
    float weight;
};

// out[i] = m[i] . samples + k[i]
struct Affine {
    float m[3][3];
    float k[3];
};

// Y'CbCr to R'G'B' in words of 16 bits; sums keep FRACTION bits below a byte's.
struct FromYuv {
    u32 luma_shift;
    u32 chroma_shift;
    int centre;
    int luma;
    int red_v;
    int green[2];
    int blue_u;
    int k[2];  // of red and blue, and of green
};

#define FRACTION 5

static __device__ __forceinline__ float weighted(const float s[3], const float m[3], float k) {
    return s[0] * m[0] + s[1] * m[1] + s[2] * m[2] + k;
}

static __device__ __forceinline__ float clamped(float v, float low, float high) {
    return v < low ? low : (v > high ? high : v);
}

// To the nearest of 0..=255, halves to even; not-a-number is 0.
static __device__ __forceinline__ u32 to_byte(float v) {
    return __float_as_uint(fminf(fmaxf(v, 0.0f), 255.0f) + 12582912.0f) & 0xff;
}

static __device__ __forceinline__ u32 affine(const Affine &map, const float s[3], int i) {
    return to_byte(weighted(s, map.m[i], map.k[i]));
}

static __device__ __forceinline__ u32 whole_byte(int colour) {
    colour >>= FRACTION;
    return colour < 0 ? 0 : (colour > 255 ? 255 : colour);
}

static __device__ __forceinline__ void yuv_to_rgb(const FromYuv &map, int y, int u, int v, u32 rgb[3]) {
    y = y * (1 << map.luma_shift) * map.luma >> 16;
    u = (u - map.centre) * (1 << map.chroma_shift);
    v = (v - map.centre) * (1 << map.chroma_shift);
    rgb[0] = whole_byte(y + (v * map.red_v >> 16) + map.k[0]);
    rgb[1] = whole_byte(y + (u * map.green[0] >> 16) + (v * map.green[1] >> 16) + map.k[1]);
    rgb[2] = whole_byte(y + (u * map.blue_u >> 16) + map.k[0]);
}

static __device__ __forceinline__ const u8 *at(const Component &c, u32 x, u32 y) {
    return c.data + (size_t)y * c.stride + (size_t)x * c.step;
}

// ---- squash ---------------------------------------------------------------------------------

// One direction of resizing: `taps` weights for each output, from its `first` input on.
struct Axis {
    const u32 *first;
    const u16 *weights;  // [tap * outputs + output]
    u32 taps;
    u32 inputs;
};

struct Squash {
    Source source;
    Axis across[2];  // of the first component, of chroma
    Axis down[2];
    FromYuv to_rgb;
    u32 is_rgb;
    u32 side;
    u8 *image;  // (side, side, 3)
};

#define TILE_W 64
#define TILE_H 16
#define ROWS 16  // rows of the frame between two barriers
#define THREADS 256
#define OUTPUTS 4  // pixels of a thread: TILE_W * TILE_H / THREADS

static __device__ __forceinline__ u32 byte_at(const Source &s, u32 i, u32 x, u32 y) {
    const u8 *p = at(s.component[i], x, y);
    if (!s.ten_bits) return *p;
    u32 word = *(const u16 *)p + 128u;
    return (word > 0xffff ? 0xffff : word) >> 8;
}

// Sums of one component for this thread's outputs: columns of a tile first, rows after.
static __device__ __forceinline__ void squash_component(
    const Squash &p, u32 i, u32 x0, u32 y0, u16 (*between)[TILE_W], u32 sums[OUTPUTS]
) {
    const Axis &across = p.across[i > 0 && p.source.subsampled];
    const Axis &down = p.down[i > 0 && p.source.subsampled];
    u32 column = threadIdx.x % TILE_W, lane = threadIdx.x / TILE_W;
    u32 x = min(x0 + column, p.side - 1);
    u32 left = across.first[x];
    u32 y_last = min(y0 + TILE_H, p.side) - 1;
    u32 top = down.first[y0], bottom = min(down.first[y_last] + down.taps, down.inputs);
    for (int n = 0; n < OUTPUTS; n++) sums[n] = 1u << 21;
    for (u32 start = top; start < bottom; start += ROWS) {
        u32 end = min(start + ROWS, bottom);
        for (u32 r = start + lane; r < end; r += THREADS / TILE_W) {
            u32 sum = 1u << 5;
            for (u32 t = 0; t < across.taps; t++) {
                // Taps beyond the plane have no weight.
                u32 from = min(left + t, across.inputs - 1);
                sum += byte_at(p.source, i, from, r) * across.weights[t * p.side + x];
            }
            between[r - start][column] = (u16)(sum >> 6);
        }
        __syncthreads();
        for (int n = 0; n < OUTPUTS; n++) {
            u32 y = min(y0 + lane + n * (THREADS / TILE_W), p.side - 1);
            u32 first = down.first[y];
            u32 from = max(first, start), to = min(first + down.taps, end);
            for (u32 r = from; r < to; r++)
                sums[n] += down.weights[(r - first) * p.side + y] * (u32)between[r - start][column];
        }
        __syncthreads();
    }
}

// Frame to picture, every pixel of the frame read from memory once (neighbouring tiles share rows
// and columns through the cache). A block makes TILE_W by TILE_H pixels.
extern "C" __global__ void __launch_bounds__(THREADS) squash(Squash p) {
    __shared__ u16 between[ROWS][TILE_W];
    __shared__ uint4 pixels[TILE_H * TILE_W * 3 / 16];
    u8 *tile = (u8 *)pixels;
    u32 x0 = blockIdx.x * TILE_W, y0 = blockIdx.y * TILE_H;
    u32 column = threadIdx.x % TILE_W, lane = threadIdx.x / TILE_W;
    u8 *pixel = tile + (lane * TILE_W + column) * 3;
    const u32 next = THREADS / TILE_W * TILE_W * 3;
    for (u32 i = 0; i < 3; i++) {
        u32 sums[OUTPUTS] = {128u << 22, 128u << 22, 128u << 22, 128u << 22};
        if (i < p.source.count) squash_component(p, i, x0, y0, between, sums);
        for (int n = 0; n < OUTPUTS; n++) pixel[n * next + i] = (u8)(sums[n] >> 22);
    }
    for (int n = 0; n < OUTPUTS && !p.is_rgb; n++, pixel += next) {
        u32 rgb[3];
        yuv_to_rgb(p.to_rgb, pixel[0], pixel[1], pixel[2], rgb);
        for (int i = 0; i < 3; i++) pixel[i] = (u8)rgb[i];
    }
    __syncthreads();
    u32 width = min(TILE_W, p.side - x0), height = min(TILE_H, p.side - y0);
    u8 *out = p.image + ((size_t)y0 * p.side + x0) * 3;
    if (width == TILE_W && p.side % 16 == 0) {
        for (u32 i = threadIdx.x; i < height * (TILE_W * 3 / 16); i += THREADS) {
            u32 row = i / (TILE_W * 3 / 16), part = i % (TILE_W * 3 / 16);
            *(uint4 *)(out + (size_t)row * p.side * 3 + part * 16) = pixels[i];
        }
        return;
    }
    for (u32 i = threadIdx.x; i < height * width * 3; i += THREADS) {
        u32 row = i / (width * 3), byte = i % (width * 3);
        out[(size_t)row * p.side * 3 + byte] = tile[row * TILE_W * 3 + byte];
    }
}

// ---- refine ---------------------------------------------------------------------------------

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

// A plane (side, side) at an output pixel, bilinearly: along rows first.
static __device__ __forceinline__ float lerp_at(const float *plane, u32 side, Tap tx, Tap ty) {
    const float *above = plane + (size_t)ty.left * side;
    const float *below = plane + (size_t)min(ty.left + 1, side - 1) * side;
    u32 right = min(tx.left + 1, side - 1);
    float a = above[tx.left] + (above[right] - above[tx.left]) * tx.weight;
    float b = below[tx.left] + (below[right] - below[tx.left]) * tx.weight;
    return a + (b - a) * ty.weight;
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

// ---- composite ------------------------------------------------------------------------------

struct Composite {
    Source source;
    const float *slope;   // (grid, grid); none where grid is 0
    const float *offset;  // (side, side)
    const Tap *slope_x;
    const Tap *slope_y;
    const Tap *offset_x;
    const Tap *offset_y;
    u32 grid;
    u32 side;
    float luma[3];
    float luma_k;
    Affine to_target;
    FromYuv from_yuv;
    u32 yuv_to_rgb;  // by `from_yuv`
    u32 blend;      // draw colours towards `anchor` as alpha falls
    u32 anchor[3];
    u32 opaque;     // write 255 for alpha
    u32 shifts[4];  // of the three colours and alpha in a packed pixel
    u32 direct;     // 4:2:0 chroma goes to 4:2:0 chroma:
    float chroma_m[2];
    float chroma_k[2];
    u8 *plane[4];
    u32 stride[4];
    u32 aligned;    // 16 bytes: of the target's rows, and the source's where it is packed or luma
};

#define BLOCK_W 32
#define BLOCK_H 8
#define CHROMA_SCALE 8

static __device__ __forceinline__ u32 raw_at(const Source &s, u32 i, u32 x, u32 y) {
    const u8 *p = at(s.component[i], x, y);
    return s.ten_bits ? *(const u16 *)p >> 6 : *p;
}

// Cb or Cr at full size, times 8 and times CHROMA_SCALE / 8.
static __device__ __forceinline__ float chroma_at(const Source &s, u32 i, u32 x, u32 y) {
    u32 last_row = (s.height + 1) / 2 - 1, last = (s.width + 1) / 2 - 1;
    u32 near = y / 2, far = y % 2 ? min(near + 1, last_row) : (near ? near - 1 : 0);
    u32 c = x / 2, next = min(c + x % 2, last);
    u32 here = 3 * raw_at(s, i, c, near) + raw_at(s, i, c, far);
    u32 beside = next == c ? here : 3 * raw_at(s, i, next, near) + raw_at(s, i, next, far);
    return (float)(here + beside);
}

// Samples of up to 4 pixels from x0 on, as wide as `count`; x0 is a multiple of 4.
static __device__ __forceinline__ void read_samples(
    const Source &s, u32 x0, u32 y, u32 count, bool wide, float samples[4][3]
) {
    if (wide && count == 4 && s.component[0].step == 4) {
        // The lowest of the three lies within the pixel's first two bytes.
        const u8 *first = s.component[0].data;
        for (int i = 1; i < 3; i++)
            if (s.component[i].data < first) first = s.component[i].data;
        const u8 *base = (const u8 *)((size_t)first & ~(size_t)3);
        uint4 four = *(const uint4 *)(base + (size_t)y * s.component[0].stride + (size_t)x0 * 4);
        u32 pixel[4] = {four.x, four.y, four.z, four.w};
        for (int n = 0; n < 4; n++)
            for (int i = 0; i < 3; i++)
                samples[n][i] = (float)(pixel[n] >> (8 * (u32)(s.component[i].data - base)) & 255);
        return;
    }
    if (wide && count == 4 && s.component[0].step == 1) {
        u32 four = *(const u32 *)at(s.component[0], x0, y);
        for (int n = 0; n < 4; n++) samples[n][0] = (float)(four >> (8 * n) & 255);
    } else {
        for (u32 n = 0; n < 4; n++) samples[n][0] = (float)raw_at(s, 0, min(x0 + n, s.width - 1), y);
    }
    for (u32 n = 0; n < 4; n++) {
        u32 x = min(x0 + n, s.width - 1);
        for (u32 i = 1; i < 3; i++) {
            if (s.subsampled) samples[n][i] = chroma_at(s, i, x, y);
            else samples[n][i] = s.count == 1 ? 128.0f * CHROMA_SCALE : (float)raw_at(s, i, x, y);
        }
    }
}

// Before it is clamped to 0..=1.
static __device__ __forceinline__ float coverage_at(const Composite &p, const float s[3], u32 x, u32 y) {
    float offset = lerp_at(p.offset, p.side, p.offset_x[x], p.offset_y[y]);
    if (p.grid == 0) return offset;
    float slope = lerp_at(p.slope, p.grid, p.slope_x[x], p.slope_y[y]);
    float luma = clamped(weighted(s, p.luma, p.luma_k), 0.0f, 1.0f);
    return slope * luma + offset;
}

static __device__ __forceinline__ u32 alpha_at(const Composite &p, const float s[3], u32 x, u32 y) {
    return to_byte(255.0f * coverage_at(p, s, x, y));
}

// value * alpha + anchor * (1 - alpha), to the nearest.
static __device__ __forceinline__ u32 blended(u32 value, u32 alpha, u32 anchor) {
    u32 sum = value * alpha + anchor * (255 - alpha) + 128;
    return (sum + (sum >> 8)) >> 8;
}

static __device__ __forceinline__ void store_bytes(u8 *out, u32 count, bool wide, const u32 bytes[4]) {
    if (wide && count == 4) {
        *(u32 *)out = bytes[0] | bytes[1] << 8 | bytes[2] << 16 | bytes[3] << 24;
        return;
    }
    for (u32 n = 0; n < count; n++) out[n] = (u8)bytes[n];
}

// GRAY8: 4 pixels a thread.
extern "C" __global__ void __launch_bounds__(BLOCK_W *BLOCK_H) composite_gray(Composite p) {
    u32 x0 = (blockIdx.x * BLOCK_W + threadIdx.x) * 4, y = blockIdx.y * BLOCK_H + threadIdx.y;
    if (x0 >= p.source.width || y >= p.source.height) return;
    u32 count = min(4, p.source.width - x0);
    float samples[4][3];
    read_samples(p.source, x0, y, count, p.aligned, samples);
    u32 alpha[4];
    for (u32 n = 0; n < 4; n++) alpha[n] = alpha_at(p, samples[n], min(x0 + n, p.source.width - 1), y);
    store_bytes(p.plane[0] + (size_t)y * p.stride[0] + x0, count, p.aligned, alpha);
}

// GRAY16_LE: 4 pixels a thread.
extern "C" __global__ void __launch_bounds__(BLOCK_W *BLOCK_H) composite_gray16(Composite p) {
    u32 x0 = (blockIdx.x * BLOCK_W + threadIdx.x) * 4, y = blockIdx.y * BLOCK_H + threadIdx.y;
    if (x0 >= p.source.width || y >= p.source.height) return;
    u32 count = min(4, p.source.width - x0);
    float samples[4][3];
    read_samples(p.source, x0, y, count, p.aligned, samples);
    u8 *out = p.plane[0] + (size_t)y * p.stride[0] + (size_t)x0 * 2;
    for (u32 n = 0; n < count; n++) {
        float value = 65535.0f * coverage_at(p, samples[n], x0 + n, y);
        u32 word = __float_as_uint(fminf(fmaxf(value, 0.0f), 65535.0f) + 12582912.0f);
        out[2 * n] = (u8)word;
        out[2 * n + 1] = (u8)(word >> 8);
    }
}

// RGBA and its relatives, AYUV: 4 pixels, 16 bytes a thread.
extern "C" __global__ void __launch_bounds__(BLOCK_W *BLOCK_H) composite_packed(Composite p) {
    u32 x0 = (blockIdx.x * BLOCK_W + threadIdx.x) * 4, y = blockIdx.y * BLOCK_H + threadIdx.y;
    if (x0 >= p.source.width || y >= p.source.height) return;
    u32 count = min(4, p.source.width - x0);
    float samples[4][3];
    read_samples(p.source, x0, y, count, p.aligned, samples);
    u32 packed[4];
    for (u32 n = 0; n < 4; n++) {
        u32 alpha = alpha_at(p, samples[n], min(x0 + n, p.source.width - 1), y);
        packed[n] = (p.opaque ? 255 : alpha) << p.shifts[3];
        const float *s = samples[n];
        u32 colour[3];
        if (p.yuv_to_rgb) yuv_to_rgb(p.from_yuv, (int)s[0], (int)s[1], (int)s[2], colour);
        else for (int i = 0; i < 3; i++) colour[i] = affine(p.to_target, s, i);
        for (int i = 0; i < 3; i++) {
            if (p.blend) colour[i] = blended(colour[i], alpha, p.anchor[i]);
            packed[n] |= colour[i] << p.shifts[i];
        }
    }
    u8 *out = p.plane[0] + (size_t)y * p.stride[0] + (size_t)x0 * 4;
    if (p.aligned && count == 4) {
        *(uint4 *)out = make_uint4(packed[0], packed[1], packed[2], packed[3]);
        return;
    }
    for (u32 n = 0; n < count; n++)
        for (int b = 0; b < 4; b++) out[4 * n + b] = (u8)(packed[n] >> (8 * b));
}

// Weights 1, 2, 1 around even column x of one row, as wide as `values` reach.
struct Halves {
    u32 sum[2][3];  // of two chroma columns: Cb, Cr, alpha
};

static __device__ __forceinline__ void add_halves(
    Halves &halves, u32 x0, u32 width, u32 weight, const u32 values[5][3]
) {
    for (u32 h = 0; h < 2; h++) {
        u32 x = x0 + 2 * h;
        if (x >= width) return;
        for (int i = 0; i < 3; i++) {
            u32 left = x == 0 ? values[1][i] : values[2 * h][i];
            u32 right = x + 1 < width ? values[2 * h + 2][i] : values[2 * h + 1][i];
            halves.sum[h][i] += weight * (left + 2 * values[2 * h + 1][i] + right);
        }
    }
}

// A420: 4 pixels of two rows a thread, and their chroma.
extern "C" __global__ void __launch_bounds__(BLOCK_W *BLOCK_H) composite_a420(Composite p) {
    u32 x0 = (blockIdx.x * BLOCK_W + threadIdx.x) * 4, y0 = (blockIdx.y * BLOCK_H + threadIdx.y) * 2;
    u32 width = p.source.width, height = p.source.height;
    if (x0 >= width || y0 >= height) return;
    u32 count = min(4, width - x0), rows = min(2, height - y0);
    Halves halves = {{{0, 0, 0}, {0, 0, 0}}};
    for (u32 row = 0; row < rows; row++) {
        u32 y = y0 + row;
        // Column n lies at n + 1; before it, its neighbour to the left.
        float samples[5][3];
        u32 luma[4], alphas[4], values[5][3];
        read_samples(p.source, x0, y, count, p.aligned, samples + 1);
        if (!(p.direct && !p.blend) && x0 > 0) {
            float before[4][3];
            read_samples(p.source, x0 - 1, y, 1, false, before);
            for (int i = 0; i < 3; i++) samples[0][i] = before[0][i];
        } else {
            for (int i = 0; i < 3; i++) samples[0][i] = samples[1][i];
        }
        for (u32 n = 0; n < 5; n++) {
            u32 x = n == 0 ? (x0 ? x0 - 1 : 0) : min(x0 + n - 1, width - 1);
            u32 alpha = alpha_at(p, samples[n], x, y);
            values[n][0] = affine(p.to_target, samples[n], 1);
            values[n][1] = affine(p.to_target, samples[n], 2);
            values[n][2] = alpha;
            if (n == 0) continue;
            u32 value = affine(p.to_target, samples[n], 0);
            luma[n - 1] = p.blend ? blended(value, alpha, p.anchor[0]) : value;
            alphas[n - 1] = p.opaque ? 255 : alpha;
        }
        store_bytes(p.plane[0] + (size_t)y * p.stride[0] + x0, count, p.aligned, luma);
        store_bytes(p.plane[3] + (size_t)y * p.stride[3] + x0, count, p.aligned, alphas);
        add_halves(halves, x0, width, rows == 1 ? 2 : 1, values);
    }
    for (u32 h = 0; h < (count + 1) / 2; h++) {
        u32 x = x0 / 2 + h, y = y0 / 2;
        u32 alpha = (halves.sum[h][2] + 4) >> 3;
        for (u32 i = 0; i < 2; i++) {
            u32 value = (halves.sum[h][i] + 4) >> 3;
            if (p.direct)
                value = to_byte((float)raw_at(p.source, 1 + i, x, y) * p.chroma_m[i] + p.chroma_k[i]);
            if (p.blend) value = blended(value, alpha, p.anchor[1 + i]);
            p.plane[1 + i][(size_t)y * p.stride[1 + i] + x] = (u8)value;
        }
    }
}
