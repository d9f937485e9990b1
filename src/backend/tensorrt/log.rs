//! TensorRT's log goes into ours, and its errors into our errors.
use crate::backend::BackendError;
use std::sync::{Arc, Mutex, PoisonError};
use trtx::{LogHandler, Logger, Severity};

/// Where one builder or runtime logs.
#[derive(Clone, Default)]
pub struct Log {
    /// What went wrong since [`Log::check`] last asked.
    errors: Arc<Mutex<Vec<String>>>,
}

impl Log {
    /// The logger to give to TensorRT. It must outlive everything that is made with it.
    pub fn logger(&self) -> Result<Logger, BackendError> {
        Logger::new(self.clone()).map_err(|e| self.error("starting its log", &e))
    }

    /// What was reported as an error, and goes into the next one.
    pub fn record(&self, message: &str) {
        let mut errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        errors.push(message.to_owned());
    }

    /// `result`, its error in TensorRT's own words: those it logged say more than those it returns.
    pub fn check<T>(
        &self,
        doing: &'static str,
        result: trtx::Result<T>,
    ) -> Result<T, BackendError> {
        result.map_err(|e| self.error(doing, &e))
    }

    /// What TensorRT logged as errors, or else `returned`.
    pub fn error(&self, doing: &'static str, returned: &dyn std::error::Error) -> BackendError {
        let mut errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        let logged = std::mem::take(&mut *errors).join("; ");
        let reason = if logged.is_empty() { returned.to_string() } else { logged };
        BackendError::TensorRt { doing, reason }
    }
}

impl LogHandler for Log {
    fn log(&self, severity: Severity, message: &str) {
        match severity {
            Severity::InternalError | Severity::Error => {
                tracing::error!(target: "tensorrt", "{message}");
                self.record(message);
            }
            Severity::Warning => tracing::warn!(target: "tensorrt", "{message}"),
            Severity::Info => tracing::debug!(target: "tensorrt", "{message}"),
            Severity::Verbose => tracing::trace!(target: "tensorrt", "{message}"),
        }
    }
}
