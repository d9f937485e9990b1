//! The dimensions of one model.
use crate::onnx::Scope;
use serde::{Deserialize, Serialize};

/// Every size that a checkpoint's shapes or a graph depend on, under the official
/// constructors' names.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Config {
    /// `S`: the side of one view in pixels; the picture is `2S` square.
    pub inp_size: usize,
    /// Channels of Hiera's first stage; each stage doubles them.
    pub embed_dim: usize,
    /// Attention heads of Hiera's first stage; each stage doubles them.
    pub num_heads: usize,
    /// Hiera's blocks per stage.
    pub stages: [usize; 4],
    /// The blocks that attend to the whole view.
    pub global_att_blocks: Vec<usize>,
    /// The grid that `pos_embed` is stored on.
    pub window_pos_embed_bkg_spatial_size: [usize; 2],
    /// Hiera's attention window per stage, in tokens.
    pub window_spec: [usize; 4],
    /// The pyramid levels that get features from above.
    pub fpn_top_down_levels: Vec<usize>,
    /// `C`: channels from the neck on.
    pub d_model: usize,
    /// The MPAdapter's bottleneck: channels are divided by this.
    pub scale_factor: usize,
    /// Heads of the mask decoder's transformer.
    pub dec_heads: usize,
    /// Hidden channels of the mask decoder's MLPs.
    pub dec_mlp_dim: usize,
    /// Heads of MCEM.
    pub mcem_heads: usize,
    /// Hidden channels of MCEM's MLPs.
    pub mcem_mlp_dim: usize,
    /// Channels of the upscaled embedding and of DRM; `C / 8` in the published models.
    pub drm_img_dim: usize,
    /// HMIM at stride 4 works in `drm_img_dim` channels instead of `C`, and `conv_s0` is gone.
    #[serde(default)]
    pub hmim_thin: bool,
    /// DRM's image branch and fusion run at half the picture's size; the last convolution
    /// predicts four pixels each.
    #[serde(default)]
    pub drm_half: bool,
}

impl Config {
    /// Channels of Hiera's stage `i`.
    pub fn stage_dim(&self, i: usize) -> usize {
        self.embed_dim << i
    }

    /// Channels of pyramid level `level`.
    pub fn level_dim(&self, level: usize) -> usize {
        if level == 0 && self.hmim_thin { self.drm_img_dim } else { self.d_model }
    }

    /// Records what of this configuration describes no model.
    pub fn check(&self, s: &Scope) {
        let strides = |field, value: usize, by: usize| {
            if value == 0 || !value.is_multiple_of(by) {
                s.reject(field, format!("a multiple of {by}"), value);
            }
        };
        strides("inp_size", self.inp_size, 32);
        strides("embed_dim", self.embed_dim, self.num_heads.max(1));
        if self.embed_dim < self.scale_factor || self.scale_factor == 0 {
            s.reject("scale_factor", format!("1..={}", self.embed_dim), self.scale_factor);
        }
        strides("d_model", self.d_model, 8);
        strides("d_model", self.d_model, 2 * self.dec_heads.max(1));
        strides("d_model", self.d_model, 2 * self.mcem_heads.max(1));
        strides("drm_img_dim", self.drm_img_dim, 2);
        if self.fpn_top_down_levels.iter().any(|level| ![2, 3].contains(level)) {
            // HMIM takes the lateral convolutions of the other levels apart.
            let found = format!("{:?}", self.fpn_top_down_levels);
            s.reject("fpn_top_down_levels", "levels of [2, 3]", found);
        }
        if self.stages[0] < 1 || self.stages[1..].iter().any(|&depth| depth < 2) {
            s.reject("stages", "at least [1, 2, 2, 2]", format!("{:?}", self.stages));
        }
        let pooled = &self.window_spec[..3];
        if self.window_spec.contains(&0) || pooled.iter().any(|w| !w.is_multiple_of(2)) {
            let expected = "windows that halve where the stage changes";
            s.reject("window_spec", expected, format!("{:?}", self.window_spec));
        }
        let tokens = self.inp_size / 4;
        if !tokens.is_multiple_of(self.window_spec[0].max(1)) {
            let expected = format!("a first window that divides {tokens} tokens");
            s.reject("window_spec", expected, self.window_spec[0]);
        }
    }
}
