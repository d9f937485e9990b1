//! Edges redrawn where the frame's colours have them, for mattes from small pictures.
//!
//! Within a window, alpha is taken to be affine in colour: closed-form matting's model (Levin and
//! others, 2008). A guided filter (He and others, 2013) with the three colours for its guide fits
//! that in every window and averages the fits. What it gives is soft; stretched from the middle
//! and fitted again, it draws the edge towards where the colours have it. Where colours explain
//! little of alpha, it stays as it is.
use super::box_mean::BoxMean;
use super::sigmoid::sigmoid_row;
use super::vector::vectorised;
use super::window::cell_side;

/// Variance of a colour (0..=1) in a window that counts as none.
const EPS: f32 = 2e-5;

/// Variance of alpha in a window that counts as none.
const ALPHA_EPS: f32 = 1e-4;

/// Fits one after another, and how far alpha is stretched from one half after each.
pub(crate) const GAINS: [f32; 6] = [1.5, 1.5, 1.5, 1.5, 1.5, 1.25];

/// A plane of cells.
type Plane = Vec<f32>;

/// Fits alpha to colours. Keeps its scratch; costs the same for any frame.
#[derive(Debug)]
pub(super) struct ColorLines {
    /// Pixels along a side of the picture.
    side: usize,
    /// Along a side of a cell.
    cell: usize,
    /// Cells along a side.
    grid: usize,
    /// Means of cells, less one half.
    colours: [Plane; 3],
    /// Means of windows.
    means: [Plane; 3],
    /// The colours' covariances in a window as L D Lᵀ: inverses of D, then the members of L. Before
    /// that, those of [`PAIRS`].
    factors: [Plane; 6],
    alpha: Plane,
    /// Of each window: what alpha is per colour, and without any.
    fits: [Plane; 4],
    /// The share of alpha's variance in each window that its fit explains.
    trust: Plane,
    product: Plane,
    windows: BoxMean,
    /// Alpha of one row of the picture.
    row: Vec<f32>,
    /// Sums over a cell's rows: of samples, and of alpha.
    bytes: Vec<u16>,
    columns: Vec<f32>,
}

/// The colours of the six different members of a symmetric matrix.
const PAIRS: [(usize, usize); 6] = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)];

impl ColorLines {
    pub(super) fn new(side: usize) -> Self {
        let cell = cell_side(side);
        let grid = side / cell;
        let plane = || vec![0.0; grid * grid];
        Self {
            side,
            cell,
            grid,
            colours: [(); 3].map(|()| plane()),
            means: [(); 3].map(|()| plane()),
            factors: [(); 6].map(|()| plane()),
            alpha: plane(),
            fits: [(); 4].map(|()| plane()),
            trust: plane(),
            product: plane(),
            windows: BoxMean::new(grid),
            row: vec![0.0; side],
            bytes: vec![0; 3 * side],
            columns: vec![0.0; side],
        }
    }

    pub(super) fn grid(&self) -> usize {
        self.grid
    }

    /// `slopes` (3, grid, grid) and `offset` (grid, grid) become what alpha is per R', G' and B'
    /// in 0..=1, and without any. `image` is (side, side, 3) bytes, `logits` (side, side).
    pub(super) fn fit(
        &mut self,
        image: &[u8],
        logits: &[f32],
        slopes: &mut [f32],
        offset: &mut [f32],
    ) {
        self.gather(image, logits);
        self.measure_colours();
        for gain in GAINS {
            self.fit_windows();
            self.average_fits(gain);
            let [red, green, blue, none] = self.fits.each_ref().map(Vec::as_slice);
            affine(&self.colours, [red, green, blue], none, &mut self.alpha);
        }
        let planes = slopes.chunks_exact_mut(self.grid * self.grid).zip(&self.fits);
        planes.for_each(|(slope, fit)| slope.copy_from_slice(fit));
        from_black(&self.fits, offset);
    }

