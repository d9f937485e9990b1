//! The metrics against the numbers of the reference tools, and at their edges.
//!
//! `tests/data/metrics/cases.json` holds the references' numbers for committed pictures;
//! `tests/metrics_reference.py` computed them. The same script makes many more pictures, and runs
//! this test over them by way of `METRICS_CASES`, a folder of the same layout.
#![allow(clippy::unwrap_used)]
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::path::PathBuf;

use gstmgdsam2::metrics::Gray;
use gstmgdsam2::metrics::MetricsError;
use gstmgdsam2::metrics::alpha;
use gstmgdsam2::metrics::boundary;
use gstmgdsam2::metrics::hce;
use gstmgdsam2::metrics::histogram::Normalization;
use gstmgdsam2::metrics::mask::Mask;
use gstmgdsam2::metrics::protocol::davis;
use gstmgdsam2::metrics::protocol::dis;
use gstmgdsam2::metrics::protocol::matting;
use gstmgdsam2::metrics::protocol::sod;
use gstmgdsam2::metrics::region;
use serde::Serialize;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

/// Against the reference's value, or absolutely where that is below 1.
const TOLERANCE: f64 = 1e-6;

struct Picture {
    width: usize,
    height: usize,
    samples: Vec<u8>,
}

impl Picture {
    fn read(path: &Path) -> Self {
        let decoder = png::Decoder::new(BufReader::new(File::open(path).unwrap()));
        let mut reader = decoder.read_info().unwrap();
        let mut samples = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut samples).unwrap();
        assert_eq!(info.color_type, png::ColorType::Grayscale, "{}", path.display());
        let (width, height) = (info.width as usize, info.height as usize);
        samples.truncate(width * height);
        Self { width, height, samples }
    }

    fn of(width: usize, height: usize, value: impl Fn(usize, usize) -> u8) -> Self {
        let samples = (0..width * height).map(|i| value(i % width, i / width)).collect();
        Self { width, height, samples }
    }

    fn gray(&self) -> Gray<'_> {
        Gray::new(self.width, self.height, &self.samples).unwrap()
    }
}

/// Largest differences seen, by score.
#[derive(Default)]
struct Differences(std::collections::BTreeMap<String, (f64, String)>);

impl Differences {
    fn compare(&mut self, at: &str, expected: &Value, found: &Value) {
        let empty = Map::new();
        for (name, expected) in expected.as_object().unwrap_or(&empty) {
            let found = &found[name];
            match (expected, found) {
                (Value::Object(_), _) => self.compare(&format!("{at}: {name}"), expected, found),
                (Value::Array(expected), Value::Array(found)) => {
                    assert_eq!(expected.len(), found.len(), "{at}: {name}");
                    expected.iter().zip(found).for_each(|(e, f)| self.note(at, name, e, f));
                }
                _ => self.note(at, name, expected, found),
            }
        }
    }

    fn note(&mut self, at: &str, name: &str, expected: &Value, found: &Value) {
        let difference = match (expected.as_f64(), found.as_f64()) {
            (Some(e), Some(f)) => (e - f).abs() / e.abs().max(1.0),
            (None, None) => 0.0,
            _ => f64::INFINITY,
        };
        let (largest, place) = self.0.entry(name.to_owned()).or_default();
        if difference > *largest || place.is_empty() {
            *largest = difference;
            *place = format!("{at}: expected {expected}, found {found}");
        }
    }

    fn check(&self) {
        for (name, (largest, place)) in &self.0 {
            println!("{name:28} {largest:9.2e}  {place}");
        }
        let wrong = self.0.iter().filter(|(_, (largest, _))| *largest > TOLERANCE);
        let wrong: Vec<_> = wrong.map(|(name, (_, place))| format!("{name} of {place}")).collect();
        assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    }
}

fn value(of: impl Serialize) -> Value {
    serde_json::to_value(of).unwrap()
}

/// Every score of one pair, under the names of `cases.json`.
fn score_pair(pred: Gray<'_>, gt: Gray<'_>) -> Value {
    let score = dis::score(pred, gt, Normalization::MinMax).unwrap();
    let plain = sod::score(pred, gt, Normalization::FullScale).unwrap();
    let (p, g) = (Mask::above(pred, 128), Mask::above(gt, 128));
    let curves = &score.sod.curves;
    let mut all = value(score.item());
    all["full_scale"] = value(plain.item);
    all["precision"] = value(curves.precision.to_vec());
    all["recall"] = value(curves.recall.to_vec());
    all["f"] = value(curves.f.to_vec());
    all["e"] = value(curves.e.to_vec());
    all["j"] = value(region::region_similarity(&p, &g).unwrap());
    all["boundary_f"] = value(region::boundary_f(&p, &g).unwrap());
    all
}

