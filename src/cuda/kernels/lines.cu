// Alpha fitted to colours, window by window: see `src/frame/color_lines.rs`. A cell a thread.

struct Lines {
    const u8 *image;     // (side, side, 3)
    const float *logits; // (side, side)
    float *colours;      // (3, grid, grid): means of cells, less one half
    float *means;        // (3, grid, grid): of windows
    float *factors;      // (6, grid, grid): of the colours' covariances
    float *alpha;        // (grid, grid)
    float *fits;         // (5, grid, grid): slopes and offset of windows, and the share they explain
    float *slopes;       // (3, grid, grid)
    float *offset;       // (grid, grid)
    u32 side;
    u32 cell;            // pixels along a cell: 4, 2 or 1
    u32 grid;
    u32 is_last;         // the last round: stretched by less, and colours count from black
    float gain;
};

#define LINES_RADIUS 2
#define LINES_EPS 2e-5f
#define LINES_ALPHA_EPS 1e-4f

// Plane i of several.
static __device__ __forceinline__ float *plane_of(const Lines &p, float *planes, u32 i) {
    return planes + (size_t)i * p.grid * p.grid;
}

// The mean over a window of a plane, or of the product of two; along rows first.
static __device__ __forceinline__ float window_mean(
    const Lines &p, const float *a, const float *b, u32 cell
) {
    int x = (int)(cell % p.grid), y = (int)(cell / p.grid), last = (int)p.grid - 1;
    float sum = 0.0f;
#pragma unroll 1
    for (int dy = -LINES_RADIUS; dy <= LINES_RADIUS; dy++) {
        int row = y + dy < 0 ? 0 : (y + dy > last ? last : y + dy);
        float along = 0.0f;
        for (int dx = -LINES_RADIUS; dx <= LINES_RADIUS; dx++) {
            int column = x + dx < 0 ? 0 : (x + dx > last ? last : x + dx);
            size_t at = (size_t)row * p.grid + column;
            along += b ? a[at] * b[at] : a[at];
        }
        sum += along;
    }
    return sum * (1.0f / 25.0f);
}

// Colours and alpha of cells.
extern "C" __global__ void __launch_bounds__(THREADS) lines_gather(Lines p) {
    u32 i = blockIdx.x * THREADS + threadIdx.x;
    if (i >= p.grid * p.grid) return;
    float scale = 1.0f / (float)(p.cell * p.cell);
    u32 bytes[3] = {0, 0, 0};
    float alpha = 0.0f;
    size_t start = (size_t)(i / p.grid * p.cell) * p.side + i % p.grid * p.cell;
    for (u32 x = 0; x < p.cell; x++) {
        float column = 0.0f;
        for (u32 y = 0; y < p.cell; y++) {
            size_t at = start + (size_t)y * p.side + x;
            for (u32 c = 0; c < 3; c++) bytes[c] += p.image[3 * at + c];
            // Not-a-number is 0.
            column += fmaxf(sigmoid(p.logits[at]), 0.0f);
        }
        alpha += column;
    }
    for (u32 c = 0; c < 3; c++) plane_of(p, p.colours, c)[i] = (float)bytes[c] * (scale / 255.0f) - 0.5f;
    p.alpha[i] = alpha * scale;
}

// Means of colours, and their covariances as L D Lt: inverses of D, then L's members.
extern "C" __global__ void __launch_bounds__(THREADS, 2) lines_measure(Lines p) {
    u32 i = blockIdx.x * THREADS + threadIdx.x;
    if (i >= p.grid * p.grid) return;
    float mean[3], covariance[6];
    for (u32 c = 0; c < 3; c++) {
        mean[c] = window_mean(p, plane_of(p, p.colours, c), nullptr, i);
        plane_of(p, p.means, c)[i] = mean[c];
    }
    u32 n = 0;
#pragma unroll
    for (u32 a = 0; a < 3; a++) {
#pragma unroll
        for (u32 b = a; b < 3; b++, n++) {
            float product = window_mean(p, plane_of(p, p.colours, a), plane_of(p, p.colours, b), i);
            covariance[n] = product - mean[a] * mean[b] + (a == b ? LINES_EPS : 0.0f);
        }
    }
    float d0 = 1.0f / fmaxf(covariance[0], LINES_EPS);
    float l1 = covariance[1] * d0, l2 = covariance[2] * d0;
    float d1 = 1.0f / fmaxf(covariance[3] - l1 * covariance[1], LINES_EPS);
    float rest = covariance[4] - l2 * covariance[1];
    float l3 = rest * d1;
    float d2 = 1.0f / fmaxf(covariance[5] - l2 * covariance[2] - l3 * rest, LINES_EPS);
    float factors[6] = {d0, d1, d2, l1, l2, l3};
    for (u32 f = 0; f < 6; f++) plane_of(p, p.factors, f)[i] = factors[f];
}

