// Pixel work on a CUDA device. Each kernel gives the same bytes as the CPU's code in `src/frame`,
// whose files say what is computed and why; these say how it is spread over threads.
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
#define THREADS 256  // of a block, unless it is of pixels

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

// A plane (side, side) at an output pixel, bilinearly: along rows first.
static __device__ __forceinline__ float lerp_at(const float *plane, u32 side, Tap tx, Tap ty) {
    const float *above = plane + (size_t)ty.left * side;
    const float *below = plane + (size_t)min(ty.left + 1, side - 1) * side;
    u32 right = min(tx.left + 1, side - 1);
    float a = above[tx.left] + (above[right] - above[tx.left]) * tx.weight;
    float b = below[tx.left] + (below[right] - below[tx.left]) * tx.weight;
    return a + (b - a) * ty.weight;
}
