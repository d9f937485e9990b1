//! SAM2's video tracker: its blocks put together to the graphs of [`signature::tracker`].
use super::fpn_neck::fpn_level;
use super::hiera::hiera;
use super::layers::{channels_first, channels_last, conv2d, linear, mlp};
use super::mask_decoder::{DecoderSizes, MaskDecoderInput, mask_decoder};
use super::memory_attention::{MemoryAttentionInput, memory_attention};
use super::memory_encoder::memory_encoder;
use super::mgd_sam2::normalise;
use super::{Sam2Config, position_encoding, prompt_encoder};
use crate::onnx::{Graph, GraphError, OnnxModel, Scope, Tensor, Window2d};
use crate::signature;
use crate::signature::{ElementType, Signature};

/// A mask prompt's 0 and 1 become these logits' ends; so do probabilities that are remembered.
const MASK_SCALE: f32 = 20.0;
const MASK_BIAS: f32 = -10.0;

/// Adds a graph's inputs, of this signature, and returns its outputs in the signature's order.
pub type Outputs = for<'c> fn(&Graph<'c>, &Sam2Config, &Signature) -> Vec<Tensor<'c>>;

/// The tracker's graphs in the order in which a frame may run them: encoder, memory
/// attention, decoder, prompt decoder, memory encoder.
pub fn tracker_graphs(c: &Sam2Config, image: ElementType) -> [(Signature, Outputs); 5] {
    let shape = c.shape();
    [
        (signature::tracker::encoder(&shape, image), encoder),
        (signature::tracker::memory_attention(&shape), attend_to_memory),
        (signature::tracker::decoder(&shape), decoder),
        (signature::tracker::prompt_decoder(&shape), prompt_decoder),
        (signature::tracker::memory_encoder(&shape), encode_memory),
    ]
}

/// Builds one of [`tracker_graphs`] on `graph`.
pub fn tracker_graph(
    graph: Graph,
    c: &Sam2Config,
    (signature, outputs): &(Signature, Outputs),
) -> Result<OnnxModel, GraphError> {
    c.check(&graph.root());
    // No block is built of sizes that it cannot take.
    graph.clone().finish(&[])?;
    let outputs = outputs(&graph, c, signature);
    let names = signature.outputs.iter().map(|spec| spec.name.as_str());
    graph.finish(&names.zip(&outputs).collect::<Vec<_>>())
}

/// Where the tracker's keys are.
fn place<'c>(graph: &Graph<'c>, c: &Sam2Config) -> Scope<'c> {
    match c.key_prefix.as_str() {
        "" => graph.root(),
        prefix => graph.root().at(prefix),
    }
}

fn inputs<'c, const N: usize>(graph: &Graph<'c>, signature: &Signature) -> [Tensor<'c>; N] {
    std::array::from_fn(|i| graph.input(&signature.inputs[i]))
}

/// SAM2's `forward_image`.
fn encoder<'c>(graph: &Graph<'c>, c: &Sam2Config, signature: &Signature) -> Vec<Tensor<'c>> {
    let (s, dim) = (place(graph, c), c.d_model);
    let [image] = inputs(graph, signature);
    let image = match signature.inputs[0].element_type {
        ElementType::U8 => normalise(&channels_first(&image)),
        ElementType::F32 => image,
    };
    let (trunk, neck) = (s.at("image_encoder").at("trunk"), s.at("image_encoder").at("neck"));
    let stages = hiera(&trunk, &c.hiera(), &image);
    s.tap("vision_pos.2", &position(&s, c, dim));
    let levels = [0, 1, 2].map(|level| fpn_level(&neck, &c.neck(), &stages, level));
    features(&s, c, &levels)
}

/// What the tracker takes of the pyramid's three finest levels, tokens (1, h, w, channels).
fn features<'c>(s: &Scope<'c>, c: &Sam2Config, levels: &[Tensor<'c>; 3]) -> Vec<Tensor<'c>> {
    let high_res = |level: usize, out: usize| {
        let s = s.at("sam_mask_decoder").at(format!("conv_s{level}"));
        conv2d(&s, &channels_first(&levels[level]), out, 1)
    };
    let features = levels[2].reshape(&[1, c.shape().tokens(), c.d_model]);
    vec![features, high_res(0, c.d_model / 8), high_res(1, c.d_model / 4)]
}

/// [`features`] of a model that shares its encoder.
pub(super) fn shared_features<'c>(
    graph: &Graph<'c>,
    c: &Sam2Config,
    levels: &[Tensor<'c>; 3],
) -> Vec<Tensor<'c>> {
    c.check(&graph.root());
    features(&place(graph, c), c, levels)
}

