//! The image path: a picture in, full-resolution logits of its foreground out.
use super::detail_refinement::detail_refinement;
use super::fpn_neck::fpn_level;
use super::hiera::hiera;
use super::layers::{channels_first, channels_last};
use super::multi_view_decoder::{DecoderInput, multi_view_decoder};
use super::sam2::shared_features;
use super::{Ablation, Config, Sam2Config, position_encoding, views};
use crate::onnx::{Graph, GraphError, Interpolation::Bilinear, OnnxModel, Scope, Tensor};
use crate::signature::{Signature, TensorSpec};

/// ImageNet's mean and standard deviation of R, G, B in 0..=1.
const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const STD: [f32; 3] = [0.229, 0.224, 0.225];

/// Builds the graph of `signature::image` on `graph`.
pub fn image_graph(
    graph: Graph,
    c: &Config,
    signature: &Signature,
) -> Result<OnnxModel, GraphError> {
    let image = picture(&graph, signature);
    let logits = mgd_sam2(&graph.root(), c, &image);
    reject_extra_keys(&graph, c);
    graph.finish(&[(&signature.outputs[0].name, &logits)])
}

/// Builds the graph of `signature::detail::encoder`, which a tracker may share.
pub fn detail_encoder_graph(
    graph: Graph,
    (c, sharing): (&Config, Option<&Sam2Config>),
    signature: &Signature,
) -> Result<OnnxModel, GraphError> {
    let image = picture(&graph, signature);
    c.check(&graph.root());
    let (views, stages) = encode(&graph.root(), c, &image);
    let mut outputs = views.to_vec();
    match sharing {
        Some(tracker) => {
            let neck = graph.root().at("image_encoder").at("neck");
            let global = stages.map(|stage| views::split(&stage).1);
            let levels = [0, 1, 2].map(|level| fpn_level(&neck, &c.neck(), &global, level));
            outputs.extend(shared_features(&graph, tracker, &levels));
        }
        None => {
            // Only both halves know which keys nobody asks for; the second gives no output here.
            decode(&graph.root(), c, &image, &views, None);
            reject_extra_keys(&graph, c);
        }
    }
    let names = signature.outputs.iter().map(|spec| spec.name.as_str());
    graph.finish(&names.zip(&outputs).collect::<Vec<_>>())
}

/// Builds the graph of `signature::detail::decoder`, which goes on from there.
pub fn detail_decoder_graph(
    graph: Graph,
    c: &Config,
    signature: &Signature,
) -> Result<OnnxModel, GraphError> {
    let image = picture(&graph, signature);
    let encoded = std::array::from_fn(|i| graph.input(&signature.inputs[1 + i]));
    let prompt = prompt(&graph, &signature.inputs[4..]);
    c.check(&graph.root());
    let logits = decode(&graph.root(), c, &image, &encoded, prompt.as_ref());
    graph.finish(&[(&signature.outputs[0].name, &logits)])
}

/// Makes a mistake of keys that the path has no use for, with a prompt or without.
fn reject_extra_keys(graph: &Graph, c: &Config) {
    let of_prompts =
        ["mask_downscaling.", "detail_enhance.prompt_in_conv.", "detail_enhance.no_prompt_"];
    let unused = unused_keys(c).into_iter().chain(of_prompts.map(String::from));
    graph.reject_extra_keys(&unused.collect::<Vec<_>>());
}

/// The first input, normalised.
fn picture<'c>(graph: &Graph<'c>, signature: &Signature) -> Tensor<'c> {
    normalise(&channels_first(&graph.input(&signature.inputs[0])))
}

/// The tracked mask and whether there is one, where they are inputs.
fn prompt<'c>(graph: &Graph<'c>, inputs: &[TensorSpec]) -> Option<[Tensor<'c>; 2]> {
    let inputs: &[TensorSpec; 2] = inputs.try_into().ok()?;
    Some(inputs.each_ref().map(|spec| graph.input(spec)))
}

/// Pixels 0..=255 (B, 3, H, W) as the encoder was trained on them.
pub(super) fn normalise<'c>(pixels: &Tensor<'c>) -> Tensor<'c> {
    let s = pixels.scope();
    let channel = |name: &str, f: fn(usize) -> f32| {
        s.value(&s.constant(name, &[1, 3, 1, 1], (0..3).map(f).collect()))
    };
    let scale = channel("imagenet_scale", |i| 1.0 / (255.0 * STD[i]));
    pixels.mul(&scale).add(&channel("imagenet_shift", |i| -MEAN[i] / STD[i]))
}

