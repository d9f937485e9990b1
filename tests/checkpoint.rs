//! Checkpoints: what a good file gives, and what random weights are.
#![allow(clippy::unwrap_used)]

use gstmgdsam2::checkpoint::{Checkpoint, CheckpointError, Dtype, Mismatch, Mismatches};
use safetensors::tensor::{Dtype as FileDtype, TensorView};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// What `make.py`'s `state_dict()` holds.
const TENSORS: &[(&str, &[usize], &[f32])] = &[
    ("conv.bias", &[2], &[6.0, 7.0]),
    ("conv.weight", &[2, 3, 1, 1], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]),
    ("scalar", &[], &[0.5]),
    ("slice", &[2], &[4.0, 6.0]),
    ("transposed", &[3, 2], &[0.0, 3.0, 1.0, 4.0, 2.0, 5.0]),
];

const COUNTER: &str = "bn.num_batches_tracked";

#[test]
fn every_container_nesting_and_float_type_reads_the_same() {
    for name in [
        "zip.pt",
        "legacy.pth",
        "protocol4.pt",
        "f16.pt",
        "bf16.pt",
        "f64.pt",
        "nested_model.pt",
        "nested_state_dict.pt",
        "nested_legacy.pth",
        "wrapped.pt",
    ] {
        let checkpoint = Checkpoint::open(&fixture(name)).unwrap();
        let keys: Vec<&str> = checkpoint.keys().collect();
        let expected: Vec<&str> =
            [COUNTER].into_iter().chain(TENSORS.iter().map(|(key, ..)| *key)).collect();
        assert_eq!(keys, expected, "{name}");
        for (key, shape, values) in TENSORS {
            assert_eq!(checkpoint.read(key, shape).unwrap(), *values, "{name}: {key}");
        }
        let found = Dtype::Other("i64".into());
        assert_eq!(checkpoint.check(COUNTER, &[]), Err(Mismatch::Dtype { found }), "{name}");
    }
}

#[test]
fn safetensors_of_every_float_type_read_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let (f32, f16) = (1.5f32.to_le_bytes(), half::f16::from_f32(1.5).to_le_bytes());
    let (f64, bf16) = (1.5f64.to_le_bytes(), half::bf16::from_f32(1.5).to_le_bytes());
    let views = [
        ("f16", FileDtype::F16, &f16[..]),
        ("f32", FileDtype::F32, &f32),
        ("f64", FileDtype::F64, &f64),
        ("bf16", FileDtype::BF16, &bf16),
        (COUNTER, FileDtype::I64, &[7, 0, 0, 0, 0, 0, 0, 0]),
    ]
    .map(|(key, dtype, bytes)| (key, TensorView::new(dtype, vec![1], bytes).unwrap()));
    safetensors::serialize_to_file(views, None, &path).unwrap();

    let checkpoint = Checkpoint::open(&path).unwrap();
    for key in ["f16", "f32", "f64", "bf16"] {
        assert_eq!(checkpoint.read(key, &[1]).unwrap(), [1.5], "{key}");
    }
    let found = Dtype::Other("i64".into());
    assert_eq!(checkpoint.check(COUNTER, &[1]), Err(Mismatch::Dtype { found }));
}

#[test]
fn the_format_is_told_by_content_not_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    fs::copy(fixture("legacy.pth"), &path).unwrap();
    assert_eq!(Checkpoint::open(&path).unwrap().read("conv.bias", &[2]).unwrap(), [6.0, 7.0]);
}

/// 64 GiB, all but the first tensor a hole: reading more than was asked for would not end.
#[test]
fn opening_reads_no_values() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("huge.safetensors");
    let huge = (1u64 << 36) + 8;
    let header = format!(
        r#"{{"a":{{"dtype":"F32","shape":[2],"data_offsets":[0,8]}},
            "b":{{"dtype":"F32","shape":[131072,131072],"data_offsets":[8,{huge}]}}}}"#
    );
    let mut file = File::create(&path).unwrap();
    file.write_all(&(header.len() as u64).to_le_bytes()).unwrap();
    file.write_all(header.as_bytes()).unwrap();
    file.write_all(&[1.0f32, 2.0].map(f32::to_le_bytes).concat()).unwrap();
    let start = file.seek(SeekFrom::Current(-8)).unwrap();
    if let Err(e) = file.set_len(start + huge) {
        return println!("skipped: no sparse file of 64 GiB here: {e}");
    }
    let checkpoint = Checkpoint::open(&path).unwrap();
    assert_eq!(checkpoint.read("a", &[2]).unwrap(), [1.0, 2.0]);
    assert_eq!(checkpoint.shape("b"), Some(&[131_072, 131_072][..]));
}

