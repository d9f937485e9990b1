//! Views that do not fit their bytes are errors, never panics.
use crate::pictures::{BT709, INPUTS, Noise, Picture, TARGETS};
use crate::refine::fit;
use gstmgdsam2::frame::composite::{Composite, Output};
use gstmgdsam2::frame::foreground::Foreground;
use gstmgdsam2::frame::preprocess::Squash;
use gstmgdsam2::frame::refine::{Coefficients, Refine, RefineMode};
use gstmgdsam2::frame::{FrameError, PixelFormat};

fn run(frame: &Picture, target: &mut Picture) -> Result<(), FrameError> {
    let coefficients = fit(&[9; 48], &[0.5; 16], 4, RefineMode::GuidedFilter);
    let (frame, mut target) = (frame.view(), target.view_mut());
    Composite::new().run(&frame, &coefficients, Foreground::Original, Output::Straight, &mut target)
}

#[test]
fn errors_name_the_plane_and_what_it_lacks() {
    let whole = Picture::new(PixelFormat::I420, (5, 5), BT709, 0);
    let broken = |change: &dyn Fn(&mut Picture)| {
        let mut picture = whole.clone();
        change(&mut picture);
        let target = &mut Picture::new(PixelFormat::Rgba, (5, 5), BT709, 0);
        run(&picture, target).unwrap_err().to_string()
    };
    assert_eq!(
        broken(&|p| p.planes[2].0.truncate(8)),
        "I420 frame, plane 2: expected 9 bytes or more, found 8"
    );
    assert_eq!(
        broken(&|p| p.planes[1].1 = 2),
        "I420 frame, plane 1: expected a stride of 3 or more, found 2"
    );
    assert_eq!(broken(&|p| p.planes.truncate(1)), "I420 frame: expected 3 planes, found 1");
    assert_eq!(
        broken(&|p| p.width = 0),
        "I420 frame: expected a size of 1x1 to 65536x65536, found 0x5"
    );
    assert_eq!(broken(&|p| p.height = 3), "output frame: expected 5x3, found 5x5");
    assert!(broken(&|p| p.planes[0].1 = usize::MAX).contains("plane 0: expected"));
}

#[test]
fn layouts_on_the_wrong_side_are_errors() {
    let yuva = Picture::new(PixelFormat::A420, (4, 4), BT709, 0);
    let mut nv12 = Picture::new(PixelFormat::Nv12, (4, 4), BT709, 0);
    let refused = Squash::new(4).run(&yuva.view(), &mut [0; 48]);
    assert_eq!(refused, Err(FrameError::Input { found: PixelFormat::A420 }));
    let refused = run(&nv12.clone(), &mut nv12);
    assert_eq!(refused, Err(FrameError::Output { found: PixelFormat::Nv12 }));
}

#[test]
fn buffers_of_another_side_are_errors() {
    let frame = Picture::new(PixelFormat::Rgb, (4, 4), BT709, 0);
    let elements = |name, expected, found| Err(FrameError::Elements { name, expected, found });
    assert_eq!(Squash::new(4).run(&frame.view(), &mut [0; 47]), elements("image", 48, 47));
    let mut coefficients = Coefficients::new();
    let mut fit = |image: &[u8], logits: &[f32]| {
        Refine::new(4).fit(image, logits, RefineMode::Off, &mut coefficients)
    };
    assert_eq!(fit(&[0; 12], &[0.0; 16]), elements("image", 48, 12));
    assert_eq!(fit(&[0; 48], &[0.0; 17]), elements("logits", 16, 17));
    let mut target = Picture::new(PixelFormat::Gray8, (4, 4), BT709, 0);
    let unfitted = Composite::new().run(
        &frame.view(),
        &Coefficients::new(),
        Foreground::Original,
        Output::Straight,
        &mut target.view_mut(),
    );
    assert_eq!(unfitted, Err(FrameError::NotFitted));
}

/// Sizes, strides, lengths and plane counts at random: what `check` accepts runs to its end.
#[test]
fn random_views_do_not_panic() {
    let mut noise = Noise(77);
    let mut accepted = 0;
    for _ in 0..4_000 {
        let format = INPUTS[noise.below(INPUTS.len())];
        let mut frame = Picture::new(format, (1 + noise.below(9), 1 + noise.below(9)), BT709, 0);
        let target_format = TARGETS[noise.below(TARGETS.len())];
        let mut target = Picture::new(target_format, (frame.width, frame.height), BT709, 0);
        for picture in [&mut frame, &mut target] {
            let plane = noise.below(picture.planes.len());
            let (bytes, stride) = &mut picture.planes[plane];
            match noise.below(8) {
                0 => bytes.truncate(noise.below(bytes.len() + 1)),
                1 => *stride = noise.below(*stride + 2),
                2 => picture.width = noise.below(12),
                3 => picture.height = noise.below(12),
                _ => bytes.extend([0; 3]),
            }
        }
        let valid = frame.view().check().is_ok() && target.view().check().is_ok();
        let same_size = (frame.width, frame.height) == (target.width, target.height);
        assert_eq!(run(&frame, &mut target).is_ok(), valid && same_size);
        let squashed = Squash::new(5).run(&frame.view(), &mut [0; 75]);
        assert_eq!(squashed.is_ok(), frame.view().check().is_ok());
        accepted += usize::from(valid && same_size);
    }
    assert!(accepted > 500, "{accepted}");
}

#[test]
fn logits_that_are_no_numbers_do_not_spread() {
    let frame = Picture::new(PixelFormat::Rgb, (64, 64), BT709, 0).noise(&mut Noise(1));
    let mut logits = vec![9.0; 64 * 64];
    logits[10 * 64 + 10] = f32::NAN;
    let image = crate::squash::squash(&frame, 64);
    for mode in [RefineMode::GuidedFilter, RefineMode::ColorLines] {
        let matte = crate::refine::matte(&frame, &fit(&image, &logits, 64, mode));
        assert_eq!(matte[50 * 64 + 50], 255, "{mode:?}");
    }
}
