//! What a camera does to a whole frame, whatever is in it.
use super::dice::Dice;
use super::jpeg::compress;
use super::picture::byte;
use super::raster::Window;
use super::render::Sum;

/// The camera's faults, the same for all that is in the frame.
#[derive(Debug, Clone)]
pub(super) struct Lens {
    /// Pixels of the sensor for each of the frame's, along a side: below 1 the frame is enlarged.
    pub scale: f32,
    /// Blur in pixels; it softens alpha as much as colours.
    pub blur: f32,
    /// Multiplies each channel.
    pub gain: [f32; 3],
    /// From a frame on, multiplies once more.
    pub jump: Option<(usize, [f32; 3])>,
    /// Pulls brightness toward its square (above 0) or its root (below 0), up to 1.
    pub gamma: f32,
    /// Loss of light in the corners, 0..=1.
    pub vignette: f32,
    /// Grain of brightness, in 0..=1.
    pub noise: f32,
    /// Coarseness of JPEG's steps in 1/255; none when 0.
    pub steps: f32,
    /// Decides the grain.
    pub seed: u64,
}

impl Lens {
    /// A lens without faults.
    pub fn clear() -> Self {
        Lens {
            scale: 1.0,
            blur: 0.0,
            gain: [1.0; 3],
            jump: None,
            gamma: 0.0,
            vignette: 0.0,
            noise: 0.0,
            steps: 0.0,
            seed: 0,
        }
    }

    /// A lens with faults as cameras, streams and old films have them.
    pub fn random(width: usize, height: usize, dice: &mut Dice) -> Self {
        let now_and_then = |dice: &mut Dice, p: f32, high: f32| {
            if dice.chance(p) { dice.range(0.0, high) } else { 0.0 }
        };
        let pixels = width.min(height) as f32 / 384.0;
        let light = dice.range(0.8, 1.25);
        let warm = dice.spread(0.2);
        Lens {
            scale: if dice.chance(0.3) { dice.range(0.45, 1.0) } else { 1.0 },
            blur: now_and_then(dice, 0.5, 1.3) * pixels.max(0.3),
            gain: [light * (1.0 + warm), light * (1.0 + dice.spread(0.08)), light * (1.0 - warm)],
            jump: None,
            gamma: dice.spread(0.6),
            vignette: now_and_then(dice, 0.4, 0.5),
            noise: now_and_then(dice, 0.6, 0.07),
            steps: now_and_then(dice, 0.5, 40.0),
            seed: u64::from(dice.range(0.0, 1.0).to_bits()),
        }
    }

    /// The sensor's size for a frame's.
    pub fn sensor(&self, width: usize, height: usize) -> [usize; 2] {
        let pixels = |v: usize| ((v as f32 * self.scale).ceil() as usize).min(v);
        [pixels(width), pixels(height)]
    }

    /// What happens to light before the sensor and to sizes after it: on both addends alike.
    pub fn defocus(&self, sum: &mut Sum, width: usize, height: usize) {
        for canvas in [&mut sum.subject, &mut sum.rest] {
            canvas.blur(self.blur);
            let frame = Window::of(width, height);
            if canvas.window != frame && !frame.is_empty() {
                *canvas = canvas.enlarged(frame);
            }
        }
    }

    /// Brightness and colour of frame `index`: a table for each channel.
    pub fn tables(&self, index: usize) -> [[u8; 256]; 3] {
        let jump = self.jump.filter(|(first, _)| index >= *first).map_or([1.0; 3], |(_, g)| g);
        std::array::from_fn(|c| {
            std::array::from_fn(|v| {
                let v = (v as f32 / 255.0 * self.gain[c] * jump[c]).min(1.0);
                let bent = if self.gamma > 0.0 { v * v } else { v.sqrt() };
                byte(v + self.gamma.abs() * (bent - v))
            })
        })
    }

    /// What happens on and after the sensor: to colours only.
    pub fn record(&self, rgb: &mut [u8], width: usize, height: usize, index: usize) {
        if self.vignette > 0.0 {
            darken_corners(rgb, width, height, self.vignette);
        }
        if self.noise > 0.0 {
            let mut dice = Dice::new(self.seed ^ (index as u64) << 32);
            add_grain(rgb, width, self.noise, &mut dice);
        }
        if self.steps > 0.0 {
            compress(rgb, width, height, self.steps);
        }
    }
}

fn darken_corners(rgb: &mut [u8], width: usize, height: usize, strength: f32) {
    let (x_scale, y_scale) = (2.0 / width as f32, 2.0 / height as f32);
    for (y, row) in rgb.chunks_exact_mut(3 * width.max(1)).enumerate() {
        let v = (y as f32 + 0.5) * y_scale - 1.0;
        for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
            let u = (x as f32 + 0.5) * x_scale - 1.0;
            let light = 1.0 - 0.5 * strength * (u * u + v * v);
            pixel.iter_mut().for_each(|c| *c = (f32::from(*c) * light + 0.5) as u8);
        }
    }
}

/// Adds grain, a little of it coloured; rows start at random places of one long tape.
fn add_grain(rgb: &mut [u8], width: usize, strength: f32, dice: &mut Dice) {
    const TAPE: usize = 4096;
    let tape: Vec<f32> = (0..TAPE).map(|_| dice.spread(255.0 * strength)).collect();
    for row in rgb.chunks_exact_mut(3 * width.max(1)) {
        let (mut grey, mut colour) = (dice.index(TAPE), dice.index(TAPE));
        for pixel in row.chunks_exact_mut(3) {
            grey = (grey + 1) % TAPE;
            for c in pixel {
                colour = (colour + 1) % TAPE;
                *c = (f32::from(*c) + 0.8 * tape[grey] + 0.4 * tape[colour] + 0.5) as u8;
            }
        }
    }
}
