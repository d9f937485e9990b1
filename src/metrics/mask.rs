//! A binary picture, one bit a pixel.
use super::Gray;
use super::MetricsError;
use super::check_size;

/// A set of pixels. Bits to the right of the last column are always zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    width: usize,
    height: usize,
    stride: usize,
    words: Vec<u64>,
}

impl Mask {
    /// The empty set of a picture's size.
    pub(crate) fn empty(width: usize, height: usize) -> Self {
        let stride = width.div_ceil(64);
        Self { width, height, stride, words: vec![0; stride * height] }
    }

    /// The pixels whose sample satisfies `inside`.
    pub fn from_samples<T: Copy>(picture: Gray<'_, T>, inside: impl Fn(T) -> bool) -> Self {
        let mut mask = Self::empty(picture.width(), picture.height());
        let rows = picture.samples().chunks_exact(picture.width());
        for (words, row) in mask.words.chunks_exact_mut(mask.stride).zip(rows) {
            for (word, samples) in words.iter_mut().zip(row.chunks(64)) {
                *word = pack(samples, &inside);
            }
        }
        mask
    }

    /// The pixels above `threshold`; the references binarise 8-bit pictures with `> 128`.
    pub fn above(picture: Gray<'_>, threshold: u8) -> Self {
        Self::from_samples(picture, |sample| sample > threshold)
    }

    /// In pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// In pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// How many pixels are set.
    pub fn count(&self) -> u64 {
        self.words.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// Whether pixel (x, y) is set.
    pub fn get(&self, x: usize, y: usize) -> bool {
        self.words[y * self.stride + x / 64] >> (x % 64) & 1 == 1
    }

    pub(crate) fn set(&mut self, x: usize, y: usize) {
        self.words[y * self.stride + x / 64] |= 1 << (x % 64);
    }

    pub(crate) fn clear(&mut self, x: usize, y: usize) {
        self.words[y * self.stride + x / 64] &= !(1 << (x % 64));
    }

    /// Row `y`, the leftmost pixel in the first word's lowest bit.
    pub(crate) fn row(&self, y: usize) -> &[u64] {
        &self.words[y * self.stride..][..self.stride]
    }

    pub(crate) fn row_mut(&mut self, y: usize) -> &mut [u64] {
        &mut self.words[y * self.stride..][..self.stride]
    }

    /// Row `y` to write, and row `below` where the picture has it.
    pub(crate) fn rows_mut(&mut self, y: usize, below: usize) -> (&mut [u64], Option<&[u64]>) {
        let (head, tail) = self.words.split_at_mut((y + 1) * self.stride);
        let below = tail.get((below - y - 1) * self.stride..).filter(|rest| !rest.is_empty());
        (&mut head[y * self.stride..], below.map(|rest| &rest[..self.stride]))
    }

    /// Moves every row down by `rows`; empty rows follow from above.
    pub(crate) fn move_down(&mut self, rows: usize) {
        let (count, shift) = (self.words.len(), rows.min(self.height) * self.stride);
        self.words.copy_within(..count - shift, shift);
        self.words[..shift].fill(0);
    }

    /// `op` on each pair of words; it must map zeros to zero.
    pub(crate) fn zip(&self, other: &Self, op: impl Fn(u64, u64) -> u64) -> Self {
        let words = self.words.iter().zip(&other.words).map(|(&a, &b)| op(a, b)).collect();
        Self { words, ..*self }
    }

    pub(crate) fn and(&self, other: &Self) -> Self {
        self.zip(other, |a, b| a & b)
    }

    pub(crate) fn or(&self, other: &Self) -> Self {
        self.zip(other, |a, b| a | b)
    }

    pub(crate) fn minus(&self, other: &Self) -> Self {
        self.zip(other, |a, b| a & !b)
    }

    /// How many pixels `op` leaves of each pair; it must map zeros to zero.
    pub(crate) fn count_zip(&self, other: &Self, op: impl Fn(u64, u64) -> u64) -> u64 {
        let pairs = self.words.iter().zip(&other.words);
        pairs.map(|(&a, &b)| u64::from(op(a, b).count_ones())).sum()
    }

    /// The pixels that are not set.
    pub(crate) fn complement(&self) -> Self {
        let mut mask = self.clone();
        let last = u64::MAX >> (mask.stride * 64 - mask.width);
        for row in mask.words.chunks_exact_mut(mask.stride) {
            row.iter_mut().for_each(|word| *word = !*word);
            row[self.stride - 1] &= last;
        }
        mask
    }

    /// Columns of the set pixels of row `y`, from the left.
    pub(crate) fn columns(&self, y: usize) -> impl Iterator<Item = usize> + '_ {
        self.row(y).iter().enumerate().flat_map(|(i, &word)| Bits(word).map(move |b| i * 64 + b))
    }

    /// Fails with both sizes where `gt`'s differs from this prediction's.
    ///
    /// # Errors
    /// [`MetricsError::Size`].
    pub fn check_size(&self, gt: &Self) -> Result<(), MetricsError> {
        check_size((self.width, self.height), (gt.width, gt.height))
    }
}

fn pack<T: Copy>(samples: &[T], inside: &impl Fn(T) -> bool) -> u64 {
    let mut bytes = [0_u8; 64];
    bytes.iter_mut().zip(samples).for_each(|(byte, &sample)| *byte = u8::from(inside(sample)));
    let (eights, _) = bytes.as_chunks::<8>();
    // The factor gathers the lowest bits of eight bytes in the highest byte.
    let gather = |eight: &[u8; 8]| u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080);
    eights.iter().rev().fold(0, |word, eight| word << 8 | gather(eight) >> 56)
}

/// Positions of a word's set bits, lowest first.
pub(crate) struct Bits(pub u64);

impl Iterator for Bits {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let bit = self.0.trailing_zeros() as usize;
        self.0 &= self.0.wrapping_sub(1);
        (bit < 64).then_some(bit)
    }
}
