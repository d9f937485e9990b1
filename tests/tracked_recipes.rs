//! Recipes with a tracker: read strictly, built whole, run through the real graphs.
#![allow(clippy::unwrap_used, missing_docs)]
use gstmgdsam2::engines::tracker_recipe::Guidance;
use gstmgdsam2::engines::{self, Opened, Precision, Recipe, Request, WeightSource, Weights};
use gstmgdsam2::session::{Exchange, Frame, MemoryState, Point, PointKind, Prompt, Propagation};
use safetensors::tensor::{Dtype, TensorView};
use std::fs;
use std::path::Path;

const TOY: &str = include_str!("data/tiny.toml");
const TRACKER: &str = include_str!("data/tracker.toml");

/// A toy with a detail path and a tracker.
fn both(encoder: &str, guidance: &str) -> String {
    let prefix = if encoder == "shared" { "key_prefix = \"tracker\"\n" } else { "" };
    let tracker = TRACKER.replace("\"own\"", &format!("\"{encoder}\""));
    format!("{TOY}\n{}{prefix}", tracker.replace("\"gate\"", &format!("\"{guidance}\"")))
}

/// A toy that only tracks.
fn alone() -> String {
    let (before, rest) = TOY.split_once("[model]").unwrap();
    let after = rest.split_once("[openvino]").unwrap().1;
    let head = before.replace("[weights]", "detail = \"none\"\n\n[weights]");
    format!("{head}[openvino]{after}\n{TRACKER}")
}

fn request(folder: &Path, recipe: &str) -> Request {
    let path = folder.join("toy.toml");
    fs::write(&path, recipe).unwrap();
    Request {
        model: path.to_str().unwrap().into(),
        weights: Weights::random(7),
        precision: Some(Precision::F32),
        threads: 1,
        cache: Some(folder.into()),
        ..Request::default()
    }
}

/// Each frame's state and logits; the first is prompted if `is_prompted`.
fn run(
    opened: &mut Opened,
    frames: usize,
    is_prompted: bool,
    propagation: Propagation,
) -> Vec<(Option<MemoryState>, Vec<f32>)> {
    let side = opened.session.side();
    let click = [Prompt::Points(vec![Point { x: 0.4, y: 0.6, kind: PointKind::Foreground }])];
    let frame = |i: usize| {
        let mut exchange = Exchange::new(side);
        let value = |p: usize| ((p / 3 % side) * 3 + p / 3 / side + 5 * i + p % 3 * 40) as u8;
        exchange.image_mut().iter_mut().enumerate().for_each(|(p, v)| *v = value(p));
        let prompts = if i == 0 && is_prompted { &click[..] } else { &[] };
        let (index, is_first) = (i as i64, i == 0);
        let frame = Frame { index, is_first, prompts, propagation, ..Frame::default() };
        if let Some(looker) = opened.session.looker() {
            looker.look(&mut exchange, propagation.is_on).unwrap();
        }
        let state = opened.session.step(&frame, &mut exchange).unwrap();
        assert!(exchange.logits().iter().all(|v| v.is_finite()), "frame {i}");
        (state, exchange.logits().to_vec())
    };
    (0..frames).map(frame).collect()
}

#[test]
fn contradictions_of_a_recipe_are_errors_that_say_so() {
    let refused = |text: String, message: &str| {
        let error = Recipe::parse("toy", &text).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    };
    let toy = both("own", "gate");
    refused(format!("detail = \"none\"\n{toy}"), "expected no section `[model]`, found one");
    refused(alone().replace("\"own\"", "\"shared\""), "expected a detail path");
    refused(alone().replace("\"gate\"", "\"prompt\""), "expected a detail path");
    let none = alone().split_once("[tracker]").unwrap().0.to_owned();
    refused(none, "expected a section `[tracker]`, found none");
    refused(alone().replace("detail = \"none\"", ""), "expected a section `[model]`, found none");
    let side = "`tracker.model.image_size`: expected `inp_size` 64, found 96";
    for (encoder, guidance) in [("shared", "gate"), ("own", "prompt")] {
        refused(both(encoder, guidance).replace("image_size = 64", "image_size = 96"), side);
    }
    refused(toy.replace("mem_dim = 8", "mem_dim = 8\ncolour = 1"), "`colour` in `tracker.model`");
    refused(toy.replace("mem_dim = 8", "mem_dim = 0"), "`mem_dim`: expected 1 to");
    refused(toy.replace("encoder = \"own\"", "encoder = \"mine\""), "mine");
}

#[test]
fn recipes_that_come_with_the_project_have_trackers_of_512_pixels() {
    for name in Recipe::list().filter(|name| !name.starts_with("nano")) {
        let tracker = Recipe::find(name).unwrap().tracker.unwrap();
        assert_eq!((tracker.model.image_size, tracker.guidance), (512, Guidance::Gate), "{name}");
        let is_alone = name.starts_with("sam2.1-");
        assert_eq!(
            engines::signatures(&Recipe::find(name).unwrap()).len(),
            6 - usize::from(is_alone)
        );
    }
}

