// The foreground's own colours where alpha is between: `src/frame/foreground.rs` says how.

#define ROW_STEP 4
#define PRIOR 3.0f

static __device__ __forceinline__ u32 eighth_power(u32 value) {
    for (int i = 0; i < 3; i++) value = (value * value + 255) >> 8;
    return value;
}

static __device__ __forceinline__ u32 cells_of(const Guesses &g, u32 level) {
    return g.columns[level] * g.rows[level];
}

// A cell a thread: samples and alphas of every ROW_STEP-th row; the last pixel repeats.
extern "C" __global__ void __launch_bounds__(THREADS) guess_measure(Composite p) {
    const Guesses &g = p.guesses;
    u32 i = blockIdx.x * THREADS + threadIdx.x;
    if (i >= cells_of(g, 0)) return;
    u32 x0 = i % g.columns[0] * CELL, y0 = i / g.columns[0] * CELL;
    u32 width = p.source.width, end = min(y0 + CELL, p.source.height);
    Sums sums = {{0, 0, 0, 0, 0, 0, 0, 0}};
#pragma unroll 1
    for (u32 y = y0; y < end; y += ROW_STEP) {
        u32 totals[8] = {0, 0, 0, 0, 0, 0, 0, 0};
        // Two at a time would take more registers than there are for two blocks.
#pragma unroll 1
        for (u32 x = x0; x < x0 + CELL; x += 4) {
            float samples[4][3];
            read_samples(p.source, x, y, min(4, width - min(x, width)), p.aligned, samples);
            for (u32 n = 0; n < 4; n++) {
                u32 alpha = alpha_at(p, samples[n], min(x + n, width - 1), y);
                for (u32 half = 0; half < 2; half++) {
                    u32 weight = eighth_power(half ? 255 - alpha : alpha), *total = totals + 4 * half;
                    for (u32 c = 0; c < 3; c++) total[c] += weight * (u32)samples[n][c];
                    total[3] += weight;
                }
            }
        }
        for (u32 n = 0; n < 8; n++) sums.of[n] += (float)totals[n] * (1.0f / 255.0f);
    }
    g.cells[i] = sums;
}

// Cell i of a level: the sum of two by two of the finer one.
static __device__ __forceinline__ void gather(const Guesses &g, u32 level, u32 i) {
    u32 x = i % g.columns[level] * 2, y = i / g.columns[level] * 2, finer = level - 1;
    Sums sums = {{0, 0, 0, 0, 0, 0, 0, 0}};
    for (u32 r = y; r < min(y + 2, g.rows[finer]); r++)
        for (u32 c = x; c < min(x + 2, g.columns[finer]); c++)
            for (u32 n = 0; n < 8; n++) sums.of[n] += g.cells[g.start[finer] + r * g.columns[finer] + c].of[n];
    g.cells[g.start[level] + i] = sums;
}

static __device__ __forceinline__ Sums mean(const Sums &sums, const Sums &prior, float weight) {
    float share[2] = {1.0f / (sums.of[3] + weight), 1.0f / (sums.of[7] + weight)};
    Sums mean;
    for (u32 n = 0; n < 8; n++) mean.of[n] = (sums.of[n] + weight * prior.of[n]) * share[n / 4];
    return mean;
}

// Of the coarser cells, the second nearest to cell `at` along one axis.
static __device__ __forceinline__ u32 beside(u32 at, u32 count) {
    u32 beside = at % 2 ? at / 2 + 1 : (at ? at / 2 - 1 : 0);
    return min(beside, count - 1);
}

// Cell i of a level: its mean, drawn towards those of the coarser one.
static __device__ __forceinline__ Sums spread(const Guesses &g, u32 level, u32 i) {
    u32 x = i % g.columns[level], y = i / g.columns[level], coarser = level + 1;
    u32 columns = g.columns[coarser], left = x / 2, right = beside(x, columns);
    const Sums *near = g.cells + g.start[coarser] + y / 2 * columns;
    const Sums *far = g.cells + g.start[coarser] + beside(y, g.rows[coarser]) * columns;
    Sums prior;
    for (u32 n = 0; n < 8; n++) {
        float sides = near[right].of[n] + far[left].of[n];
        prior.of[n] = (9.0f * near[left].of[n] + 3.0f * sides + far[right].of[n]) / 16.0f;
    }
    return mean(g.cells[g.start[level] + i], prior, PRIOR);
}

