//! The four protocols behind one face: frames go in, an item's scores come out, and the overall.
use super::args::{Objects, Protocol};
use super::layout::Source;
use super::read::{self, Matte, Reading};
use gstmgdsam2::metrics::Gray;
use gstmgdsam2::metrics::MetricsError;
use gstmgdsam2::metrics::histogram::Normalization::MinMax;
use gstmgdsam2::metrics::protocol::davis::{self, DavisAccumulator, SequenceScore};
use gstmgdsam2::metrics::protocol::dis::{self, DisAccumulator};
use gstmgdsam2::metrics::protocol::matting::{self, ClipScore, MattingAccumulator};
use gstmgdsam2::metrics::protocol::sod::{self, SodAccumulator};
use serde_json::{Value, json};

/// Takes one item's frames.
pub enum Scorer {
    /// Pictures, or a clip of them.
    Sod(SodAccumulator),
    /// The same with the human correction effort.
    Dis(DisAccumulator),
    /// A sequence of masks.
    Davis(davis::Sequence),
    /// A clip of mattes.
    Matting(matting::Clip<u16>),
}

/// One item's scores.
pub enum ItemScore {
    /// Of its pictures.
    Sod(SodAccumulator),
    /// Of its pictures.
    Dis(DisAccumulator),
    /// Of its objects.
    Davis(SequenceScore),
    /// Of its frames.
    Matting(ClipScore),
}

/// What a ground truth's samples mean to `protocol`.
pub fn reading(protocol: Protocol, objects: Objects, gt: &Source) -> Reading {
    let labels = match (objects, gt) {
        (Objects::Auto, Source::Pictures(gt)) => {
            gt.values().next().is_some_and(|first| read::has_coloured_palette(first))
        }
        (objects, _) => objects == Objects::Labels,
    };
    match protocol == Protocol::Davis && labels {
        true => Reading::Labels,
        false => Reading::Coverage,
    }
}

impl Scorer {
    /// No frames yet.
    pub fn new(protocol: Protocol, name: &str, reading: Reading) -> Self {
        let objects = match reading {
            Reading::Labels => davis::Objects::Labels,
            Reading::Coverage => davis::Objects::Binary,
        };
        match protocol {
            Protocol::Sod => Self::Sod(SodAccumulator::default()),
            Protocol::Dis => Self::Dis(DisAccumulator::default()),
            Protocol::Davis => Self::Davis(davis::Sequence::new(name, objects)),
            Protocol::Matting => Self::Matting(matting::Clip::default()),
        }
    }

    /// Scores one frame: its numbers by their names.
    pub fn push(&mut self, pred: &Matte, gt: &Matte) -> Result<Value, MetricsError> {
        if let Self::Matting(clip) = self {
            return Ok(json!(clip.push(pred.wide()?, gt.wide()?)?));
        }
        let (p, g) = (pred.bytes(), gt.bytes());
        let pred = Gray::new(pred.width, pred.height, &p)?;
        let gt = Gray::new(gt.width, gt.height, &g)?;
        Ok(match self {
            Self::Sod(sum) => {
                let score = sod::score(pred, gt, MinMax)?;
                sum.add(&score);
                json!(score.item)
            }
            Self::Dis(sum) => {
                let score = dis::score(pred, gt, MinMax)?;
                sum.add(&score);
                json!(score.item())
            }
            Self::Davis(sequence) => mean_of_objects(&sequence.push(pred, gt)?),
            Self::Matting(_) => unreachable!("mattes were scored above"),
        })
    }

    /// The item's scores.
    pub fn finish(self, frames: davis::Frames) -> ItemScore {
        match self {
            Self::Sod(sum) => ItemScore::Sod(sum),
            Self::Dis(sum) => ItemScore::Dis(sum),
            Self::Davis(sequence) => ItemScore::Davis(sequence.finish(frames)),
            Self::Matting(clip) => ItemScore::Matting(clip.finish()),
        }
    }
}

fn mean_of_objects(scores: &[(f64, f64)]) -> Value {
    let mean =
        |of: fn(&(f64, f64)) -> f64| scores.iter().map(of).sum::<f64>() / scores.len() as f64;
    let (j, f) = (mean(|s| s.0), mean(|s| s.1));
    json!({ "j": j, "f": f, "j_and_f": (j + f) / 2.0 })
}

impl ItemScore {
    /// The item's numbers by their names.
    pub fn value(&self) -> Value {
        let mut overall = Overall::of(self);
        overall.add(self);
        without_curves(overall.value())
    }

    /// Object by object, where there are several.
    pub fn objects(&self) -> Value {
        match self {
            Self::Davis(sequence) if sequence.objects.len() > 1 => json!(sequence.objects),
            _ => Value::Null,
        }
    }
}

/// Sums up items.
pub enum Overall {
    /// Over pictures.
    Sod(SodAccumulator),
    /// Over pictures.
    Dis(DisAccumulator),
    /// Over objects.
    Davis(DavisAccumulator),
    /// Over clips, frame by frame.
    Matting(MattingAccumulator),
}

impl Overall {
    /// Nothing yet, for items such as `item`.
    pub fn of(item: &ItemScore) -> Self {
        match item {
            ItemScore::Sod(_) => Self::Sod(SodAccumulator::default()),
            ItemScore::Dis(_) => Self::Dis(DisAccumulator::default()),
            ItemScore::Davis(_) => Self::Davis(DavisAccumulator::default()),
            ItemScore::Matting(_) => Self::Matting(MattingAccumulator::default()),
        }
    }

    /// Adds an item of the same protocol.
    pub fn add(&mut self, item: &ItemScore) {
        match (self, item) {
            (Self::Sod(sum), ItemScore::Sod(item)) => sum.merge(item),
            (Self::Dis(sum), ItemScore::Dis(item)) => sum.merge(item),
            (Self::Davis(sum), ItemScore::Davis(item)) => sum.add(item),
            (Self::Matting(sum), ItemScore::Matting(item)) => sum.add(item),
            _ => unreachable!("a run has one protocol"),
        }
    }

    /// The numbers by their names, curves as lists.
    pub fn value(&self) -> Value {
        let mut value = match self {
            Self::Sod(sum) => json!(sum.overall()),
            Self::Dis(sum) => json!(sum.overall()),
            Self::Davis(sum) => json!(sum.overall()),
            Self::Matting(sum) => json!(sum.overall()),
        };
        flatten(&mut value);
        value
    }
}

/// `mean: { mae }` becomes `mae`, `j: { decay }` becomes `j_decay`.
fn flatten(value: &mut Value) {
    let Some(fields) = value.as_object_mut() else { return };
    for (name, inner) in std::mem::take(fields) {
        match inner {
            Value::Object(inner) if name == "mean" => fields.extend(inner),
            Value::Object(inner) => {
                fields.extend(inner.into_iter().map(|(key, v)| (format!("{name}_{key}"), v)));
            }
            _ => _ = fields.insert(name, inner),
        }
    }
}

fn without_curves(mut value: Value) -> Value {
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|_, v| !v.is_array());
    }
    value
}