/// `image` is (B, 3, 2S, 2S), normalised; returns logits (B, 1, 2S, 2S) before the sigmoid.
pub fn mgd_sam2<'c>(s: &Scope<'c>, c: &Config, image: &Tensor<'c>) -> Tensor<'c> {
    c.check(s);
    let encoded = encode(s, c, image).0;
    decode(s, c, image, &encoded, None)
}

/// Of the five views: Hiera's first two stages and the neck's features at stride 16, which the
/// decoder takes; and all four stages.
fn encode<'c>(s: &Scope<'c>, c: &Config, image: &Tensor<'c>) -> ([Tensor<'c>; 3], [Tensor<'c>; 4]) {
    let views = views::of_picture(image, !c.ablates(Ablation::MultiView));
    s.tap("input.views", &views);
    let encoder = s.at("image_encoder");
    let stages = hiera(&encoder.at("trunk"), &c.hiera(), &views);
    let neck = encoder.at("neck");
    tap_pyramid(&neck, c, &stages);
    let level_2 = fpn_level(&neck, &c.neck(), &stages, 2);
    ([stages[0].clone(), stages[1].clone(), level_2], stages)
}

fn decode<'c>(
    s: &Scope<'c>,
    c: &Config,
    image: &Tensor<'c>,
    [stage_0, stage_1, level_2]: &[Tensor<'c>; 3],
    prompt: Option<&[Tensor<'c>; 2]>,
) -> Tensor<'c> {
    let decoder_input = DecoderInput {
        image: level_2.clone(),
        high_res: [stage_0.clone(), stage_1.clone()],
        neck: s.at("image_encoder").at("neck"),
        top: s.clone(),
        prompt: prompt.cloned(),
    };
    let decoded = multi_view_decoder(&s.at("sam_mask_decoder"), c, &decoder_input);
    let logits = match c.ablates(Ablation::Drm) {
        true => unrefined(&decoded.mask_logits, [image.shape[2], image.shape[3]]),
        false => {
            let corrected = prompt.filter(|_| c.drm_prompt);
            detail_refinement(&s.at("detail_enhance"), c, image, &decoded.embedding, corrected)
        }
    };
    s.tap("output.logits", &logits);
    logits
}

/// The views' masks (V, 1, h, w) as one of `height` x `width`: locals and global in equal parts.
fn unrefined<'c>(mask_logits: &Tensor<'c>, [height, width]: [usize; 2]) -> Tensor<'c> {
    let (locals, global) = views::split(mask_logits);
    let local = channels_first(&views::stitch(&channels_last(&locals)));
    let [local, global] = [local, global].map(|x| x.resize(height, width, Bilinear));
    local.add(&global).mul(&mask_logits.scope().scalar(0.5))
}

/// The whole pyramid and its position encodings, for comparison: levels 0 and 1 go into HMIM
/// as products of weights, level 3 is dropped.
fn tap_pyramid<'c>(s: &Scope<'c>, c: &Config, stages: &[Tensor<'c>; 4]) {
    for level in 0..4 {
        let x = fpn_level(s, &c.neck(), stages, level);
        let pe = position_encoding::sine(s, [256, x.shape[1], x.shape[2]], 1.0);
        s.tap(&format!("neck.fpn.{level}"), &channels_first(&x));
        s.tap(&format!("neck.pos.{level}"), &s.value(&pe));
    }
}

/// Prefixes of keys that published checkpoints hold and nothing of `c` uses.
pub fn unused_keys(c: &Config) -> Vec<String> {
    let adapter = "image_encoder.trunk.mpadapter";
    let shared = (1..=4).map(|stage| format!("{adapter}.shared_mlp{stage}."));
    let [_, d1, d2, d3] = c.stages;
    let last = [(2, d1), (3, d2), (4, d3 - 1), (4, d3)];
    let last = last.map(|(stage, i)| format!("{adapter}.lightweight_mlp{stage}_{i}."));
    shared.chain(last).chain(c.ablated_keys()).collect()
}
