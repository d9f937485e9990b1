//! SAM2.1's checkpoints as they are published: a zip of PyTorch, nested under `model`, keys and
//! all. Here one of a toy's size is written the same way.
#![allow(clippy::unwrap_used, missing_docs)]
use gstmgdsam2::checkpoint::Checkpoint;
use gstmgdsam2::engines::{self, Precision, Recipe, Request, WeightSource, Weights};
use gstmgdsam2::model::Sam2Config;
use gstmgdsam2::model::sam2::{tracker_graph, tracker_graphs};
use gstmgdsam2::onnx::{Graph, GraphError};
use gstmgdsam2::session::{Exchange, Frame, Prompt};
use gstmgdsam2::signature::ElementType;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use zip::write::SimpleFileOptions;

/// Every key that the tracker's graphs ask for, with its shape.
fn keys(config: &Sam2Config) -> BTreeMap<String, Vec<usize>> {
    let nothing = Checkpoint::from_tensors([]).unwrap();
    let graphs = tracker_graphs(config, ElementType::U8);
    let missing = graphs.iter().flat_map(|plan| {
        let graph = Graph::new(&plan.0.graph, &nothing, Precision::F32);
        match tracker_graph(graph, config, plan).map(drop) {
            Err(GraphError::Weights(mismatches)) => mismatches.missing,
            other => panic!("{other:?}"),
        }
    });
    missing.collect()
}

#[test]
fn every_size_asks_for_the_keys_and_shapes_that_are_published() {
    // Of facebookresearch/sam2's configurations and modules.
    let sizes = [("tiny", 96, 7), ("small", 96, 7), ("base-plus", 112, 14), ("large", 144, 7)];
    for (name, channels, grid) in sizes {
        let recipe = Recipe::find(&format!("sam2.1-{name}")).unwrap();
        let config = recipe.tracker.unwrap().model;
        let beside = Recipe::find(name).unwrap().tracker.unwrap().model;
        assert_eq!(config, beside, "{name}: the tracker beside a detail path is the same");
        let keys = keys(&config);
        let shape = |key: &str| keys.get(key).unwrap_or_else(|| panic!("{name}: no `{key}`"));
        for (key, want) in [
            ("image_encoder.trunk.pos_embed", &[1, channels, grid, grid][..]),
            ("image_encoder.trunk.patch_embed.proj.weight", &[channels, 3, 7, 7]),
            ("image_encoder.neck.convs.3.conv.weight", &[256, channels, 1, 1]),
            ("memory_attention.layers.3.cross_attn_image.k_proj.weight", &[256, 64]),
            ("memory_encoder.fuser.layers.1.gamma", &[256]),
            ("maskmem_tpos_enc", &[7, 1, 1, 64]),
            ("no_mem_embed", &[1, 1, 256]),
            ("no_obj_embed_spatial", &[1, 64]),
            ("obj_ptr_tpos_proj.weight", &[64, 256]),
            ("sam_prompt_encoder.pe_layer.positional_encoding_gaussian_matrix", &[2, 128]),
            ("sam_mask_decoder.pred_obj_score_head.layers.2.weight", &[1, 256]),
            ("sam_mask_decoder.conv_s0.weight", &[32, 256, 1, 1]),
        ] {
            assert_eq!(shape(key), want, "{name}: {key}");
        }
        let blocks = keys.keys().filter(|key| key.ends_with(".norm1.weight"));
        let blocks = blocks.filter(|key| key.starts_with("image_encoder.trunk.blocks.")).count();
        assert_eq!(blocks, config.stages.iter().sum::<usize>(), "{name}");
    }
}

