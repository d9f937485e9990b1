//! TensorRT on NVIDIA GPUs, the one that is here or those that are named.
use super::{Compiler, read};
use crate::backend::tensorrt::gpu::Gpu;
use crate::backend::tensorrt::{Compile, Place, Target, TensorRt, compile, library};
use crate::backend::{BackendError, Engine};
use crate::engines::recipe::TensorRtRecipe;
use crate::engines::{Recipe, Request};
use crate::signature::{Precision, Signature};
use std::fs::File;
use std::path::Path;

/// TensorRT and what it compiles for.
pub(super) struct TensorRtGpu {
    version: String,
    /// None where engines are only compiled.
    gpu: Option<Gpu>,
    device: u32,
    targets: Vec<Target>,
    recipe: TensorRtRecipe,
    interrupted: fn() -> bool,
}

impl TensorRtGpu {
    /// Opens TensorRT if need be, and the driver unless `request` names what to compile for.
    pub(super) fn new(request: &Request, recipe: &Recipe) -> Result<Self, BackendError> {
        let mut targets = named(request)?;
        let gpu = match targets.is_empty() {
            true => Some(Gpu::detect(request.cuda_device)?),
            false => None,
        };
        targets.extend(gpu.iter().map(|gpu| gpu.target));
        Ok(Self {
            version: library::load()?,
            gpu,
            device: request.cuda_device,
            targets,
            recipe: recipe.tensorrt.clone(),
            interrupted: request.interrupted,
        })
    }
}

/// The GPUs that `request` names, each once, in order.
fn named(request: &Request) -> Result<Vec<Target>, BackendError> {
    if cfg!(feature = "tensorrt-enterprise") && !request.targets.is_empty() {
        let reason = "full TensorRT compiles for the GPU that is here, and none can be named";
        return Err(BackendError::NoGpu(reason.into()));
    }
    let mut targets: Vec<Target> =
        request.targets.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
    targets.sort();
    targets.dedup();
    Ok(targets)
}

impl Compiler for TensorRtGpu {
    fn backend(&self) -> String {
        format!("{} {}", library::NAME, self.version)
    }

    fn device(&self) -> String {
        self.targets.iter().map(|target| format!("sm_{target}")).collect::<Vec<_>>().join(" ")
    }

    /// Whether it was compiled for all of what is asked for, among others.
    fn serves(&self, device: &str) -> bool {
        let compiled: Vec<&str> = device.split(' ').collect();
        self.device().split(' ').all(|target| compiled.contains(&target))
    }

    fn describe(&self) -> String {
        let on = self.gpu.as_ref().map_or_else(|| self.device(), |gpu| gpu.name.clone());
        format!("{} ({on})", self.backend())
    }

    fn trial(&self) -> Option<&TensorRtRecipe> {
        Some(&self.recipe)
    }

    fn compile(
        &self,
        onnx: Vec<u8>,
        file: &Path,
        _: &Signature,
        _: Precision,
        progress: &mut dyn FnMut(f32),
    ) -> Result<(), BackendError> {
        let (targets, interrupted) = (self.targets.as_slice(), self.interrupted);
        let mut plan = File::create(file).map_err(BackendError::Write)?;
        compile(onnx, &mut plan, &mut Compile { targets, progress, interrupted })
    }

    fn open(
        &self,
        file: &File,
        folder: Option<&Path>,
        signature: &Signature,
        _: Precision,
    ) -> Result<Box<dyn Engine>, BackendError> {
        let plan = read(file)?;
        // Kernels are specialised for one GPU, and by one driver: TensorRT checks that.
        let name = format!("kernels-{}.bin", self.device().replace(' ', "-"));
        let place =
            Place { device: self.device, runtime_cache: folder.map(|folder| folder.join(name)) };
        Ok(Box::new(TensorRt::open(plan, signature, place)?))
    }

    fn inspect(&self, file: &File, signature: &Signature) -> Result<String, BackendError> {
        let place = Place { device: self.device, runtime_cache: None };
        TensorRt::open(read(file)?, signature, place)?.inspect()
    }
}