#[test]
fn a_mismatch_names_key_expected_and_found() {
    let checkpoint = Checkpoint::open(&fixture("zip.pt")).unwrap();
    let message = |key, shape: &[usize]| checkpoint.read(key, shape).unwrap_err().to_string();
    assert_eq!(message("conv.bias", &[4]), "tensor `conv.bias`: expected shape [4], found [2]");
    assert_eq!(
        message("conv.gamma", &[4]),
        "tensor `conv.gamma`: expected shape [4], found no such tensor"
    );
    assert_eq!(
        message(COUNTER, &[]),
        "tensor `bn.num_batches_tracked`: expected shape [], \
         found that shape of i64, which is no floating point"
    );
}

#[test]
fn mismatches_are_named_all_at_once() {
    let mut mismatches = Mismatches::default();
    mismatches.add("a.weight", &[2, 3], Mismatch::Missing);
    mismatches.add("b.gamma", &[256], Mismatch::Shape { found: vec![64] });
    mismatches.add("c", &[], Mismatch::Dtype { found: Dtype::Other("i64".into()) });
    assert!(!mismatches.is_satisfied());
    mismatches.extra = (0..22).map(|i| format!("x{i}")).collect();
    let text = mismatches.to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[..5],
        [
            "tensors: 1 missing, 1 of another shape, 1 of another type, 22 extra",
            "  missing `a.weight`: expected shape [2, 3]",
            "  misshapen `b.gamma`: expected shape [256], found [64]",
            "  mistyped `c`: expected floating point, found i64",
            "  extra `x0`",
        ]
    );
    assert_eq!(lines[23..], ["  extra `x19`", "  ... and 2 more"]);
}

#[test]
fn extra_tensors_alone_are_no_mismatch() {
    let mismatches = Mismatches { extra: vec!["x".into()], ..Mismatches::default() };
    assert!(mismatches.is_satisfied());
}

#[test]
fn tensors_in_memory_read_back() {
    let tensors = [("b".into(), vec![2], vec![1.0, 2.0]), ("a".into(), vec![], vec![3.0])];
    let checkpoint = Checkpoint::from_tensors(tensors).unwrap();
    assert_eq!(checkpoint.keys().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(checkpoint.read("b", &[2]).unwrap(), [1.0, 2.0]);
}

#[test]
fn tensors_in_memory_fill_their_shapes_and_have_one_key_each() {
    let short = Checkpoint::from_tensors([("a".into(), vec![3], vec![1.0])]);
    assert!(matches!(short, Err(CheckpointError::Length { found: 1, .. })));
    let twice = ["a", "a"].map(|key| (key.into(), vec![1], vec![1.0]));
    let twice = Checkpoint::from_tensors(twice);
    assert!(matches!(twice, Err(CheckpointError::DuplicateKey { .. })));
}

/// Pinned: an engine built from random weights is the same on every machine.
#[test]
fn random_weights_are_these_very_bytes() {
    let checkpoint = Checkpoint::random(7);
    let mut hash = Sha256::new();
    for (key, shape) in [
        ("trunk.blocks.0.attn.qkv.weight", &[96, 32][..]),
        ("trunk.blocks.0.norm1.weight", &[32]),
        ("bn.running_var", &[8]),
        ("trunk.pos_embed", &[1, 32, 7, 7]),
    ] {
        for value in checkpoint.read(key, shape).unwrap() {
            hash.update(value.to_le_bytes());
        }
    }
    let hash: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hash, "200f9fad0310376adc15863f5f12ca2a48cf25eb769e88c3e49dfb9403fcc5b2");
}

