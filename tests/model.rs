//! Graphs: what is refused, what is left out, what other tools make of them.
#![allow(clippy::unwrap_used)]
use gstmgdsam2::backend::openvino::{OpenVino, Options};
use gstmgdsam2::backend::{Engine, Tensor};
use gstmgdsam2::checkpoint::Checkpoint;
use gstmgdsam2::engines::Recipe;
use gstmgdsam2::model::{Ablation, Config, image_graph};
use gstmgdsam2::onnx::{Graph, GraphError, OnnxModel};
use gstmgdsam2::signature::{ElementType, Precision, Signature, TensorSpec, image};
use std::path::{Path, PathBuf};
use std::process::Command;

const TOY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tiny.toml");
const PRECISIONS: [(Precision, &str); 3] =
    [(Precision::F32, "f32"), (Precision::F16, "f16"), (Precision::Bf16, "bf16")];

fn toy() -> Config {
    Recipe::find(TOY).unwrap().model.unwrap()
}

fn build(config: &Config, weights: &Checkpoint, p: Precision) -> Result<OnnxModel, GraphError> {
    image_graph(Graph::new("image", weights, p), config, &image(config.inp_size))
}

/// A place for `name` that no other test uses.
fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("model").join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn all_differences_between_checkpoint_and_model_are_named_at_once() {
    let weights = Checkpoint::from_tensors([
        ("no_mask_embed.weight".into(), vec![1, 3], vec![0.0; 3]),
        ("somebody.else".into(), vec![1], vec![0.0]),
    ])
    .unwrap();
    let error = build(&toy(), &weights, Precision::F32).err().unwrap().to_string();
    for part in [
        "no_mask_embed.weight",
        "[1, 16]",
        "[1, 3]",
        "383 missing",
        "`detail_enhance.feature_upsample2.1.weight`: expected shape [4, 4, 3, 3]",
        "somebody.else",
    ] {
        assert!(error.contains(part), "`{part}` is not in:\n{error}");
    }
}

#[test]
fn a_configuration_of_no_model_is_an_error_that_names_the_field() {
    let weights = Checkpoint::random(0);
    let cases = [
        ("inp_size", Config { inp_size: 40, ..toy() }),
        ("stages", Config { stages: [1, 1, 2, 2], ..toy() }),
        ("window_spec", Config { window_spec: [8, 3, 4, 2], ..toy() }),
        ("scale_factor", Config { scale_factor: 9, ..toy() }),
        ("fpn_top_down_levels", Config { fpn_top_down_levels: vec![1, 2, 3], ..toy() }),
    ];
    for (field, config) in cases {
        let error = build(&config, &weights, Precision::F32).err().unwrap();
        assert!(error.to_string().starts_with(field), "{error}");
    }
}

#[test]
fn only_what_reaches_the_logits_is_in_the_graph() {
    let weights = Checkpoint::random(0);
    let bytes = build(&toy(), &weights, Precision::F32).unwrap().to_bytes().unwrap();
    let text = String::from_utf8_lossy(&bytes);
    for used in ["sam_mask_decoder.conv_s0", "detail_enhance.out_conv"] {
        assert!(text.contains(used), "{used} is missing");
    }
    for unused in ["iou_prediction_head", "output_hypernetworks_mlps", "running_mean\""] {
        assert!(!text.contains(unused), "{unused} is dead code");
    }
}

#[test]
fn graphs_are_the_same_bytes_every_time() {
    let [a, b] = [0, 0].map(|seed| {
        let weights = Checkpoint::random(seed);
        build(&toy(), &weights, Precision::Bf16).unwrap().to_bytes().unwrap()
    });
    assert!(a == b);
}

#[test]
fn half_precision_graphs_stay_close_to_f32() {
    let (config, weights) = (toy(), Checkpoint::random(1));
    let reference = logits(&config, &weights, Precision::F32);
    for (precision, name) in &PRECISIONS[1..] {
        let got = logits(&config, &weights, *precision);
        let error = relative_l2(&got, &reference);
        println!("{name} graph against f32: relative L2 {error:.1e}");
        // Eight bits of mantissa are 4e-3 a rounding.
        assert!(error < 5e-2, "{name}: relative L2 {error:.1e}");
        assert!(error > 0.0, "{name} computed in f32");
    }
}

fn logits(config: &Config, weights: &Checkpoint, precision: Precision) -> Vec<f32> {
    let onnx = build(config, weights, precision).unwrap().to_bytes().unwrap();
    let signature = image(config.inp_size);
    // The engine computes as the graph says; f16 is emulated where the CPU has none.
    let engine_precision =
        if precision == Precision::Bf16 { Precision::Bf16 } else { Precision::F32 };
    run(&onnx, &signature, engine_precision)
}

fn run(onnx: &[u8], signature: &Signature, precision: Precision) -> Vec<f32> {
    let mut engine = OpenVino::build(onnx, signature, &Options { precision, threads: 0 }).unwrap();
    let input = &signature.inputs[0];
    let pixels = (0..input.shape.iter().product()).map(|i: usize| (i * 7 % 251) as u8).collect();
    let mut outputs = [Tensor::zeros(&signature.outputs[0])];
    engine.run(&[&Tensor::U8(pixels)], &mut outputs).unwrap();
    let [Tensor::F32(values)] = outputs else { panic!("logits are floats") };
    values
}

fn without(blocks: &[Ablation]) -> Config {
    Config { ablate: blocks.to_vec(), ..toy() }
}

