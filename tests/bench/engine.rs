//! What engines take to build, to open and to run: `cargo bench --bench engine -- nano base-plus`.
//!
//! Each model runs with random weights, in f32 and in bf16, from an empty cache in a temporary
//! folder. Figures are of this process, so cold and warm share nothing but the file system's cache.
//! With each stage stands the most memory that was resident until then.
//! Building base-plus once took 1.3 GB: now 0.9, one copy of the weights instead of four.
//!
//! What rewriting base-plus' graph brought, in processor seconds a picture, old and new in turn on
//! two Zen 4 cores in bf16 (on other processors, measure again):
//! - elementwise work on tokens of two axes instead of maps of four: 6.06 to 5.61, 5.75 to 5.33;
//! - an f32 graph that OpenVINO lowers instead of one in bf16: 6.9 to 5.9 or 6.1;
//! - windows as they are instead of padded, tokens in window order, keys turned apart from the heads:
//!   5.31 to 4.87 (least of six, in turn);
//! - HMIM's and the neck's 1x1 convolutions multiplied together: 11 GMAC fewer, not timed alone.
#![allow(clippy::unwrap_used)]
use gstmgdsam2::backend::Tensor;
use gstmgdsam2::engines::{self, BackendChoice, Opened, Request, Weights};
use gstmgdsam2::session::{Exchange, Frame};
use gstmgdsam2::signature::Precision;
use std::path::Path;
use std::time::Instant;
use std::{env, fs};

const RUNS: usize = 7;

fn main() {
    let models: Vec<_> = env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    for model in if models.is_empty() { vec!["nano".into()] } else { models } {
        let f32_logits = measure(&model, Precision::F32, None);
        measure(&model, Precision::Bf16, Some(&f32_logits));
    }
}

fn measure(model: &str, precision: Precision, reference: Option<&[f32]>) -> Vec<f32> {
    let cache = tempfile::tempdir().unwrap();
    forget_peak();
    let (cold, _) = open(model, precision, cache.path());
    let building = peak_mb();
    forget_peak();
    let (warm, mut opened) = open(model, precision, cache.path());
    let side = opened.session.side();
    let picture = Tensor::U8((0..3 * side * side).map(|i| (i * i / 977 % 251) as u8).collect());
    let mut exchange = Exchange::new(side);
    exchange.image = picture.into();
    let mut seconds = Vec::new();
    for _ in 0..RUNS {
        let start = Instant::now();
        opened.session.step(&Frame::default(), &mut exchange).unwrap();
        seconds.push(start.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    let logits = exchange.logits().to_vec();
    let difference = reference.map_or(0.0, |reference| relative_l2(&logits, reference));
    println!(
        "{model} {:?}: build {cold:.2} s, open {warm:.3} s, run median {:.1} ms, best {:.1} ms, \
         relative L2 to f32 {difference:.1e}, at most {building} MB building, {} MB running",
        opened.precision,
        1e3 * seconds[RUNS / 2],
        1e3 * seconds[0],
        peak_mb(),
    );
    logits
}

fn open(model: &str, precision: Precision, cache: &Path) -> (f64, Opened) {
    let request = Request {
        model: model.into(),
        weights: Weights::random(0),
        backend: BackendChoice::OpenVino,
        precision: Some(precision),
        threads: 0,
        cache: Some(cache.into()),
        ..Request::default()
    };
    let start = Instant::now();
    let opened = engines::open(&request, &mut |progress| {
        let seconds = start.elapsed().as_secs_f64();
        println!("  {seconds:6.2} s {:5} MB {}", peak_mb(), progress.stage);
    });
    (start.elapsed().as_secs_f64(), opened.unwrap())
}

fn relative_l2(got: &[f32], want: &[f32]) -> f64 {
    let square = |v: f32| f64::from(v) * f64::from(v);
    let error: f64 = got.iter().zip(want).map(|(g, w)| square(g - w)).sum();
    (error / want.iter().map(|w| square(*w)).sum::<f64>()).sqrt()
}

/// The most memory that was resident since [`forget_peak`].
fn peak_mb() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024 / 1_000_000
}

/// From here on [`peak_mb`] counts anew. (5: see `clear_refs` in Linux' proc(5).)
fn forget_peak() {
    fs::write("/proc/self/clear_refs", "5").unwrap();
}