#[test]
fn every_way_to_work_together_runs() {
    let graphs: [(&str, &str, &[&str]); 4] = [
        ("own", "gate", &["image", "tracker_encoder"]),
        ("own", "prompt", &["detail_encoder", "detail_decoder", "tracker_encoder"]),
        ("shared", "gate", &["detail_encoder", "detail_decoder"]),
        ("shared", "prompt", &["detail_encoder", "detail_decoder"]),
    ];
    for (encoder, guidance, first) in graphs {
        let folder = tempfile::tempdir().unwrap();
        let request = request(folder.path(), &both(encoder, guidance));
        let mut opened = engines::open(&request, &mut |_| ()).unwrap();
        assert_eq!(opened.tracker.as_ref().unwrap().memory_frames, 3);
        let on = run(&mut opened, 5, true, Propagation::default());
        let off = run(&mut opened, 5, true, Propagation { is_on: false, ..Default::default() });
        // Who looks at pictures before it is their turn sees the same.
        opened.session.set_look_ahead(true);
        assert!(opened.session.looker().is_some());
        assert!(run(&mut opened, 5, true, Propagation::default()) == on, "{encoder} {guidance}");
        assert!(on.iter().all(|(state, _)| state.is_some_and(|s| s.prompted == 1)), "{encoder}");
        assert!(on[4].0.unwrap().remembered > 0, "{encoder} {guidance}");
        assert!(off.iter().all(|(state, _)| state.is_none()));
        assert!(on[4].1 != off[4].1, "{encoder} {guidance}: the mask does nothing");
        let built = engines::build(&request, &mut |_| ()).unwrap();
        assert!(built.graphs.iter().all(|graph| graph.reused), "{:?}", built.graphs);
        let names: Vec<_> = built.graphs.iter().map(|graph| graph.graph.as_str()).collect();
        let tracker = ["memory_attention", "tracker_decoder", "prompt_decoder", "memory_encoder"];
        assert_eq!(names, [first, &tracker[..]].concat());
    }
}

#[test]
fn halves_of_the_detail_path_equal_the_whole() {
    let logits = [both("own", "gate"), both("shared", "gate")].map(|recipe| {
        let folder = tempfile::tempdir().unwrap();
        let request = request(folder.path(), &recipe);
        let mut opened = engines::open(&request, &mut |_| ()).unwrap();
        let off = Propagation { is_on: false, ..Propagation::default() };
        run(&mut opened, 1, false, off).remove(0).1
    });
    let difference = logits[0].iter().zip(&logits[1]).map(|(a, b)| (a - b).powi(2)).sum::<f32>();
    let norm = logits[0].iter().map(|a| a * a).sum::<f32>();
    assert!(difference.sqrt() < 1e-5 * norm.sqrt(), "{difference} of {norm}");
}

#[test]
fn keys_that_nobody_asks_for_are_found_where_the_path_is_divided() {
    let folder = tempfile::tempdir().unwrap();
    let mut request = request(folder.path(), &both("own", "prompt"));
    let path = folder.path().join("weights.safetensors");
    let data = TensorView::new(Dtype::F32, vec![1], &[0; 4]).unwrap();
    let keys = ["image_encoder.odd", "sam_mask_decoder.odd"].map(|key| (key, &data));
    safetensors::serialize_to_file(keys, None, &path).unwrap();
    request.weights.mgd = WeightSource::Checkpoint(path);
    let error = engines::open(&request, &mut |_| ()).err().unwrap().to_string();
    assert!(
        error.contains("image_encoder.odd") && error.contains("sam_mask_decoder.odd"),
        "{error}"
    );
}

#[test]
fn a_tracker_without_weights_is_a_warning_and_the_detail_path_runs() {
    let folder = tempfile::tempdir().unwrap();
    let mut request = request(folder.path(), &both("own", "gate"));
    request.weights.sam2 = WeightSource::Recipe;
    let mut opened = engines::open(&request, &mut |_| ()).unwrap();
    assert!(opened.tracker.is_none());
    assert!(opened.warnings.iter().any(|w| w.contains("--sam2")), "{:?}", opened.warnings);
    assert!(run(&mut opened, 2, true, Propagation::default())[1].0.is_none());
}

#[test]
fn a_recipe_that_only_tracks_needs_its_weights_and_a_prompt() {
    let folder = tempfile::tempdir().unwrap();
    let mut request = request(folder.path(), &alone());
    let mut opened = engines::open(&request, &mut |_| ()).unwrap();
    assert_eq!((opened.session.side(), opened.weights.as_str()), (64, "random weights, seed 7"));
    let frames = run(&mut opened, 2, false, Propagation::default());
    assert!(frames.iter().all(|(state, _)| state.unwrap().needs_prompt));
    assert!(frames.iter().all(|(_, logits)| logits.iter().all(|v| *v < -100.0)));
    let frames = run(&mut opened, 3, true, Propagation::default());
    assert!(!frames[2].0.unwrap().needs_prompt);

    request.weights = Weights::default();
    let error = engines::open(&request, &mut |_| ()).err().unwrap().to_string();
    assert!(error.contains("ships no weights"), "{error}");
}

#[test]
fn progress_runs_once_over_all_graphs() {
    let folder = tempfile::tempdir().unwrap();
    let request = request(folder.path(), &alone());
    let mut seen = Vec::new();
    engines::open(&request, &mut |progress| seen.push(progress)).unwrap();
    assert!(seen.windows(2).all(|p| p[0].fraction <= p[1].fraction + 1e-6), "{seen:?}");
    assert_eq!(seen.iter().filter(|p| p.stage == "compiling").count(), 5);
    assert_eq!(seen.last().unwrap().fraction, 1.0);
}