fn compare_case(folder: &Path, case: &Value, differences: &mut Differences) {
    let name = case["name"].as_str().unwrap();
    let objects = match case["objects"].as_str() {
        Some("labels") => davis::Objects::Labels,
        _ => davis::Objects::Binary,
    };
    let mut sequence = davis::Sequence::new(name, objects);
    let mut clip = matting::Clip::default();
    let mut sod_sum = sod::SodAccumulator::default();
    for (i, frame) in case["frames"].as_array().unwrap().iter().enumerate() {
        let read = |key: &str| Picture::read(&folder.join(frame[key].as_str().unwrap()));
        let (pred, gt) = (read("pred"), read("gt"));
        let mut found = score_pair(pred.gray(), gt.gray());
        found["matting"] = value(clip.push(pred.gray(), gt.gray()).unwrap());
        sequence.push(pred.gray(), gt.gray()).unwrap();
        sod_sum.add(&sod::score(pred.gray(), gt.gray(), Normalization::MinMax).unwrap());
        differences.compare(&format!("{name} frame {i}"), &frame["expected"], &found);
    }
    let sequence = sequence.finish(davis::Frames::All);
    let mut davis_sum = davis::DavisAccumulator::default();
    davis_sum.add(&sequence);
    let found = json!({
        "davis": davis_sum.overall(),
        "sod": sod_sum.overall(),
        "matting": clip.finish().mean,
    });
    differences.compare(name, &case["expected"], &found);
}

fn compare_folder(folder: &Path) {
    let cases = File::open(folder.join("cases.json")).unwrap();
    let cases: Value = serde_json::from_reader(BufReader::new(cases)).unwrap();
    let mut differences = Differences::default();
    let cases = cases.as_array().unwrap();
    cases.iter().for_each(|case| compare_case(folder, case, &mut differences));
    println!("{} cases of {}", cases.len(), folder.display());
    differences.check();
}

