//! Finds OpenVINO's C library and opens it, once per process.
use crate::backend::BackendError;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::{env, fs};

/// The folder that holds `libopenvino_c.so*`; when set, no other place is looked at.
pub const DIR_VARIABLE: &str = "MGDSAM2_OPENVINO_DIR";

/// Where distributions and Intel's packages put shared libraries.
const SYSTEM: [&str; 4] =
    ["/usr/local/lib", "/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/opt/intel/openvino"];

/// Where OpenVINO's archives and wheels keep libraries, under the folder that is named.
const INSIDE: [&str; 4] = ["", "libs", "openvino/libs", "runtime/lib/intel64"];

/// Opens OpenVINO unless it is open, and says which file it is.
///
/// OpenVINO finds its plugins and TBB beside itself (its libraries carry `$ORIGIN` as RPATH), so
/// an absolute path is all that it needs.
pub fn load() -> Result<PathBuf, BackendError> {
    static LOADED: Mutex<Option<PathBuf>> = Mutex::new(None);
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(path) = &*loaded {
        return Ok(path.clone());
    }
    let path = find(&places())?;
    openvino_sys::library::load_from(path.clone())
        .map_err(|reason| BackendError::Library { path: path.clone(), reason })?;
    tracing::debug!(path = %path.display(), "OpenVINO loaded");
    Ok(loaded.insert(path).clone())
}

fn find(places: &[PathBuf]) -> Result<PathBuf, BackendError> {
    places
        .iter()
        .find_map(|place| INSIDE.iter().find_map(|inside| newest(&place.join(inside))))
        .ok_or_else(|| BackendError::NoLibrary { variable: DIR_VARIABLE, looked: places.to_vec() })
}

/// Every folder to look in, best first.
fn places() -> Vec<PathBuf> {
    if let Some(dir) = env::var_os(DIR_VARIABLE).filter(|dir| !dir.is_empty()) {
        return vec![dir.into()];
    }
    let mut places = beside(&[own_file(), env::current_exe().ok()]);
    places.extend(env::split_paths(&env::var_os("LD_LIBRARY_PATH").unwrap_or_default()));
    places.extend(SYSTEM.map(PathBuf::from));
    places.retain(|place| place.is_absolute());
    places
}

/// `.deps/openvino` in the folder of each file and in all folders above it, then in the source tree.
fn beside(files: &[Option<PathBuf>]) -> Vec<PathBuf> {
    let source_tree = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = files.iter().flatten().flat_map(|file| file.ancestors().skip(1));
    let mut places = Vec::new();
    for folder in folders.chain([source_tree]) {
        let place = folder.join(".deps/openvino");
        if !places.contains(&place) {
            places.push(place);
        }
    }
    places
}

/// The file that this code was loaded from: the plugin, or the program it is linked into.
fn own_file() -> Option<PathBuf> {
    let here = own_file as *const () as usize;
    let maps = fs::read_to_string("/proc/self/maps").ok()?;
    let line = maps.lines().find(|line| covers(line, here))?;
    line.find('/').map(|start| PathBuf::from(&line[start..]))
}

/// Whether a line of `/proc/self/maps` (`from-to perms offset device inode path`) holds `address`.
fn covers(line: &str, address: usize) -> bool {
    let hex = |text| usize::from_str_radix(text, 16).ok();
    let range = line.split(' ').next().and_then(|range| range.split_once('-'));
    range.and_then(|(from, to)| Some(hex(from)? <= address && address < hex(to)?)).unwrap_or(false)
}

/// The `libopenvino_c.so*` of the highest version in `folder`.
fn newest(folder: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?;
    entries
        .filter_map(|entry| {
            let name = entry.ok()?.file_name().into_string().ok()?;
            Some((version(name.strip_prefix("libopenvino_c.so")?)?, name))
        })
        .max()
        .map(|(_, name)| folder.join(name))
}

/// `.2641` and `.2026.4.1` as numbers; nothing for names that only begin alike.
fn version(suffix: &str) -> Option<Vec<u64>> {
    let Some(numbers) = suffix.strip_prefix('.') else {
        return suffix.is_empty().then(Vec::new);
    };
    numbers.split('.').map(|number| number.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn own_file_is_the_test_program() {
        assert_eq!(own_file().unwrap(), env::current_exe().unwrap());
    }

    #[test]
    fn the_highest_version_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["libopenvino_c.so", "libopenvino_c.so.2641", "libopenvino_c.so.950"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        fs::write(folder.path().join("libopenvino_c.so.9999.bak"), "").unwrap();
        assert_eq!(newest(folder.path()), Some(folder.path().join("libopenvino_c.so.2641")));
    }

    #[test]
    fn a_missing_library_names_every_place() {
        let places = [PathBuf::from("/nowhere/a"), PathBuf::from("/nowhere/b")];
        let message = find(&places).unwrap_err().to_string();
        assert!(message.contains("/nowhere/a") && message.contains("/nowhere/b"), "{message}");
        assert!(message.contains(DIR_VARIABLE), "{message}");
    }
}
