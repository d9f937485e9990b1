//! `cargo bench --bench frame`: milliseconds a frame of everything that is not the engine.
use gstmgdsam2::frame::composite::{Composite, Output};
use gstmgdsam2::frame::foreground::Foreground;
use gstmgdsam2::frame::preprocess::Squash;
use gstmgdsam2::frame::refine::{Coefficients, Refine, RefineMode};
use gstmgdsam2::frame::{
    Colorimetry, FrameError, FrameView, FrameViewMut, Matrix, PixelFormat, Plane, PlaneMut,
};
use std::time::Instant;

const SIZES: [(&str, usize, usize); 4] =
    [("720p", 1280, 720), ("1080p", 1920, 1080), ("4K", 3840, 2160), ("8K", 7680, 4320)];
const FRAMES: usize = 31;

fn main() -> Result<(), FrameError> {
    println!("ms a frame of 1080p, side 384, one core, the least of {FRAMES} frames:");
    println!("with foreground=original, and what estimated adds");
    for (what, steepness) in [("a subject's edges", 40.0), ("soft everywhere", 1.0)] {
        for target in [PixelFormat::Rgba, PixelFormat::A420] {
            let (share, [original, estimated]) = estimating(target, steepness)?;
            println!(
                "{what:<18}{target:?} {original:>6.2} {:>+6.2}   {share:>3.0} % of alpha is between",
                estimated - original
            );
        }
    }
    println!();
    println!(
        "ms a frame, one core, NV12 in: each stage's least of {FRAMES} frames, and their total;"
    );
    println!("the last column is the median of whole frames");
    let (guided, lines) = (RefineMode::GuidedFilter, RefineMode::ColorLines);
    for (side, mode) in [(1024, guided), (256, guided), (256, lines)] {
        println!("\nside {side}, {mode:?}");
        println!("                  squash     fit  composite   total  of 1080p   median");
        for target in [PixelFormat::Rgba, PixelFormat::A420] {
            table(side, mode, target)?;
        }
    }
    Ok(())
}

/// The share of soft pixels in percent, and milliseconds of frames with original and estimated
/// colours; logits are so many times steeper.
fn estimating(target: PixelFormat, steepness: f32) -> Result<(f64, [f64; 2]), FrameError> {
    let mut bench = Bench::new(384, target, 1920, 1080);
    bench.logits.iter_mut().for_each(|logit| *logit *= steepness);
    let mut spent = [f64::INFINITY; 2];
    for _ in 0..FRAMES {
        for (spent, foreground) in
            spent.iter_mut().zip([Foreground::Original, Foreground::Estimated])
        {
            bench.foreground = foreground;
            *spent = spent.min(bench.frame()?[3]);
        }
    }
    let alpha: Vec<u8> = match target {
        PixelFormat::A420 => bench.out[3].clone(),
        _ => bench.out[0].iter().skip(3).step_by(4).copied().collect(),
    };
    let soft = alpha.iter().filter(|a| (1..255).contains(*a)).count();
    Ok((100.0 * soft as f64 / alpha.len() as f64, spent))
}

fn table(side: usize, mode: RefineMode, target: PixelFormat) -> Result<(), FrameError> {
    // Sizes take turns, so that a busy moment of the machine meets all of them.
    let mut benches: Vec<Bench> =
        SIZES.iter().map(|&(_, w, h)| Bench { mode, ..Bench::new(side, target, w, h) }).collect();
    let mut times = vec![Vec::new(); SIZES.len()];
    for _ in 0..FRAMES {
        for (bench, times) in benches.iter_mut().zip(&mut times) {
            times.push(bench.frame()?);
        }
    }
    let least: Vec<[f64; 4]> = times.iter().map(|times| sorted(times)[0]).collect();
    let total_1080p: f64 = least[1][..3].iter().sum();
    for (((name, ..), times), [squash, fit, composite, _]) in SIZES.iter().zip(&times).zip(&least) {
        let format = format!("{target:?}");
        let (total, median) = (squash + fit + composite, sorted(times)[FRAMES / 2][3]);
        let ratio = total / total_1080p;
        println!(
            "{name:<7}{format:<8} {squash:>10.2} {fit:>7.2} {composite:>10.2} {total:>7.2} \
             {ratio:>8.2}x {median:>8.2}"
        );
    }
    Ok(())
}

/// One size's buffers.
struct Bench {
    width: usize,
    height: usize,
    source: Vec<u8>,
    target: PixelFormat,
    out: Vec<Vec<u8>>,
    image: Vec<u8>,
    logits: Vec<f32>,
    squash: Squash,
    refine: Refine,
    mode: RefineMode,
    coefficients: Coefficients,
    composite: Composite,
    foreground: Foreground,
}

const BT709: Colorimetry = Colorimetry { matrix: Matrix::Bt709, full_range: false };

impl Bench {
    fn new(side: usize, target: PixelFormat, width: usize, height: usize) -> Self {
        let wave = |i: usize, period: usize| ((i % period) as f32 / period as f32 * 13.0).sin();
        let source = (0..width * height * 3 / 2).map(|i| (128.0 + 90.0 * wave(i, width)) as u8);
        let logits = (0..side * side).map(|i| 9.0 * wave(i, side) * wave(i / side, side));
        let plane = |p| target.plane_size(p, width, height).map_or(0, |(bytes, rows)| bytes * rows);
        Self {
            width,
            height,
            source: source.collect(),
            target,
            out: (0..target.plane_count()).map(|p| vec![0; plane(p)]).collect(),
            image: vec![0; side * side * 3],
            logits: logits.collect(),
            squash: Squash::new(side),
            refine: Refine::new(side),
            mode: RefineMode::GuidedFilter,
            coefficients: Coefficients::new(),
            composite: Composite::new(),
            foreground: Foreground::Original,
        }
    }

    /// Milliseconds: squash, fit, composite, all.
    fn frame(&mut self) -> Result<[f64; 4], FrameError> {
        let (width, height) = (self.width, self.height);
        let (luma, chroma) = self.source.split_at(width * height);
        let plane = |bytes| Plane { bytes, stride: width };
        let planes = vec![plane(luma), plane(chroma)];
        let frame =
            FrameView { format: PixelFormat::Nv12, width, height, colorimetry: BT709, planes };
        let strides = (0..).map(|p| self.target.plane_size(p, width, height).map_or(0, |s| s.0));
        let planes = self.out.iter_mut().zip(strides);
        let planes = planes.map(|(bytes, stride)| PlaneMut { bytes, stride }).collect();
        let mut out =
            FrameViewMut { format: self.target, width, height, colorimetry: BT709, planes };
        let start = Instant::now();
        self.squash.run(&frame, &mut self.image)?;
        let squashed = start.elapsed();
        self.refine.fit(&self.image, &self.logits, self.mode, &mut self.coefficients)?;
        let fitted = start.elapsed();
        self.composite.run(
            &frame,
            &self.coefficients,
            self.foreground,
            Output::Straight,
            &mut out,
        )?;
        let all = start.elapsed();
        Ok([squashed, fitted - squashed, all - fitted, all].map(|t| t.as_secs_f64() * 1e3))
    }
}

/// Each column by itself, from the least up: other work of a shared machine only ever adds.
fn sorted(times: &[[f64; 4]]) -> Vec<[f64; 4]> {
    let columns = [0, 1, 2, 3].map(|column| {
        let mut column: Vec<f64> = times.iter().map(|row| row[column]).collect();
        column.sort_by(f64::total_cmp);
        column
    });
    (0..times.len()).map(|i| [0, 1, 2, 3].map(|column| columns[column][i])).collect()
}
