//! MGD-SAM2, written once: each block is a function from tensors to tensors under a `Scope`.
//!
//! Names follow the official checkpoints' keys, shapes are in comments: `B` pictures, `V = 5B`
//! views (the four quadrants of each picture, then all pictures halved), `C` is `d_model`.
//! Token layouts are (N, H, W, C), convolutions see (N, C, H, W).
pub mod config;
pub mod detail_refinement;
pub mod fpn_neck;
pub mod hiera;
pub mod layers;
pub mod mask_decoder;
pub mod memory_attention;
pub mod memory_encoder;
pub mod mgd_sam2;
pub mod mp_adapter;
pub mod multi_view;
pub mod multi_view_decoder;
pub mod position_encoding;
pub mod prompt_encoder;
pub mod sam2;
pub mod sam2_config;
pub mod two_way_transformer;
pub mod views;
pub mod windows;

pub use config::{Ablation, Config};
pub use mgd_sam2::{detail_decoder_graph, detail_encoder_graph, image_graph, unused_keys};
pub use sam2_config::Sam2Config;
