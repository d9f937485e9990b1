//! The dimensions of one model.
use crate::onnx::{Interpolation, Scope};
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
    /// DRM corrects the prompted mask: a convolution of it joins the fused views, and the mask
    /// itself is added to the logits.
    #[serde(default)]
    pub drm_prompt: bool,
    /// Blocks that are left out.
    #[serde(default)]
    pub ablate: Vec<Ablation>,
}

/// A block that can be left out of the graph, to see what it is worth.
///
/// The weights that are left stay as they were trained *with* the block. What is measured is how
/// much they have come to rely on it: more than what a model trained without it would lose, which
/// is what papers' ablations tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ablation {
    /// MPAdapters add nothing: Hiera sees each view for itself.
    Mpadapter,
    /// MCEM hands its tokens on as they are.
    Mcem,
    /// HMIM too: the decoder gets the pyramid's finer levels as SAM2's does.
    Hmim,
    /// No detail refinement: the logits are the mean of the mask decoder's own masks, those of the
    /// quadrants joined and that of the whole, both enlarged bilinearly.
    Drm,
    /// All five views come from the half-size picture: the quadrants are cut from its enlargement.
    /// DRM still sees the picture itself. It takes as long as five true views.
    MultiView,
}

impl Ablation {
    /// All there are.
    pub const ALL: [Self; 5] =
        [Self::Mpadapter, Self::Mcem, Self::Hmim, Self::Drm, Self::MultiView];

    /// `mpadapter`, `mcem`, `hmim`, `drm` or `multi-view`, as recipes spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mpadapter => "mpadapter",
            Self::Mcem => "mcem",
            Self::Hmim => "hmim",
            Self::Drm => "drm",
            Self::MultiView => "multi-view",
        }
    }

    /// Prefixes of the keys that are of no use without the block.
    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Mpadapter => &["image_encoder.trunk.mpadapter."],
            Self::Mcem => &["sam_mask_decoder.new_multifieldcrossatt."],
            Self::Hmim => &["sam_mask_decoder.new_fusion1.", "sam_mask_decoder.new_fusion2."],
            Self::Drm => &["detail_enhance."],
            Self::MultiView => &[],
        }
    }
}

/// What of a model Hiera depends on.
#[derive(Debug, Clone)]
pub struct HieraConfig {
    /// Channels of the first stage; each stage doubles them.
    pub embed_dim: usize,
    /// Attention heads of the first stage; each stage doubles them.
    pub num_heads: usize,
    /// Blocks per stage.
    pub stages: [usize; 4],
    /// The blocks that attend to the whole view.
    pub global_att_blocks: Vec<usize>,
    /// The grid that `pos_embed` is stored on.
    pub window_pos_embed_bkg_spatial_size: [usize; 2],
    /// Attention window per stage, in tokens.
    pub window_spec: [usize; 4],
    /// The MPAdapters' bottleneck: channels are divided by this. SAM2 has no adapters.
    pub scale_factor: Option<usize>,
}

/// What of a model the neck depends on.
#[derive(Debug, Clone)]
pub struct NeckConfig {
    /// Channels per pyramid level.
    pub level_dims: [usize; 4],
    /// The pyramid levels that get features from above.
    pub top_down_levels: Vec<usize>,
    /// How features from above are enlarged.
    pub upsampling: Interpolation,
}

impl Config {
    /// Whether `block` is left out.
    pub fn ablates(&self, block: Ablation) -> bool {
        self.ablate.contains(&block)
    }

    /// Prefixes of the keys that only blocks that are left out would use.
    pub(super) fn ablated_keys(&self) -> impl Iterator<Item = String> {
        self.ablate.iter().flat_map(|block| block.keys()).map(|key| key.to_string())
    }

    /// The image encoder, with adapters.
    pub fn hiera(&self) -> HieraConfig {
        HieraConfig {
            embed_dim: self.embed_dim,
            num_heads: self.num_heads,
            stages: self.stages,
            global_att_blocks: self.global_att_blocks.clone(),
            window_pos_embed_bkg_spatial_size: self.window_pos_embed_bkg_spatial_size,
            window_spec: self.window_spec,
            scale_factor: (!self.ablates(Ablation::Mpadapter)).then_some(self.scale_factor),
        }
    }

    /// The neck; its upsampling in MGD-SAM2 is bilinear.
    pub fn neck(&self) -> NeckConfig {
        let finest = if self.hmim_thin { self.drm_img_dim } else { self.d_model };
        NeckConfig {
            level_dims: [finest, self.d_model, self.d_model, self.d_model],
            top_down_levels: self.fpn_top_down_levels.clone(),
            upsampling: Interpolation::Bilinear,
        }
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
