//! A batch that will run: what was typed over what the job file says, checked, and kept in OUT.
use super::args::{BatchArgs, Format, Wishes};
use super::dataset;
use super::item::Item;
use super::manifest;
use crate::cli::job::{self, Container, Content, MatteJob, Sink, Source};
use crate::cli::object::Object;
use crate::cli::unfinished::{self, UnfinishedFile};
use anyhow::{Context, bail, ensure};
use gstmgdsam2::engines::Request;
use std::fs;
use std::path::{Path, PathBuf};

/// Below OUT: what was asked for.
const JOB: &str = "job.toml";
/// Below OUT: where mattes go.
const MATTES: &str = "mattes";

/// One batch.
#[derive(Debug)]
pub struct BatchJob {
    wishes: Wishes,
    /// Where mattes and results go.
    pub out: PathBuf,
    /// What sources and ground truths are relative to.
    root: PathBuf,
}

impl BatchJob {
    /// The batch that `typed` asks for.
    pub fn new(typed: &BatchArgs) -> anyhow::Result<Self> {
        let (wishes, out) = wishes_and_out(typed)?;
        let mut wishes = wishes.or(Wishes::defaults());
        for weights in [&mut wishes.mgd, &mut wishes.sam2].into_iter().flatten() {
            *weights = absolute(weights)?;
        }
        let root = match (&mut wishes.root, &mut wishes.manifest) {
            (Some(root), _) => {
                *root = absolute(root)?;
                root.clone()
            }
            (None, Some(manifest)) => {
                *manifest = absolute(manifest)?;
                folder_of(manifest).into()
            }
            (None, None) => bail!("of what? give --root DIR or --manifest FILE"),
        };
        unfinished::make_folder(&out)?;
        let within = wishes.root.is_some() && absolute(&out)?.starts_with(&root);
        ensure!(!within, "{}: expected a folder outside of {}", out.display(), root.display());
        Ok(Self { wishes, out, root })
    }

    /// Writes the job into OUT, where report looks for it and a resumed run must not differ;
    /// it is written in `scratch`.
    pub fn keep(&self, scratch: &Path) -> anyhow::Result<()> {
        let path = self.out.join(JOB);
        if path.exists() {
            return self.check_against(&path);
        }
        let file = UnfinishedFile::within(Some(scratch), &path)?;
        fs::write(file.path(), toml::to_string(&self.wishes)?)
            .with_context(|| format!("cannot write {}", path.display()))?;
        file.finish()
    }

    /// What is there may have been done by another number of lanes, on another GPU, and from another
    /// folder.
    fn check_against(&self, path: &Path) -> anyhow::Result<()> {
        let essence = |wishes: &Wishes| {
            let wishes = wishes.clone();
            let (root, manifest, lanes, threads, cuda_device) = (None, None, None, None, None);
            toml::Table::try_from(Wishes { root, manifest, lanes, threads, cuda_device, ..wishes })
        };
        let (wished, found) = (essence(&self.wishes)?, essence(&read(path)?)?);
        for key in wished.keys().chain(found.keys()) {
            let word = |value: Option<&toml::Value>| value.map_or("none".into(), |v| v.to_string());
            ensure!(
                wished.get(key) == found.get(key),
                "{}: what is there was done with another `{key}`: expected {}, found {}; \
                 give another --out",
                self.out.display(),
                word(wished.get(key)),
                word(found.get(key))
            );
        }
        Ok(())
    }

    /// Every item, in the order that results are listed in.
    pub fn items(&self) -> anyhow::Result<Vec<Item>> {
        match &self.wishes.manifest {
            Some(manifest) => manifest::items(manifest),
            None => {
                let dataset = self.wishes.dataset.unwrap_or_default();
                dataset::items(dataset, &self.wishes.split, &self.root)
            }
        }
    }

    /// Where an item's frames are.
    pub fn source(&self, item: &Item) -> PathBuf {
        self.root.join(&item.source)
    }

    /// The pipeline that mattes `item`, which works in `scratch` until it is through.
    pub fn matte_job(&self, item: &Item, scratch: &Path) -> anyhow::Result<MatteJob> {
        let source = Source::at(&self.source(item))?;
        let output = self.out.join(self.output(item));
        let format = self.wishes.format.unwrap_or_default();
        let sink = match format {
            Format::Mkv => Sink::Clip(Container::Mkv, output),
            Format::Mov => Sink::Clip(Container::Mov, output),
            _ if is_picture(&output) => Sink::Picture(output),
            _ => Sink::Folder(output),
        };
        let content = match format {
            Format::Png8 => Content::Alpha,
            Format::Png16 => Content::Alpha16,
            Format::Mkv | Format::Mov => Content::Cutout,
        };
        Ok(MatteJob {
            source,
            sink,
            content,
            interval: self.wishes.interval.unwrap_or_default(),
            framerate: self.wishes.framerate.unwrap_or_default(),
            dump: None,
            object: Object::new(&self.wishes.object(), &self.wishes.model().model)?,
            properties: job::properties(&self.wishes.model())?,
            scratch: Some(scratch.into()),
        })
    }

    /// Where an item's matte goes, relative to OUT.
    pub fn output(&self, item: &Item) -> PathBuf {
        let end = match self.wishes.format.unwrap_or_default() {
            Format::Mkv => ".mkv",
            Format::Mov => ".mov",
            _ if crate::cli::picture::is_picture(&item.source) => ".png",
            _ => "",
        };
        Path::new(MATTES).join(format!("{}{end}", item.item))
    }

    /// The engine that mattes all.
    pub fn engine(&self) -> anyhow::Result<Request> {
        let typed = self.wishes.model();
        job::engine_request(&typed.model, &typed.weights, None)
    }

    /// Items at work at a time.
    pub fn lanes(&self) -> usize {
        self.wishes.lanes.unwrap_or_default() as usize
    }
}

/// Where the batch that `typed` names is.
pub fn out(typed: &BatchArgs) -> anyhow::Result<PathBuf> {
    Ok(wishes_and_out(typed)?.1)
}

fn wishes_and_out(typed: &BatchArgs) -> anyhow::Result<(Wishes, PathBuf)> {
    let mut wishes = typed.wishes.clone();
    if let Some(path) = &typed.job {
        wishes = wishes.or(read(path)?.relative_to(folder_of(path)));
    }
    let out = wishes.out.take().context("where to? give --out DIR")?;
    Ok((wishes, out))
}

fn is_picture(output: &Path) -> bool {
    output.extension().is_some_and(|extension| extension == "png")
}

fn read(path: &Path) -> anyhow::Result<Wishes> {
    let context = || format!("cannot read {}", path.display());
    toml::from_str(&fs::read_to_string(path).with_context(context)?).with_context(context)
}

fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    path.canonicalize().with_context(|| format!("cannot read {}", path.display()))
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}
