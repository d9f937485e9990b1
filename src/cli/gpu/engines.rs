//! Every GPU backend in every arithmetic, against OpenVINO in f32.
use crate::cli::bench::engine_alone;
use crate::cli::engine;
use crate::cli::progress::Bars;
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

/// What one image takes in each published size, in 10^9 multiplications with an addition: counted by
/// hand from the layers' shapes.
const GMAC: [(&str, f64); 4] =
    [("tiny", 235.7), ("small", 286.1), ("base-plus", 481.6), ("large", 1168.0)];

/// Prints a row for each backend and arithmetic: times, the share of a GPU's `peak` in 10^12
/// operations a second if it is known, distance from f32, or why there is none.
pub fn table(request: &Request, runs: u32, peak: Option<f64>, bars: &Bars) -> anyhow::Result<()> {
    let on_cpu = Request {
        backend: BackendChoice::OpenVino,
        precision: Some(Precision::F32),
        ..request.clone()
    };
    let wanted = logits(&mut engine::open(&on_cpu, bars)?)?;
    println!(
        "| backend | arithmetic | median ms | p95 ms | TFLOP/s | of peak | relative L2 to OpenVINO f32 |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (name, backend) in BACKENDS {
        for precision in PRECISIONS {
            let request = Request { backend, precision: Some(precision), ..request.clone() };
            match row(&request, &wanted, runs, peak, bars) {
                Ok(row) => println!("{row}"),
                Err(reason) => println!("| {name} | {precision:?} | {reason:#} | | | | |"),
            }
        }
    }
    Ok(())
}

fn row(
    request: &Request,
    wanted: &Tensor,
    runs: u32,
    peak: Option<f64>,
    bars: &Bars,
) -> anyhow::Result<String> {
    let mut opened = engine::open(request, bars)?;
    let distance = relative_l2(&logits(&mut opened)?, wanted);
    let times = engine_alone(&mut opened.session, runs, bars)?;
    let time = |name: &str| times[name].as_f64().unwrap_or_default();
    let (median, p95) = (time("median_ms"), time("p95_ms"));
    let Opened { model, backend, precision, .. } = opened;
    let gmac = GMAC.iter().find(|(name, _)| *name == model).map(|(_, gmac)| gmac);
    let rate = gmac.map(|gmac| 2.0 * gmac / median);
    let share = rate.zip(peak).map(|(rate, peak)| format!("{:.0} %", 100.0 * rate / peak));
    let rate = rate.map(|rate| format!("{rate:.1}")).unwrap_or_default();
    Ok(format!(
        "| {backend} | {precision:?} | {median:.2} | {p95:.2} | {rate} | {} | {distance:.1e} |",
        share.unwrap_or_default()
    ))
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
    Ok(exchange.logits.tensor()?.clone())
}