    /// Colours and alpha of cells, a row of them at a time.
    fn gather(&mut self, image: &[u8], logits: &[f32]) {
        let Self { side, cell, grid, .. } = *self;
        let scale = 1.0 / (cell * cell) as f32;
        let rows = image.chunks_exact(3 * side * cell).zip(logits.chunks_exact(side * cell));
        for (y, (image, logits)) in rows.enumerate() {
            self.bytes.fill(0);
            self.columns.fill(0.0);
            for (image, logits) in image.chunks_exact(3 * side).zip(logits.chunks_exact(side)) {
                sigmoid_row(logits, &mut self.row);
                add_row(image, &self.row, &mut self.bytes, &mut self.columns);
            }
            let (bytes, columns) = (&self.bytes, &self.columns);
            for (x, pixels) in bytes.chunks_exact(3 * cell).enumerate() {
                for (i, plane) in self.colours.iter_mut().enumerate() {
                    let sum: u16 = pixels.iter().skip(i).step_by(3).sum();
                    plane[y * grid + x] = f32::from(sum) * (scale / 255.0) - 0.5;
                }
                self.alpha[y * grid + x] = columns[x * cell..][..cell].iter().sum::<f32>() * scale;
            }
        }
    }

    fn measure_colours(&mut self) {
        for (colour, mean) in self.colours.iter().zip(&mut self.means) {
            self.windows.run(colour, mean);
        }
        for ((a, b), out) in PAIRS.into_iter().zip(&mut self.factors) {
            multiply(&self.colours[a], &self.colours[b], &mut self.product);
            self.windows.run(&self.product, out);
            let unlike = if a == b { EPS } else { 0.0 };
            covariance(&self.means[a], &self.means[b], unlike, out);
        }
        factor(&mut self.factors);
    }

    /// What alpha is in each window, by least squares.
    fn fit_windows(&mut self) {
        let [red, green, blue, mean] = &mut self.fits;
        self.windows.run(&self.alpha, mean);
        for ((colour, of), out) in self.colours.iter().zip(&self.means).zip([red, green, blue]) {
            multiply(colour, &self.alpha, &mut self.product);
            self.windows.run(&self.product, out);
            covariance(of, mean, 0.0, out);
        }
        multiply(&self.alpha, &self.alpha, &mut self.product);
        self.windows.run(&self.product, &mut self.trust);
        covariance(&self.fits[3], &self.fits[3], ALPHA_EPS, &mut self.trust);
        solve(&self.factors, &self.means, &mut self.fits, &mut self.trust);
    }

    /// A cell's fit is the mean of those of the windows that it lies in.
    fn average_fits(&mut self, gain: f32) {
        for (i, fit) in self.fits.iter_mut().enumerate() {
            self.windows.run(fit, &mut self.product);
            match i {
                0..3 => stretch_slope(&self.product, gain, &self.trust, fit),
                _ => stretch_offset(&self.product, gain, &self.trust, &self.alpha, fit),
            }
        }
    }
}

vectorised! {
    /// Alpha that is not a number is 0.
    fn add_row(image: &[u8], alpha: &[f32], bytes: &mut [u16], columns: &mut [f32]) {
        for (sum, byte) in bytes.iter_mut().zip(image) {
            *sum += u16::from(*byte);
        }
        for (sum, alpha) in columns.iter_mut().zip(alpha) {
            *sum += alpha.max(0.0);
        }
    }
}

vectorised! {
    fn multiply(a: &[f32], b: &[f32], out: &mut [f32]) {
        for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
            *out = a * b;
        }
    }
}

vectorised! {
    /// `out` is the mean of products before.
    fn covariance(mean_a: &[f32], mean_b: &[f32], plus: f32, out: &mut [f32]) {
        for ((out, a), b) in out.iter_mut().zip(mean_a).zip(mean_b) {
            *out = *out - a * b + plus;
        }
    }
}

