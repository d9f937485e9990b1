//! Kernels against the CPU's loops, on random frames of odd sizes in every layout: the same bytes.
//! On whatever device: the emulated one here, a real one in `tests/gpu`.
use crate::pictures::{BT709, COLORIMETRIES, INPUTS, Noise, Picture, TARGETS};
use gstmgdsam2::cuda::{Buffer, Device};
use gstmgdsam2::frame::composite::{Composite, Output};
use gstmgdsam2::frame::device as gpu;
use gstmgdsam2::frame::device::{DeviceFrame, DevicePlane};
use gstmgdsam2::frame::foreground::Foreground;
use gstmgdsam2::frame::preprocess::Squash;
use gstmgdsam2::frame::refine::{Coefficients, Refine, RefineMode};
use gstmgdsam2::frame::steady::Steady;
use gstmgdsam2::frame::{FrameError, PixelFormat};

/// A picture's planes in device memory.
struct Uploaded {
    planes: Vec<Buffer<u8>>,
    frame: DeviceFrame,
}

fn upload(device: &Device, picture: &Picture) -> Uploaded {
    let planes: Vec<Buffer<u8>> =
        picture.planes.iter().map(|(bytes, _)| device.copied(bytes).unwrap()).collect();
    let described = planes.iter().zip(&picture.planes);
    let described = described
        .map(|(plane, (_, stride))| DevicePlane { data: device.address(plane), stride: *stride });
    let size = (picture.width, picture.height);
    // SAFETY: `planes` live beside the frame, until the test has waited for the device.
    let frame = unsafe {
        DeviceFrame::new(picture.format, size, picture.colorimetry, described.collect()).unwrap()
    };
    Uploaded { planes, frame }
}

fn download(device: &Device, uploaded: &Uploaded, picture: &mut Picture) {
    let host = picture.planes.iter_mut().map(|(bytes, _)| &mut bytes[..]);
    device.download(uploaded.planes.iter().zip(host)).unwrap();
}

/// Blobs of both signs, with saturated middles, noise, and a few values that are no numbers.
fn logits(side: usize, noise: &mut Noise) -> Vec<f32> {
    let wave = |i: usize| (i as f32 / side as f32 * 9.0).sin();
    let mut logits: Vec<f32> = (0..side * side)
        .map(|i| 12.0 * wave(i % side) * wave(i / side) + noise.signed(3.0))
        .collect();
    logits[0] = f32::NAN;
    logits[side * side / 2] = f32::INFINITY;
    logits
}

#[track_caller]
fn assert_same(got: &[u8], want: &[u8], what: &str) {
    assert_close(got, want, 0, what);
}

#[track_caller]
fn assert_close(got: &[u8], want: &[u8], most: u8, what: &str) {
    let differing = got.iter().zip(want).filter(|(a, b)| a != b).count();
    let largest = got.iter().zip(want).map(|(a, b)| a.abs_diff(*b)).max();
    assert_eq!(got.len(), want.len(), "{what}");
    assert!(largest <= Some(most), "{what}: {differing} differ, by up to {largest:?}");
}

/// Shrinking, growing, wider than a tile; odd and even.
const SIZES: [((usize, usize), usize, usize); 5] =
    [((61, 43), 48, 3), ((130, 8), 33, 0), ((64, 32), 144, 16), ((7, 301), 16, 1), ((1, 1), 5, 0)];