#[test]
fn random_weights_have_the_magnitudes_training_starts_from() {
    let checkpoint = Checkpoint::random(1);
    for (key, shape, mean, deviation) in [
        ("mlp.layers.0.weight", &[400, 100][..], 0.0, 0.1),
        ("attn.in_proj_weight", &[400, 100], 0.0, 0.1),
        ("conv.weight", &[100, 4, 5, 5], 0.0, 0.1),
        ("norm.weight", &[10_000], 1.0, 0.05),
        ("norm.bias", &[10_000], 0.0, 0.02),
        ("bn.running_mean", &[10_000], 0.0, 0.02),
        ("bn.running_var", &[10_000], 1.0, 0.05),
        ("fuser.layers.0.gamma", &[10_000], 0.0, 0.1),
        ("pos_embed", &[1, 100, 10, 10], 0.0, 0.02),
        ("pe_layer.positional_encoding_gaussian_matrix", &[2, 5_000], 0.0, 1.0),
    ] {
        let values = checkpoint.read(key, shape).unwrap();
        let n = values.len() as f64;
        let found_mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
        let variance = values.iter().map(|&v| (f64::from(v) - found_mean).powi(2)).sum::<f64>() / n;
        // Five standard errors of each, for 10 000 draws.
        assert!((found_mean - mean).abs() < 0.05 * deviation, "{key}: mean {found_mean}");
        let ratio = variance.sqrt() / deviation;
        assert!((ratio - 1.0).abs() < 0.05, "{key}: deviation {}", variance.sqrt());
    }
}

#[test]
fn random_weights_differ_by_seed_and_key() {
    let draw = |seed, key| Checkpoint::random(seed).read(key, &[4, 4]).unwrap();
    assert_eq!(draw(1, "a.weight"), draw(1, "a.weight"));
    assert_ne!(draw(1, "a.weight"), draw(2, "a.weight"));
    assert_ne!(draw(1, "a.weight"), draw(1, "b.weight"));
}

#[test]
fn random_weights_of_an_impossible_shape_are_an_error() {
    for shape in [&[usize::MAX, 2][..], &[1 << 60]] {
        assert!(Checkpoint::random(1).read("a.weight", shape).is_err(), "{shape:?}");
    }
}

#[test]
fn the_fingerprint_changes_with_any_tensor() {
    let of = |value| Checkpoint::from_tensors([("a".into(), vec![1], vec![value])]).unwrap();
    let print = |c: &Checkpoint| c.fingerprint().unwrap().to_owned();
    assert_eq!(print(&of(1.0)), print(&of(1.0)));
    assert_ne!(print(&of(1.0)), print(&of(2.0)));
    assert_ne!(print(&Checkpoint::random(1)), print(&Checkpoint::random(2)));
}

#[test]
fn the_fingerprint_of_a_file_is_its_sha256() {
    let path = fixture("zip.pt");
    let expected: String =
        Sha256::digest(fs::read(&path).unwrap()).iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(Checkpoint::open(&path).unwrap().fingerprint().unwrap(), expected);
}

#[test]
fn the_source_says_where_values_come_from() {
    assert_eq!(Checkpoint::random(7).source(), "random weights, seed 7");
    let path = fixture("zip.pt");
    assert_eq!(Checkpoint::open(&path).unwrap().source(), path.display().to_string());
}

#[test]
fn a_checkpoint_may_be_shared_by_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Checkpoint>();
}

/// Files that another program wrote, where they are at hand.
#[test]
fn the_goldens_weights_open_and_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/goldens");
    let Ok(entries) = fs::read_dir(&folder) else {
        return println!("skipped: no {}", folder.display());
    };
    for entry in entries {
        let path = entry.unwrap().path().join("weights.safetensors");
        if !path.is_file() {
            continue;
        }
        let checkpoint = Checkpoint::open(&path).unwrap();
        for key in checkpoint.keys() {
            let shape = checkpoint.shape(key).unwrap();
            match checkpoint.check(key, shape) {
                Err(Mismatch::Dtype { .. }) => {}
                _ => drop(checkpoint.read(key, shape).unwrap()),
            }
        }
    }
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/checkpoints").join(name)
}
