//! Milliseconds a pair for each group of metrics, of processor time and of the fastest run.
//!
//! `cargo bench --bench metrics [-- FOLDER]`: `FOLDER/pred.png` and `FOLDER/gt.png` in place of the
//! made pair, as `tests/metrics_reference.py --speed` calls it to compare with the references.
use std::error::Error;
use std::fs::File;
use std::hint::black_box;
use std::io::BufReader;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

use gstmgdsam2::metrics::Gray;
use gstmgdsam2::metrics::MetricsError;
use gstmgdsam2::metrics::boundary;
use gstmgdsam2::metrics::hce;
use gstmgdsam2::metrics::histogram::Normalization;
use gstmgdsam2::metrics::histogram::Pair;
use gstmgdsam2::metrics::mask::Mask;
use gstmgdsam2::metrics::protocol::matting;
use gstmgdsam2::metrics::region;
use gstmgdsam2::metrics::saliency;
use gstmgdsam2::metrics::structure;
use gstmgdsam2::metrics::weighted_f;

const SIZE: (usize, usize) = (1920, 1080);
/// Each group runs for about this long.
const TIME_PER_GROUP: Duration = Duration::from_secs(2);

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().skip(1).find(|a| !a.starts_with('-')).map(PathBuf::from);
    let (pred, (gt, (width, height))) = match folder {
        Some(folder) => read_pair(&folder)?,
        None => (disks(500, 40.0), (disks(480, 0.5), SIZE)),
    };
    let (pred, gt) = (Gray::new(width, height, &pred)?, Gray::new(width, height, &gt)?);
    let (p, g) = (Mask::above(pred, 128), Mask::above(gt, 128));
    println!("{width}x{height}, {} threads", rayon::current_num_threads());
    measure("sod_ms", || sod(pred, gt))?;
    measure("j_and_f_ms", || {
        let (p, g) = (Mask::above(pred, 128), Mask::above(gt, 128));
        Ok((region::region_similarity(&p, &g)?, region::boundary_f(&p, &g)?))
    })?;
    measure("hce_ms", || hce::human_correction_effort(&p, &g))?;
    measure("boundary_ms", || {
        Ok((boundary::mean_boundary_accuracy(&p, &g)?, boundary::boundary_iou(&p, &g)?))
    })?;
    measure("matting_ms", || matting::Clip::default().push(pred, gt))?;
    Ok(())
}

/// What PySODMetrics' `Fmeasure`, `Emeasure`, `Smeasure`, `MAE` and `WeightedFmeasure` compute.
fn sod(pred: Gray<'_>, gt: Gray<'_>) -> Result<f64, MetricsError> {
    let pair = Pair::new(pred, gt, Normalization::MinMax)?;
    black_box(saliency::curves(&pair));
    let weighted = weighted_f::weighted_precision_recall(pred, gt, &pair).f(1.0);
    let adaptive = saliency::adaptive_f(&pair) + saliency::adaptive_e(&pair);
    Ok(saliency::mae(&pair) + structure::s_measure(&pair) + adaptive + weighted)
}

/// Prints the name, processor time a run, and the fastest run's time.
fn measure<T>(
    name: &str,
    mut run: impl FnMut() -> Result<T, MetricsError>,
) -> Result<(), MetricsError> {
    let (begin, cpu, mut best, mut runs) = (Instant::now(), cpu_ms(), f64::MAX, 0);
    while begin.elapsed() < TIME_PER_GROUP {
        let start = Instant::now();
        black_box(run()?);
        best = best.min(start.elapsed().as_secs_f64() * 1e3);
        runs += 1;
    }
    println!("{name} {:.3} {best:.3}", (cpu_ms() - cpu) / f64::from(runs));
    Ok(())
}

/// Processor time of all threads so far, which other work on the machine does not lengthen;
/// `NaN` where the system does not tell.
fn cpu_ms() -> f64 {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return f64::NAN };
    let ran_ns = |path: PathBuf| -> Option<f64> {
        let schedstat = std::fs::read_to_string(path.join("schedstat")).ok()?;
        schedstat.split(' ').next()?.parse().ok()
    };
    tasks.flatten().filter_map(|task| ran_ns(task.path())).sum::<f64>() / 1e6
}

/// Three disks of about `radius`, with an edge `soft` pixels wide.
fn disks(radius: usize, soft: f64) -> Vec<u8> {
    let centres = [(500.0, 540.0, 0.8), (1100.0, 500.0, 1.0), (1600.0, 700.0, 0.4)];
    let alpha = |i: usize| {
        let (x, y) = ((i % SIZE.0) as f64, (i / SIZE.0) as f64);
        let inside = |(cx, cy, scale): (f64, f64, f64)| {
            ((radius as f64 * scale - (x - cx).hypot(y - cy)) / soft).clamp(0.0, 1.0)
        };
        (centres.map(inside).into_iter().fold(0.0, f64::max) * 255.0) as u8
    };
    (0..SIZE.0 * SIZE.1).map(alpha).collect()
}

/// Samples, width and height.
type Picture = (Vec<u8>, (usize, usize));

fn read_pair(folder: &Path) -> Result<(Vec<u8>, Picture), Box<dyn Error>> {
    Ok((read(&folder.join("pred.png"))?.0, read(&folder.join("gt.png"))?))
}

fn read(path: &Path) -> Result<Picture, Box<dyn Error>> {
    let mut reader = png::Decoder::new(BufReader::new(File::open(path)?)).read_info()?;
    let mut samples = vec![0; reader.output_buffer_size().ok_or("picture too large")?];
    let info = reader.next_frame(&mut samples)?;
    Ok((samples, (info.width as usize, info.height as usize)))
}
