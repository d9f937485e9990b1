//! Pictures in device memory, as kernels see them.

/// One component of a picture: sample `(x, y)` lies at `data + y * stride + x * step`, in bytes.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub struct Component {
    /// A device pointer.
    pub data: u64,
    /// From one row to the next.
    pub stride: u32,
    /// From one sample to the next.
    pub step: u32,
}

/// A picture to read: R, G and B, or Y', Cb and Cr, or Y' alone.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Source {
    pub(super) component: [Component; 3],
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) count: u32,
    pub(super) subsampled: u32,
    pub(super) ten_bits: u32,
}

/// A picture to write: a GRAY8, a packed or an A420 one.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub struct Target {
    pub(super) plane: [u64; 4],
    pub(super) stride: [u32; 4],
}

impl Source {
    /// `width` by `height` pixels; where `subsampled`, the second and third component have half
    /// of each, rounded up. Samples are bytes, or P010's words where `ten_bits`.
    ///
    /// # Safety
    /// Every sample lies in memory of the context that kernels will run in, until what was queued
    /// on it is done.
    pub unsafe fn new(
        components: &[Component],
        (width, height): (usize, usize),
        subsampled: bool,
        ten_bits: bool,
    ) -> Self {
        let mut component = [Component::default(); 3];
        component.iter_mut().zip(components).for_each(|(to, from)| *to = *from);
        Self {
            component,
            width: width as u32,
            height: height as u32,
            count: components.len().min(3) as u32,
            subsampled: subsampled.into(),
            ten_bits: ten_bits.into(),
        }
    }

    /// Whether rows may be read 16 bytes (of packed pixels) or 4 (of bytes) at a time.
    fn is_aligned(&self) -> bool {
        let first = self.component.iter().take(self.count as usize).map(|c| c.data).min();
        let unit = if self.component[0].step == 4 { 16 } else { 4 };
        // The first byte of a packed pixel may be nobody's.
        let start = first.unwrap_or(0) & !3;
        start.is_multiple_of(unit) && u64::from(self.component[0].stride).is_multiple_of(unit)
    }
}

impl Target {
    /// Planes of `(device pointer, stride)` in the format's order.
    ///
    /// # Safety
    /// Every row lies in memory of the context that kernels will run in, nobody else uses it until
    /// what was queued on it is done, and it is as large as the source that is written into it.
    pub unsafe fn new(planes: &[(u64, usize)]) -> Self {
        let mut target = Self::default();
        for (i, (data, stride)) in planes.iter().enumerate().take(4) {
            (target.plane[i], target.stride[i]) = (*data, *stride as u32);
        }
        target
    }

    /// Whether rows of both may be used `unit` bytes at a time.
    pub(super) fn is_aligned(&self, unit: u64, source: &Source) -> bool {
        let rows = self.plane.iter().zip(self.stride);
        source.is_aligned()
            && rows.into_iter().all(|(data, stride)| {
                data.is_multiple_of(unit) && u64::from(stride).is_multiple_of(unit)
            })
    }
}
