//! What each family of fixtures is about.
use super::{Comparison, Fixture, execute, spec};
use gstmgdsam2::checkpoint::Checkpoint;
use gstmgdsam2::model::layers::{depthwise_pair, masked_dot_product_attention};
use gstmgdsam2::model::mask_decoder::{DecoderSizes, MaskDecoderInput, mask_decoder};
use gstmgdsam2::model::memory_attention::{MemoryAttentionInput, memory_attention};
use gstmgdsam2::model::memory_encoder::memory_encoder;
use gstmgdsam2::model::{
    Config, layers, mgd_sam2::mgd_sam2, position_encoding, prompt_encoder, unused_keys,
};
use gstmgdsam2::onnx::{Graph, Interpolation, Scope, Tensor};
use gstmgdsam2::session::MaskSelection;
use gstmgdsam2::signature::{Precision, TensorSpec};

/// Compares everything that fixture `name` lists.
pub fn run(name: &str, f: &Fixture, c: &mut Comparison) -> Result<(), String> {
    c.expect_all_of(f);
    match name {
        _ if name.starts_with("mgd_") => image_path(f, c),
        _ if name.starts_with("ops") => operations(f, c),
        _ if name.starts_with("mask_decoder") => mask_decoders(f, c),
        _ if name.starts_with("memory_attention") => memory_attentions(f, c),
        _ if name.starts_with("memory_encoder") => memory_encoders(f, c),
        _ if name.starts_with("prompt_encoder") => prompt_encoders(f, c),
        _ if name.starts_with("track_") => super::tracking::clip(f, c),
        _ => Err("no test knows this family".into()),
    }
}

/// A graph that takes some of a fixture's tensors and must give others.
struct Case<'c> {
    graph: Graph<'c>,
    inputs: Vec<(TensorSpec, Vec<f32>)>,
    outputs: Vec<(String, Tensor<'c>)>,
}

impl<'c> Case<'c> {
    fn new(weights: &'c Checkpoint) -> Self {
        let graph = Graph::new("golden", weights, Precision::F32);
        Self { graph, inputs: Vec::new(), outputs: Vec::new() }
    }

    fn scope(&self) -> Scope<'c> {
        self.graph.root()
    }

    fn input(&mut self, f: &Fixture, c: &mut Comparison, name: &str) -> Tensor<'c> {
        c.given(name);
        self.inputs.push((f.spec(name), f.get(name).1.clone()));
        self.graph.input(&f.spec(name))
    }

    fn input_values(&mut self, name: &str, shape: &[usize], values: Vec<f32>) -> Tensor<'c> {
        self.inputs.push((spec(name, shape), values));
        self.graph.input(&spec(name, shape))
    }

    fn output(&mut self, name: impl ToString, value: &Tensor<'c>) {
        self.outputs.push((name.to_string(), value.clone()));
    }

    /// Gives out the value that the model names so.
    fn tapped(&mut self, name: impl ToString, tap: &str) -> Result<(), String> {
        let value = self.graph.tapped(tap).ok_or(format!("the model has no value `{tap}`"))?;
        self.output(name, &value);
        Ok(())
    }

    fn compare(self, f: &Fixture, c: &mut Comparison) -> Result<Vec<Vec<f32>>, String> {
        let results = execute(&self.graph, &self.inputs, &self.outputs)?;
        for ((name, _), got) in self.outputs.iter().zip(&results) {
            c.close(name, got, &f.get(name).1);
        }
        Ok(results)
    }
}

fn image_path(f: &Fixture, c: &mut Comparison) -> Result<(), String> {
    let config: Config = serde_json::from_value(f.config.clone()).map_err(|e| e.to_string())?;
    let mut case = Case::new(&f.weights);
    let image = case.input(f, c, "input.image");
    let logits = mgd_sam2(&case.scope(), &config, &image);
    case.graph.reject_extra_keys(&unused_keys(&config));
    for name in f.tensors.keys().filter(|name| *name != "input.image") {
        case.tapped(name, name)?;
    }
    case.compare(f, c)?;

    // The graph that ships gives out nothing but the logits, and engines see another graph then.
    let mut case = Case::new(&f.weights);
    let image = case.input(f, c, "input.image");
    assert_eq!(logits.shape, mgd_sam2(&case.scope(), &config, &image).shape);
    case.tapped("output.logits", "output.logits")?;
    case.compare(f, c).map(drop)
}