/// Sine position encoding of the tokens, (1, h * w, channels).
fn position<'c>(s: &Scope<'c>, c: &Sam2Config, channels: usize) -> Tensor<'c> {
    let (grid, tokens) = (c.shape().grid(), c.shape().tokens());
    let table = position_encoding::sine(s, [channels, grid, grid], 1.0);
    channels_last(&s.value(&table)).reshape(&[1, tokens, channels])
}

/// Memory attention over all slots, used or not.
fn attend_to_memory<'c>(
    graph: &Graph<'c>,
    c: &Sam2Config,
    signature: &Signature,
) -> Vec<Tensor<'c>> {
    let (s, shape) = (place(graph, c), c.shape());
    let (dim, mem_dim, frames) = (c.d_model, c.mem_dim, shape.frames());
    let [features, memory, times, pointers, pointer_times, key_mask] = inputs(graph, signature);
    let frame_tokens = [1, frames * shape.tokens(), mem_dim];
    let pointer_tokens = [1, shape.pointers() * shape.pointer_tokens(), mem_dim];

    let table = s.parameter("maskmem_tpos_enc", &[c.num_maskmem, 1, 1, mem_dim]);
    let times = times.matmul(&table.reshape(&[c.num_maskmem, mem_dim]));
    let places = position(&s, c, mem_dim).add(&times.reshape(&[frames, 1, mem_dim]));
    let pointer_times = linear(&s.at("obj_ptr_tpos_proj"), &pointer_times, mem_dim);
    let pointer_times = pointer_times.reshape(&[shape.pointers(), 1, mem_dim]);
    let pointer_times = Tensor::concat(&vec![&pointer_times; shape.pointer_tokens()], 1);

    let join = |maps: &Tensor<'c>, pointers: &Tensor<'c>| {
        Tensor::concat(&[&maps.reshape(&frame_tokens), &pointers.reshape(&pointer_tokens)], 1)
    };
    let memory = [join(&memory, &pointers), join(&places, &pointer_times)];
    s.tap("memory", &memory[0]);
    s.tap("memory_pos", &memory[1]);
    let current = [features, position(&s, c, dim)];
    let input = MemoryAttentionInput { current, memory, frames, key_mask: Some(key_mask) };
    let sizes = [c.mem_layers, c.ff];
    vec![memory_attention(&s.at("memory_attention"), &input, [shape.grid(); 2], sizes)]
}

/// SAM2's `_forward_sam_heads` without a prompt.
fn decoder<'c>(graph: &Graph<'c>, c: &Sam2Config, signature: &Signature) -> Vec<Tensor<'c>> {
    let (s, dim) = (place(graph, c), c.d_model);
    let prompts = s.at("sam_prompt_encoder");
    let [features, high_res_0, high_res_1] = inputs(graph, signature);
    // What SAM2 takes no prompt for: a point that is none, and the one that ends all points.
    let nowhere = prompts.at("not_a_point_embed").parameter("weight", &[1, dim]);
    let nowhere = nowhere.reshape(&[1, 1, dim]);
    let prompt = Prompt {
        sparse: Tensor::concat(&[&nowhere, &nowhere], 1),
        sparse_mask: None,
        dense: prompt_encoder::no_mask(&prompts, dim).reshape(&[1, 1, dim]),
    };
    decode(&s, c, features, [high_res_0, high_res_1], prompt)
}

