//! Engines that run where the emulated device keeps its tensors, which is the host's memory.
use cudarc::driver::result::stream;
use cudarc::driver::sys::CUstream;
use gstmgdsam2::backend::{BackendError, DeviceRun, Engine, Tensor};
use gstmgdsam2::signature::{ElementType, Signature};
use std::slice::{from_raw_parts, from_raw_parts_mut};

/// An engine of the host's that takes no tensors of the host's.
struct Emulated(Box<dyn Engine>);

/// `engine` on the emulated device.
pub fn emulated(engine: Box<dyn Engine>) -> Box<dyn Engine> {
    Box::new(Emulated(engine))
}

impl Engine for Emulated {
    fn signature(&self) -> &Signature {
        self.0.signature()
    }

    fn run(&mut self, _: &[&Tensor], _: &mut [Tensor]) -> Result<(), BackendError> {
        panic!("the frame is on the device")
    }

    fn device(&self) -> Option<u32> {
        Some(0)
    }

    unsafe fn run_on_device(&mut self, run: DeviceRun) -> Result<(), BackendError> {
        run.check(self.signature())?;
        // SAFETY: the caller vouches for the stream.
        unsafe { stream::synchronize(run.stream as CUstream) }.unwrap();
        let Signature { inputs, outputs, .. } = self.signature().clone();
        let read = inputs.iter().zip(&run.inputs).map(|(spec, &address)| {
            let len = spec.shape.iter().product();
            // SAFETY: the caller vouches for the addresses; the device's memory is the host's.
            unsafe {
                match spec.element_type {
                    ElementType::U8 => Tensor::U8(from_raw_parts(address as *const u8, len).into()),
                    ElementType::F32 => {
                        Tensor::F32(from_raw_parts(address as *const f32, len).into())
                    }
                }
            }
        });
        let read: Vec<Tensor> = read.collect();
        let mut written: Vec<Tensor> = outputs.iter().map(Tensor::zeros).collect();
        self.0.run(&read.iter().collect::<Vec<_>>(), &mut written)?;
        for (tensor, &address) in written.iter().zip(&run.outputs) {
            let Tensor::F32(values) = tensor else { panic!("outputs are floats") };
            // SAFETY: as above, and nobody else reads or writes them before the stream goes on.
            unsafe { from_raw_parts_mut(address as *mut f32, values.len()) }
                .copy_from_slice(values);
        }
        Ok(())
    }
}
