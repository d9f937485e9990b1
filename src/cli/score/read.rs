//! One picture of a matte or mask, as one channel of 16 bits.
use crate::cli::frames;
use crate::cli::picture;
use anyhow::{Context, ensure};
use gstmgdsam2::metrics::{Gray, MAX_SIDE, MetricsError};
use png::{BitDepth, ColorType, Transformations};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

/// From an 8-bit sample to the 16-bit sample of the same share of white.
const WIDEN: u16 = 257;

/// What a palette's colours are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// Coverage: colours are shades, and colourful ones mean the object.
    Coverage,
    /// Object numbers are the palette's indices, or the samples themselves.
    Labels,
}

/// One channel; 8-bit samples are widened.
pub struct Matte {
    /// In pixels.
    pub width: usize,
    /// In pixels.
    pub height: usize,
    samples: Vec<u16>,
}

impl Matte {
    /// All 16 bits.
    pub fn wide(&self) -> Result<Gray<'_, u16>, MetricsError> {
        Gray::new(self.width, self.height, &self.samples)
    }

    /// The samples in 8 bits, rounded; labels and 8-bit files as they were.
    pub fn bytes(&self) -> Vec<u8> {
        let narrow = |&v: &u16| ((u32::from(v) + 128) / u32::from(WIDEN)) as u8;
        self.samples.iter().map(narrow).collect()
    }

    /// The channel of packed 8-bit pixels; `has_alpha` says whether RGBA means its alpha.
    pub fn of_rgba((width, height): (usize, usize), rgba: &[u8], has_alpha: bool) -> Self {
        let shade = |p: &[u8]| if has_alpha { u16::from(p[3]) * WIDEN } else { luma(p) };
        Self { width, height, samples: rgba.chunks_exact(4).map(shade).collect() }
    }
}

/// The picture at `path`.
pub fn matte(path: &Path, reading: Reading) -> anyhow::Result<Matte> {
    let is_png = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("png"));
    match is_png {
        true => png(path, reading).with_context(|| format!("cannot read {}", path.display())),
        false => {
            let sample = picture::decode(path, "format=RGB,width=[1,max]")?;
            let (width, height, rgb) = frames::packed(&sample)?;
            Ok(Matte { width, height, samples: rgb.chunks_exact(3).map(luma).collect() })
        }
    }
}

/// Whether the PNG at `path` has a palette of more than greys: labels, as DAVIS writes them.
pub fn has_coloured_palette(path: &Path) -> bool {
    let open = || anyhow::Ok(png::Decoder::new(BufReader::new(File::open(path)?)).read_info()?);
    open().is_ok_and(|reader| reader.info().palette.as_deref().is_some_and(is_coloured))
}

fn is_coloured(palette: &[u8]) -> bool {
    palette.chunks_exact(3).any(|rgb| rgb != [rgb[0]; 3])
}

fn png(path: &Path, reading: Reading) -> anyhow::Result<Matte> {
    let mut decoder = png::Decoder::new(BufReader::new(File::open(path)?));
    let header = decoder.read_header_info()?;
    let (width, height) = (header.width as usize, header.height as usize);
    let sides = 1..=MAX_SIDE;
    ensure!(
        sides.contains(&width) && sides.contains(&height),
        "expected sides of 1 to {MAX_SIDE} pixels, found {width}x{height}"
    );
    let as_stored = header.color_type == ColorType::Indexed || reading == Reading::Labels;
    if !as_stored {
        decoder.set_transformations(Transformations::EXPAND);
    }
    let mut reader = decoder.read_info()?;
    let mut bytes = vec![0; reader.output_buffer_size().context("a picture of this size")?];
    let info = reader.next_frame(&mut bytes)?;
    bytes.truncate(info.buffer_size());
    let stored = Stored { width, colour: info.color_type, depth: info.bit_depth, bytes };
    let samples = match stored.colour {
        ColorType::Indexed if reading == Reading::Coverage => {
            stored.shades(reader.info().palette.as_deref().unwrap_or_default())
        }
        _ => stored.channel(),
    };
    Ok(Matte { width, height, samples })
}

/// A decoded PNG as it was stored.
struct Stored {
    width: usize,
    colour: ColorType,
    depth: BitDepth,
    bytes: Vec<u8>,
}

impl Stored {
    /// All samples, those of 1 to 8 bits as 0..=255.
    fn samples(&self) -> Box<dyn Iterator<Item = u16> + '_> {
        let bits = match self.depth {
            BitDepth::One => 1,
            BitDepth::Two => 2,
            BitDepth::Four => 4,
            BitDepth::Eight => return Box::new(self.bytes.iter().map(|&v| u16::from(v))),
            BitDepth::Sixteen => {
                let (pairs, _) = self.bytes.as_chunks::<2>();
                return Box::new(pairs.iter().map(|pair| u16::from_be_bytes(*pair)));
            }
        };
        // Rows begin at whole bytes, the leftmost sample in a byte's highest bits.
        let rows = self.bytes.chunks_exact((self.width * bits).div_ceil(8));
        Box::new(rows.flat_map(move |row| {
            let sample = move |x: usize| row[x * bits / 8] >> (8 - bits - x * bits % 8);
            (0..self.width).map(move |x| u16::from(sample(x) & ((1 << bits) - 1)))
        }))
    }

    /// The values of a grey palette; of a coloured one, everything but index 0.
    fn shades(&self, palette: &[u8]) -> Vec<u16> {
        let coloured = is_coloured(palette);
        let shade = |index: u16| match coloured {
            true => u16::MAX * u16::from(index != 0),
            false => palette.get(3 * usize::from(index)).map_or(0, |&v| u16::from(v) * WIDEN),
        };
        self.samples().map(shade).collect()
    }

    /// Alpha where there is one that says something, else the luma.
    fn channel(&self) -> Vec<u16> {
        let widen = if self.depth == BitDepth::Sixteen { 1 } else { WIDEN };
        let samples: Vec<u16> = self.samples().map(|v| v * widen).collect();
        match self.colour {
            ColorType::Grayscale | ColorType::Indexed => samples,
            ColorType::Rgb => samples.chunks_exact(3).map(luma).collect(),
            ColorType::GrayscaleAlpha => {
                let opaque = samples.chunks_exact(2).all(|p| p[1] == u16::MAX);
                samples.chunks_exact(2).map(|p| if opaque { p[0] } else { p[1] }).collect()
            }
            ColorType::Rgba => {
                let plain = |p: &[u16]| p[3] == u16::MAX && p[0] == p[1] && p[1] == p[2];
                let grey = samples.chunks_exact(4).all(plain);
                samples.chunks_exact(4).map(|p| if grey { p[0] } else { p[3] }).collect()
            }
        }
    }
}

/// ITU-R BT.601's luma of R'G'B', rounded.
fn luma<T: Copy + Into<u32>>(rgb: &[T]) -> u16 {
    let widen = if size_of::<T>() == 1 { u32::from(WIDEN) } else { 1 };
    let [r, g, b] = [0, 1, 2].map(|i| u64::from(rgb[i].into() * widen));
    ((299 * r + 587 * g + 114 * b + 500) / 1000) as u16
}