// A cell of the second level a thread.
extern "C" __global__ void __launch_bounds__(THREADS) guess_gather(Composite p) {
    u32 i = blockIdx.x * THREADS + threadIdx.x;
    if (i < cells_of(p.guesses, 1)) gather(p.guesses, 1, i);
}

// One block: from the second level up to the whole frame, and down again.
extern "C" __global__ void __launch_bounds__(THREADS) guess_settle(Composite p) {
    const Guesses &g = p.guesses;
    for (u32 level = 2; level < g.depth; level++) {
        for (u32 i = threadIdx.x; i < cells_of(g, level); i += THREADS) gather(g, level, i);
        __syncthreads();
    }
    if (threadIdx.x == 0) {
        Sums &whole = g.cells[g.start[g.depth - 1]];
        Sums nothing = {{0, 0, 0, 0, 0, 0, 0, 0}};
        *g.has_both = whole.of[3] != 0.0f && whole.of[7] != 0.0f;
        whole = mean(whole, nothing, 0.0f);
    }
    __syncthreads();
    for (u32 level = g.depth - 1; level-- > 1;) {
        for (u32 i = threadIdx.x; i < cells_of(g, level); i += THREADS)
            g.cells[g.start[level] + i] = spread(g, level, i);
        __syncthreads();
    }
}

// A colour of -256..=511 in 1/32 of a byte's steps.
static __device__ __forceinline__ float to_guess(float colour) {
    return rintf(fmaxf(fminf(32.0f * colour, 16352.0f) + 8192.0f, 0.0f)) - 8192.0f;
}

// A cell of the finest level a thread, in the target's colours.
extern "C" __global__ void __launch_bounds__(THREADS) guess_spread(Composite p) {
    const Guesses &g = p.guesses;
    u32 i = blockIdx.x * THREADS + threadIdx.x;
    if (i >= cells_of(g, 0)) return;
    Sums guess = g.depth > 1 ? spread(g, 0, i) : g.cells[i];
    for (u32 half = 0; half < 8; half += 4) {
        float s[3] = {guess.of[half], guess.of[half + 1], guess.of[half + 2]};
        for (u32 c = 0; c < 3; c++) guess.of[half + c] = to_guess(weighted(s, p.to_target.m[c], p.to_target.k[c]));
    }
    g.cells[i] = guess;
}

static __device__ __forceinline__ int product(int a, int b) { return (a * b + (1 << 14)) >> 15; }

static __device__ __forceinline__ int between(float from, float to, int way) {
    return (int)from + product((int)to - (int)from, way);
}

// One of the eight at an output pixel, between the centres of cells: along columns first.
static __device__ __forceinline__ int guess_at(const Guesses &g, u32 n, u32 x, u32 y) {
    u32 across = x + CELL / 2, down = y + CELL / 2, c = across / CELL, r = down / CELL;
    u32 left = c ? c - 1 : 0, right = min(c, g.columns[0] - 1);
    const Sums *above = g.cells + (r ? r - 1 : 0) * g.columns[0];
    const Sums *below = g.cells + min(r, g.rows[0] - 1) * g.columns[0];
    int way = (2 * (down % CELL) + 1) * 2048;
    int a = between(above[left].of[n], below[left].of[n], way);
    int b = between(above[right].of[n], below[right].of[n], way);
    return between(a, b, (2 * (across % CELL) + 1) * 2048);
}

// Colours become the foreground's own, as far as they are it: `src/frame/separate.rs` in its words.
static __device__ __forceinline__ void separate(const Guesses &g, u32 x, u32 y, u32 alpha, u32 colour[3]) {
    if (alpha == 0 || alpha == 255) return;
    int a = alpha * 257 >> 1, square = product(a, a);
    for (u32 i = 0; i < 3; i++) {
        int foreground = product(guess_at(g, i, x, y), 32767 - square);
        int background = product(guess_at(g, 4 + i, x, y), square - a);
        colour[i] = whole_byte(foreground + background + product(colour[i] << 5, a) + 16);
    }
}
