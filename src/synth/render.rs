//! A scene at one moment: the subject, and everything else with the subject cut out.
use super::canvas::Canvas;
use super::canvas::Rgba;
use super::canvas::fade;
use super::canvas::over;
use super::plane::Affine;
use super::plane::Point;
use super::plane::length;
use super::raster::Rasterizer;
use super::raster::Window;
use super::scene::Backdrop;
use super::scene::Layer;
use super::scene::Object;
use super::scene::Scene;
use super::texture::Texture;

/// The two addends of a frame, each of its size.
pub(super) struct Sum {
    /// The subject as far as it is seen: premultiplied, its alpha is the truth.
    pub subject: Canvas,
    /// The rest: what stands before and behind the subject, times one minus its alpha.
    pub rest: Canvas,
}

/// Renders frames of one size.
pub(super) struct Renderer {
    width: usize,
    height: usize,
    rasterizer: Rasterizer,
}

impl Renderer {
    pub fn new(width: usize, height: usize) -> Self {
        Renderer { width, height, rasterizer: Rasterizer::default() }
    }

    pub fn render(&mut self, scene: &Scene, seconds: f32) -> Sum {
        let frame = Window::of(self.width, self.height);
        let mut sum = Sum { subject: Canvas::clear(frame), rest: Canvas::clear(frame) };
        for (i, layer) in scene.layers.iter().enumerate() {
            match layer {
                Layer::Backdrop(backdrop) => self.backdrop(backdrop, scene, seconds, &mut sum),
                Layer::Object(object) => {
                    self.shadow(object, scene, seconds, &mut sum);
                    let Some(canvas) = self.object(object, scene, seconds) else { continue };
                    sum.put(&canvas, i == scene.subject);
                }
            }
        }
        sum
    }

    fn view(&self, scene: &Scene, seconds: f32, parallax: f32) -> Affine {
        scene.camera.view(seconds, parallax, self.width, self.height)
    }

    /// Moments while the shutter is open: one for about every two pixels of motion.
    fn moments(
        &self,
        scene: &Scene,
        seconds: f32,
        most: usize,
        at: impl Fn(f32) -> Point,
    ) -> Vec<f32> {
        let (a, b) = (at(seconds - 0.5 * scene.shutter), at(seconds + 0.5 * scene.shutter));
        let moved = length([b[0] - a[0], b[1] - a[1]]);
        let count = ((0.4 * moved + 0.75) as usize).clamp(1, most);
        let place = |i: usize| (i as f32 + 0.5) / count as f32 - 0.5;
        (0..count).map(|i| seconds + scene.shutter * place(i)).collect()
    }

    fn backdrop(&mut self, backdrop: &Backdrop, scene: &Scene, seconds: f32, sum: &mut Sum) {
        let view = |s: f32| self.view(scene, s, backdrop.parallax);
        let moments = self.moments(scene, seconds, 4, |s| view(s).map([0.0; 2]));
        let maps: Vec<Affine> =
            moments.iter().map(|s| view(*s).inverse().then(backdrop.map)).collect();
        let frame = sum.rest.window;
        let window = match &backdrop.contour {
            None => Some(frame),
            Some(contour) => {
                let contour = std::slice::from_ref(contour);
                let map = view(seconds);
                self.rasterizer.fill(contour, map, &frame)
            }
        };
        let Some(window) = window else { return };
        let mut line = Vec::new();
        for y in 0..window.height {
            let (top, left) = (window.top + y as i32, window.left);
            let rest = sum.rest.row_mut(top, left, window.width);
            let subject = sum.subject.row_mut(top, left, window.width);
            let (first, covered) = match &backdrop.contour {
                None => (0, None),
                Some(_) => {
                    let (first, covered) = self.rasterizer.row(y);
                    (first, Some(covered))
                }
            };
            line.resize(covered.map_or(window.width, |row| row.len()), [0.0; 4]);
            paint(&backdrop.texture, &maps, [left + first as i32, top], &mut line);
            if let Some(covered) = covered {
                line.iter_mut().zip(covered).for_each(|(colour, a)| *colour = fade(*colour, *a));
            }
            for ((colour, rest), subject) in
                line.iter().zip(&mut rest[first..]).zip(&mut subject[first..])
            {
                *rest = over(*colour, *rest);
                *subject = fade(*subject, 1.0 - colour[3]);
            }
        }
    }

