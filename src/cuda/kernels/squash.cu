// A frame to the square picture that the model sees.

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
