// A pixel's samples, and its alpha from them.

#define CELL 8
#define LEVELS 16

// Foreground's three colours and their weight, then background's: sums of both, or means.
struct alignas(16) Sums {
    float of[8];
};

// Both colours over cells of CELL by CELL pixels, and over ever larger ones.
struct Guesses {
    Sums *cells;    // the finest level's first, row by row
    u32 *has_both;  // whether there is a foreground and a background at all
    u32 depth;      // levels
    u32 columns[LEVELS];
    u32 rows[LEVELS];
    u32 start[LEVELS];  // a level's first cell
};

struct Composite {
    Source source;
    const float *slope;   // (grid, grid), or (3, grid, grid) of samples; none where grid is 0
    const float *offset;  // (side, side)
    const Tap *slope_x;
    const Tap *slope_y;
    const Tap *offset_x;
    const Tap *offset_y;
    u32 grid;
    u32 side;
    u32 of_samples;       // a slope for each of the three samples, instead of luma's:
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
    Guesses guesses;
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
    Tap tx = p.slope_x[x], ty = p.slope_y[y];
    float slope = lerp_at(p.slope, p.grid, tx, ty);
    if (p.of_samples) {
        size_t cells = (size_t)p.grid * p.grid;
        float slopes[3] = {
            slope, lerp_at(p.slope + cells, p.grid, tx, ty), lerp_at(p.slope + 2 * cells, p.grid, tx, ty)
        };
        return weighted(s, slopes, offset);
    }
    float luma = clamped(weighted(s, p.luma, p.luma_k), 0.0f, 1.0f);
    return slope * luma + offset;
}

static __device__ __forceinline__ u32 alpha_at(const Composite &p, const float s[3], u32 x, u32 y) {
    return to_byte(255.0f * coverage_at(p, s, x, y));
}
