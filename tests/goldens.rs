#![allow(clippy::unwrap_used)]
use gstmgdsam2::checkpoint::Checkpoint;
use gstmgdsam2::model::{Config, mgd_sam2::mgd_sam2};
use gstmgdsam2::onnx::Graph;
use gstmgdsam2::signature::*;
use std::path::Path;

#[test]
fn dump() {
    for name in ["mgd_a", "mgd_b", "mgd_c"] {
        let dir = Path::new("../shared/goldens").join(name);
        let json: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(dir.join("config.json")).unwrap())
                .unwrap();
        let config: Config = serde_json::from_value(json["config"].clone()).unwrap();
        let ckpt = Checkpoint::open(&dir.join("weights.safetensors")).unwrap();
        let g = Graph::new("golden", &ckpt, Precision::F32);
        let side = 2 * config.inp_size;
        let b = json["config"]["batch"].as_u64().unwrap() as usize;
        let image = g.input(&TensorSpec {
            name: "input.image".into(),
            shape: vec![b, 3, side, side],
            element_type: ElementType::F32,
        });
        mgd_sam2(&g.root(), &config, &image);
        g.reject_extra_keys(&gstmgdsam2::model::unused_keys(&config));
        let names: Vec<String> = json["tensors"]
            .as_object()
            .unwrap()
            .keys()
            .filter(|k| *k != "input.image")
            .cloned()
            .collect();
        let taps: Vec<_> =
            names.iter().map(|n| g.tapped(n).unwrap_or_else(|| panic!("{n}"))).collect();
        let outputs: Vec<(&str, _)> = names.iter().map(String::as_str).zip(&taps).collect();
        let model = g.clone().finish(&outputs).unwrap_or_else(|e| panic!("{name}: {e}"));
        println!("{:?}", model.operators());
        model.save(Path::new(&format!("/tmp/{name}.onnx"))).unwrap();
    }
}