vectorised! {
    /// Cholesky's decomposition without roots: grey pictures make these matrices all but singular.
    fn factor(matrices: &mut [Plane; 6]) {
        let [rr, rg, rb, gg, gb, bb] = matrices;
        let lower = rr.iter_mut().zip(rg).zip(rb).zip(gg.iter_mut().zip(gb).zip(bb));
        for (((rr, rg), rb), ((gg, gb), bb)) in lower {
            let d0 = 1.0 / rr.max(EPS);
            let (l1, l2) = (*rg * d0, *rb * d0);
            let d1 = 1.0 / (*gg - l1 * *rg).max(EPS);
            let rest = *gb - l2 * *rg;
            let l3 = rest * d1;
            let d2 = 1.0 / (*bb - l2 * *rb - l3 * rest).max(EPS);
            (*rr, *rg, *rb, *gg, *gb, *bb) = (d0, d1, d2, l1, l2, l3);
        }
    }
}

vectorised! {
    /// Covariances with alpha and its mean become slopes and an offset, alpha's variance the share
    /// of it that they explain.
    fn solve(
        factors: &[Plane; 6],
        means: &[Plane; 3],
        fits: &mut [Plane; 4],
        trust: &mut [f32],
    ) {
        let [d0, d1, d2, l1, l2, l3] = factors;
        let [mean_r, mean_g, mean_b] = means;
        let [red, green, blue, none] = fits;
        let factors = d0.iter().zip(d1).zip(d2).zip(l1.iter().zip(l2).zip(l3));
        let means = mean_r.iter().zip(mean_g).zip(mean_b);
        let fits = red.iter_mut().zip(green).zip(blue).zip(none.iter_mut().zip(trust));
        for (((((d0, d1), d2), ((l1, l2), l3)), ((mean_r, mean_g), mean_b)), fit) in
            factors.zip(means).zip(fits)
        {
            let (((red, green), blue), (none, trust)) = fit;
            let (r, g, b) = (*red, *green, *blue);
            let y1 = g - l1 * r;
            let y2 = b - l2 * r - l3 * y1;
            *blue = y2 * d2;
            *green = y1 * d1 - l3 * *blue;
            *red = r * d0 - l1 * *green - l2 * *blue;
            *none -= *red * mean_r + *green * mean_g + *blue * mean_b;
            *trust = ((*red * r + *green * g + *blue * b) / *trust).clamp(0.0, 1.0);
        }
    }
}

vectorised! {
    fn stretch_slope(plane: &[f32], gain: f32, trust: &[f32], out: &mut [f32]) {
        for ((out, value), trust) in out.iter_mut().zip(plane).zip(trust) {
            *out = value * gain * trust;
        }
    }
}

vectorised! {
    fn stretch_offset(plane: &[f32], gain: f32, trust: &[f32], alpha: &[f32], out: &mut [f32]) {
        for (((out, value), trust), alpha) in out.iter_mut().zip(plane).zip(trust).zip(alpha) {
            *out = ((value - 0.5) * gain + 0.5) * trust + (1.0 - trust) * alpha;
        }
    }
}

vectorised! {
    fn affine(colours: &[Plane; 3], slopes: [&[f32]; 3], offset: &[f32], alpha: &mut [f32]) {
        let [c0, c1, c2] = colours;
        let [s0, s1, s2] = slopes;
        let colours = c0.iter().zip(c1).zip(c2);
        let slopes = s0.iter().zip(s1).zip(s2).zip(offset);
        for (alpha, (((c0, c1), c2), (((s0, s1), s2), offset))) in
            alpha.iter_mut().zip(colours.zip(slopes))
        {
            *alpha = (c0 * s0 + c1 * s1 + c2 * s2 + offset).clamp(0.0, 1.0);
        }
    }
}

vectorised! {
    /// Colours were taken less one half.
    fn from_black(fits: &[Plane; 4], offset: &mut [f32]) {
        let [s0, s1, s2, none] = fits;
        for ((((out, s0), s1), s2), none) in offset.iter_mut().zip(s0).zip(s1).zip(s2).zip(none) {
            *out = none - 0.5 * (s0 + s1 + s2);
        }
    }
}