fn mask_decoders(f: &Fixture, c: &mut Comparison) -> Result<(), String> {
    let sizes = DecoderSizes {
        heads: f.size("heads"),
        mlp_dim: f.size("mlp_dim"),
        iou_hidden: f.size("iou_head_hidden_dim"),
    };
    let (n, dim) = (f.size("batch"), f.size("d"));
    for repeated in [false, true] {
        let mut case = Case::new(&f.weights);
        let s = case.scope();
        let [image, s0, s1] = ["image_embeddings", "high_res_s0", "high_res_s1"].map(|name| {
            let x = case.input(f, c, name);
            // Where it is repeated, the first image serves every prompt.
            if repeated { Tensor::concat(&vec![&x.slice(0, 0..1); n], 0) } else { x }
        });
        let dense = case.input(f, c, "dense");
        let pe = case.input(f, c, "image_pe");
        let (h, w) = (pe.shape[2], pe.shape[3]);
        let input = MaskDecoderInput {
            image: layers::channels_last(&image.add(&dense)),
            image_pe: layers::channels_last(&pe).reshape(&[1, h * w, dim]),
            sparse: case.input(f, c, "sparse"),
            sparse_mask: None,
            high_res: [s0, s1],
        };
        let y = mask_decoder(&s, &input, sizes);
        let prefix = if repeated { "repeat_image" } else { "multimask" };
        case.output(format!("{prefix}.masks"), &y.mask_logits.slice(1, 1..4));
        case.output(format!("{prefix}.iou_pred"), &y.ious.slice(1, 1..4));
        case.output(format!("{prefix}.sam_tokens"), &y.mask_tokens.slice(1, 1..4));
        if !repeated {
            for which in ["multimask_single_token", "plain_single", "dynamic_single"] {
                case.output(format!("{which}.sam_tokens"), &y.mask_tokens.slice(1, 0..1));
            }
            case.output("multimask_single_token.masks", &y.mask_logits.slice(1, 1..4));
            case.output("multimask_single_token.iou_pred", &y.ious.slice(1, 1..4));
            case.output("plain_single.masks", &y.mask_logits.slice(1, 0..1));
            case.output("plain_single.iou_pred", &y.ious.slice(1, 0..1));
            case.output("object_score_logits", &y.object_score_logits);
            case.output("mask_tokens_out", &y.mask_tokens);
            case.tapped("transformer.src", "transformer.src")?;
            case.tapped("transformer.tokens", "transformer.tokens")?;
            case.output("all_iou_pred", &y.ious);
            case.output("all_masks", &y.mask_logits);
        }
        let results = case.compare(f, c)?;
        if let [.., ious, masks] = results.as_slice()
            && !repeated
        {
            dynamic_single(f, c, masks, ious);
        }
    }
    Ok(())
}

/// The session's choice among the masks.
fn dynamic_single(f: &Fixture, c: &mut Comparison, masks: &[f32], ious: &[f32]) {
    let number = |field: &str| f.config[field].as_f64().unwrap() as f32;
    let selection =
        MaskSelection { stability_delta: number("delta"), stability_threshold: number("thresh") };
    let n = f.size("batch");
    let pixels = masks.len() / n / 4;
    let (mut chosen, mut chosen_ious, mut scores) = (Vec::new(), Vec::new(), Vec::new());
    for (masks, ious) in masks.chunks_exact(4 * pixels).zip(ious.chunks_exact(4)) {
        let i = selection.single(masks, ious);
        chosen.extend_from_slice(&masks[i * pixels..(i + 1) * pixels]);
        chosen_ious.push(ious[i]);
        scores.push(selection.stability(&masks[..pixels]));
    }
    c.close("dynamic_single.masks", &chosen, &f.get("dynamic_single.masks").1);
    c.close("dynamic_single.iou_pred", &chosen_ious, &f.get("dynamic_single.iou_pred").1);
    c.close("stability_scores", &scores, &f.get("stability_scores").1);
}