#[test]
fn committed_pictures_score_as_the_references_say() {
    compare_folder(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/metrics"));
}

#[test]
fn pictures_of_the_reference_script_score_as_the_references_say() {
    match std::env::var_os("METRICS_CASES") {
        Some(folder) => compare_folder(Path::new(&folder)),
        None => println!("skipped: METRICS_CASES is not set, see tests/metrics_reference.py"),
    }
}

#[test]
fn different_sizes_are_an_error_that_names_both() {
    let (a, b) = (Picture::of(4, 3, |_, _| 0), Picture::of(3, 4, |_, _| 0));
    let error = sod::score(a.gray(), b.gray(), Normalization::MinMax).unwrap_err();
    assert_eq!(error.to_string(), "prediction of 4x3, ground truth of 3x4: expected one size");
    let (p, g) = (Mask::above(a.gray(), 128), Mask::above(b.gray(), 128));
    assert_eq!(region::region_similarity(&p, &g), Err(error));
    assert!(region::boundary_f(&p, &g).is_err());
    assert!(hce::human_correction_effort(&p, &g).is_err());
    assert!(boundary::boundary_iou(&p, &g).is_err());
    assert!(matting::Clip::default().push(a.gray(), b.gray()).is_err());
    let mut clip = matting::Clip::default();
    clip.push(a.gray(), a.gray()).unwrap();
    assert!(clip.push(b.gray(), b.gray()).is_err());
}

#[test]
fn short_buffers_and_empty_pictures_are_errors() {
    let error = Gray::new(4, 3, &[0_u8; 11]).unwrap_err();
    assert_eq!(error.to_string(), "picture of 4x3: expected 12 samples, found 11");
    assert_eq!(
        Gray::new(0, 3, &[0_u8; 0]).unwrap_err(),
        MetricsError::Side { width: 0, height: 3 }
    );
    assert!(Gray::new(1 << 40, 1 << 40, &[0_u8; 1]).is_err());
}

#[test]
fn a_prediction_with_an_unknown_object_is_an_error() {
    let gt = Picture::of(8, 8, |x, _| u8::from(x > 3));
    let pred = Picture::of(8, 8, |x, _| 2 * u8::from(x > 3));
    let mut sequence = davis::Sequence::new("swans", davis::Objects::Labels);
    let error = sequence.push(pred.gray(), gt.gray()).unwrap_err();
    assert_eq!(error.to_string(), "sequence `swans`: expected at most 1 objects, found label 2");
}

#[test]
fn the_unknown_band_is_the_soft_edge_and_ten_pixels_around() {
    // One soft pixel: the band is a disk of 317 pixels, and the prediction is off by 51 / 255.
    let gt = Picture::of(64, 64, |x, y| if (x, y) == (32, 32) { 100 } else { 0 });
    let pred = Picture::of(64, 64, |x, y| gt.samples[y * 64 + x] + 51);
    let found = alpha::mad_unknown(pred.gray(), gt.gray()).unwrap();
    assert!((found - 200.0).abs() < 1e-4, "{found}");
    let far =
        Picture::of(64, 64, |x, y| if (x, y) == (0, 0) { 255 } else { gt.samples[y * 64 + x] });
    assert_eq!(alpha::mad_unknown(far.gray(), gt.gray()).unwrap(), 0.0);
    let near =
        Picture::of(64, 64, |x, y| if (x, y) == (22, 32) { 255 } else { gt.samples[y * 64 + x] });
    let found = alpha::mad_unknown(near.gray(), gt.gray()).unwrap();
    assert!((found - 1000.0 / 317.0).abs() < 1e-4, "{found}");
    let hard = Picture::of(64, 64, |x, _| if x > 9 { 255 } else { 0 });
    assert!(alpha::mad_unknown(hard.gray(), hard.gray()).unwrap().is_nan());
}

#[test]
fn sixteen_bit_and_float_alpha_score_as_eight_bit() {
    let (pred, gt) =
        (Picture::of(33, 21, |x, y| (x * 7 + y) as u8), Picture::of(33, 21, |x, _| x as u8));
    let wide = |p: &Picture| p.samples.iter().map(|&v| u16::from(v) * 257).collect::<Vec<_>>();
    let float = |p: &Picture| p.samples.iter().map(|&v| f32::from(v) / 255.0).collect::<Vec<_>>();
    let eight = matting::Clip::default().push(pred.gray(), gt.gray()).unwrap();
    let (p, g) = (wide(&pred), wide(&gt));
    let (p, g) = (Gray::new(33, 21, &p).unwrap(), Gray::new(33, 21, &g).unwrap());
    assert_eq!(matting::Clip::default().push(p, g).unwrap(), eight);
    let (p, g) = (float(&pred), float(&gt));
    let (p, g) = (Gray::new(33, 21, &p).unwrap(), Gray::new(33, 21, &g).unwrap());
    assert_eq!(matting::Clip::default().push(p, g).unwrap(), eight);
}

#[test]
fn overall_means_leave_out_what_is_undefined() {
    let empty = Picture::of(16, 16, |_, _| 0);
    let half = Picture::of(16, 16, |x, _| if x > 7 { 255 } else { 0 });
    let mut sum = sod::SodAccumulator::default();
    for picture in [&empty, &half] {
        sum.add(&sod::score(picture.gray(), picture.gray(), Normalization::MinMax).unwrap());
    }
    let overall = sum.overall();
    assert_eq!((overall.items, overall.mean.mba), (2, 1.0));
    let nothing = value(sod::SodAccumulator::default().overall());
    assert_eq!(nothing["mean"]["mae"], Value::Null);
}

#[test]
fn both_conventions_of_the_maximum_are_given() {
    let gt = Picture::of(16, 16, |x, _| if x > 7 { 255 } else { 0 });
    let low = Picture::of(16, 16, |x, y| {
        [0, 255, 60][usize::from(x > 7) * 2 - usize::from(x > 7 && y == 0)]
    });
    let high = Picture::of(16, 16, |x, y| {
        if x > 7 {
            255
        } else if y == 0 {
            200
        } else {
            0
        }
    });
    let mut sum = sod::SodAccumulator::default();
    for pred in [&low, &high] {
        sum.add(&sod::score(pred.gray(), gt.gray(), Normalization::MinMax).unwrap());
    }
    let overall = sum.overall();
    assert_eq!(overall.mean.f_max, 1.0);
    assert!(overall.f_max_of_mean_curve < 1.0, "{}", overall.f_max_of_mean_curve);
}

#[test]
fn semi_supervised_sequences_leave_their_ends_out() {
    let gt = Picture::of(16, 16, |x, _| if x > 7 { 255 } else { 0 });
    let empty = Picture::of(16, 16, |_, _| 0);
    let mut sequence = davis::Sequence::new("ends", davis::Objects::Binary);
    for pred in [&empty, &gt, &gt, &empty] {
        sequence.push(pred.gray(), gt.gray()).unwrap();
    }
    assert_eq!(sequence.clone().finish(davis::Frames::All).j_and_f, 0.5);
    assert_eq!(sequence.finish(davis::Frames::WithoutEnds).j_and_f, 1.0);
    let empty = davis::Sequence::new("none", davis::Objects::Binary);
    assert!(empty.finish(davis::Frames::WithoutEnds).j_and_f.is_nan());
}

#[test]
fn scores_do_not_depend_on_the_number_of_threads() {
    let pred = Picture::of(301, 201, |x, y| (x * y % 251) as u8);
    let gt = Picture::of(301, 201, |x, y| if (x / 20 + y / 30) % 2 == 0 { 255 } else { 3 });
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let dis = dis::score(pred.gray(), gt.gray(), Normalization::MinMax).unwrap().item();
            (dis, matting::Clip::default().push(pred.gray(), gt.gray()).unwrap())
        })
    };
    assert_eq!(with(1), with(4));
}
