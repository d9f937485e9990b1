//! The clips of a study: frames with their true alpha, from files or drawn.
use crate::cli::frames;
use crate::cli::picture;
use crate::cli::score::layout::{self, Source};
use crate::cli::score::read::{self, Reading};
use anyhow::{Context, ensure};
use gstmgdsam2::synth;
use std::path::{Path, PathBuf};

/// The drawn clip: its seed, and its size where nothing else is asked for.
const SEED: u64 = 6;
const SIZE: (usize, usize) = (854, 480);

/// One frame and its truth, rows without gaps.
#[derive(Clone)]
pub struct Shown {
    /// In pixels.
    pub width: usize,
    /// In pixels.
    pub height: usize,
    /// R'G'B'.
    pub rgb: Vec<u8>,
    /// The size of `alpha`, which need not be the frame's.
    pub alpha_size: (usize, usize),
    /// True alpha, 0..=255.
    pub alpha: Vec<u8>,
}

/// One clip.
pub enum Clip {
    /// Frame and ground truth of each index.
    Files(Vec<(PathBuf, PathBuf)>),
    /// Drawn at any size.
    Drawn,
}

/// The clips below `root`, at most `count` frames each; the drawn one without `root`.
pub fn clips(root: Option<&Path>, count: usize) -> anyhow::Result<Vec<(String, Clip)>> {
    let Some(root) = root else { return Ok(vec![("procedural".into(), Clip::Drawn)]) };
    let (seen, truths) =
        (layout::sources(root, &layout::FRAMES)?, layout::sources(root, &layout::MATTES)?);
    let mut clips = Vec::new();
    for (name, truth) in truths {
        let (Source::Pictures(gt), Some(Source::Pictures(im))) = (truth, seen.get(&name)) else {
            continue;
        };
        let both = gt.into_iter().filter_map(|(stem, gt)| Some((im.get(&stem)?.clone(), gt)));
        let files: Vec<_> = both.filter(|(im, gt)| im != gt).take(count).collect();
        if !files.is_empty() {
            let name = if name.is_empty() { layout::last_name(root) } else { name };
            clips.push((name, Clip::Files(files)));
        }
    }
    ensure!(
        !clips.is_empty(),
        "{}: expected im/ and gt/ with pictures of the same names, found none",
        root.display()
    );
    Ok(clips)
}

impl Clip {
    /// How many of `asked` frames there are.
    pub fn len(&self, asked: usize) -> usize {
        match self {
            Self::Files(files) => files.len(),
            Self::Drawn => asked,
        }
    }

    /// Frame `index`; with `lines`, scaled or drawn to that height.
    pub fn frame(&self, index: usize, lines: Option<usize>) -> anyhow::Result<Shown> {
        match self {
            Self::Files(files) => read_frame(&files[index], lines),
            Self::Drawn => Ok(draw(index, lines)),
        }
    }
}

fn read_frame((im, gt): &(PathBuf, PathBuf), lines: Option<usize>) -> anyhow::Result<Shown> {
    let truth = read::matte(gt, Reading::Coverage)?;
    let size = lines.map_or("width=[1,max]".into(), |height| {
        let width = (truth.width * height).div_ceil(truth.height).next_multiple_of(2);
        format!("width={width},height={height},pixel-aspect-ratio=1/1")
    });
    let sample = picture::decode(im, &format!("format=RGB,{size}"))?;
    let (width, height, rgb) =
        frames::packed(&sample).with_context(|| format!("cannot read {}", im.display()))?;
    let alpha_size = (truth.width, truth.height);
    Ok(Shown { width, height, rgb, alpha_size, alpha: truth.bytes() })
}

fn draw(index: usize, lines: Option<usize>) -> Shown {
    let (width, height) =
        lines.map_or(SIZE, |height| ((height * 16).div_ceil(9).next_multiple_of(2), height));
    let drawn = synth::Clip::new(synth::Kind::Demo, width, height, SEED).render(index);
    let alpha = drawn.alpha_u8();
    Shown { width, height, rgb: drawn.rgb, alpha_size: (width, height), alpha }
}