pub fn squash_gives_the_cpus_bytes(device: &Device) {
    let mut noise = Noise(1);
    for format in INPUTS {
        // One object for all sizes: its tables must follow.
        for (i, (size, side, padding)) in SIZES.into_iter().enumerate() {
            let mut squash = gpu::Squash::new(side);
            let colorimetry = COLORIMETRIES[i % COLORIMETRIES.len()];
            for size in [size, (size.0 + 1, size.1)] {
                // P010's words must lie on even addresses.
                let padding = if format == PixelFormat::P010Le { 2 * padding } else { padding };
                let picture = Picture::new(format, size, colorimetry, padding).noise(&mut noise);
                let mut want = vec![0; 3 * side * side];
                Squash::new(side).run(&picture.view(), &mut want).unwrap();
                let uploaded = upload(device, &picture);
                let mut image = device.zeros(3 * side * side).unwrap();
                squash.run(device, &uploaded.frame, &mut image).unwrap();
                let mut got = vec![0; want.len()];
                device.download([(&image, &mut got[..])]).unwrap();
                assert_same(&got, &want, &format!("{format:?} {size:?} to {side}"));
            }
        }
    }
}

fn targets() -> impl Iterator<Item = PixelFormat> {
    TARGETS.into_iter().chain([PixelFormat::Gray16Le])
}

/// From logits to a matte.
type How = (RefineMode, Foreground, Output);

const FOREGROUNDS: [Foreground; 2] = [Foreground::Original, Foreground::Estimated];

/// Fits both and composites with both onto every target, in both kinds of colours.
pub fn fit_and_composite_give_the_cpus_bytes(device: &Device) {
    let mut noise = Noise(2);
    let outputs = [Output::Straight, Output::Premultiplied, Output::Over([200, 30, 90])];
    for (i, format) in INPUTS.into_iter().enumerate() {
        for (j, target) in targets().enumerate() {
            let (size, side, padding) = SIZES[(i + j) % SIZES.len()];
            let padding = if format == PixelFormat::P010Le { 2 * padding } else { padding };
            let (from, to) = (COLORIMETRIES[(i + j) % 6], COLORIMETRIES[(2 * i + j) % 6]);
            let picture = Picture::new(format, size, from, padding).noise(&mut noise);
            let into = Picture::new(target, size, to, padding).noise(&mut noise);
            for mode in [RefineMode::GuidedFilter, RefineMode::ColorLines, RefineMode::Off] {
                for foreground in FOREGROUNDS {
                    let how = (mode, foreground, outputs[(i + 2 * j) % 3]);
                    compare(device, &picture, &into, side, how, &mut noise);
                }
            }
        }
    }
}

/// Rows of 16 bytes and more, where whole vectors are read and written.
pub fn aligned_frames_give_the_cpus_bytes(device: &Device) {
    let mut noise = Noise(3);
    for format in INPUTS {
        for target in targets() {
            let picture = Picture::new(format, (160, 18), BT709, 0).noise(&mut noise);
            let into = Picture::new(target, (160, 18), BT709, 0).noise(&mut noise);
            for foreground in FOREGROUNDS {
                let how = (RefineMode::GuidedFilter, foreground, Output::Straight);
                compare(device, &picture, &into, 32, how, &mut noise);
            }
        }
    }
}

/// Many levels of cells, an odd number at the edges; and frames that are all foreground, where
/// there is nothing to estimate.
pub fn estimated_colours_of_large_and_plain_frames_are_the_cpus(device: &Device) {
    let mut noise = Noise(4);
    for target in [PixelFormat::Rgba, PixelFormat::A420] {
        let picture = Picture::new(PixelFormat::Nv12, (531, 277), BT709, 0).noise(&mut noise);
        let into = Picture::new(target, (531, 277), BT709, 0);
        let how = (RefineMode::GuidedFilter, Foreground::Estimated, Output::Straight);
        compare(device, &picture, &into, 64, how, &mut noise);
        let all = vec![9.0; 64 * 64];
        compare_logits(device, &picture, &into, &all, how);
    }
}

fn compare(
    device: &Device,
    picture: &Picture,
    into: &Picture,
    side: usize,
    how: How,
    noise: &mut Noise,
) {
    compare_logits(device, picture, into, &logits(side, noise), how);
}

