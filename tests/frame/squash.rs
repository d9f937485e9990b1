//! The square picture against Pillow's, and against converting the whole frame first.
use crate::pictures::{BT709, COLORIMETRIES, INPUTS, Noise, Picture, packed_offsets};
use crate::reference;
use gstmgdsam2::frame::preprocess::Squash;
use gstmgdsam2::frame::{Colorimetry, PixelFormat};
use std::path::Path;

pub fn squash(picture: &Picture, side: usize) -> Vec<u8> {
    let mut image = vec![0; side * side * 3];
    Squash::new(side).run(&picture.view(), &mut image).unwrap();
    image
}

pub fn largest_difference(got: &[u8], want: &[u8]) -> u8 {
    assert_eq!(got.len(), want.len());
    got.iter().zip(want).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}

fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/frame").join(name);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// An RGB picture in another packed layout, with padded rows.
fn packed(rgb: &[u8], (width, height): (usize, usize), format: PixelFormat) -> Picture {
    let mut picture = Picture::new(format, (width, height), BT709, 5).noise(&mut Noise(7));
    let (offsets, bytes) = packed_offsets(format);
    for (i, pixel) in rgb.chunks_exact(3).enumerate() {
        let (x, y) = (i % width, i / width);
        (0..3).for_each(|c| picture.set(0, x * bytes + offsets[c], y, pixel[c]));
    }
    picture
}

/// Both round between the two passes, the one after rows, the other after columns.
#[test]
fn rgb_squash_is_pillows_within_1() {
    for (width, height, side) in [(97, 61, 32), (31, 150, 32), (20, 13, 33), (64, 32, 32)] {
        let rgb = fixture(&format!("{width}x{height}.rgb"));
        let want = fixture(&format!("{width}x{height}_to_{side}.rgb"));
        let got = squash(&packed(&rgb, (width, height), PixelFormat::Rgb), side);
        let differing = got.iter().zip(&want).filter(|(a, b)| a != b).count();
        println!("{width}x{height} -> {side}: {differing} of {} differ", want.len());
        assert!(largest_difference(&got, &want) <= 1, "{width}x{height}");
    }
}

#[test]
fn every_packed_layout_squashes_like_rgb() {
    use PixelFormat::*;
    let rgb = fixture("97x61.rgb");
    let want = squash(&packed(&rgb, (97, 61), Rgb), 32);
    for format in [Bgr, Rgba, Bgra, Argb, Abgr, Rgbx, Bgrx] {
        assert_eq!(squash(&packed(&rgb, (97, 61), format), 32), want, "{format:?}");
    }
}

#[test]
fn padded_rows_do_not_change_the_squash() {
    for format in INPUTS {
        let tight = Picture::new(format, (51, 35), BT709, 0).noise(&mut Noise(3));
        for padding in [1, 2, 3, 13] {
            let mut padded = Picture::new(format, (51, 35), BT709, padding).noise(&mut Noise(4));
            for plane in 0..format.plane_count() {
                let (row_bytes, rows) = format.plane_size(plane, 51, 35).unwrap();
                for (x, y) in (0..rows).flat_map(|y| (0..row_bytes).map(move |x| (x, y))) {
                    padded.set(plane, x, y, tight.at(plane, x, y));
                }
            }
            assert_eq!(squash(&padded, 24), squash(&tight, 24), "{format:?} + {padding}");
        }
    }
}

/// Any luma, chroma that varies slowly.
fn smooth_chroma(format: PixelFormat, size: (usize, usize), colorimetry: Colorimetry) -> Picture {
    let mut picture = Picture::new(format, size, colorimetry, 3);
    let mut noise = Noise(11);
    for plane in 0..format.plane_count() {
        let (row_bytes, rows) = format.plane_size(plane, size.0, size.1).unwrap();
        for (x, y) in (0..rows).flat_map(|y| (0..row_bytes).map(move |x| (x, y))) {
            let wave =
                |phase: f64| 128.0 + 25.0 * (x as f64 / 90.0 + y as f64 / 70.0 + phase).sin();
            let phase = match format {
                PixelFormat::Nv12 => 2.0 * (x % 2) as f64,
                PixelFormat::P010Le => (x & 2) as f64,
                _ => 2.0 * plane as f64,
            };
            let byte = match (format, plane, x % 2) {
                (PixelFormat::P010Le, _, 0) => 0,
                // Luma within bounds that keep all colours inside R'G'B'.
                (_, 0, _) => 90 + (noise.byte() & 63),
                _ => wave(phase) as u8,
            };
            picture.set(plane, x, y, byte);
        }
    }
    picture
}

/// Chroma is taken to lie amid its four pixels when planes are squashed, and on the even column
/// when pixels are converted: half a pixel, which slow chroma does not show. What is left is the
/// rounding of each plane, before a matrix that doubles it: 3 at worst, below 1 on average.
#[test]
fn squashing_planes_equals_converting_first_within_3() {
    use PixelFormat::*;
    for format in [Nv12, I420, Yv12, P010Le, Gray8] {
        for colorimetry in COLORIMETRIES {
            let picture = smooth_chroma(format, (151, 117), colorimetry);
            let mut rgb = Picture::new(Rgb, (151, 117), colorimetry, 0);
            for (x, y) in (0..117).flat_map(|y| (0..151).map(move |x| (x, y))) {
                let colour = reference::rgb_at(&picture, x, y);
                (0..3).for_each(|c| rgb.set(0, 3 * x + c, y, (colour[c] * 255.0).round() as u8));
            }
            let (got, want) = (squash(&picture, 48), squash(&rgb, 48));
            let worst = largest_difference(&got, &want);
            let sum: u32 = got.iter().zip(&want).map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
            let mean = f64::from(sum) / got.len() as f64;
            println!("{format:?} {colorimetry:?}: worst {worst}, mean {mean:.3}");
            assert!(worst <= 3 && mean <= 0.75, "{format:?} {colorimetry:?}: {worst}, {mean}");
        }
    }
}

#[test]
fn flat_frames_become_the_formulas_colour() {
    for format in INPUTS {
        for colorimetry in COLORIMETRIES {
            let mut noise = Noise(5);
            for _ in 0..20 {
                let picture = Picture::new(format, (9, 7), colorimetry, 0);
                let mut picture = picture.noise(&mut noise);
                make_flat(&mut picture);
                let want = reference::rgb_at(&picture, 4, 3).map(|c| (c * 255.0).clamp(0.0, 255.0));
                // P010 is squashed in 8 bits: half a step of luma and of chroma, times the matrix.
                let bound = if format == PixelFormat::P010Le { 2.5 } else { 0.6 };
                for rgb in squash(&picture, 6).chunks_exact(3) {
                    for (got, want) in rgb.iter().zip(want) {
                        let off = (f64::from(*got) - want).abs();
                        assert!(off <= bound, "{format:?} {colorimetry:?}: {rgb:?} for {want}");
                    }
                }
            }
        }
    }
}

/// Every pixel like the first.
fn make_flat(picture: &mut Picture) {
    use PixelFormat::*;
    for plane in 0..picture.format.plane_count() {
        let period = match (picture.format, plane) {
            (P010Le, 0) => 2,
            (P010Le, _) => 4,
            (Nv12, 1) => 2,
            (Nv12 | I420 | Yv12 | Gray8, _) => 1,
            (packed, _) => packed_offsets(packed).1,
        };
        let bytes = &mut picture.planes[plane].0;
        (period..bytes.len()).for_each(|i| bytes[i] = bytes[i - period]);
    }
}
