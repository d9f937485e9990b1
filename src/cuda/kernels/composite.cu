// The frame's own colours with alpha, in the layout that goes on.

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
template <bool ESTIMATED>
static __device__ __forceinline__ void packed(const Composite &p) {
    u32 x0 = (blockIdx.x * BLOCK_W + threadIdx.x) * 4, y = blockIdx.y * BLOCK_H + threadIdx.y;
    if (x0 >= p.source.width || y >= p.source.height) return;
    u32 count = min(4, p.source.width - x0);
    float samples[4][3];
    read_samples(p.source, x0, y, count, p.aligned, samples);
    bool estimated = ESTIMATED && *p.guesses.has_both;
    u32 packed[4];
#pragma unroll
    for (u32 n = 0; n < 4; n++) {
        u32 alpha = alpha_at(p, samples[n], min(x0 + n, p.source.width - 1), y);
        packed[n] = (p.opaque ? 255 : alpha) << p.shifts[3];
        const float *s = samples[n];
        u32 colour[3];
        if (p.yuv_to_rgb) yuv_to_rgb(p.from_yuv, (int)s[0], (int)s[1], (int)s[2], colour);
        else for (int i = 0; i < 3; i++) colour[i] = affine(p.to_target, s, i);
        if (estimated) separate(p.guesses, x0 + n, y, alpha, colour);
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

extern "C" __global__ void __launch_bounds__(BLOCK_W *BLOCK_H) composite_packed(Composite p) { packed<false>(p); }
extern "C" __global__ void __launch_bounds__(BLOCK_W *BLOCK_H, 2) composite_packed_estimated(Composite p) { packed<true>(p); }

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
template <bool ESTIMATED>
static __device__ __forceinline__ void a420(const Composite &p) {
    u32 x0 = (blockIdx.x * BLOCK_W + threadIdx.x) * 4, y0 = (blockIdx.y * BLOCK_H + threadIdx.y) * 2;
    u32 width = p.source.width, height = p.source.height;
    if (x0 >= width || y0 >= height) return;
    u32 count = min(4, width - x0), rows = min(2, height - y0);
    bool estimated = ESTIMATED && *p.guesses.has_both;
    Halves halves = {{{0, 0, 0}, {0, 0, 0}}};
    for (u32 row = 0; row < rows; row++) {
        u32 y = y0 + row;
        // Column n lies at n + 1; before it, its neighbour to the left.
        float samples[5][3];
        u32 luma[4], alphas[4], values[5][3];
        read_samples(p.source, x0, y, count, p.aligned, samples + 1);
        if ((estimated || !p.direct || p.blend) && x0 > 0) {
            float before[4][3];
            read_samples(p.source, x0 - 1, y, 1, false, before);
            for (int i = 0; i < 3; i++) samples[0][i] = before[0][i];
        } else {
            for (int i = 0; i < 3; i++) samples[0][i] = samples[1][i];
        }
#pragma unroll
        for (u32 n = 0; n < 5; n++) {
            u32 x = n == 0 ? (x0 ? x0 - 1 : 0) : min(x0 + n - 1, width - 1);
            u32 alpha = alpha_at(p, samples[n], x, y);
            u32 colour[3];
            for (int i = 0; i < 3; i++) colour[i] = affine(p.to_target, samples[n], i);
            if (estimated) separate(p.guesses, x, y, alpha, colour);
            values[n][0] = colour[1];
            values[n][1] = colour[2];
            values[n][2] = alpha;
            if (n == 0) continue;
            luma[n - 1] = p.blend ? blended(colour[0], alpha, p.anchor[0]) : colour[0];
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
            // Where nothing is estimated, chroma passes as it is.
            if (p.direct && (!estimated || alpha == 0 || alpha == 255))
                value = to_byte((float)raw_at(p.source, 1 + i, x, y) * p.chroma_m[i] + p.chroma_k[i]);
            if (p.blend) value = blended(value, alpha, p.anchor[1 + i]);
            p.plane[1 + i][(size_t)y * p.stride[1 + i] + x] = (u8)value;
        }
    }
}

extern "C" __global__ void __launch_bounds__(BLOCK_W *BLOCK_H) composite_a420(Composite p) { a420<false>(p); }
extern "C" __global__ void __launch_bounds__(BLOCK_W *BLOCK_H, 2) composite_a420_estimated(Composite p) { a420<true>(p); }
