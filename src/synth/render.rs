//! A scene at one moment: the subject, and everything else with the subject cut out.
use super::canvas::Canvas;
use super::canvas::Rgba;
use super::canvas::fade;
use super::canvas::over;
use super::plane::Affine;
use super::plane::Point;
use super::plane::length;
use super::raster::Bounds;
use super::raster::Rasterizer;
use super::raster::Window;
use super::scene::Backdrop;
use super::scene::Layer;
use super::scene::Object;
use super::scene::Scene;
use super::texture::Texture;

/// The two addends of a frame, each of its size.
#[derive(Debug, Default)]
pub(super) struct Sum {
    /// The subject as far as it is seen: premultiplied, its alpha is the truth.
    pub subject: Canvas,
    /// The rest: what stands before and behind the subject, times one minus its alpha.
    pub rest: Canvas,
    /// Whether what is put next hides the subject.
    subject_is_there: bool,
}

/// Renders frames; keeps its memory from one to the next.
#[derive(Debug, Default)]
pub(super) struct Renderer {
    width: usize,
    height: usize,
    rasterizer: Rasterizer,
    sum: Sum,
    object: Canvas,
    moment: Canvas,
    line: Vec<Rgba>,
}

impl Renderer {
    /// Renders `scene` at a time, as frames of `width` x `height` show it.
    pub fn render(&mut self, scene: &Scene, seconds: f32, width: usize, height: usize) -> &mut Sum {
        (self.width, self.height) = (width, height);
        let frame = Window::of(width, height);
        let mut sum = std::mem::take(&mut self.sum);
        sum.subject.reset(frame);
        sum.rest.reset(frame);
        for (i, layer) in scene.layers.iter().enumerate() {
            sum.subject_is_there = i > scene.subject;
            match layer {
                Layer::Backdrop(backdrop) => self.backdrop(backdrop, scene, seconds, &mut sum),
                Layer::Object(object) => {
                    self.shadow(object, scene, seconds, &mut sum);
                    if self.object(object, scene, seconds) {
                        sum.put(&self.object, i == scene.subject);
                    }
                }
            }
        }
        self.sum = sum;
        &mut self.sum
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
        let moments = self.moments(scene, seconds, 3, |s| view(s).map([0.0; 2]));
        let maps: Vec<Affine> =
            moments.iter().map(|s| view(*s).inverse().then(backdrop.map)).collect();
        let frame = sum.rest.window;
        let border = backdrop.contour.as_ref().map(std::slice::from_ref);
        let view = view(seconds);
        let window = match border {
            None => Some(frame),
            Some(contour) => self.rasterizer.fill(contour, view, &frame),
        };
        let Some(window) = window else { return };
        for y in 0..window.height {
            let (first, covered) = match border {
                None => (0, None),
                Some(_) => {
                    let (first, covered) = self.rasterizer.row(y);
                    (first, Some(covered))
                }
            };
            let (left, top) = (window.left + first as i32, window.top + y as i32);
            self.line.resize(covered.map_or(window.width, <[f32]>::len), [0.0; 4]);
            paint(&backdrop.texture, &maps, [left, top], &mut self.line);
            if let Some(covered) = covered {
                self.line.iter_mut().zip(covered).for_each(|(v, a)| *v = fade(*v, *a));
            }
            sum.put_row(&self.line, left, top);
        }
    }

    /// Paints the object on its own canvas; false when it is out of the frame.
    fn object(&mut self, object: &Object, scene: &Scene, seconds: f32) -> bool {
        let map = |s: f32| object.place(s).then(self.view(scene, s, object.parallax));
        let moments = self.moments(scene, seconds, 6, |s| map(s).map([0.0; 2]));
        let maps: Vec<(f32, Affine)> = moments.iter().map(|s| (*s, map(*s))).collect();
        let frame = Window::of(self.width, self.height);
        let sigma = object.blur * self.width.min(self.height) as f32;
        let margin = (3.0 * sigma) as usize + 1;
        let windows = maps.iter().map(|(s, map)| object.figure.window(*map, *s));
        let window = windows.reduce(|a, b| a.union(&b)).unwrap_or_default().grown(margin);
        if window.intersect(&frame).is_empty() {
            return false;
        }
        // What is just outside the frame is blurred into it.
        let window = window.intersect(&frame.grown(margin));
        self.object.reset(window);
        for (i, (s, map)) in maps.iter().enumerate() {
            if i == 0 {
                object.figure.paint(*map, *s, &mut self.object, &mut self.rasterizer);
                continue;
            }
            self.moment.reset(window);
            object.figure.paint(*map, *s, &mut self.moment, &mut self.rasterizer);
            self.object.add(&self.moment);
        }
        let share = 1.0 / maps.len() as f32;
        if share < 1.0 || object.haze[3] > 0.0 {
            finish(&mut self.object, share, object.haze);
        }
        self.object.blur(sigma);
        true
    }

    /// Darkens the ground in a flat ellipse under the object.
    fn shadow(&mut self, object: &Object, scene: &Scene, seconds: f32, sum: &mut Sum) {
        if object.shadow == 0.0 {
            return;
        }
        let place = Affine::scale(object.size * 1.1, object.size * 0.24)
            .then(Affine::shift([object.path.at(seconds)[0], object.ground()]));
        let map = place.then(self.view(scene, seconds, object.parallax));
        let mut bounds = Bounds::NONE;
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
        let window = canvas.window.intersect(&self.rest.window);
        for y in window.top..window.bottom() {
            let top = canvas.row(y, window.left, window.width);
            if !is_subject {
                self.put_row(top, window.left, y);
                continue;
            }
            self.subject.row_mut(y, window.left, window.width).copy_from_slice(top);
            let rest = self.rest.row_mut(y, window.left, window.width);
            rest.iter_mut().zip(top).for_each(|(rest, v)| *rest = fade(*rest, 1.0 - v[3]));
        }
    }

    /// Puts a row of colours in front of all that is there.
    fn put_row(&mut self, row: &[Rgba], left: i32, y: i32) {
        let rest = self.rest.row_mut(y, left, row.len());
        rest.iter_mut().zip(row).for_each(|(rest, v)| *rest = over(*v, *rest));
        if self.subject_is_there {
            let subject = self.subject.row_mut(y, left, row.len());
            subject.iter_mut().zip(row).for_each(|(s, v)| *s = fade(*s, 1.0 - v[3]));
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
