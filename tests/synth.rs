//! Clips are the same everywhere, and each kind shows what it promises.
#![allow(clippy::unwrap_used)]
use gstmgdsam2::synth::Clip;
use gstmgdsam2::synth::Cutout;
use gstmgdsam2::synth::Kind;
use gstmgdsam2::synth::MaterialError;
use gstmgdsam2::synth::Materials;
use gstmgdsam2::synth::Photo;
use gstmgdsam2::synth::Picture;
use gstmgdsam2::synth::PlaneError;
use gstmgdsam2::synth::Planes;
use gstmgdsam2::synth::Scratch;
use gstmgdsam2::synth::TRIAL_FRAMES;

const KINDS: [Kind; 8] = [
    Kind::Demo,
    Kind::Training,
    Kind::Occlusion,
    Kind::LeaveAndReturn,
    Kind::Cut,
    Kind::Crossing,
    Kind::FastMotion,
    Kind::LightingJump,
];
const MIDDLE: usize = TRIAL_FRAMES / 2;
/// Of each kind's frame 35 at 96x64, seed 7; they change only when the drawing is meant to.
const CHECKSUMS: [u64; 8] = [
    0xe724e4225bd911a0,
    0x64045e9c7ebcbdc2,
    0x6caeac6549a7956a,
    0x57ed65ba042374dd,
    0x51ffd16b5d238c9d,
    0xa804180419e0e88a,
    0xd97739a956f1be10,
    0x531412b534f84f6f,
];

/// Sum of alpha: the subject's area in pixels.
fn area(picture: &Picture) -> f32 {
    picture.alpha.iter().sum()
}

/// Centre of alpha, as shares of width and height.
fn centre(picture: &Picture) -> [f32; 2] {
    let mut sum = [0.0; 2];
    for (i, a) in picture.alpha.iter().enumerate() {
        sum[0] += a * (i % picture.width) as f32;
        sum[1] += a * (i / picture.width) as f32;
    }
    let n = area(picture);
    [sum[0] / n / picture.width as f32, sum[1] / n / picture.height as f32]
}

/// Mean absolute difference of colours where neither picture shows its subject.
fn background_difference(a: &Picture, b: &Picture) -> f32 {
    let (mut sum, mut count) = (0.0, 0.0);
    for i in (0..a.alpha.len()).filter(|i| a.alpha[*i] == 0.0 && b.alpha[*i] == 0.0) {
        for c in 3 * i..3 * i + 3 {
            sum += f32::from(a.rgb[c].abs_diff(b.rgb[c]));
            count += 1.0;
        }
    }
    sum / count
}

