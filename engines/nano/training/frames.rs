//! Renders frames with their alpha for nano's training (`engines/nano/training`).
//!
//! ```text
//! cargo run --release --example training_frames -- SEED COUNT WIDTHxHEIGHT MATERIALS [LENGTH] > FRAMES.raw
//! ```
//! Each frame is (height, width, 3) RGB, then (height, width) alpha, as bytes; `LENGTH` frames in a
//! row (1 unless told) are of the training clip with seed `SEED`, the next of the one after it, and so
//! on for `COUNT` clips. `MATERIALS` is what `material.py --pack` writes: pictures,
//! each behind its width, height and channels (3: a photograph, 4: a cut-out) as little-endian u32.
use std::env;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};

use anyhow::{Context, bail};
use gstmgdsam2::synth::{Clip, Cutout, Kind, Materials, Photo};

/// Frames of a clip that a sample may begin with: a seed decides which.
const FRAMES: u64 = 60;

fn main() -> anyhow::Result<()> {
    let typed: Vec<String> = env::args().skip(1).collect();
    let [seed, count, size, materials, length @ ..] = typed.as_slice() else {
        bail!(
            "expected SEED COUNT WIDTHxHEIGHT MATERIALS [LENGTH], found {} arguments",
            typed.len()
        );
    };
    let (seed, count): (u64, u64) = (seed.parse()?, count.parse()?);
    let length: usize = length.first().map_or(Ok(1), |length| length.parse())?;
    let (width, height) = size.split_once('x').context("the size is not WIDTHxHEIGHT")?;
    let (width, height) = (width.parse()?, height.parse()?);
    let materials = read_materials(materials).with_context(|| format!("reading {materials}"))?;

    let mut out = BufWriter::new(std::io::stdout().lock());
    for seed in seed..seed + count {
        let clip = Clip::with_materials(Kind::Training, width, height, seed, &materials);
        let first = (seed % FRAMES) as usize;
        for frame in first..first + length {
            let picture = clip.render(frame);
            out.write_all(&picture.rgb)?;
            let alpha: Vec<u8> = picture.alpha.iter().map(|a| (a * 255.0 + 0.5) as u8).collect();
            out.write_all(&alpha)?;
        }
    }
    Ok(out.flush()?)
}

fn read_materials(path: &str) -> anyhow::Result<Materials> {
    let mut file = BufReader::new(File::open(path)?);
    let mut materials = Materials::default();
    while !BufRead::fill_buf(&mut file)?.is_empty() {
        let [width, height, channels] =
            [read_u32(&mut file)?, read_u32(&mut file)?, read_u32(&mut file)?];
        let mut bytes = vec![0; width * height * channels];
        file.read_exact(&mut bytes)?;
        match channels {
            3 => materials.photos.push(Photo::new(width, height, bytes)?),
            4 => materials.cutouts.push(Cutout::new(width, height, bytes)?),
            _ => bail!("a picture's channels: expected 3 or 4, found {channels}"),
        }
    }
    Ok(materials)
}

fn read_u32(file: &mut impl Read) -> anyhow::Result<usize> {
    let mut bytes = [0; 4];
    file.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes) as usize)
}