fn memory_attentions(f: &Fixture, c: &mut Comparison) -> Result<(), String> {
    let grid = match &f.config["feat"] {
        serde_json::Value::Array(_) => {
            [0, 1].map(|i| f.config["feat"][i].as_u64().unwrap() as usize)
        }
        _ => [f.size("feat"); 2],
    };
    let tokens = grid[0] * grid[1];
    let cases: Vec<&str> = f.tensors.keys().filter_map(|k| k.strip_suffix(".curr")).collect();
    for (i, name) in cases.into_iter().enumerate() {
        let mut case = Case::new(&f.weights);
        let pointers = format!("{name}.num_obj_ptr_tokens");
        let pointer_tokens = f.get(&pointers).1[0] as usize;
        c.given(&pointers);
        // Fixtures are (tokens, batch, channels).
        let mut input =
            |what: &str| case.input(f, c, &format!("{name}.{what}")).permute(&[1, 0, 2]);
        let [curr, curr_pos, memory, memory_pos] =
            ["curr", "curr_pos", "memory", "memory_pos"].map(&mut input);
        let frames = (memory.shape[1] - pointer_tokens) / tokens;
        let input = MemoryAttentionInput {
            current: [curr, curr_pos],
            memory: [memory, memory_pos],
            frames,
            key_mask: None,
        };
        let sizes = [f.size("layers"), f.size("ff")];
        let y = memory_attention(&case.scope(), &input, grid, sizes);
        case.output(format!("{name}.out"), &y.permute(&[1, 0, 2]));
        let layer = format!("{name}.layer.");
        for key in f.tensors.keys().filter(|k| k.starts_with(&layer)) {
            case.tapped(key, &key[name.len() + 1..])?;
        }
        if i == 0 {
            case.tapped("freqs_cis_real", "rope.cos")?;
            case.tapped("freqs_cis_imag", "rope.sin")?;
        }
        case.compare(f, c)?;
    }
    Ok(())
}

fn memory_encoders(f: &Fixture, c: &mut Comparison) -> Result<(), String> {
    let mem_dim = f.size("mem_dim");
    for how in ["scaled_outside", "sigmoid_inside"] {
        let mut case = Case::new(&f.weights);
        let s = case.scope();
        let features = case.input(f, c, "pix_feat");
        let mut mask = case.input(f, c, "mask_logits").sigmoid();
        if how == "scaled_outside" {
            mask = mask.mul(&s.scalar(20.0)).add(&s.scalar(-10.0));
            case.output("scaled_outside.mask_for_mem", &mask);
        }
        let y = memory_encoder(&s, &features, &mask, mem_dim);
        case.output(format!("{how}.features"), &y);
        for tap in ["fuser.layer.0", "fuser.layer.1", "mask_downsampled"] {
            case.tapped(format!("{how}.{tap}"), tap)?;
        }
        case.tapped(format!("{how}.fuser"), "fuser.layer.1")?;
        let pe = position_encoding::sine(&s, [mem_dim, y.shape[2], y.shape[3]], 1.0);
        case.output("pos_enc", &s.value(&pe));
        case.compare(f, c)?;
    }
    Ok(())
}

