//! What was typed after `mgdsam2 batch`, and what a job file says: the same wishes.
use crate::cli::args::{
    Ablate, Backend, ModelArgs, ObjectArgs, Precision, Propagation, WeightArgs,
};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  mgdsam2 batch --dataset davis-s --root DAVIS-S --out results
  mgdsam2 batch --dataset dis5k --split DIS-TE1 --root DIS5K --out results --format png16
  mgdsam2 batch --root clips --out mattes --format mov
  mgdsam2 batch --manifest items.csv --out results
  mgdsam2 batch job.toml --shard 0/4      one of four; pipelines/slurm and pipelines/kubernetes
  mgdsam2 batch job.toml --merge          when all four are through

JOB.toml holds the same options by the same names (`dataset = \"dis5k\"`); its paths are relative
to its own folder. A manifest has the columns item, source and, where known, gt and frames.

OUT gets mattes/ITEM.png, mattes/ITEM/*.png or mattes/ITEM.mkv, and result.jsonl: one line an item.
Stop it however you like and run the same line again: what is finished is not done again.
Exit codes: 0 all items are done, 1 none, 2 some; result.jsonl says why the others are not.";

/// `mgdsam2 batch`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct BatchArgs {
    /// A job file; what is typed beside it goes first
    #[arg(value_name = "JOB.toml")]
    pub job: Option<PathBuf>,
    /// What is typed beside it.
    #[command(flatten)]
    pub wishes: Wishes,
    /// Do shard I of N only, the first being 0
    #[arg(long, value_name = "I/N", value_parser = Shard::parse)]
    pub shard: Option<Shard>,
    /// Matte nothing: join what the shards have done to one result.jsonl
    #[arg(long, conflicts_with = "shard")]
    pub merge: bool,
    /// Print a line of JSON for each item that ends, and one for all
    #[arg(long)]
    pub json: bool,
}

/// What a batch is to do, typed or in a job file.
#[derive(Debug, Clone, Default, clap::Args, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Wishes {
    /// How the data set is laid out [default: clips]
    #[arg(long, value_enum, conflicts_with = "manifest")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataset: Option<Dataset>,
    /// Which parts of it, such as DIS-TE1 or val [default: its test parts]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub split: Vec<String>,
    /// The data set's folder
    #[arg(long, value_name = "DIR", conflicts_with = "manifest")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root: Option<PathBuf>,
    /// A list of items, .csv or .jsonl, instead of a data set; its paths are relative to its folder
    #[arg(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifest: Option<PathBuf>,
    /// Where mattes and results go
    #[arg(short, long, value_name = "DIR")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out: Option<PathBuf>,
    /// What a matte is written as [default: png8]
    #[arg(long, value_enum)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// A recipe's name or a recipe file [default: nano]
    #[arg(long, value_name = "RECIPE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Weights: an MGD-SAM2 checkpoint [default: the recipe's own]
    #[arg(long, visible_alias = "weights", value_name = "CKPT")]
    #[serde(alias = "weights", skip_serializing_if = "Option::is_none")]
    pub mgd: Option<PathBuf>,
    /// Leave blocks out, without retraining: shows how far the weights rely on them
    #[arg(long, value_name = "BLOCK", value_enum, value_delimiter = ',')]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ablate: Vec<Ablate>,
    /// The tracker's weights: a SAM2.1 checkpoint [default: the recipe's own]
    #[arg(long, value_name = "CKPT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sam2: Option<PathBuf>,
    /// Random weights where no checkpoint is given: true speed, meaningless matte
    #[arg(long, value_name = "SEED")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub random_weights: Option<u64>,
    /// What runs the engine [default: auto]
    #[arg(long, value_enum)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend: Option<Backend>,
    /// What the engine computes in [default: the fastest the recipe and the machine allow]
    #[arg(long, value_enum)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precision: Option<Precision>,
    /// Threads of each engine; 0 suits the model: one per core, or two engines share them [default: 0]
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threads: Option<u32>,
    /// Which GPU, as CUDA counts [default: 0]
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cuda_device: Option<u32>,
    /// Infer every N-th frame [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<u32>,
    /// Whether objects are remembered from frame to frame [default: memory]
    #[arg(long, value_enum)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub propagation: Option<Propagation>,
    /// Frames per second of folders of frames that become movies [default: 25]
    #[arg(long, value_name = "FPS", value_parser = clap::value_parser!(u32).range(1..=1000))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub framerate: Option<u32>,
    /// Items at work at a time, so that one is decoded while another is inferred [default: 2]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lanes: Option<u32>,
}

impl Wishes {
    /// These, and where these say nothing, `others`.
    pub fn or(self, others: Self) -> Self {
        Self {
            // A manifest and a data set exclude each other, whoever asks.
            dataset: self.dataset.or(others.dataset.filter(|_| self.manifest.is_none())),
            root: self.root.clone().or(others.root.filter(|_| self.manifest.is_none())),
            manifest: self.manifest.or(others.manifest.filter(|_| self.root.is_none())),
            split: if self.split.is_empty() { others.split } else { self.split },
            out: self.out.or(others.out),
            format: self.format.or(others.format),
            model: self.model.or(others.model),
            mgd: self.mgd.or(others.mgd.filter(|_| self.random_weights.is_none())),
            ablate: if self.ablate.is_empty() { others.ablate } else { self.ablate },
            sam2: self.sam2.or(others.sam2.filter(|_| self.random_weights.is_none())),
            random_weights: self.random_weights.or(others.random_weights),
            backend: self.backend.or(others.backend),
            precision: self.precision.or(others.precision),
            threads: self.threads.or(others.threads),
            cuda_device: self.cuda_device.or(others.cuda_device),
            interval: self.interval.or(others.interval),
            propagation: self.propagation.or(others.propagation),
            framerate: self.framerate.or(others.framerate),
            lanes: self.lanes.or(others.lanes),
        }
    }

    /// What nobody needs to say.
    pub fn defaults() -> Self {
        Self {
            dataset: Some(Dataset::Clips),
            format: Some(Format::Png8),
            model: Some("nano".into()),
            backend: Some(Backend::Auto),
            threads: Some(0),
            cuda_device: Some(0),
            interval: Some(1),
            propagation: Some(Propagation::Memory),
            framerate: Some(25),
            lanes: Some(2),
            ..Self::default()
        }
    }

    /// The same with paths relative to `folder`.
    pub fn relative_to(mut self, folder: &Path) -> Self {
        let weights = [&mut self.mgd, &mut self.sam2];
        let paths = [&mut self.root, &mut self.manifest, &mut self.out].into_iter().chain(weights);
        paths.flatten().for_each(|path| *path = folder.join(&*path));
        self
    }

    /// Which model, in the words of the other subcommands.
    pub fn model(&self) -> ModelArgs {
        ModelArgs {
            model: self.model.clone().unwrap_or_default(),
            weights: WeightArgs {
                mgd: self.mgd.clone(),
                ablate: self.ablate.clone(),
                sam2: self.sam2.clone(),
                random_weights: self.random_weights,
                backend: self.backend.unwrap_or_default(),
                precision: self.precision,
                threads: self.threads.unwrap_or_default(),
                cuda_device: self.cuda_device.unwrap_or_default(),
            },
        }
    }

    /// Whatever is in the foreground.
    pub fn object(&self) -> ObjectArgs {
        ObjectArgs {
            point: Vec::new(),
            corners: None,
            mask: None,
            at: None,
            propagation: self.propagation.unwrap_or_default(),
            memory_frames: 0,
            scene_cut: None,
            redetect: 0.0,
        }
    }
}

/// How a data set is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dataset {
    /// Clips: movies and folders of frames
    #[default]
    Clips,
    /// Pictures, each an item of its own
    Stills,
    /// 92 pictures of DAVIS
    DavisS,
    /// JPEGImages, Annotations, ImageSets
    #[value(name = "davis-2016")]
    #[serde(rename = "davis-2016")]
    Davis2016,
    /// JPEGImages, Annotations, ImageSets
    #[value(name = "davis-2017")]
    #[serde(rename = "davis-2017")]
    Davis2017,
    /// DIS-VD, DIS-TE1 to DIS-TE4, each with im and gt
    #[value(name = "dis5k")]
    #[serde(rename = "dis5k")]
    Dis5k,
    /// HRSOD_test, HRSOD_test_mask
    Hrsod,
    /// UHRSD_TE_2K or UHRSD_TE, each with image and mask
    Uhrsd,
    /// DUTS-TE-Image, DUTS-TE-Mask
    Duts,
    /// imgs, gt
    HkuIs,
    /// comp_easy, comp_medium and comp_hard, each with fgr and pha
    VHim,
    /// CLIP/com and CLIP/pha, or fgr/CLIP and pha/CLIP
    #[value(name = "videomatte")]
    #[serde(rename = "videomatte")]
    VideoMatte,
}

/// What a matte is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Grey PNGs of 8 bits
    #[default]
    Png8,
    /// Grey PNGs of 16 bits
    Png16,
    /// Cut-outs as movies: FFV1, lossless BGRA
    Mkv,
    /// Cut-outs as movies: ProRes 4444
    Mov,
}

/// One part of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// 0, 1, ...
    pub index: u32,
    /// Of how many.
    pub count: u32,
}

impl Shard {
    /// `I/N`.
    fn parse(typed: &str) -> Result<Self, String> {
        let numbers = typed.split_once('/').and_then(|(index, count)| {
            Some(Self { index: index.parse().ok()?, count: count.parse().ok()? })
        });
        numbers
            .filter(|shard| shard.index < shard.count)
            .ok_or_else(|| format!("expected I/N with I from 0 to N-1, found `{typed}`"))
    }
}