/// SAM2's `_forward_sam_heads` with points or a box, or `_use_mask_as_output` with a mask.
fn prompt_decoder<'c>(graph: &Graph<'c>, c: &Sam2Config, signature: &Signature) -> Vec<Tensor<'c>> {
    let (s, dim) = (place(graph, c), c.d_model);
    let (tokens, side) = (c.shape().tokens(), c.shape().low_res_side());
    let prompts = s.at("sam_prompt_encoder");
    let [features, high_res_0, high_res_1, coordinates, kinds, point_mask, mask, has_mask] =
        inputs(graph, signature);
    let has_none = s.scalar(1.0).sub(&has_mask);

    let downsample = s.at("mask_downsample");
    let window = Window2d { stride: 4, ..Window2d::default() };
    let weight = downsample.weight("weight", &[1, 1, 4, 4]);
    let small = mask.conv2d(&weight, Some(&downsample.weight("bias", &[1])), window);
    let embedded = channels_last(&prompt_encoder::mask(&prompts, &small, dim));
    let no_mask = prompt_encoder::no_mask(&prompts, dim).reshape(&[1, 1, dim]);
    let embedded = embedded.reshape(&[1, tokens, dim]).mul(&has_mask);
    let prompt = Prompt {
        sparse: prompt_encoder::points(&prompts, &coordinates, &kinds, dim),
        sparse_mask: Some(point_mask),
        dense: embedded.add(&no_mask.mul(&has_none)),
    };
    // A mask's pointer is made of features that know of no memory's absence.
    let no_memory = s.parameter("no_mem_embed", &[1, 1, dim]).mul(&has_none);
    let features = features.add(&no_memory);
    let mut outputs = decode(&s, c, features, [high_res_0, high_res_1], prompt);
    let logits = mask.mul(&s.scalar(MASK_SCALE)).add(&s.scalar(MASK_BIAS));
    outputs.push(logits.resize_antialiased(side, side));
    outputs
}

/// What the prompt encoder says.
struct Prompt<'c> {
    /// (1, T, C).
    sparse: Tensor<'c>,
    /// (1, 1, 1, T).
    sparse_mask: Option<Tensor<'c>>,
    /// (1, h * w or 1, C).
    dense: Tensor<'c>,
}

fn decode<'c>(
    s: &Scope<'c>,
    c: &Sam2Config,
    features: Tensor<'c>,
    high_res: [Tensor<'c>; 2],
    prompt: Prompt<'c>,
) -> Vec<Tensor<'c>> {
    let (dim, grid, tokens) = (c.d_model, c.shape().grid(), c.shape().tokens());
    let pe_layer = s.at("sam_prompt_encoder").at("pe_layer");
    let pe = s.value(&position_encoding::random_dense(&pe_layer, [dim, grid, grid]));
    let input = MaskDecoderInput {
        image: features.add(&prompt.dense).reshape(&[1, grid, grid, dim]),
        image_pe: channels_last(&pe).reshape(&[1, tokens, dim]),
        sparse: prompt.sparse,
        sparse_mask: prompt.sparse_mask,
        high_res,
    };
    // The IoU head is as wide in every published model.
    let sizes = DecoderSizes { heads: c.dec_heads, mlp_dim: c.dec_mlp_dim, iou_hidden: 256 };
    let y = mask_decoder(&s.at("sam_mask_decoder"), &input, sizes);
    let pointers = mlp(&s.at("obj_ptr_proj"), &y.mask_tokens, &[dim; 3], Tensor::relu);
    let no_object = s.parameter("no_obj_ptr", &[1, dim]).reshape(&[1, 1, dim]);
    let pointers = Tensor::concat(&[&pointers, &no_object], 1);
    vec![y.mask_logits, y.ious, pointers, y.object_score_logits]
}

/// SAM2's `_encode_new_memory`.
fn encode_memory<'c>(graph: &Graph<'c>, c: &Sam2Config, signature: &Signature) -> Vec<Tensor<'c>> {
    let (s, grid) = (place(graph, c), c.shape().grid());
    let [features, logits, is_absent] = inputs(graph, signature);
    let features = channels_first(&features.reshape(&[1, grid, grid, c.d_model]));
    let mask = logits.sigmoid().mul(&s.scalar(MASK_SCALE)).add(&s.scalar(MASK_BIAS));
    let y = memory_encoder(&s.at("memory_encoder"), &features, &mask, c.mem_dim);
    let y = channels_last(&y).reshape(&[1, grid * grid, c.mem_dim]);
    let no_object = s.parameter("no_obj_embed_spatial", &[1, c.mem_dim]);
    s.tap("maskmem_pos_enc", &position(&s, c, c.mem_dim));
    vec![y.add(&no_object.mul(&is_absent))]
}
