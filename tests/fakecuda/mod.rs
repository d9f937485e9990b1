//! The emulated CUDA driver: built by the system's C++ compiler, opened before anybody looks for
//! the real one.
#![allow(dead_code, reason = "each test file uses what it needs")]
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW, Symbol};
use std::ffi::{CStr, c_char};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::{fs, mem};

/// The files of kernels.
const KERNELS: [&str; 9] =
    ["pixels", "squash", "fit", "lines", "alpha", "guess", "composite", "follow", "steady"];

/// The files of the driver.
const DRIVER: [&str; 5] = ["driver.cpp", "memory.cpp", "streams.cpp", "modules.cpp", "kernels.cpp"];

/// What tests turn and read.
pub struct Driver {
    lose: Symbol<unsafe extern "C" fn(i32)>,
    allocations_left: Symbol<unsafe extern "C" fn(i64)>,
    delay_us: Symbol<unsafe extern "C" fn(i64)>,
    hold: Symbol<unsafe extern "C" fn(*const c_char, *const c_char, i64)>,
    stood_still: Symbol<unsafe extern "C" fn() -> i32>,
    counts: Symbol<unsafe extern "C" fn(*mut [u64; 5])>,
}

/// How often each was done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Copies from the host.
    pub uploads: u64,
    /// Copies to the host.
    pub downloads: u64,
    pub launches: u64,
    pub allocations: u64,
    /// Times that the host waited for the device.
    pub waits: u64,
}

/// The driver; none, with the reason printed, where it cannot be built.
pub fn driver() -> Option<&'static Driver> {
    static DRIVER: LazyLock<Result<Driver, String>> = LazyLock::new(open);
    DRIVER.as_ref().inspect_err(|reason| println!("skipped: {reason}")).ok()
}

impl Driver {
    /// Everything fails from now on, as after a kernel's fault, or works again.
    pub fn lose(&self, is_lost: bool) {
        // SAFETY: the library stays open; so below.
        unsafe { (self.lose)(is_lost.into()) }
    }

    /// The allocation after so many others fails, and all after it; `None` is never.
    pub fn allocations_left(&self, count: Option<i64>) {
        // SAFETY: as above.
        unsafe { (self.allocations_left)(count.unwrap_or(-1)) }
    }

    /// How long a stream waits before each piece of work: what is not waited for is then missing.
    pub fn delay_us(&self, us: i64) {
        // SAFETY: as above.
        unsafe { (self.delay_us)(us) }
    }

    pub fn counts(&self) -> Counts {
        let mut counts = [0; 5];
        // SAFETY: as above, and there are five.
        unsafe { (self.counts)(&mut counts) };
        let [uploads, downloads, launches, allocations, waits] = counts;
        Counts { uploads, downloads, launches, allocations, waits }
    }

    /// Until the result is dropped, `kernel` is not begun before `until` has been run `runs` times.
    pub fn hold(&self, kernel: &CStr, until: &CStr, runs: i64) -> Hold<'_> {
        // SAFETY: as above, and the names are copied.
        unsafe { (self.hold)(kernel.as_ptr(), until.as_ptr(), runs) };
        Hold(self)
    }
}

/// A kernel that waits for another.
pub struct Hold<'a>(&'a Driver);

impl Hold<'_> {
    /// Whether it waited in vain, and was let go in the end.
    pub fn stood_still(&self) -> bool {
        // SAFETY: the library stays open.
        unsafe { (self.0.stood_still)() != 0 }
    }
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        // SAFETY: as above.
        unsafe { (self.0.hold)(c"".as_ptr(), c"".as_ptr(), 0) }
    }
}

impl std::ops::Sub for Counts {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            uploads: self.uploads - before.uploads,
            downloads: self.downloads - before.downloads,
            launches: self.launches - before.launches,
            allocations: self.allocations - before.allocations,
            waits: self.waits - before.waits,
        }
    }
}

fn open() -> Result<Driver, String> {
    let kernels = KERNELS.map(|name| format!("src/cuda/kernels/{name}.cu"));
    let headers = ["driver.h", "shim.h", "kernels.h"].map(|name| format!("tests/fakecuda/{name}"));
    let others = [&kernels[..], &headers].concat();
    let driver = build("libcuda.so.1", &DRIVER, &others)?;
    let decoder = build("libnvcuvid.so.1", &["nvcuvid.cpp"], &[])?;
    let [library, decoder] = [driver, decoder].map(|path| {
        // SAFETY: our own libraries, whose initialisers only make maps.
        unsafe { Library::open(Some(&path), RTLD_NOW | RTLD_LOCAL) }.unwrap()
    });
    // SAFETY: the types are those of the driver's sources.
    let driver = unsafe {
        Driver {
            lose: library.get(b"fakecuda_lose").unwrap(),
            allocations_left: library.get(b"fakecuda_allocations_left").unwrap(),
            delay_us: library.get(b"fakecuda_delay_us").unwrap(),
            hold: library.get(b"fakecuda_hold").unwrap(),
            stood_still: library.get(b"fakecuda_stood_still").unwrap(),
            counts: library.get(b"fakecuda_counts").unwrap(),
        }
    };
    // Whoever asks for libcuda.so.1 gets this one from now on.
    mem::forget((library, decoder));
    Ok(driver)
}

/// The path of a library, compiled unless it is newer than its sources.
fn build(name: &str, sources: &[&str], others: &[String]) -> Result<PathBuf, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources: Vec<_> = sources.iter().map(|s| root.join("tests/fakecuda").join(s)).collect();
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let modified = |path: &Path| fs::metadata(path).and_then(|m| m.modified()).ok();
    let inputs = sources.iter().cloned().chain(others.iter().map(|name| root.join(name)));
    let newest = inputs.filter_map(|path| modified(&path)).max();
    if modified(&out) > newest {
        return Ok(out);
    }
    // Another test process may be building too.
    let mine = out.with_extension(std::process::id().to_string());
    let mut compiler = Command::new("g++");
    compiler
        .args(["-std=c++17", "-O2", "-ffp-contract=off", "-fPIC", "-shared", "-pthread"])
        .args(["-fvisibility=hidden", &format!("-Wl,-soname,{name}"), "-o"])
        .arg(&mine)
        .args(&sources);
    let built = compiler.output().map_err(|e| format!("the emulated driver needs g++: {e}"))?;
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    fs::rename(&mine, &out).unwrap();
    Ok(out)
}
