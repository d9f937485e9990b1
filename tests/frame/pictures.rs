//! Pictures in any layout, with padded rows, for the tests to read and write.
use gstmgdsam2::frame::{
    Colorimetry, FrameView, FrameViewMut, Matrix, PixelFormat, Plane, PlaneMut,
};

pub const INPUTS: [PixelFormat; 13] = {
    use PixelFormat::*;
    [Nv12, I420, Yv12, P010Le, Rgb, Bgr, Rgba, Bgra, Argb, Abgr, Rgbx, Bgrx, Gray8]
};

pub const TARGETS: [PixelFormat; 7] = {
    use PixelFormat::*;
    [Rgba, Bgra, Argb, Abgr, A420, Ayuv, Gray8]
};

pub const COLORIMETRIES: [Colorimetry; 6] = [
    Colorimetry { matrix: Matrix::Bt601, full_range: false },
    Colorimetry { matrix: Matrix::Bt709, full_range: false },
    Colorimetry { matrix: Matrix::Bt2020, full_range: false },
    Colorimetry { matrix: Matrix::Bt601, full_range: true },
    Colorimetry { matrix: Matrix::Bt709, full_range: true },
    Colorimetry { matrix: Matrix::Bt2020, full_range: true },
];

pub const BT709: Colorimetry = COLORIMETRIES[1];

/// Where red, green, blue and alpha lie in a packed pixel, and its bytes.
pub fn packed_offsets(format: PixelFormat) -> ([usize; 4], usize) {
    use PixelFormat::*;
    match format {
        Rgb => ([0, 1, 2, 0], 3),
        Bgr => ([2, 1, 0, 0], 3),
        Rgba | Rgbx => ([0, 1, 2, 3], 4),
        Bgra | Bgrx => ([2, 1, 0, 3], 4),
        Argb | Ayuv => ([1, 2, 3, 0], 4),
        Abgr => ([3, 2, 1, 0], 4),
        other => panic!("{other:?} is not packed"),
    }
}

/// A picture that owns its bytes.
#[derive(Clone)]
pub struct Picture {
    pub format: PixelFormat,
    pub width: usize,
    pub height: usize,
    pub colorimetry: Colorimetry,
    pub planes: Vec<(Vec<u8>, usize)>,
}

impl Picture {
    /// Zeros; rows are `padding` bytes longer than they must be, the last one excepted.
    pub fn new(
        format: PixelFormat,
        (width, height): (usize, usize),
        colorimetry: Colorimetry,
        padding: usize,
    ) -> Self {
        let plane = |plane| {
            let (row_bytes, rows) = format.plane_size(plane, width, height).unwrap();
            let stride = row_bytes + padding;
            (vec![0; stride * (rows - 1) + row_bytes], stride)
        };
        let planes = (0..format.plane_count()).map(plane).collect();
        Self { format, width, height, colorimetry, planes }
    }

    /// Every byte, padding included, at random; P010's low six bits too.
    pub fn noise(mut self, noise: &mut Noise) -> Self {
        self.planes.iter_mut().for_each(|(bytes, _)| bytes.fill_with(|| noise.byte()));
        self
    }

    pub fn view(&self) -> FrameView<'_> {
        FrameView {
            format: self.format,
            width: self.width,
            height: self.height,
            colorimetry: self.colorimetry,
            planes: self.planes.iter().map(|(bytes, s)| Plane { bytes, stride: *s }).collect(),
        }
    }

    pub fn view_mut(&mut self) -> FrameViewMut<'_> {
        FrameViewMut {
            format: self.format,
            width: self.width,
            height: self.height,
            colorimetry: self.colorimetry,
            planes: self
                .planes
                .iter_mut()
                .map(|(bytes, stride)| PlaneMut { bytes, stride: *stride })
                .collect(),
        }
    }

    pub fn at(&self, plane: usize, x: usize, y: usize) -> u8 {
        let (bytes, stride) = &self.planes[plane];
        bytes[y * stride + x]
    }

    pub fn set(&mut self, plane: usize, x: usize, y: usize, byte: u8) {
        let (bytes, stride) = &mut self.planes[plane];
        bytes[y * *stride + x] = byte;
    }

    /// Sample `x` of a plane of sixteen-bit words: P010's ten bits.
    pub fn ten_bits(&self, plane: usize, x: usize, y: usize) -> u16 {
        u16::from_le_bytes([self.at(plane, 2 * x, y), self.at(plane, 2 * x + 1, y)]) >> 6
    }

    /// Raw chroma sample `(x, y)`: Cb, Cr.
    pub fn chroma(&self, x: usize, y: usize) -> [f64; 2] {
        use PixelFormat::*;
        match self.format {
            Nv12 => [0, 1].map(|i| f64::from(self.at(1, 2 * x + i, y))),
            P010Le => [0, 1].map(|i| f64::from(self.ten_bits(1, 2 * x + i, y))),
            I420 | A420 => [1, 2].map(|plane| f64::from(self.at(plane, x, y))),
            Yv12 => [2, 1].map(|plane| f64::from(self.at(plane, x, y))),
            other => panic!("{other:?} has no chroma planes"),
        }
    }
}

/// Bytes and numbers that look random and are the same everywhere (splitmix64).
pub struct Noise(pub u64);

impl Noise {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn byte(&mut self) -> u8 {
        (self.next() >> 56) as u8
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// In -`scale`..`scale`.
    pub fn signed(&mut self, scale: f32) -> f32 {
        ((self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0) * scale
    }
}
