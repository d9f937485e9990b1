//! One engine on the GPU: what it needs, in the order it dies in, and one inference.
use super::gpu::Gpu;
use super::launch::{Launch, check_plan};
use super::log::Log;
use super::memory::{DeviceTensor, failed};
use super::{Job, Place};
use crate::backend::{BackendError, DeviceRun, Tensor};
use crate::signature::{ElementType, Signature, TensorSpec};
use cudarc::driver::sys::CUstream;
use cudarc::driver::{CudaEvent, CudaStream};
use std::ffi::c_void;
use std::sync::Arc;
use trtx::{CudaEngine, DataType, ExecutionContext, LayerInformationFormat, Logger, Runtime};

/// A TensorRT engine and its memory; fields are in the order of dropping.
pub(super) struct Execution<'log> {
    context: ExecutionContext<'log>,
    launch: Launch,
    engine: CudaEngine<'log>,
    _runtime: Runtime<'log>,
    inputs: Vec<DeviceTensor>,
    outputs: Vec<DeviceTensor>,
    stream: Arc<CudaStream>,
    /// The end of the last run on somebody's stream: the context serves one at a time.
    last: CudaEvent,
    signature: Signature,
    log: Log,
}

impl<'log> Execution<'log> {
    /// Opens `plan` on the GPU at `place`.
    pub(super) fn open(
        plan: &[u8],
        signature: &Signature,
        place: &Place,
        logger: &'log Logger,
        log: &Log,
    ) -> Result<Self, BackendError> {
        let gpu = Gpu::detect(place.device)?;
        let stream = gpu.context.new_stream().map_err(|e| failed("making a stream", &e))?;
        let mut runtime = log.check("making a runtime", Runtime::new(logger))?;
        check_plan(&runtime, plan, log)?;
        let engine = runtime.deserialize_cuda_engine(plan);
        let mut engine = log.check("opening an engine", engine)?;
        check_signature(&engine, signature, log)?;
        // No error recorder: the bindings' context would drop it first. Its errors are in the log.
        let (launch, context) = Launch::context(&mut engine, place, log)?;
        let tensors = |specs: &[TensorSpec]| {
            specs.iter().map(|spec| DeviceTensor::new(&stream, spec)).collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            context,
            launch,
            engine,
            _runtime: runtime,
            inputs: tensors(&signature.inputs)?,
            outputs: tensors(&signature.outputs)?,
            last: gpu.context.new_event(None).map_err(|e| failed("making an event", &e))?,
            stream,
            signature: signature.clone(),
            log: log.clone(),
        })
    }

    /// Does `job` to its end, or for a device run to its being enqueued.
    pub(super) fn perform(&mut self, job: Job) -> Result<Job, BackendError> {
        match job {
            Job::Host { inputs, mut outputs } => {
                self.run(&inputs, &mut outputs)?;
                Ok(Job::Host { inputs, outputs })
            }
            Job::Device(run) => self.enqueue_on(&run).map(|()| Job::Device(run)),
            Job::Inspect(_) => self.inspect().map(Job::Inspect),
        }
    }

    fn run(&mut self, inputs: &[Tensor], outputs: &mut [Tensor]) -> Result<(), BackendError> {
        for (place, tensor) in self.inputs.iter_mut().zip(inputs) {
            place.write(&self.stream, tensor)?;
        }
        let places = self.inputs.iter().chain(&self.outputs);
        let addresses: Vec<_> = places.map(|place| place.address(&self.stream)).collect();
        self.set_addresses(&addresses)?;
        // SAFETY: the addresses are of our own tensors, which outlive the wait below.
        let enqueued = unsafe { self.launch.enqueue(&mut self.context, &self.stream) };
        self.log.check("running", enqueued)?;
        for (place, tensor) in self.outputs.iter().zip(outputs) {
            place.read(&self.stream, tensor)?;
        }
        self.stream.synchronize().map_err(|e| failed("running", &e))?;
        self.launch.finished();
        Ok(())
    }

    /// On the caller's tensors and stream.
    fn enqueue_on(&mut self, run: &DeviceRun) -> Result<(), BackendError> {
        let addresses = run.inputs.iter().chain(&run.outputs).map(|&at| at as *mut c_void);
        self.set_addresses(&addresses.collect::<Vec<_>>())?;
        // SAFETY: `run_on_device`'s caller vouches for the stream.
        let stream = unsafe { self.last.context().wrap_borrowed_stream(run.stream as CUstream) };
        stream.wait(&self.last).map_err(|e| failed("waiting for its turn", &e))?;
        // SAFETY: `run_on_device`'s caller vouches for the addresses and the stream.
        let enqueued = unsafe { self.context.enqueue_v3(run.stream as *mut c_void) };
        self.log.check("running", enqueued)?;
        self.last.record(&stream).map_err(|e| failed("ending its turn", &e))
    }

    /// Of all inputs, then all outputs, in the signature's order.
    fn set_addresses(&mut self, addresses: &[*mut c_void]) -> Result<(), BackendError> {
        let specs = self.signature.inputs.iter().chain(&self.signature.outputs);
        for (spec, &address) in specs.zip(addresses) {
            // SAFETY: addresses are used by `enqueue` only, whose callers keep them valid.
            let set = unsafe { self.context.set_tensor_address(&spec.name, address) };
            self.log.check("naming a tensor's place", set)?;
        }
        Ok(())
    }

    fn inspect(&self) -> Result<String, BackendError> {
        let inspector = self.log.check("inspecting", self.engine.create_engine_inspector())?;
        let format = LayerInformationFormat::kJSON;
        self.log.check("inspecting", inspector.engine_information(format))
    }
}

/// Names, types and shapes.
fn check_signature(
    engine: &CudaEngine,
    signature: &Signature,
    log: &Log,
) -> Result<(), BackendError> {
    let doing = "asking for an engine's tensors";
    let expected = signature.inputs.len() + signature.outputs.len();
    let found = log.check(doing, engine.nb_io_tensors())?.max(0) as usize;
    if found != expected {
        let graph = signature.graph.clone();
        return Err(BackendError::Count { graph, what: "tensors", expected, found });
    }
    for spec in signature.inputs.iter().chain(&signature.outputs) {
        let kind = match spec.element_type {
            ElementType::U8 => DataType::kUINT8,
            ElementType::F32 => DataType::kFLOAT,
        };
        let shape: Vec<i64> = spec.shape.iter().map(|&size| size as i64).collect();
        let expected = format!("{kind:?} {shape:?}");
        let found_kind = log.check(doing, engine.tensor_data_type(&spec.name))?;
        let found_shape = log.check(doing, engine.tensor_shape(&spec.name))?;
        let found = format!("{found_kind:?} {found_shape:?}");
        if found != expected {
            return Err(BackendError::Tensor { name: spec.name.clone(), expected, found });
        }
    }
    Ok(())
}
