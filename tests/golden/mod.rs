//! Fixtures, and what comparing them needs.
pub mod cases;
pub mod tracking;

use gstmgdsam2::backend::openvino::{OpenVino, Options};
use gstmgdsam2::backend::{Engine, Tensor as HostTensor};
use gstmgdsam2::checkpoint::Checkpoint;
use gstmgdsam2::onnx::{Graph, Tensor};
use gstmgdsam2::signature::{ElementType, Precision, Signature, TensorSpec};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// One folder: the configuration, the weights, and all tensors by name.
pub struct Fixture {
    pub config: Value,
    pub weights: Checkpoint,
    pub tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
}

impl Fixture {
    pub fn read(folder: &Path) -> Result<Self, String> {
        let json = std::fs::read_to_string(folder.join("config.json"))
            .map_err(|e| format!("config.json: {e}"))?;
        let json: Value = serde_json::from_str(&json).map_err(|e| format!("config.json: {e}"))?;
        let io = open(&folder.join("io.safetensors"))?;
        let weights = folder.join("weights.safetensors");
        // Primitive operations have no weights.
        let weights =
            if weights.exists() { open(&weights)? } else { Checkpoint::from_tensors([]).unwrap() };
        let mut tensors = BTreeMap::new();
        for key in io.keys() {
            let shape = io.shape(key).unwrap().to_vec();
            let values = read_any(&folder.join("io.safetensors"), &io, key, &shape)?;
            tensors.insert(key.to_string(), (shape, values));
        }
        let listed = json["tensors"].as_object().ok_or("config.json lists no tensors")?;
        if let Some(missing) = listed.keys().find(|k| !tensors.contains_key(*k)) {
            return Err(format!("io.safetensors has no `{missing}`, which config.json lists"));
        }
        Ok(Self { config: json["config"].clone(), weights, tensors })
    }

    /// A number of the configuration.
    pub fn size(&self, field: &str) -> usize {
        self.config[field].as_u64().unwrap_or_else(|| panic!("config has no number `{field}`"))
            as usize
    }

    /// A switch of the configuration, off where absent.
    pub fn flag(&self, field: &str) -> bool {
        self.config[field].as_bool().unwrap_or(false)
    }

    pub fn get(&self, name: &str) -> &(Vec<usize>, Vec<f32>) {
        self.tensors.get(name).unwrap_or_else(|| panic!("fixture has no `{name}`"))
    }

    pub fn spec(&self, name: &str) -> TensorSpec {
        spec(name, &self.get(name).0)
    }
}

pub fn spec(name: &str, shape: &[usize]) -> TensorSpec {
    TensorSpec { name: name.into(), shape: shape.to_vec(), element_type: ElementType::F32 }
}

fn open(path: &Path) -> Result<Checkpoint, String> {
    Checkpoint::open(path).map_err(|e| format!("{}: {e}", path.display()))
}

/// Floats as they are; integers (labels, counts) as floats.
fn read_any(path: &Path, io: &Checkpoint, key: &str, shape: &[usize]) -> Result<Vec<f32>, String> {
    io.read(key, shape).or_else(|_| {
        let bytes = std::fs::read(path).map_err(|e| e.to_string())?;
        let all = safetensors::SafeTensors::deserialize(&bytes).map_err(|e| e.to_string())?;
        let tensor = all.tensor(key).map_err(|e| e.to_string())?;
        match tensor.dtype() {
            safetensors::Dtype::I32 => {
                let ints = tensor.data().chunks_exact(4);
                Ok(ints.map(|b| i32::from_le_bytes(b.try_into().unwrap()) as f32).collect())
            }
            other => Err(format!("tensor `{key}`: cannot compare {other:?}")),
        }
    })
}

