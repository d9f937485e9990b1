//! Guesses at the foreground's own colours where alpha is between.
use super::THREADS;
use super::composite::{Alpha, Colour};
use crate::cuda::CudaError;
use crate::cuda::device::{Buffer, Device, check_len};
use crate::cuda::picture::{Source, Target};
use std::iter;

/// Pixels along a cell of the finest level; `alpha.cu` has the same, and as many levels.
const CELL: usize = 8;
const LEVELS: usize = 16;

/// Memory for guesses at foreground's and background's colours all over a frame.
pub struct Guesses {
    /// Eight a cell of all levels, the finest first.
    cells: Buffer<f32>,
    /// One: whether the frame has both.
    has_both: Buffer<u32>,
    /// Cells along rows and along columns.
    levels: Vec<(usize, usize)>,
}

#[derive(Default)]
#[repr(C)]
pub(super) struct GuessesParameter {
    cells: u64,
    has_both: u64,
    depth: u32,
    columns: [u32; LEVELS],
    rows: [u32; LEVELS],
    start: [u32; LEVELS],
}

impl Guesses {
    /// For frames of `width` by `height`.
    pub fn new(device: &Device, (width, height): (usize, usize)) -> Result<Self, CudaError> {
        let first = (width.div_ceil(CELL), height.div_ceil(CELL));
        let half = |&(columns, rows): &(usize, usize)| {
            (columns * rows > 1).then_some((columns.div_ceil(2), rows.div_ceil(2)))
        };
        let levels: Vec<_> = iter::successors(Some(first), half).collect();
        check_len("levels of cells", levels.len(), LEVELS)?;
        let cells = levels.iter().map(|(columns, rows)| columns * rows).sum::<usize>();
        Ok(Self { cells: device.zeros(8 * cells)?, has_both: device.zeros(1)?, levels })
    }

    /// An error unless they are of a frame like `source`.
    pub(super) fn check(&self, source: &Source) -> Result<(), CudaError> {
        let (columns, rows) = self.levels[0];
        check_len("columns of cells", (source.width as usize).div_ceil(CELL), columns)?;
        check_len("rows of cells", (source.height as usize).div_ceil(CELL), rows)
    }

    pub(super) fn parameter(&self, device: &Device) -> GuessesParameter {
        let mut parameter = GuessesParameter {
            cells: device.address(&self.cells),
            has_both: device.address(&self.has_both),
            depth: self.levels.len() as u32,
            ..GuessesParameter::default()
        };
        let mut start = 0;
        for (level, (columns, rows)) in self.levels.iter().enumerate() {
            parameter.columns[level] = *columns as u32;
            parameter.rows[level] = *rows as u32;
            parameter.start[level] = start;
            start += (columns * rows) as u32;
        }
        parameter
    }
}

impl Device {
    /// Queues: `guesses` become those of a frame with `alpha`, in the colours of `colour`'s target.
    pub fn guess(
        &self,
        source: &Source,
        alpha: &Alpha,
        colour: &Colour,
        guesses: &mut Guesses,
    ) -> Result<(), CudaError> {
        // Nothing is written to it, and so it is as well aligned as can be.
        let target = Target::default();
        let guesses = &*guesses;
        let parameter =
            self.composite_parameter(source, alpha, colour, Some(guesses), &target, 4)?;
        let launch = |kernel, cells: usize| {
            let blocks = (cells as u32).div_ceil(THREADS);
            self.launch(kernel, (blocks, 1, 1), (THREADS, 1, 1), &parameter)
        };
        let cells = |level: usize| guesses.levels.get(level).map_or(0, |(c, r)| c * r);
        let kernels = &self.kernels;
        launch(&kernels.guess_measure, cells(0))?;
        if cells(1) > 0 {
            launch(&kernels.guess_gather, cells(1))?;
        }
        launch(&kernels.guess_settle, 1)?;
        launch(&kernels.guess_spread, cells(0))
    }
}
