//! Mask prompts from PNG files.
use crate::matter::{Coverage, Prompt};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

/// The largest mask's side in pixels.
const LARGEST: u32 = 16_384;

/// How much of each pixel of the PNG at `path` is the object: its alpha channel if it has one, else
/// its brightness; of a palette's colours, all but black count whole.
pub fn read(path: &Path) -> Result<Prompt, gst::ErrorMessage> {
    let wrong = |what: &dyn std::fmt::Display| {
        let path = path.display();
        gst::error_msg!(gst::ResourceError::Settings, ("prompt-mask: {path}: {what}"))
    };
    let file = File::open(path).map_err(|e| wrong(&e))?;
    let mut decoder = png::Decoder::new(BufReader::new(file));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let no_png = |e| wrong(&format!("expected a PNG of the object, found another file: {e}"));
    let info = decoder.read_header_info().map_err(no_png)?;
    let is_palette = info.color_type == png::ColorType::Indexed;
    if info.width > LARGEST || info.height > LARGEST {
        let found = format!("{}x{}", info.width, info.height);
        return Err(wrong(&format!("expected at most {LARGEST}x{LARGEST} pixels, found {found}")));
    }
    let mut reader = decoder.read_info().map_err(|e| wrong(&e))?;
    let size = reader.output_buffer_size().ok_or_else(|| wrong(&"it is larger than memory"))?;
    let mut samples = vec![0; size];
    let frame = reader.next_frame(&mut samples).map_err(|e| wrong(&e))?;
    let channels = frame.color_type.samples();
    let coverage = |pixel: &[u8]| match (pixel, is_palette) {
        ([.., alpha], false) if channels % 2 == 0 => f32::from(*alpha) / 255.0,
        (colour, true) => f32::from(u8::from(colour.iter().take(3).any(|&v| v > 0))),
        (colour, false) => {
            colour.iter().copied().map(f32::from).sum::<f32>() / (255 * channels) as f32
        }
    };
    let pixels = samples[..frame.buffer_size()].chunks_exact(channels);
    let (width, height) = (frame.width as usize, frame.height as usize);
    Ok(Prompt::Mask(Coverage { width, height, values: pixels.map(coverage).collect() }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn file(
        colour: png::ColorType,
        palette: Option<&[u8]>,
        samples: &[u8],
    ) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut encoder = png::Encoder::new(file.reopen().unwrap(), 2, 1);
        encoder.set_color(colour);
        encoder.set_depth(png::BitDepth::Eight);
        palette.into_iter().for_each(|palette| encoder.set_palette(palette.to_vec()));
        encoder.write_header().unwrap().write_image_data(samples).unwrap();
        file
    }

    #[track_caller]
    fn check(file: &tempfile::NamedTempFile, expected: [f32; 2]) {
        let coverage = Coverage { width: 2, height: 1, values: expected.to_vec() };
        assert_eq!(read(file.path()).unwrap(), Prompt::Mask(coverage));
    }

    #[test]
    fn a_mask_is_alpha_or_brightness_or_a_colour_of_a_palette() {
        use png::ColorType as C;
        check(&file(C::Grayscale, None, &[0, 255]), [0.0, 1.0]);
        check(&file(C::Rgb, None, &[0, 0, 0, 255, 255, 255]), [0.0, 1.0]);
        check(&file(C::Rgba, None, &[255, 255, 255, 0, 0, 0, 0, 255]), [0.0, 1.0]);
        check(&file(C::Indexed, Some(&[0, 0, 0, 128, 0, 0]), &[0, 1]), [0.0, 1.0]);
    }

    #[test]
    fn what_is_no_png_is_an_error_that_names_the_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        // A JPEG's first bytes.
        std::fs::write(file.path(), [0xff, 0xd8, 0xff, 0xe0, 0, 16, 0x4a, 0x46]).unwrap();
        let error = read(file.path()).unwrap_err().to_string();
        let path = file.path().to_str().unwrap();
        assert!(error.contains(path) && error.contains("expected a PNG"), "{error}");
        assert!(read(Path::new("/no/such.png")).unwrap_err().to_string().contains("/no/such.png"));
    }
}
