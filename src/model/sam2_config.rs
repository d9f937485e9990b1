//! The dimensions of one of SAM2's video trackers.
use super::config::{HieraConfig, NeckConfig};
use crate::onnx::{Interpolation, Scope};
use crate::signature::tracker::TrackerShape;
use serde::{Deserialize, Serialize};

/// Every size that SAM2's checkpoints or graphs depend on, under the official names; what all
/// published models share may be left out.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Sam2Config {
    /// `S`: the side of the picture in pixels.
    pub image_size: usize,
    /// As [`HieraConfig::embed_dim`].
    pub embed_dim: usize,
    /// As [`HieraConfig::num_heads`].
    pub num_heads: usize,
    /// As [`HieraConfig::stages`].
    pub stages: [usize; 4],
    /// As [`HieraConfig::global_att_blocks`].
    pub global_att_blocks: Vec<usize>,
    /// As [`HieraConfig::window_pos_embed_bkg_spatial_size`].
    pub window_pos_embed_bkg_spatial_size: [usize; 2],
    /// As [`HieraConfig::window_spec`].
    pub window_spec: [usize; 4],
    /// `C`: channels from the neck on.
    #[serde(default = "channels")]
    pub d_model: usize,
    /// Channels of the memory.
    #[serde(default = "mem_dim")]
    pub mem_dim: usize,
    /// Layers of memory attention.
    #[serde(default = "mem_layers")]
    pub mem_layers: usize,
    /// Hidden channels of memory attention.
    #[serde(default = "hidden")]
    pub ff: usize,
    /// Heads of the mask decoder's transformer.
    #[serde(default = "heads")]
    pub dec_heads: usize,
    /// Hidden channels of the mask decoder's MLPs.
    #[serde(default = "hidden")]
    pub dec_mlp_dim: usize,
    /// Memory frames that a frame looks at.
    #[serde(default = "num_maskmem")]
    pub num_maskmem: usize,
    /// The most prompted frames that a frame looks at: slots in the graph.
    #[serde(default = "conditioning_frames")]
    pub conditioning_frames: usize,
    /// `max_obj_ptrs_in_encoder`: slots in the graph.
    #[serde(default = "max_obj_ptrs")]
    pub max_obj_ptrs: usize,
    /// The most points a prompt may have.
    #[serde(default = "points")]
    pub points: usize,
    /// Under which key of the checkpoint the tracker lies; SAM2's own lie at its top.
    #[serde(default)]
    pub key_prefix: String,
}

fn channels() -> usize {
    256
}
fn mem_dim() -> usize {
    64
}
fn mem_layers() -> usize {
    4
}
fn hidden() -> usize {
    2048
}
fn heads() -> usize {
    8
}
fn num_maskmem() -> usize {
    7
}
fn conditioning_frames() -> usize {
    4
}
fn max_obj_ptrs() -> usize {
    16
}
fn points() -> usize {
    8
}

impl Sam2Config {
    /// The sizes that the tracker's graphs share.
    pub fn shape(&self) -> TrackerShape {
        TrackerShape {
            side: self.image_size,
            channels: self.d_model,
            mem_dim: self.mem_dim,
            num_maskmem: self.num_maskmem,
            conditioning_frames: self.conditioning_frames,
            max_obj_ptrs: self.max_obj_ptrs,
            points: self.points,
        }
    }

    /// The image encoder, without adapters.
    pub fn hiera(&self) -> HieraConfig {
        HieraConfig {
            embed_dim: self.embed_dim,
            num_heads: self.num_heads,
            stages: self.stages,
            global_att_blocks: self.global_att_blocks.clone(),
            window_pos_embed_bkg_spatial_size: self.window_pos_embed_bkg_spatial_size,
            window_spec: self.window_spec,
            scale_factor: None,
        }
    }

    /// The neck; its upsampling in SAM2 takes the nearest.
    pub fn neck(&self) -> NeckConfig {
        NeckConfig {
            level_dims: [self.d_model; 4],
            top_down_levels: vec![2, 3],
            upsampling: Interpolation::Nearest,
        }
    }

    /// Records what of this configuration describes no model.
    pub fn check(&self, s: &Scope) {
        let multiple = |field, value: usize, of: usize| {
            if value == 0 || !value.is_multiple_of(of.max(1)) {
                s.reject(field, format!("a multiple of {of}"), value);
            }
        };
        multiple("image_size", self.image_size, 32);
        multiple("num_heads", self.num_heads, 1);
        multiple("dec_heads", self.dec_heads, 1);
        multiple("mem_dim", self.mem_dim, 4);
        multiple("image_size", self.image_size / 4, self.window_spec[0]);
        multiple("embed_dim", self.embed_dim, self.num_heads);
        multiple("d_model", self.d_model, 8);
        multiple("d_model", self.d_model, 2 * self.dec_heads);
        multiple("d_model", self.d_model, self.mem_dim);
        if self.stages.contains(&0) {
            s.reject("stages", "a block in each", format!("{:?}", self.stages));
        }
        multiple("num_maskmem", self.num_maskmem, 1);
        multiple("conditioning_frames", self.conditioning_frames, 1);
        multiple("max_obj_ptrs", self.max_obj_ptrs, 1);
        multiple("points", self.points, 1);
        let pooled = &self.window_spec[..3];
        if self.window_spec.contains(&0) || pooled.iter().any(|w| !w.is_multiple_of(2)) {
            let expected = "windows that halve where the stage changes";
            s.reject("window_spec", expected, format!("{:?}", self.window_spec));
        }
    }
}
