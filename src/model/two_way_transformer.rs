//! The mask decoder's transformer: prompt tokens and image positions attend to each other.
use super::layers::{EPSILON, attention, layer_norm, mlp};
use crate::onnx::{Scope, Tensor};

const DEPTH: usize = 2;

/// `tokens` is (N, T, C); `image` and `image_pe` are (N, L, C), the latter perhaps with N = 1.
/// Returns both, updated.
pub fn two_way_transformer<'c>(
    s: &Scope<'c>,
    image: &Tensor<'c>,
    image_pe: &Tensor<'c>,
    tokens: &Tensor<'c>,
    [heads, mlp_dim]: [usize; 2],
) -> (Tensor<'c>, Tensor<'c>) {
    let c = tokens.shape[2];
    let (mut queries, mut keys) = (tokens.clone(), image.clone());
    for i in 0..DEPTH {
        let s = s.at("layers").at(i);
        let norm = |name, x: &Tensor<'c>| layer_norm(&s.at(name), x, EPSILON);

        // The first layer's queries are the tokens alone, and have no residual.
        queries = if i == 0 {
            attention(&s.at("self_attn"), [&queries; 3], heads, c)
        } else {
            let q = queries.add(tokens);
            queries.add(&attention(&s.at("self_attn"), [&q, &q, &queries], heads, c))
        };
        queries = norm("norm1", &queries);

        let (q, k) = (queries.add(tokens), keys.add(image_pe));
        let y = attention(&s.at("cross_attn_token_to_image"), [&q, &k, &keys], heads, c / 2);
        queries = norm("norm2", &queries.add(&y));

        let y = mlp(&s.at("mlp"), &queries, &[mlp_dim, c], Tensor::relu);
        queries = norm("norm3", &queries.add(&y));

        let (q, k) = (queries.add(tokens), keys.add(image_pe));
        let y = attention(&s.at("cross_attn_image_to_token"), [&k, &q, &queries], heads, c / 2);
        keys = norm("norm4", &keys.add(&y));
    }
    let (q, k) = (queries.add(tokens), keys.add(image_pe));
    let y = attention(&s.at("final_attn_token_to_image"), [&q, &k, &keys], heads, c / 2);
    (layer_norm(&s.at("norm_final_attn"), &queries.add(&y), EPSILON), keys)
}