/// `logits` are of a square picture.
fn compare_logits(
    device: &Device,
    picture: &Picture,
    into: &Picture,
    logits: &[f32],
    (mode, foreground, output): How,
) {
    let side = logits.len().isqrt();
    let mut image = vec![0; 3 * side * side];
    Squash::new(side).run(&picture.view(), &mut image).unwrap();
    let (mut want, mut coefficients) = (into.clone(), Coefficients::new());
    Refine::new(side).fit(&image, logits, mode, &mut coefficients).unwrap();
    Composite::new()
        .run(&picture.view(), &coefficients, foreground, output, &mut want.view_mut())
        .unwrap();

    let (image, logits) = (device.copied(&image).unwrap(), device.copied(logits).unwrap());
    let mut coefficients = gpu::Coefficients::new(device, side).unwrap();
    let mut refine = gpu::Refine::new(device, side).unwrap();
    refine.fit(device, &image, &logits, mode, &mut coefficients).unwrap();
    let (source, target) = (upload(device, picture), upload(device, into));
    gpu::Composite::new()
        .run(device, &source.frame, &coefficients, foreground, output, &target.frame)
        .unwrap();
    let mut got = into.clone();
    download(device, &target, &mut got);
    for (plane, (got, want)) in got.planes.iter().zip(&want.planes).enumerate() {
        let (from, to) = (picture.format, into.format);
        let size = (picture.width, picture.height);
        let what = format!(
            "{from:?} to {to:?}, {size:?} by {side}, {mode:?} {foreground:?} {output:?}: {plane}"
        );
        // The CPU sums the guesses' weights in another order.
        let most = u8::from(foreground == Foreground::Estimated);
        assert_close(&got.0, &want.0, most, &what);
    }
}

/// A scene of which a part moves, then a cut, after which nothing is held, then stillness.
pub fn logits_are_held_still_as_on_the_cpu(device: &Device) {
    for side in [61, 128] {
        let noise = &mut Noise(5);
        let (mut here, mut there) = (Steady::new(side), gpu::Steady::new(device, side).unwrap());
        let scenes =
            [(); 2].map(|()| (0..3 * side * side).map(|_| noise.byte()).collect::<Vec<_>>());
        for frame in 0..8 {
            let mut image = scenes[usize::from(frame >= 4)].clone();
            let moved = 3 * side * (side / 3);
            image[..moved].rotate_left(3 * frame);
            image.iter_mut().for_each(|v| *v = v.saturating_add(noise.byte() % 2));
            let said = logits(side, noise);
            let (on_device, mut held) =
                (device.copied(&image).unwrap(), device.copied(&said).unwrap());
            there.run(device, &on_device, &mut held).unwrap();
            let (mut want, mut got) = (said.clone(), said.clone());
            here.run(&image, &mut want).unwrap();
            device.read(&held, &mut got).unwrap();
            let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            assert!(bits(&got) == bits(&want), "side {side}, frame {frame}");
            assert_eq!(bits(&want) != bits(&said), ![0, 4].contains(&frame), "frame {frame}");
        }
    }
}

pub fn a_target_of_another_size_or_kind_is_an_error(device: &Device) {
    let picture = |format, size| upload(device, &Picture::new(format, size, BT709, 0));
    let coefficients = gpu::Coefficients::new(device, 8).unwrap();
    let source = picture(PixelFormat::Nv12, (8, 8));
    let run = |target: &Uploaded| {
        let (frame, target) = (&source.frame, &target.frame);
        let (foreground, output) = (Foreground::Original, Output::Straight);
        gpu::Composite::new().run(device, frame, &coefficients, foreground, output, target)
    };
    let (expected, found) = ((8, 8), (8, 9));
    assert_eq!(
        run(&picture(PixelFormat::Rgba, found)),
        Err(FrameError::TargetSize { expected, found })
    );
    let found = PixelFormat::Rgb;
    assert_eq!(run(&picture(found, (8, 8))), Err(FrameError::Output { found }));
}