fn prompt_encoders(f: &Fixture, c: &mut Comparison) -> Result<(), String> {
    let dim = f.size("embed_dim");
    let pair = |field: &str| [0, 1].map(|i| f.config[field][i].as_u64().unwrap() as usize);
    let ([h, w], [height, width]) = (pair("image_embedding_size"), pair("input_image_size"));
    for name in ["points", "labels", "boxes"] {
        c.given(name);
    }
    let points = point_list(&f.get("points").1, |i| f.get("labels").1[i]);
    let boxes = point_list(&f.get("boxes").1, |i| 2.0 + (i % 2) as f32);
    let n = f.get("points").0[0];
    for (key, _) in f.tensors.iter().filter(|(k, _)| k.contains(".sparse")) {
        let name = key.trim_end_matches(".sparse");
        let mut all: Vec<Vec<(f32, f32, f32)>> = vec![Vec::new(); n];
        for (i, list) in all.iter_mut().enumerate() {
            let of = |p: &[(f32, f32, f32)]| p[i * p.len() / n..(i + 1) * p.len() / n].to_vec();
            if name.contains("points") {
                list.extend(of(&points));
                // A point that is none is added, but not where a box follows.
                list.extend((!name.contains("boxes")).then_some((-0.5, -0.5, -1.0)));
            }
            if name.contains("boxes") {
                list.extend(of(&boxes));
            }
        }
        let t = all[0].len();
        let flat: Vec<_> = all.concat();
        let place =
            |&(x, y, _): &(f32, f32, f32)| [(x + 0.5) / width as f32, (y + 0.5) / height as f32];
        let kind = |&(_, _, label): &(f32, f32, f32)| {
            let mut kinds = [0.0; prompt_encoder::POINT_KINDS];
            kinds[(label + 1.0) as usize] = 1.0;
            kinds
        };
        let mut case = Case::new(&f.weights);
        let coordinates =
            case.input_values("coordinates", &[n, t, 2], flat.iter().flat_map(place).collect());
        let shape = [n, t, prompt_encoder::POINT_KINDS];
        let kinds = case.input_values("kinds", &shape, flat.iter().flat_map(kind).collect());
        let y = prompt_encoder::points(&case.scope(), &coordinates, &kinds, dim);
        case.output(key, &y);
        case.compare(f, c)?;
    }
    let mut case = Case::new(&f.weights);
    let s = case.scope();
    let logits = case.input(f, c, "masks");
    let mask = prompt_encoder::mask(&s, &logits, dim);
    let nowhere = s.value(&s.constant("zeros", &[1, 1, h, w], vec![0.0; h * w]));
    let no_mask = prompt_encoder::no_mask(&s, dim).add(&nowhere);
    let pe = position_encoding::random_dense(&s.at("pe_layer"), [dim, h, w]);
    case.output("dense_pe", &s.value(&pe));
    for key in f.tensors.keys().filter(|k| k.ends_with(".dense")) {
        let dense = if key.contains("mask") { &mask } else { &no_mask };
        let batch = f.get(key).0[0] / dense.shape[0];
        case.output(key, &Tensor::concat(&vec![dense; batch], 0));
    }
    case.compare(f, c).map(drop)
}

/// (x, y, label) of each pair of coordinates.
fn point_list(coordinates: &[f32], label: impl Fn(usize) -> f32) -> Vec<(f32, f32, f32)> {
    coordinates.chunks_exact(2).enumerate().map(|(i, p)| (p[0], p[1], label(i))).collect()
}

fn operations(f: &Fixture, c: &mut Comparison) -> Result<(), String> {
    let parameters = [
        ("conv_transpose.weight", "conv_transpose.weight"),
        ("conv_transpose.bias", "conv_transpose.bias"),
        ("conv3d_dw.weight", "conv3d_dw.weight"),
        ("conv3d_dw.bias", "conv3d_dw.bias"),
        ("layer_norm.weight", "layer_norm_w"),
        ("layer_norm.bias", "layer_norm_b"),
    ];
    let weights = Checkpoint::from_tensors(parameters.map(|(key, name)| {
        c.given(name);
        let (shape, values) = f.get(name).clone();
        (key.to_string(), shape, values)
    }))
    .map_err(|e| e.to_string())?;
    let mut case = Case::new(&weights);
    let [x, big] = ["x", "big"].map(|name| case.input(f, c, name));
    case.output("gelu", &x.gelu());
    resizings(&mut case, f, &x, &big);
    convolutions(&mut case, f, c, &x)?;
    normalisations(&mut case, f, c, &x);
    attention(&mut case, f, c)?;
    case.compare(f, c).map(drop)
}

