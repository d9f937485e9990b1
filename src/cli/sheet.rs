//! `mgdsam2 sheet`: frames, alpha and composite side by side, on one picture.
use super::Outcome;
use super::args::SheetArgs;
use super::frames;
use super::job::Source;
use super::picture;
use super::unfinished::UnfinishedFile;
use anyhow::ensure;

/// Pixels across one tile.
const TILE: usize = 320;
/// Pixels across one square of the checkerboard, and its greys.
const SQUARE: usize = 16;
const GREYS: [u8; 2] = [102, 153];

/// One decoded frame, packed.
struct Tile {
    height: usize,
    samples: Vec<u8>,
}

/// Draws the sheet.
pub fn run(typed: &SheetArgs) -> anyhow::Result<Outcome> {
    let (clip, matte) = (Source::at(&typed.clip)?, Source::at(&typed.matte)?);
    let count = frames::for_each(&matte, "width=[1,max]", |_| Ok(()))?;
    let shown = spread(count, typed.rows as usize);
    let frames = tiles(&clip, "RGB", &shown)?;
    let mattes = tiles(&matte, "RGBA", &shown)?;
    ensure!(
        frames.len() == mattes.len(),
        "{}: expected the {count} frames of {}, found fewer",
        typed.clip.display(),
        typed.matte.display()
    );
    let rows: Vec<u8> = frames.iter().zip(&mattes).flat_map(|(f, m)| row(f, m)).collect();
    let size = (3 * TILE, rows.len() / (9 * TILE));
    let file = UnfinishedFile::new(&typed.output)?;
    picture::write_png(file.path(), size, png::ColorType::Rgb, &rows)?;
    file.finish()?;
    Ok(Outcome::Complete)
}

/// At most `rows` of `count` frames, evenly spread, neither the very first nor the very last.
fn spread(count: usize, rows: usize) -> Vec<usize> {
    let rows = rows.min(count);
    (0..rows).map(|row| (2 * row + 1) * count / (2 * rows)).collect()
}

fn tiles(source: &Source, format: &str, shown: &[usize]) -> anyhow::Result<Vec<Tile>> {
    let caps = format!("format={format},width={TILE},pixel-aspect-ratio=1/1");
    let mut tiles = Vec::new();
    frames::for_each(source, &caps, |frame| {
        if shown.contains(&frame.index) {
            let (_, height, samples) = frames::packed(&frame.sample)?;
            tiles.push(Tile { height, samples });
        }
        Ok(())
    })?;
    Ok(tiles)
}

/// Lines of three tiles: the frame, its alpha, the matte over a checkerboard.
fn row(frame: &Tile, matte: &Tile) -> Vec<u8> {
    let lines = (0..frame.height.min(matte.height)).flat_map(|y| {
        let rgb = &frame.samples[3 * TILE * y..][..3 * TILE];
        let rgba = &matte.samples[4 * TILE * y..][..4 * TILE];
        let alpha = rgba.chunks(4).flat_map(|p| [p[3]; 3]);
        let over = rgba.chunks(4).enumerate().flat_map(move |(x, p)| over(p, grey(x, y)));
        rgb.iter().copied().chain(alpha).chain(over)
    });
    lines.collect()
}

fn grey(x: usize, y: usize) -> u8 {
    GREYS[(x / SQUARE + y / SQUARE) % 2]
}

/// A pixel with straight alpha over a grey.
fn over(rgba: &[u8], grey: u8) -> [u8; 3] {
    let alpha = u32::from(rgba[3]);
    [0, 1, 2]
        .map(|c| ((u32::from(rgba[c]) * alpha + u32::from(grey) * (255 - alpha) + 127) / 255) as u8)
}
