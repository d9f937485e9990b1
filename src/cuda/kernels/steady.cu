// Logits held still where the picture stands still: `src/frame/steady.rs` says how.

struct Steady {
    const u8 *image;         // (side, side, 3)
    const u8 *past_image;    // the last frame's
    float *logits;           // (side, side)
    float *past_logits;      // the last frame's, then this one's
    float *cells;            // (grid, grid): how much each changed
    float *shares;           // (grid, grid): the past's
    float *noise;            // the picture's, and 1 where the scene is the same, else 0
    const Tap *taps;         // (side), from grid
    u32 side;
    u32 grid;
};

#define STEADY_CELL 4
#define SHARE 0.6f
#define STILL 0.5f
#define MOVED 2.0f
#define MOST_NOISE 3
#define CUT 40.0f
#define SURE 7.0f
#define STEADY_LEVELS (16 * MOST_NOISE)

// A cell a thread.
extern "C" __global__ void __launch_bounds__(THREADS) steady_change(Steady p) {
    u32 i = blockIdx.x * THREADS + threadIdx.x;
    if (i >= p.grid * p.grid) return;
    u32 x0 = i % p.grid * STEADY_CELL, y0 = i / p.grid * STEADY_CELL;
    u32 columns = min(STEADY_CELL, p.side - x0), rows = min(STEADY_CELL, p.side - y0), change = 0;
    for (u32 y = y0; y < y0 + rows; y++) {
        size_t row = 3 * ((size_t)y * p.side + x0);
        for (u32 s = 0; s < 3 * columns; s++) {
            int difference = (int)p.image[row + s] - (int)p.past_image[row + s];
            change += difference < 0 ? -difference : difference;
        }
    }
    p.cells[i] = (float)change / (float)(3 * rows * columns);
}

// One block: what a quarter of the cells lie below, and whether they changed less than a cut does.
extern "C" __global__ void __launch_bounds__(THREADS) steady_settle(Steady p) {
    __shared__ u32 counts[STEADY_LEVELS];
    __shared__ float sums[THREADS];
    u32 cells = p.grid * p.grid;
    if (threadIdx.x < STEADY_LEVELS) counts[threadIdx.x] = 0;
    __syncthreads();
    float sum = 0.0f;
    for (u32 i = threadIdx.x; i < cells; i += THREADS) {
        u32 level = (u32)(16.0f * p.cells[i]);
        if (level < STEADY_LEVELS) atomicAdd(counts + level, 1);
        sum += p.cells[i];
    }
    sums[threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.x) return;
    u32 below = 0, step = 0;
    for (; step < STEADY_LEVELS; step++) {
        below += counts[step];
        if (4 * below > cells) break;
    }
    float all = 0.0f;
    for (u32 i = 0; i < THREADS; i++) all += sums[i];
    p.noise[0] = fminf((float)step / 16.0f, (float)MOST_NOISE);
    p.noise[1] = all < CUT * (float)cells ? 1.0f : 0.0f;
}

// A cell a thread: the most that it or one of its eight neighbours changed.
extern "C" __global__ void __launch_bounds__(THREADS) steady_share(Steady p) {
    u32 i = blockIdx.x * THREADS + threadIdx.x;
    if (i >= p.grid * p.grid) return;
    u32 x = i % p.grid, y = i / p.grid;
    float most = 0.0f;
    for (u32 v = y ? y - 1 : 0; v < min(y + 2, p.grid); v++)
        for (u32 u = x ? x - 1 : 0; u < min(x + 2, p.grid); u++)
            most = fmaxf(most, p.cells[v * p.grid + u]);
    float change = most - p.noise[0];
    p.shares[i] = SHARE * clamped(1.0f - (change - STILL) / (MOVED - STILL), 0.0f, 1.0f);
}

// A pixel a thread: drawn towards what it was, and kept for the next frame.
extern "C" __global__ void __launch_bounds__(THREADS) steady_draw(Steady p) {
    u32 i = blockIdx.x * THREADS + threadIdx.x;
    if (i >= p.side * p.side) return;
    float now = p.logits[i];
    if (p.noise[1] > 0.0f) {
        float share = lerp_at(p.shares, p.grid, p.taps[i % p.side], p.taps[i / p.side]);
        float sure = clamped(now, -SURE, SURE), was = clamped(p.past_logits[i], -SURE, SURE);
        p.logits[i] = now = sure + share * (was - sure);
    }
    p.past_logits[i] = now;
}