#[test]
fn a_published_checkpoint_builds_and_tracks() {
    let folder = tempfile::tempdir().unwrap();
    let toy = include_str!("data/tiny.toml");
    let (before, rest) = toy.split_once("[model]").unwrap();
    let (before, after) = (before, rest.split_once("[openvino]").unwrap().1);
    let tracker = include_str!("data/tracker.toml");
    let recipe = format!("detail = \"none\"\n{before}[openvino]{after}\n{tracker}");
    let path = folder.path().join("toy.toml");
    fs::write(&path, recipe).unwrap();
    let model = path.to_str().unwrap();
    let config = Recipe::find(model).unwrap().tracker.unwrap().model;
    let checkpoint = folder.path().join("sam2.1_toy.pt");
    write_checkpoint(&checkpoint, &keys(&config));

    let weights = |sam2| Weights { mgd: WeightSource::Recipe, sam2 };
    let [published, random] =
        [WeightSource::Checkpoint(checkpoint), WeightSource::Random(7)].map(|source| {
            let request = Request {
                model: model.into(),
                weights: weights(source),
                precision: Some(Precision::F32),
                threads: 1,
                cache: Some(folder.path().into()),
                ..Request::default()
            };
            let mut session = engines::open(&request, &mut |_| ()).unwrap().session;
            let mut exchange = Exchange::new(session.side());
            let prompts = [Prompt::from_corners([0.2, 0.3], [0.7, 0.8])];
            (0..3)
                .map(|index: i64| {
                    exchange.image_mut().iter_mut().enumerate().for_each(|(i, v)| *v = i as u8);
                    let prompts = if index == 0 { &prompts[..] } else { &[] };
                    let frame = Frame { index, prompts, ..Frame::default() };
                    session.step(&frame, &mut exchange).unwrap();
                    session.tracker().unwrap().mask().clone()
                })
                .collect::<Vec<_>>()
        });
    // The same weights, in a file and drawn.
    assert_eq!(published, random);
}

/// As `torch.save({"model": state_dict})` lays it out.
fn write_checkpoint(path: &Path, keys: &BTreeMap<String, Vec<usize>>) {
    let drawn = Checkpoint::random(7);
    let mut archive = zip::ZipWriter::new(File::create(path).unwrap());
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let mut add = |name: &str, bytes: &[u8]| {
        archive.start_file(format!("archive/{name}"), stored).unwrap();
        archive.write_all(bytes).unwrap();
    };
    let mut pickle = b"\x80\x02}".to_vec();
    pickle.extend(text("model"));
    pickle.extend(b"}(");
    for (i, (key, shape)) in keys.iter().enumerate() {
        pickle.extend(text(key));
        pickle.extend(tensor(i, shape));
        let values = drawn.read(key, shape).unwrap();
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        add(&format!("data/{i}"), &bytes);
    }
    pickle.extend(b"us.");
    add("data.pkl", &pickle);
    add("version", b"3\n");
    archive.finish().unwrap();
}

/// `torch._utils._rebuild_tensor_v2(storage, 0, shape, strides, False, OrderedDict())`.
fn tensor(storage: usize, shape: &[usize]) -> Vec<u8> {
    let strides: Vec<usize> = (0..shape.len()).map(|i| shape[i + 1..].iter().product()).collect();
    let mut pickle = b"ctorch._utils\n_rebuild_tensor_v2\n((".to_vec();
    pickle.extend(text("storage"));
    pickle.extend(b"ctorch\nFloatStorage\n");
    pickle.extend([text(&storage.to_string()), text("cpu")].concat());
    pickle.extend([number(shape.iter().product()), b"tQ".to_vec(), number(0)].concat());
    for sizes in [shape, &strides] {
        pickle.push(b'(');
        sizes.iter().for_each(|size| pickle.extend(number(*size)));
        pickle.push(b't');
    }
    pickle.extend(b"\x89ccollections\nOrderedDict\n)RtR");
    pickle
}

fn text(text: &str) -> Vec<u8> {
    [b"X", &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat()
}

fn number(number: usize) -> Vec<u8> {
    [b"J", &(number as i32).to_le_bytes()[..]].concat()
}