fn resizings<'c>(case: &mut Case<'c>, f: &Fixture, x: &Tensor<'c>, big: &Tensor<'c>) {
    for (name, (shape, _)) in &f.tensors {
        let from = if name.ends_with("_x2") || name.ends_with("_up") { x } else { big };
        let (h, w) = (shape[shape.len().max(2) - 2], shape[shape.len() - 1]);
        let y = match name.split('_').next() {
            Some("nearest") => from.resize(h, w, Interpolation::Nearest),
            Some("bilinear") if name.contains("_aa_") => from.resize_antialiased(h, w),
            Some("bilinear") => from.resize(h, w, Interpolation::Bilinear),
            Some("bicubic") => bicubic(case, f, name, x),
            _ => continue,
        };
        case.output(name, &y);
    }
}

/// Bicubic resampling is for tables that are computed while the graph is built; the graph that
/// gives the table out must compute something, so zero times an input is added.
fn bicubic<'c>(case: &Case<'c>, f: &Fixture, name: &str, x: &Tensor<'c>) -> Tensor<'c> {
    let s = case.scope();
    let (shape, values) = f.get(if name.ends_with("_up") { "x" } else { "big" });
    let planes = [1, shape[0] * shape[1], shape[2], shape[3]];
    let to = &f.get(name).0;
    let table = s.constant(name, shape, values.clone()).reshape(&planes);
    let table = position_encoding::bicubic(&table, [to[2], to[3]]);
    let first = x.reshape(&[x.shape.iter().product()]).slice(0, 0..1);
    s.value(&table).add(&first.mul(&s.scalar(0.0)))
}

fn convolutions<'c>(
    case: &mut Case<'c>,
    f: &Fixture,
    c: &mut Comparison,
    x: &Tensor<'c>,
) -> Result<(), String> {
    let up = case.scope().at("conv_transpose");
    let [weight, bias] =
        ["weight", "bias"].map(|n| up.weight(n, &f.get(&format!("conv_transpose.{n}")).0));
    case.output("conv_transpose", &x.conv_transpose2d(&weight, &bias));
    let stack = case.input(f, c, "conv3d_dw.x");
    let &[n, channels, 2, h, w] = stack.shape.as_slice() else {
        return Err("conv3d_dw.x: expected a stack of two".into());
    };
    let maps = [0, 1].map(|i| stack.slice(2, i..i + 1).reshape(&[n, channels, h, w]));
    let y = depthwise_pair(&case.scope().at("conv3d_dw"), maps.each_ref(), None);
    case.output("conv3d_dw", &y);
    Ok(())
}

fn normalisations<'c>(case: &mut Case<'c>, f: &Fixture, c: &mut Comparison, x: &Tensor<'c>) {
    let small = case.input(f, c, "layer_norm_small_x");
    for (name, x, epsilon) in [
        ("layer_norm_eps1e-6", x, 1e-6),
        ("layer_norm_small_eps1e-5", &small, 1e-5),
        ("layer_norm_small_eps1e-6", &small, 1e-6),
    ] {
        let y = layers::layer_norm(&case.scope().at("layer_norm"), x, epsilon);
        case.output(name, &y);
    }
}

fn attention(case: &mut Case<'_>, f: &Fixture, c: &mut Comparison) -> Result<(), String> {
    let [q, k, v] = ["q", "k", "v"].map(|name| case.input(f, c, name));
    let &[n, heads, _, d] = q.shape.as_slice() else {
        return Err("q: expected (N, heads, L, D)".into());
    };
    let [q, k, v] = [q, k, v].map(|x| {
        let rows = x.shape[2];
        x.permute(&[0, 2, 1, 3]).reshape(&[n, rows, heads * d])
    });
    let q = q.mul(&case.scope().scalar((d as f32).powf(-0.5)));
    let y = masked_dot_product_attention([&q, &k, &v], None, heads);
    let y = y.reshape(&[n, y.shape[1], heads, d]).permute(&[0, 2, 1, 3]);
    case.output("attention", &y);
    Ok(())
}