    /// The object's own canvas; `None` when it is out of the frame.
    fn object(&mut self, object: &Object, scene: &Scene, seconds: f32) -> Option<Canvas> {
        let map = |s: f32| object.place(s).then(self.view(scene, s, object.parallax));
        let moments = self.moments(scene, seconds, 6, |s| map(s).map([0.0; 2]));
        let maps: Vec<Affine> = moments.iter().map(|s| map(*s)).collect();
        let frame = Window::of(self.width, self.height);
        let sigma = object.blur * frame.width.min(frame.height) as f32;
        let margin = (3.0 * sigma) as usize + 1;
        let mut window: Option<Window> = None;
        for (map, s) in maps.iter().zip(&moments) {
            let touched = object.figure.window(*map, *s).grown(margin);
            window = Some(window.map_or(touched, |w| w.union(&touched)));
        }
        // What is just outside the frame is blurred into it.
        let window = window?.intersect(&frame.grown(margin));
        if window.intersect(&frame).is_empty() {
            return None;
        }
        let mut canvas = Canvas::clear(window);
        object.figure.paint(maps[0], moments[0], &mut canvas, &mut self.rasterizer);
        for (map, s) in maps.iter().zip(&moments).skip(1) {
            let mut other = Canvas::clear(window);
            object.figure.paint(*map, *s, &mut other, &mut self.rasterizer);
            canvas.add(&other);
        }
        finish(&mut canvas, 1.0 / maps.len() as f32, object.haze);
        canvas.blur(sigma);
        Some(canvas)
    }

    /// Darkens the ground in a flat ellipse under the object.
    fn shadow(&mut self, object: &Object, scene: &Scene, seconds: f32, sum: &mut Sum) {
        if object.shadow == 0.0 {
            return;
        }
        let place = Affine::scale(object.size * 1.1, object.size * 0.24)
            .then(Affine::shift([object.path.at(seconds)[0], object.ground()]));
        let map = place.then(self.view(scene, seconds, object.parallax));
        let mut bounds = super::raster::Bounds::NONE;
        for corner in [[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]] {
            bounds.add(map.map(corner));
        }
        let window = bounds.window().intersect(&sum.rest.window);
        let back = map.inverse();
        for y in window.top..window.bottom() {
            for (x, pixel) in (window.left..).zip(sum.rest.row_mut(y, window.left, window.width)) {
                let [u, v] = back.map([x as f32 + 0.5, y as f32 + 0.5]);
                let inside = (1.0 - u * u - v * v).max(0.0);
                let light = 1.0 - object.shadow * inside * inside;
                *pixel = [pixel[0] * light, pixel[1] * light, pixel[2] * light, pixel[3]];
            }
        }
    }
}

impl Sum {
    /// Puts a canvas in front of all that is there.
    fn put(&mut self, canvas: &Canvas, is_subject: bool) {
        let frame = self.rest.window;
        let window = canvas.window.intersect(&frame);
        for y in window.top..window.bottom() {
            let top = canvas.row(y, window.left, window.width);
            let rest = self.rest.row_mut(y, window.left, window.width);
            let subject = self.subject.row_mut(y, window.left, window.width);
            for ((top, rest), subject) in top.iter().zip(rest).zip(subject) {
                let through = 1.0 - top[3];
                if is_subject {
                    *subject = *top;
                    *rest = fade(*rest, through);
                } else {
                    *subject = fade(*subject, through);
                    *rest = over(*top, *rest);
                }
            }
        }
    }
}

/// Averages what was added up, and puts air before it.
fn finish(canvas: &mut Canvas, share: f32, haze: [f32; 4]) {
    let [r, g, b, much] = haze;
    for pixel in &mut canvas.pixels {
        let a = pixel[3] * share * much;
        let kept = share * (1.0 - much);
        *pixel = [
            pixel[0] * kept + r * a,
            pixel[1] * kept + g * a,
            pixel[2] * kept + b * a,
            pixel[3] * share,
        ];
    }
}

/// The mean of a texture under several maps, along a row of pixels from `first` on.
fn paint(texture: &Texture, maps: &[Affine], first: [i32; 2], row: &mut [Rgba]) {
    let share = 1.0 / maps.len() as f32;
    let centre = first.map(|v| v as f32 + 0.5);
    for (i, map) in maps.iter().enumerate() {
        let [u, v] = map.map(centre);
        for (x, pixel) in row.iter_mut().enumerate() {
            let x = x as f32;
            let texel = texture.sample(u + x * map.xx, v + x * map.yx);
            let before = if i == 0 { [0.0; 4] } else { *pixel };
            *pixel = std::array::from_fn(|c| before[c] + share * texel[c]);
        }
    }
}
