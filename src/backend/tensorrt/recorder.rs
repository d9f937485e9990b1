//! TensorRT's errors with their codes, as it reports them to whoever keeps them.
use super::log::Log;
use std::ffi::{CStr, CString};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering::Relaxed};
use trtx::interfaces::RecordError;
use trtx::trtx_sys::ErrorCode;

/// Errors that are kept for TensorRT to read again; the log has them all.
const MOST: usize = 16;

/// Where one builder or context reports its errors.
pub struct Recorder {
    log: Log,
    /// In their order. What was lent may still be read when it is cleared: places are used once.
    kept: [OnceLock<(ErrorCode, CString)>; MOST],
    cleared: AtomicUsize,
    reported: AtomicUsize,
    references: AtomicI32,
}

impl Recorder {
    /// What is reported comes out of `log`'s next error.
    pub fn new(log: &Log) -> Self {
        Self {
            log: log.clone(),
            kept: [const { OnceLock::new() }; MOST],
            cleared: AtomicUsize::new(0),
            reported: AtomicUsize::new(0),
            references: AtomicI32::new(0),
        }
    }

    fn get(&self, index: i32) -> Option<&(ErrorCode, CString)> {
        let at = usize::try_from(index).ok()? + self.cleared.load(Relaxed);
        self.kept.get(at)?.get()
    }
}

impl RecordError for Recorder {
    fn nb_errors(&self) -> i32 {
        let kept = self.reported.load(Relaxed).min(MOST);
        kept.saturating_sub(self.cleared.load(Relaxed)) as i32
    }

    fn error_code(&self, error_idx: i32) -> ErrorCode {
        self.get(error_idx).map_or(ErrorCode::kSUCCESS, |(code, _)| *code)
    }

    fn error_desc(&self, error_idx: i32) -> &CStr {
        self.get(error_idx).map_or(c"", |(_, text)| text)
    }

    fn has_overflowed(&self) -> bool {
        self.reported.load(Relaxed) > MOST
    }

    fn clear(&self) {
        self.cleared.store(self.reported.load(Relaxed), Relaxed);
    }

    fn report_error(&self, val: ErrorCode, desc: &str) -> bool {
        self.log.record(&format!("{val:?}: {desc}"));
        let at = self.reported.fetch_add(1, Relaxed);
        if let (Some(place), Ok(text)) = (self.kept.get(at), CString::new(desc)) {
            // Nobody else has this place.
            let _ = place.set((val, text));
        }
        // The call that met it fails by itself.
        false
    }

    fn inc_ref_count(&self) -> i32 {
        self.references.fetch_add(1, Relaxed) + 1
    }

    fn dec_ref_count(&self) -> i32 {
        self.references.fetch_sub(1, Relaxed) - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_lent_stays_when_it_is_cleared() {
        let recorder = Recorder::new(&Log::default());
        recorder.report_error(ErrorCode::kINVALID_CONFIG, "first");
        let lent = recorder.error_desc(0);
        recorder.clear();
        assert_eq!(recorder.nb_errors(), 0);
        recorder.report_error(ErrorCode::kINTERNAL_ERROR, "second");
        assert_eq!((recorder.nb_errors(), recorder.error_desc(0)), (1, c"second"));
        assert_eq!(lent, c"first");
        assert!(!recorder.has_overflowed());
        (0..MOST).for_each(|_| _ = recorder.report_error(ErrorCode::kINTERNAL_ERROR, "more"));
        assert!(recorder.has_overflowed());
        assert_eq!((recorder.nb_errors(), recorder.error_desc(99)), (MOST as i32 - 1, c""));
    }
}
