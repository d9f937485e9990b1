//! Parameters that are computed when a graph is finished, and only if something uses them.
use crate::checkpoint::{Checkpoint, CheckpointError};
use std::{ops::Range, rc::Rc};

type Values<'c> = Rc<dyn Fn() -> Result<Vec<f32>, CheckpointError> + 'c>;

/// A parameter of the model: a checkpoint's tensor, a constant, or something computed of them.
#[derive(Clone)]
pub struct Weight<'c> {
    /// Unique in the graph, and telling of the origin: `neck.convs.0.conv.weight[0..64]`.
    pub(super) name: String,
    /// Static shape.
    pub shape: Vec<usize>,
    /// The checkpoint's tensors that the values are made of: key and expected shape.
    pub(super) sources: Vec<Rc<(String, Vec<usize>)>>,
    values: Values<'c>,
}

impl<'c> Weight<'c> {
    /// Something that is not made of a checkpoint's tensors.
    pub(super) fn constant(name: &str, shape: &[usize], values: Vec<f32>) -> Self {
        Self::new(name.into(), shape, vec![], move || Ok(values.clone()))
    }

    /// A tensor of a checkpoint.
    pub(super) fn of(checkpoint: &'c Checkpoint, key: &str, shape: &[usize]) -> Self {
        let source = Rc::new((key.to_string(), shape.to_vec()));
        let sources = vec![source.clone()];
        Self::new(key.into(), shape, sources, move || checkpoint.read(&source.0, &source.1))
    }

    fn new(
        name: String,
        shape: &[usize],
        sources: Vec<Rc<(String, Vec<usize>)>>,
        values: impl Fn() -> Result<Vec<f32>, CheckpointError> + 'c,
    ) -> Self {
        Self { name, shape: shape.to_vec(), sources, values: Rc::new(values) }
    }

    /// The weight's name in the graph.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The values, row-major.
    pub(super) fn values(&self) -> Result<Vec<f32>, CheckpointError> {
        (self.values)()
    }

    /// The same values in another shape of the same size.
    pub fn reshape(&self, shape: &[usize]) -> Self {
        let values = self.values.clone();
        let name = format!("{}:{shape:?}", self.name);
        Self::new(name, shape, self.sources.clone(), move || values())
    }

    /// (a, b) to (b, a).
    pub fn transpose(&self) -> Self {
        let (rows, columns) = (self.shape[0], self.shape[1]);
        self.map("transposed", &[columns, rows], move |v| {
            (0..columns * rows).map(|i| v[(i % rows) * columns + i / rows]).collect()
        })
    }

    /// The part `range` of `axis`.
    pub fn slice(&self, axis: usize, range: Range<usize>) -> Self {
        let inner: usize = self.shape[axis + 1..].iter().product();
        let stride = self.shape[axis] * inner;
        let mut shape = self.shape.clone();
        shape[axis] = range.len();
        let suffix = format!("{axis}[{range:?}]");
        self.map(&suffix, &shape, move |v| {
            let (from, to) = (range.start * inner, range.end * inner);
            v.chunks_exact(stride).flat_map(|row| row[from..to].to_vec()).collect()
        })
    }

    /// What `f` makes of the values; `suffix` names it, and must tell it from other maps of this.
    pub fn map(&self, suffix: &str, shape: &[usize], f: impl Fn(&[f32]) -> Vec<f32> + 'c) -> Self {
        self.combine_into(suffix, shape, [], move |values, []| f(values))
    }

    /// What `f` makes of these values and the values of `others`, in this shape.
    pub fn combine<const N: usize>(
        &self,
        suffix: &str,
        others: [&Weight<'c>; N],
        f: impl Fn(&[f32], [&[f32]; N]) -> Vec<f32> + 'c,
    ) -> Self {
        self.combine_into(suffix, &self.shape, others, f)
    }

    /// What `f` makes of these values and the values of `others`, in another shape.
    pub fn combine_into<const N: usize>(
        &self,
        suffix: &str,
        shape: &[usize],
        others: [&Weight<'c>; N],
        f: impl Fn(&[f32], [&[f32]; N]) -> Vec<f32> + 'c,
    ) -> Self {
        let mut sources = self.sources.clone();
        sources.extend(others.iter().flat_map(|w| w.sources.iter().cloned()));
        let values = self.values.clone();
        let others = others.map(|w| w.values.clone());
        Self::new(format!("{}:{suffix}", self.name), shape, sources, move || {
            let more: Vec<Vec<f32>> = others.iter().map(|w| w()).collect::<Result<_, _>>()?;
            Ok(f(&values()?, std::array::from_fn(|i| more[i].as_slice())))
        })
    }
}
