//! How OpenVINO's C functions are called: objects with one owner, strings freed, errors in words.
use crate::backend::BackendError;
use openvino_sys as ov;
use std::ffi::{CStr, CString, c_char};
use std::ptr::{self, NonNull};

/// A C object in a Rust value that owns it and frees it on drop.
macro_rules! owned {
    ($(#[$doc:meta])* $name:ident, $object:ident, $free:ident) => {
        $(#[$doc])*
        pub(super) struct $name(std::ptr::NonNull<openvino_sys::$object>);

        impl $name {
            /// Takes over what `make` puts into the place that it is given.
            fn make(
                doing: &'static str,
                make: impl FnOnce(*mut *mut openvino_sys::$object) -> openvino_sys::ov_status_e,
            ) -> Result<Self, $crate::backend::BackendError> {
                let mut object = std::ptr::null_mut();
                $crate::backend::openvino::call::check(doing, make(&raw mut object))?;
                std::ptr::NonNull::new(object).map(Self).ok_or_else(|| {
                    $crate::backend::openvino::call::refused(doing, "nothing was returned")
                })
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                // SAFETY: the object came from OpenVINO, this value is its only owner, and
                // nothing uses it after this.
                unsafe { openvino_sys::$free(self.0.as_ptr()) };
            }
        }

        // SAFETY: OpenVINO ties none of these objects to the thread that made them.
        unsafe impl Send for $name {}
    };
}
pub(super) use owned;

/// The version of the library that is open, such as `2026.4.1-21998-abc`.
pub(super) fn version() -> Result<String, BackendError> {
    let mut version = ov::ov_version { buildNumber: ptr::null(), description: ptr::null() };
    // SAFETY: OpenVINO fills `version` with strings that it allocates.
    check("asking for its version", unsafe { ov::ov_get_openvino_version(&raw mut version) })?;
    // SAFETY: the build number ends in NUL and lives until it is freed below.
    let number = unsafe { CStr::from_ptr(version.buildNumber) }.to_string_lossy().into_owned();
    // SAFETY: `version` was filled by OpenVINO and is not used after this.
    unsafe { ov::ov_version_free(&raw mut version) };
    Ok(number)
}

/// The string that `make` allocates, copied and freed.
pub(super) fn string(
    doing: &'static str,
    make: impl FnOnce(*mut *mut c_char) -> ov::ov_status_e,
) -> Result<String, BackendError> {
    let mut text = ptr::null_mut();
    check(doing, make(&raw mut text))?;
    Ok(taken(text).unwrap_or_default())
}

/// Copies a string of OpenVINO's and frees it.
fn taken(text: *const c_char) -> Option<String> {
    let text = NonNull::new(text.cast_mut())?;
    // SAFETY: OpenVINO's strings end in NUL and are the caller's to free, which is done once.
    unsafe {
        let copy = CStr::from_ptr(text.as_ptr()).to_string_lossy().trim().to_owned();
        ov::ov_free(text.as_ptr());
        Some(copy)
    }
}

/// An error in OpenVINO's own words, unless `status` is good.
pub(super) fn check(doing: &'static str, status: ov::ov_status_e) -> Result<(), BackendError> {
    if status == ov::ov_status_e::OK {
        return Ok(());
    }
    // SAFETY: no arguments; the message is a copy for the caller.
    let words = taken(unsafe { ov::ov_get_last_err_msg() }).filter(|words| !words.is_empty());
    Err(refused(doing, &words.unwrap_or_else(|| format!("{status:?}"))))
}

/// The error that says what was refused and why.
pub(super) fn refused(doing: &'static str, reason: &str) -> BackendError {
    BackendError::OpenVino { doing, reason: reason.to_owned() }
}

/// `text` as C takes it.
pub(super) fn c_string(doing: &'static str, text: &str) -> Result<CString, BackendError> {
    CString::new(text).map_err(|_| refused(doing, "a string holds NUL"))
}
