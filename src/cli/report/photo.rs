//! Pictures small enough to be part of a page.
use crate::cli::frames;
use crate::cli::picture;
use crate::cli::score::read::{self, Reading};
use anyhow::Context;
use gst::glib;
use std::path::Path;

/// The longest side of an embedded picture, in pixels.
pub const LONGEST: usize = 720;
const ENCODER: &str = "appsrc name=in format=time ! videoconvert ! jpegenc quality=82 \
                       ! appsink name=out sync=false";
/// Pixels across one square of the checkerboard, and its greys.
const SQUARE: usize = 12;
const GREYS: [u8; 2] = [118, 150];

/// A small picture, R'G'B' packed.
pub struct Photo {
    width: usize,
    height: usize,
    rgb: Vec<u8>,
}

impl Photo {
    /// The picture at `path`.
    pub fn of_frame(path: &Path) -> anyhow::Result<Self> {
        let sample = picture::decode(path, "format=RGB,width=[1,max]")?;
        let (width, height, rgb) = frames::packed(&sample)?;
        Ok(shrink(width, height, &rgb))
    }

    /// The matte or mask at `path`, grey.
    pub fn of_matte(path: &Path) -> anyhow::Result<Self> {
        let matte = read::matte(path, Reading::Coverage)?;
        let rgb: Vec<u8> = matte.bytes().iter().flat_map(|&v| [v; 3]).collect();
        Ok(shrink(matte.width, matte.height, &rgb))
    }

    /// This frame, where `matte` is white, over a checkerboard; `None` where the sizes differ.
    pub fn cut_out(&self, matte: &Self) -> Option<Self> {
        let &Self { width, height, .. } = self;
        ((width, height) == (matte.width, matte.height)).then(|| {
            let pixels = self.rgb.chunks_exact(3).zip(matte.rgb.chunks_exact(3)).enumerate();
            let over = pixels.flat_map(|(i, (frame, matte))| {
                let grey = u32::from(GREYS[(i % width / SQUARE + i / width / SQUARE) % 2]);
                let alpha = u32::from(matte[0]);
                let mix = move |v: u8| (u32::from(v) * alpha + grey * (255 - alpha) + 127) / 255;
                [frame[0], frame[1], frame[2]].map(|v| mix(v) as u8)
            });
            Self { width, height, rgb: over.collect() }
        })
    }

    /// A JPEG as `data:` URI.
    pub fn uri(&self) -> anyhow::Result<String> {
        Ok(format!("data:image/jpeg;base64,{}", glib::base64_encode(&self.jpeg()?)))
    }

    fn jpeg(&self) -> anyhow::Result<Vec<u8>> {
        let sample = picture::of_rgb((self.width, self.height), self.rgb.clone())?;
        let encoded = picture::through(ENCODER, &sample)?;
        let buffer = encoded.buffer().context("an encoded picture has a buffer")?;
        Ok(buffer.map_readable()?.to_vec())
    }
}

/// Means of squares, as many pixels across as bring the longest side to [`LONGEST`] or below.
fn shrink(width: usize, height: usize, rgb: &[u8]) -> Photo {
    let square = width.max(height).div_ceil(LONGEST).max(1);
    let (small_width, small_height) = ((width / square).max(1), (height / square).max(1));
    let mut small = Vec::with_capacity(3 * small_width * small_height);
    for i in 0..small_width * small_height {
        let (left, top) = (i % small_width * square, i / small_width * square);
        let rows = top..(top + square).min(height);
        let columns = left..(left + square).min(width);
        let count = (rows.len() * columns.len()) as u32;
        for channel in 0..3 {
            let row = |y: usize| columns.clone().map(move |x| 3 * (y * width + x) + channel);
            let sum: u32 = rows.clone().flat_map(row).map(|at| u32::from(rgb[at])).sum();
            small.push(((sum + count / 2) / count) as u8);
        }
    }
    Photo { width: small_width, height: small_height, rgb: small }
}
