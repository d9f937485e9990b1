//! What spoils pictures, in steps: light, noise, blur, compression, occlusion.
use super::material::Shown;
use crate::cli::frames;
use crate::cli::picture;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

/// The grey of what hides a picture.
const GREY: u8 = 128;
/// Stripes across a picture that is partly hidden.
const STRIPES: usize = 8;

/// One way to spoil a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spoiler {
    /// Exposure in stops, in linear light; highlights are cut off.
    Light,
    /// Gaussian noise of so many 8-bit levels.
    Noise,
    /// Gaussian blur of so many pixels' standard deviation.
    Blur,
    /// JPEG of this quality; 100 is the frame itself.
    Compression,
    /// Per cent of the picture under grey stripes. What is hidden is no subject any more.
    Occlusion,
}

impl Spoiler {
    /// All there are.
    pub const ALL: [Self; 5] =
        [Self::Light, Self::Noise, Self::Blur, Self::Compression, Self::Occlusion];

    /// Its name, what its steps are, and the steps; one of them leaves the picture as it is.
    pub fn steps(self) -> (&'static str, &'static str, &'static [f64]) {
        match self {
            Self::Light => ("Light", "stops", &[-4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0]),
            Self::Noise => {
                ("Noise", "standard deviation, 8-bit levels", &[0.0, 5.0, 10.0, 20.0, 40.0])
            }
            Self::Blur => ("Blur", "standard deviation, pixels", &[0.0, 1.0, 2.0, 4.0, 8.0]),
            Self::Compression => ("Compression", "JPEG quality", &[100.0, 50.0, 25.0, 10.0, 5.0]),
            Self::Occlusion => {
                ("Occlusion", "% of the picture hidden", &[0.0, 10.0, 20.0, 30.0, 50.0])
            }
        }
    }

    /// Whether this step leaves pictures as they are.
    pub fn is_clean(self, step: f64) -> bool {
        step == if self == Self::Compression { 100.0 } else { 0.0 }
    }

    /// Spoils frame `index`; the same each time.
    pub fn apply(self, step: f64, index: usize, mut shown: Shown) -> anyhow::Result<Shown> {
        if self.is_clean(step) {
            return Ok(shown);
        }
        match self {
            Self::Light => expose(&mut shown.rgb, step),
            Self::Noise => add_noise(&mut shown.rgb, step, index as u64),
            Self::Blur => blur(&mut shown, step),
            Self::Compression => shown.rgb = compress(&shown, step as u32)?,
            Self::Occlusion => hide(&mut shown, step / 100.0),
        }
        Ok(shown)
    }
}

fn expose(rgb: &mut [u8], stops: f64) {
    let table: [u8; 256] = std::array::from_fn(|level| {
        let v = level as f64 / 255.0;
        let linear = if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) };
        let lit = (linear * stops.exp2()).min(1.0);
        let v = if lit <= 0.0031308 { 12.92 * lit } else { 1.055 * lit.powf(1.0 / 2.4) - 0.055 };
        (v * 255.0).round() as u8
    });
    rgb.iter_mut().for_each(|v| *v = table[usize::from(*v)]);
}

fn add_noise(rgb: &mut [u8], deviation: f64, seed: u64) {
    let mut random = Pcg64::seed_from_u64(seed);
    for v in rgb {
        // Twelve uniform numbers sum to a normal one, near enough.
        let normal = (0..12).map(|_| random.random::<f32>()).sum::<f32>() - 6.0;
        *v = (f32::from(*v) + deviation as f32 * normal).round().clamp(0.0, 255.0) as u8;
    }
}

fn blur(shown: &mut Shown, deviation: f64) {
    let reach = (3.0 * deviation).ceil() as usize;
    let bell =
        |i: usize| (-(i as f64 - reach as f64).powi(2) / (2.0 * deviation * deviation)).exp();
    let bell: Vec<f32> = (0..=2 * reach).map(|i| bell(i) as f32).collect();
    let sum: f32 = bell.iter().sum();
    let (width, height) = (shown.width, shown.height);
    // Along rows, then along columns; at the picture's edge its last pixels go on.
    for (length, step, lines, between) in
        [(width, 3, height, 3 * width), (height, 3 * width, width, 3)]
    {
        for start in (0..lines).flat_map(|line| (0..3).map(move |c| line * between + c)) {
            let line: Vec<f32> = (0..length).map(|i| shown.rgb[start + i * step].into()).collect();
            for i in 0..length {
                let at = |k: usize| line[(i + k).saturating_sub(reach).min(length - 1)];
                let mean = bell.iter().enumerate().map(|(k, w)| w * at(k)).sum::<f32>() / sum;
                shown.rgb[start + i * step] = mean.round() as u8;
            }
        }
    }
}

fn compress(shown: &Shown, quality: u32) -> anyhow::Result<Vec<u8>> {
    let sample = picture::of_rgb((shown.width, shown.height), shown.rgb.clone())?;
    let description = format!(
        "appsrc name=in format=time ! videoconvert ! jpegenc quality={quality} ! jpegdec \
         ! videoconvert ! video/x-raw,format=RGB ! appsink name=out sync=false"
    );
    let decoded = picture::through(&description, &sample)?;
    Ok(frames::packed(&decoded)?.2)
}

/// Vertical stripes, so that every part of a subject is hidden alike.
fn hide(shown: &mut Shown, share: f64) {
    let stripe = |x: usize, width: usize| (x * STRIPES) as f64 / width as f64 % 1.0 < share;
    for (i, pixel) in shown.rgb.chunks_exact_mut(3).enumerate() {
        if stripe(i % shown.width, shown.width) {
            pixel.fill(GREY);
        }
    }
    let width = shown.alpha_size.0;
    for (i, alpha) in shown.alpha.iter_mut().enumerate() {
        if stripe(i % width, width) {
            *alpha = 0;
        }
    }
}