/// FNV-1a over all planes.
fn checksum(picture: &Picture) -> u64 {
    let planes = picture.rgb.iter().chain(&picture.foreground).copied();
    let alpha = picture.alpha.iter().flat_map(|a| a.to_bits().to_le_bytes());
    planes.chain(alpha).fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[test]
fn a_seed_gives_the_same_bytes_on_every_machine() {
    let found: Vec<u64> =
        KINDS.iter().map(|kind| checksum(&Clip::new(*kind, 96, 64, 7).render(35))).collect();
    assert_eq!(found, CHECKSUMS, "found {found:#018x?}");
}

#[test]
fn seeds_differ() {
    for kind in KINDS {
        let [a, b] = [1, 2].map(|seed| Clip::new(kind, 64, 64, seed).render(0));
        assert_ne!(a.rgb, b.rgb, "{kind:?}");
    }
}

#[test]
fn frames_do_not_depend_on_the_order_they_are_rendered_in() {
    for kind in KINDS {
        let clip = Clip::new(kind, 80, 60, 3);
        let forward: Vec<Picture> = [0, 9, 31].map(|i| clip.render(i)).into();
        let again = Clip::new(kind, 80, 60, 3);
        let mut backward: Vec<Picture> = [31, 9, 0].map(|i| again.render(i)).into();
        backward.reverse();
        assert!(forward == backward, "{kind:?}");
    }
}

#[test]
fn rendering_into_planes_equals_rendering() {
    let mut scratch = Scratch::default();
    let (mut rgb, mut alpha, mut foreground) =
        (vec![1; 70 * 50 * 3], vec![1; 70 * 50], vec![1; 70 * 50 * 3]);
    for kind in KINDS {
        let clip = Clip::new(kind, 70, 50, 4);
        let picture = clip.render(12);
        let planes = Planes { rgb: &mut rgb, alpha: &mut alpha, foreground: &mut foreground };
        clip.render_into(12, &mut scratch, planes).unwrap();
        assert!(rgb == picture.rgb, "{kind:?}");
        assert!(alpha == picture.alpha_u8(), "{kind:?}");
        assert!(foreground == picture.foreground, "{kind:?}");
    }
}

#[test]
fn a_plane_of_another_size_is_an_error() {
    let clip = Clip::new(Kind::Cut, 8, 4, 0);
    let (mut rgb, mut alpha, mut foreground) = (vec![0; 96], vec![0; 31], vec![0; 96]);
    let planes = Planes { rgb: &mut rgb, alpha: &mut alpha, foreground: &mut foreground };
    let error = clip.render_into(0, &mut Scratch::default(), planes).unwrap_err();
    assert_eq!(error, PlaneError { plane: "alpha", expected: 32, found: 31 });
}

#[test]
fn alpha_is_soft_at_edges_and_within_its_range() {
    for kind in KINDS {
        for seed in 0..3 {
            let picture = Clip::new(kind, 160, 120, seed).render(2);
            assert!(picture.alpha.iter().all(|a| (0.0..=1.0).contains(a)), "{kind:?} {seed}");
            let soft = picture.alpha.iter().filter(|a| (0.02..0.98).contains(*a)).count();
            assert!(soft > 20, "{kind:?} {seed}: {soft} soft pixels");
        }
    }
}

#[test]
fn hair_makes_many_soft_pixels_in_the_demo() {
    let picture = Clip::new(Kind::Demo, 320, 180, 0).render(0);
    let soft = picture.alpha.iter().filter(|a| (0.02..0.98).contains(*a)).count();
    let solid = picture.alpha.iter().filter(|a| **a >= 0.98).count();
    assert!(solid > 1000 && 5 * soft > solid, "{soft} soft, {solid} solid");
}

/// The demo's lens is clear: its frames are their addends, and alpha weighs the true colour.
#[test]
fn a_frame_is_alpha_times_foreground_plus_the_rest() {
    for kind in [Kind::Demo, Kind::Occlusion, Kind::FastMotion] {
        let clip = Clip::new(kind, 120, 90, 5);
        let (picture, addends) = (clip.render(8), clip.addends(8));
        for (i, a) in picture.alpha.iter().enumerate() {
            assert!((a - addends.alpha[i]).abs() < 1e-6);
            for c in 3 * i..3 * i + 3 {
                let rest = addends.background[c] * 255.0;
                let made = a * f32::from(picture.foreground[c]) + rest;
                let found = f32::from(picture.rgb[c]);
                assert!((made - found).abs() <= 1.01, "{kind:?}: {made} made, {found} found");
                // What is not covered by the subject is all that the rest may be.
                assert!(rest <= 255.0 * (1.0 - a) + 0.01, "{kind:?}: {rest} beside {a}");
            }
        }
    }
}

#[test]
fn odd_and_tiny_sizes_render() {
    for kind in KINDS {
        for (width, height) in [(0, 0), (0, 5), (5, 0), (1, 1), (1, 9), (33, 2), (17, 31)] {
            let picture = Clip::new(kind, width, height, 1).render(3);
            assert_eq!(picture.rgb.len(), 3 * width * height, "{kind:?}");
            assert_eq!(picture.alpha.len(), width * height, "{kind:?}");
            assert_eq!(picture.foreground.len(), 3 * width * height, "{kind:?}");
        }
    }
}

#[test]
fn an_occluded_subject_is_hidden_whole_and_comes_back() {
    for (seed, size) in [(0, (160, 90)), (1, (96, 96)), (2, (90, 160)), (3, (96, 96))] {
        let clip = Clip::new(Kind::Occlusion, size.0, size.1, seed);
        let at = |i| clip.render(i);
        let before = area(&at(0));
        assert!(before > 50.0, "seed {seed}: {before}");
        assert_eq!(area(&at(MIDDLE)), 0.0, "seed {seed}");
        assert!(area(&at(TRIAL_FRAMES)) > 0.7 * before, "seed {seed}");
        let [left, right] = [at(0), at(TRIAL_FRAMES)].map(|p| centre(&p)[0]);
        assert!(left < 0.5 && right > 0.5, "seed {seed}: from {left} to {right}");
    }
}

#[test]
fn a_subject_that_leaves_is_gone_and_returns() {
    for (seed, size) in [(0, (160, 90)), (1, (96, 96)), (2, (90, 160))] {
        let clip = Clip::new(Kind::LeaveAndReturn, size.0, size.1, seed);
        let areas: Vec<f32> = (0..=TRIAL_FRAMES).map(|i| area(&clip.render(i))).collect();
        assert!(areas[0] > 50.0, "seed {seed}: {}", areas[0]);
        let away = areas.iter().filter(|a| **a == 0.0).count();
        assert!(areas[MIDDLE] == 0.0 && away >= 8, "seed {seed}: away for {away} frames");
        assert!(areas[TRIAL_FRAMES] > 0.9 * areas[0], "seed {seed}");
    }
}

#[test]
fn a_cut_changes_everything_at_once() {
    for seed in 0..4 {
        let clip = Clip::new(Kind::Cut, 96, 72, seed);
        let [earlier, last, first] = [MIDDLE - 2, MIDDLE - 1, MIDDLE].map(|i| clip.render(i));
        assert_eq!((clip.shot(MIDDLE - 1), clip.shot(MIDDLE)), (0, 1));
        let still = background_difference(&earlier, &last);
        let cut = background_difference(&last, &first);
        assert!(cut > 10.0 && cut > 4.0 * still, "seed {seed}: {cut} at the cut, {still} before");
        assert!(area(&last) > 50.0 && area(&first) > 50.0, "seed {seed}");
    }
}

#[test]
fn crossing_subjects_change_places_and_the_tracked_one_stays_whole() {
    let clip = Clip::new(Kind::Crossing, 128, 96, 1);
    let at = |i: usize| clip.render(i);
    let x = |i: usize| centre(&at(i))[0];
    assert!(x(0) < 0.4 && x(TRIAL_FRAMES) > 0.6, "from {} to {}", x(0), x(TRIAL_FRAMES));
    assert!(area(&at(MIDDLE)) > 0.8 * area(&at(0)));
    // Where the subject's mirror image is, its twin has its colours until both are in the middle.
    let start = at(0);
    let colour = |p: &Picture, mirrored: bool| -> [f32; 3] {
        let place = |i: usize| if mirrored { i + p.width - 1 - 2 * (i % p.width) } else { i };
        let solid: Vec<usize> =
            (0..start.alpha.len()).filter(|i| start.alpha[*i] == 1.0).map(place).collect();
        [0, 1, 2].map(|c| {
            solid.iter().map(|i| f32::from(p.rgb[3 * i + c])).sum::<f32>() / solid.len() as f32
        })
    };
    let far = |a: [f32; 3], b: [f32; 3]| (0..3).map(|c| (a[c] - b[c]).abs()).sum::<f32>();
    let subject = colour(&start, false);
    let (twin, empty) = (colour(&start, true), colour(&at(MIDDLE), true));
    let (like, unlike) = (far(subject, twin), far(subject, empty));
    assert!(like < 0.5 * unlike, "{like} to the twin, {unlike} to the background");
}

#[test]
fn fast_motion_is_fast() {
    let clip = Clip::new(Kind::FastMotion, 128, 128, 1);
    let centres: Vec<[f32; 2]> = (0..25).map(|i| centre(&clip.render(i))).collect();
    let fastest =
        centres.windows(2).map(|pair| (pair[1][0] - pair[0][0]).abs()).fold(0.0, f32::max);
    assert!((0.06..0.1).contains(&fastest), "{fastest} of the width a frame");
}

#[test]
fn a_lighting_jump_dims_the_frame_and_leaves_alpha_alone() {
    let clip = Clip::new(Kind::LightingJump, 96, 72, 1);
    let mean = |p: &Picture| p.rgb.iter().map(|v| f32::from(*v)).sum::<f32>() / p.rgb.len() as f32;
    let [before, after] = [MIDDLE - 1, MIDDLE].map(|i| clip.render(i));
    assert!(mean(&after) < 0.6 * mean(&before), "{} to {}", mean(&before), mean(&after));
    assert!((area(&after) / area(&before) - 1.0).abs() < 0.1);
}

#[test]
fn training_scenes_show_their_subject() {
    let mut seen = 0;
    for seed in 0..40 {
        let picture = Clip::new(Kind::Training, 96, 96, seed).render(0);
        let share = area(&picture) / picture.alpha.len() as f32;
        seen += usize::from(share > 0.01);
        assert!(share < 0.9, "seed {seed}: {share}");
    }
    // Now and then something passes before it, or it is just out of the frame.
    assert!(seen >= 35, "{seen} of 40");
}

#[test]
fn training_uses_the_materials_it_is_given() {
    let red = Photo::new(2, 2, [200, 10, 10].repeat(4)).unwrap();
    let materials = Materials { photos: vec![red], cutouts: Vec::new() };
    let reds = |materials: &Materials| -> f32 {
        let shares = (0..12).map(|seed| {
            let picture = Clip::with_materials(Kind::Training, 48, 48, seed, materials).render(0);
            let is_red = |p: &&[u8]| p[0] / 2 > p[1].max(p[2]) && p[0] > 40;
            picture.rgb.chunks_exact(3).filter(is_red).count() as f32
        });
        shares.sum()
    };
    let (with, without) = (reds(&materials), reds(&Materials::default()));
    assert!(with > 2.0 * without + 1000.0, "{with} red pixels with, {without} without");
}

#[test]
fn a_cutout_keeps_its_own_alpha() {
    // A ring: clear in the middle and outside.
    let rgba: Vec<u8> = (0..64 * 64)
        .flat_map(|i| {
            let (x, y) = ((i % 64) as f32 - 31.5, (i / 64) as f32 - 31.5);
            let inside = (12.0..30.0).contains(&(x * x + y * y).sqrt());
            [250, 250, 250, if inside { 255 } else { 0 }]
        })
        .collect();
    let materials =
        Materials { photos: Vec::new(), cutouts: vec![Cutout::new(64, 64, rgba).unwrap()] };
    let rings = (0..16)
        .map(|seed| Clip::with_materials(Kind::Training, 64, 64, seed, &materials).addends(0))
        .filter(|addends| {
            // The hole of a ring: clear, with the subject on all four sides.
            let alpha = |x: usize, y: usize| addends.alpha[y * 64 + x];
            (8..56).flat_map(|y| (8..56).map(move |x| (x, y))).any(|(x, y)| {
                let beside = |mut line: std::ops::Range<usize>, across: bool| {
                    line.any(|i| if across { alpha(i, y) } else { alpha(x, i) } > 0.9)
                };
                alpha(x, y) == 0.0
                    && beside(0..x, true)
                    && beside(x..64, true)
                    && beside(0..y, false)
                    && beside(y..64, false)
            })
        })
        .count();
    assert!(rings >= 3, "{rings} rings");
}

#[test]
fn a_material_of_the_wrong_size_is_an_error() {
    let error = Photo::new(2, 3, vec![0; 17]).unwrap_err();
    assert_eq!(error, MaterialError::Length { width: 2, height: 3, expected: 18, found: 17 });
    assert_eq!(error.to_string(), "material of 2x3: expected 18 bytes, found 17");
    let error = Cutout::new(0, 3, Vec::new()).unwrap_err();
    assert_eq!(error, MaterialError::Empty { width: 0, height: 3 });
}
