//! The model that ships is the model that was trained.
#![allow(clippy::unwrap_used)]
use gstmgdsam2::backend::openvino::{OpenVino, Options};
use gstmgdsam2::backend::{Engine, Tensor};
use gstmgdsam2::checkpoint::Checkpoint;
use gstmgdsam2::engines::Recipe;
use gstmgdsam2::model::image_graph;
use gstmgdsam2::onnx::Graph;
use gstmgdsam2::signature::{Precision, image};
use safetensors::SafeTensors;
use std::path::Path;

/// `parity.safetensors` is what the training code says of a picture on the shipped weights.
#[test]
fn the_graph_equals_the_training_model_on_the_shipped_weights() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("engines/nano");
    let bytes = std::fs::read(folder.join("parity.safetensors")).unwrap();
    let parity = SafeTensors::deserialize(&bytes).unwrap();
    let [picture, logits] = ["image", "logits"].map(|name| parity.tensor(name).unwrap());
    let want: Vec<f32> =
        logits.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();

    let mut config = Recipe::find("nano").unwrap().model.unwrap();
    config.inp_size = picture.shape()[1] / 2;
    let signature = image(config.inp_size);
    let weights = Checkpoint::open(&folder.join("weights.safetensors")).unwrap();
    let graph = Graph::new("image", &weights, Precision::F32);
    let onnx = image_graph(graph, &config, &signature).unwrap().to_bytes().unwrap();
    let options = Options { precision: Precision::F32, threads: 0 };
    let mut engine = OpenVino::build(&onnx, &signature, &options).unwrap();
    let mut outputs = [Tensor::zeros(&signature.outputs[0])];
    engine.run(&[&Tensor::U8(picture.data().to_vec())], &mut outputs).unwrap();

    let [Tensor::F32(got)] = outputs else { panic!("logits are floats") };
    assert_eq!(got.len(), want.len());
    let norm = |v: &mut dyn Iterator<Item = f64>| v.map(|x| x * x).sum::<f64>().sqrt();
    let difference = norm(&mut got.iter().zip(&want).map(|(g, w)| f64::from(g - w)));
    let error = difference / norm(&mut want.iter().map(|w| f64::from(*w)));
    println!("nano/logits: relative L2 {error:.1e}");
    assert!(error < 1e-5, "relative L2 {error:.1e}");
}