#[test]
fn a_block_that_is_left_out_leaves_no_weight_behind() {
    let weights = Checkpoint::random(0);
    let prefixes = [
        (Ablation::Mpadapter, "trunk.mpadapter."),
        (Ablation::Mcem, "new_multifieldcrossatt."),
        (Ablation::Hmim, "new_fusion1."),
        (Ablation::Hmim, "new_fusion2."),
        (Ablation::Drm, "detail_enhance."),
    ];
    let text = |config: &Config| {
        let onnx = build(config, &weights, Precision::F32).unwrap().to_bytes().unwrap();
        String::from_utf8_lossy(&onnx).into_owned()
    };
    let whole = text(&toy());
    for (block, prefix) in prefixes {
        assert!(whole.contains(prefix), "{prefix}");
        assert!(!text(&without(&[block])).contains(prefix), "{block:?}");
    }
    assert!(!text(&without(&Ablation::ALL)).contains("trunk.mpadapter."));
}

#[test]
fn nano_weights_fit_nano_without_any_block() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("engines/nano/weights.safetensors");
    let weights = Checkpoint::open(&path).unwrap();
    for block in Ablation::ALL {
        let recipe = Recipe::find(&format!("nano~{}", block.name())).unwrap();
        assert_eq!(recipe.label(), format!("nano~{}", block.name()));
        let built = build(&recipe.model.unwrap(), &weights, Precision::F32);
        assert!(built.is_ok(), "{block:?}: {}", built.err().unwrap());
    }
}

#[test]
fn each_block_counts_for_the_logits() {
    let weights = Checkpoint::random(0);
    let signature = image(toy().inp_size);
    let logits = |config: &Config| {
        let onnx = build(config, &weights, Precision::F32).unwrap().to_bytes().unwrap();
        run(&onnx, &signature, Precision::F32)
    };
    let whole = logits(&toy());
    for block in Ablation::ALL {
        let changed = relative_l2(&logits(&without(&[block])), &whole);
        assert!(changed > 1e-4 && changed.is_finite(), "{block:?}: {changed:.1e}");
    }
}

#[test]
fn blocks_are_left_out_by_name_in_any_order_and_only_of_models_that_have_them() {
    let recipe = Recipe::find(&format!("{TOY}~drm~mcem~drm")).unwrap();
    assert_eq!(recipe.label(), "tiny~mcem~drm");
    let message = Recipe::find("nano~mcme").unwrap_err().to_string();
    assert!(message.contains("`nano~mcme`"), "{message}");
    let message = Recipe::find("sam2.1-tiny~mcem").unwrap_err().to_string();
    assert!(message.contains("`mcem`") && message.contains("sam2.1-tiny"), "{message}");
}

fn relative_l2(got: &[f32], want: &[f32]) -> f64 {
    let norm = |v: Vec<f64>| v.iter().map(|x| x * x).sum::<f64>().sqrt();
    let difference = got.iter().zip(want).map(|(g, w)| f64::from(g - w)).collect();
    norm(difference) / norm(want.iter().map(|&w| f64::from(w)).collect())
}

#[test]
fn large_weights_go_beside_the_graph() {
    let weights = Checkpoint::random(2);
    let folder = scratch("external");
    let path = folder.join("toy.onnx");
    build(&toy(), &weights, Precision::F32).unwrap().save_with_limit(&path, 100_000).unwrap();
    let [graph, data] = ["toy.onnx", "toy.onnx.data"]
        .map(|name| std::fs::metadata(folder.join(name)).unwrap().len());
    let whole = build(&toy(), &weights, Precision::F32).unwrap().to_bytes().unwrap().len() as u64;
    assert!(
        graph < whole && data < whole && graph + data > whole * 9 / 10,
        "{graph} {data} {whole}"
    );
    check_onnx(&[path]);
}

#[test]
fn graphs_pass_the_onnx_checker() {
    let weights = Checkpoint::random(3);
    let folder = scratch("checked");
    let nano = Recipe::find("nano").unwrap().model.unwrap();
    let mut paths = Vec::new();
    for (config, model) in [(toy(), "toy"), (nano, "nano")] {
        for (precision, name) in PRECISIONS {
            let path = folder.join(format!("{model}_{name}.onnx"));
            build(&config, &weights, precision).unwrap().save(&path).unwrap();
            paths.push(path);
        }
    }
    check_onnx(&paths);
}

/// ONNX's own full check with strict shape inference, where Python has the package.
fn check_onnx(paths: &[PathBuf]) {
    let packages = Path::new(env!("CARGO_MANIFEST_DIR")).join(".deps/python");
    let script = "import sys, onnx\n\
        for path in sys.argv[1:]:\n    \
            onnx.checker.check_model(path, full_check=True)\n    \
            model = onnx.load(path)\n    \
            onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)\n";
    let python = || {
        let mut python = Command::new("python3");
        python.env("PYTHONPATH", &packages).arg("-c");
        python
    };
    if !python().arg("import onnx").output().is_ok_and(|o| o.status.success()) {
        println!("skipped: python3 finds no package `onnx`; tests/all.sh installs it");
        return;
    }
    let output = python().arg(script).args(paths).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn shapes_that_do_not_fit_are_an_error_with_their_place() {
    let weights = Checkpoint::random(0);
    let graph = Graph::new("wrong", &weights, Precision::F32);
    let spec = |name: &str, shape: &[usize]| TensorSpec {
        name: name.into(),
        shape: shape.to_vec(),
        element_type: ElementType::F32,
    };
    let (a, b) = (graph.input(&spec("a", &[2, 3])), graph.input(&spec("b", &[4, 5])));
    let y = a.within(&graph.root().at("neck").at(1)).matmul(&b);
    let error = graph.finish(&[("y", &y)]).err().unwrap().to_string();
    assert_eq!(error, "MatMul in `neck.1`: cannot take shapes [[2, 3], [4, 5]]");
}
