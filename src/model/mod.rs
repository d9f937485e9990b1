//! MGD-SAM2 and SAM2, written once: each block is a function from tensors to tensors under a `Scope`.
use serde::Deserialize;

/// The dimensions of one model. Field names are the official constructors'.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Config {
    /// `S`: the side of one view; the picture is `2S` square.
    pub inp_size: usize,
    /// Channels of Hiera's first stage.
    pub embed_dim: usize,
    /// Heads of Hiera's first stage.
    pub num_heads: usize,
    /// Blocks per stage.
    pub stages: [usize; 4],
    /// Blocks that attend to the whole view.
    pub global_att_blocks: Vec<usize>,
    /// The grid `pos_embed` was trained on.
    pub window_pos_embed_bkg_spatial_size: [usize; 2],
    /// Window side per stage.
    pub window_spec: [usize; 4],
}
