//! `mgdsam2 bench --gpu`: the GPU's engines against OpenVINO in f32.
use super::Outcome;
use super::bench::engine_alone;
use super::engine;
use super::progress::Bars;
use anyhow::ensure;
use gstmgdsam2::backend::Tensor;
use gstmgdsam2::engines::validation::relative_l2;
use gstmgdsam2::engines::{BackendChoice, Opened, Provider, Request};
use gstmgdsam2::session::{Exchange, Frame};
use gstmgdsam2::signature::Precision;

const BACKENDS: [(&str, BackendChoice); 3] = [
    ("tensorrt", BackendChoice::TensorRt),
    ("onnxruntime", BackendChoice::OnnxRuntime(Provider::Cuda)),
    ("onnxruntime-tensorrt", BackendChoice::OnnxRuntime(Provider::TensorRt)),
];
const PRECISIONS: [Precision; 3] = [Precision::F32, Precision::F16, Precision::Bf16];

/// Prints a row for each backend and arithmetic: times, distance from f32, or why there is none.
pub fn run(request: &Request, runs: u32, bars: &Bars) -> anyhow::Result<Outcome> {
    let on_cpu = Request {
        backend: BackendChoice::OpenVino,
        precision: Some(Precision::F32),
        ..request.clone()
    };
    let wanted = logits(&mut engine::open(&on_cpu, bars)?)?;
    println!("| backend | arithmetic | median ms | p95 ms | relative L2 to OpenVINO f32 |");
    println!("|---|---|---|---|---|");
    let mut rows = 0;
    for (name, backend) in BACKENDS {
        for precision in PRECISIONS {
            let request = Request { backend, precision: Some(precision), ..request.clone() };
            match row(&request, &wanted, runs, bars) {
                Ok(row) => {
                    println!("{row}");
                    rows += 1;
                }
                Err(reason) => println!("| {name} | {precision:?} | {reason:#} | | |"),
            }
        }
    }
    ensure!(rows > 0, "no GPU backend runs here");
    Ok(Outcome::Complete)
}

fn row(request: &Request, wanted: &Tensor, runs: u32, bars: &Bars) -> anyhow::Result<String> {
    let mut opened = engine::open(request, bars)?;
    let distance = relative_l2(&logits(&mut opened)?, wanted);
    let times = engine_alone(&mut opened.session, runs, bars)?;
    let time = |name: &str| times[name].as_f64().unwrap_or_default();
    let (median, p95) = (time("median_ms"), time("p95_ms"));
    let Opened { backend, precision, .. } = opened;
    Ok(format!("| {backend} | {precision:?} | {median:.2} | {p95:.2} | {distance:.1e} |"))
}

/// Of a picture with an edge in every direction.
fn logits(opened: &mut Opened) -> anyhow::Result<Tensor> {
    let side = opened.session.side();
    let mut exchange = Exchange::new(side);
    for (i, pixel) in exchange.image_mut().chunks_exact_mut(3).enumerate() {
        let (x, y) = ((i % side) as f32 / side as f32 - 0.5, (i / side) as f32 / side as f32 - 0.5);
        let is_inside = x * x + y * y < 0.1;
        pixel.copy_from_slice(if is_inside { &[210, 120, 60] } else { &[40, 90, 110] });
    }
    opened.session.step(&Frame::default(), &mut exchange)?;
    Ok(exchange.logits)
}