// What alpha is in each window, by least squares.
extern "C" __global__ void __launch_bounds__(THREADS, 2) lines_fit(Lines p) {
    u32 i = blockIdx.x * THREADS + threadIdx.x;
    if (i >= p.grid * p.grid) return;
    float mean = window_mean(p, p.alpha, nullptr, i), y[3], means[3], f[6];
    for (u32 c = 0; c < 3; c++) {
        means[c] = plane_of(p, p.means, c)[i];
        y[c] = window_mean(p, plane_of(p, p.colours, c), p.alpha, i) - means[c] * mean;
    }
    float variance = window_mean(p, p.alpha, p.alpha, i) - mean * mean + LINES_ALPHA_EPS;
    for (u32 n = 0; n < 6; n++) f[n] = plane_of(p, p.factors, n)[i];
    float y1 = y[1] - f[3] * y[0];
    float y2 = y[2] - f[4] * y[0] - f[5] * y1;
    float blue = y2 * f[2];
    float green = y1 * f[1] - f[5] * blue;
    float red = y[0] * f[0] - f[3] * green - f[4] * blue;
    plane_of(p, p.fits, 0)[i] = red;
    plane_of(p, p.fits, 1)[i] = green;
    plane_of(p, p.fits, 2)[i] = blue;
    plane_of(p, p.fits, 3)[i] = mean - (red * means[0] + green * means[1] + blue * means[2]);
    float explained = red * y[0] + green * y[1] + blue * y[2];
    plane_of(p, p.fits, 4)[i] = clamped(explained / variance, 0.0f, 1.0f);
}

// A cell's fit is the mean of those of the windows that it lies in; and alpha by it.
extern "C" __global__ void __launch_bounds__(THREADS, 2) lines_average(Lines p) {
    u32 i = blockIdx.x * THREADS + threadIdx.x;
    if (i >= p.grid * p.grid) return;
    float slopes[3], trust = plane_of(p, p.fits, 4)[i];
    for (u32 c = 0; c < 3; c++) {
        slopes[c] = window_mean(p, plane_of(p, p.fits, c), nullptr, i) * p.gain * trust;
        plane_of(p, p.slopes, c)[i] = slopes[c];
    }
    float offset = (window_mean(p, plane_of(p, p.fits, 3), nullptr, i) - 0.5f) * p.gain + 0.5f;
    offset = offset * trust + (1.0f - trust) * p.alpha[i];
    float alpha = 0.0f;
    for (u32 c = 0; c < 3; c++) {
        float of_colour = plane_of(p, p.colours, c)[i] * slopes[c];
        alpha = c ? alpha + of_colour : of_colour;
    }
    p.alpha[i] = clamped(alpha + offset, 0.0f, 1.0f);
    p.offset[i] = p.is_last ? offset - 0.5f * (slopes[0] + slopes[1] + slopes[2]) : offset;
}

// Slopes of R'G'B' in 0..=1 as slopes of a frame's samples.
struct OfSamples {
    const float *slopes;  // (3, grid, grid)
    const float *offset;  // (grid, grid)
    float *sample_slopes;
    float *sample_offset;
    u32 cells;
    Affine to_rgb;        // in 0..=255
};

extern "C" __global__ void __launch_bounds__(THREADS) lines_of_samples(OfSamples p) {
    u32 i = blockIdx.x * THREADS + threadIdx.x;
    if (i >= p.cells) return;
    float s[3];
    for (u32 c = 0; c < 3; c++) s[c] = p.slopes[(size_t)c * p.cells + i];
    for (u32 j = 0; j < 3; j++) {
        float w[3];
        for (u32 c = 0; c < 3; c++) w[c] = p.to_rgb.m[c][j] / 255.0f;
        p.sample_slopes[(size_t)j * p.cells + i] = s[0] * w[0] + s[1] * w[1] + s[2] * w[2];
    }
    float k[3];
    for (u32 c = 0; c < 3; c++) k[c] = p.to_rgb.k[c] / 255.0f;
    p.sample_offset[i] = p.offset[i] + (s[0] * k[0] + s[1] * k[1] + s[2] * k[2]);
}