/// Builds the graph of `outputs` and runs it once on `inputs`, in f32.
pub fn execute<'c>(
    graph: &Graph<'c>,
    inputs: &[(TensorSpec, Vec<f32>)],
    outputs: &[(String, Tensor<'c>)],
) -> Result<Vec<Vec<f32>>, String> {
    let named: Vec<(&str, &Tensor<'c>)> = outputs.iter().map(|(n, t)| (n.as_str(), t)).collect();
    let model = graph.clone().finish(&named).map_err(|e| e.to_string())?;
    let signature = Signature {
        graph: "golden".into(),
        inputs: inputs.iter().map(|(spec, _)| spec.clone()).collect(),
        outputs: outputs.iter().map(|(n, t)| spec(n, &t.shape)).collect(),
    };
    let options = Options { precision: Precision::F32, threads: 0 };
    let bytes = model.to_bytes().map_err(|e| e.to_string())?;
    let mut engine = OpenVino::build(&bytes, &signature, &options).map_err(|e| e.to_string())?;
    let values: Vec<_> = inputs.iter().map(|(_, v)| HostTensor::F32(v.clone())).collect();
    let mut results: Vec<_> = signature.outputs.iter().map(HostTensor::zeros).collect();
    engine.run(&values.iter().collect::<Vec<_>>(), &mut results).map_err(|e| e.to_string())?;
    let floats = |t| match t {
        HostTensor::F32(v) => v,
        HostTensor::U8(_) => unreachable!("goldens are floats"),
    };
    Ok(results.into_iter().map(floats).collect())
}

/// What of one fixture was compared, and how it went.
#[derive(Clone)]
pub struct Comparison {
    fixture: String,
    tolerance: f64,
    seen: BTreeSet<String>,
    failures: Vec<String>,
    listed: BTreeSet<String>,
}

impl Comparison {
    pub fn new(fixture: &str, tolerance: f64) -> Self {
        let fixture = fixture.to_string();
        Self {
            fixture,
            tolerance,
            seen: BTreeSet::new(),
            failures: Vec::new(),
            listed: BTreeSet::new(),
        }
    }

    /// Names what must be compared or given before this is done.
    pub fn expect_all_of(&mut self, fixture: &Fixture) {
        self.listed = fixture.tensors.keys().cloned().collect();
    }

    /// A tensor that is given to the model and not compared.
    pub fn given(&mut self, name: &str) {
        self.seen.insert(name.into());
    }

    /// Prints the relative L2 difference and keeps it where it is too large.
    pub fn close(&mut self, name: &str, got: &[f32], want: &[f32]) {
        self.close_within(name, got, want, self.tolerance);
    }

    /// [`close`](Self::close) with another tolerance.
    pub fn close_within(&mut self, name: &str, got: &[f32], want: &[f32], tolerance: f64) {
        self.seen.insert(name.into());
        let line = describe(name, got, want);
        println!("{}/{line}", self.fixture);
        if relative_l2(got, want).is_none_or(|e| e.is_nan() || e > tolerance) {
            self.failures.push(format!("{}/{line}", self.fixture));
        }
    }

    /// The number of tensors compared; what failed or was left out goes to `failures`.
    pub fn finish(mut self, failures: &mut Vec<String>) -> usize {
        let left_out = self.listed.difference(&self.seen);
        self.failures.extend(left_out.map(|n| format!("{}/{n}: was not compared", self.fixture)));
        failures.append(&mut self.failures);
        self.seen.len()
    }
}

fn describe(name: &str, got: &[f32], want: &[f32]) -> String {
    match relative_l2(got, want) {
        None => format!("{name}: expected {} values, found {}", want.len(), got.len()),
        Some(e) => {
            let differences = got.iter().zip(want).map(|(g, w)| (g - w).abs()).enumerate();
            let (at, worst) = differences.max_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((0, 0.0));
            format!("{name}: relative L2 {e:.1e}, largest difference {worst:.1e} at {at}")
        }
    }
}

fn relative_l2(got: &[f32], want: &[f32]) -> Option<f64> {
    let norm = |v: &mut dyn Iterator<Item = f64>| v.map(|x| x * x).sum::<f64>().sqrt();
    let difference = norm(&mut got.iter().zip(want).map(|(g, w)| f64::from(*g) - f64::from(*w)));
    let size = norm(&mut want.iter().map(|w| f64::from(*w)));
    (got.len() == want.len()).then(|| difference / size.max(f64::MIN_POSITIVE))
}
