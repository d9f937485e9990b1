//! Finds a backend's shared library. None is linked: a program without it starts all the same.
use crate::backend::BackendError;
use crate::beside::beside;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Where distributions put shared libraries.
const SYSTEM: [&str; 5] = [
    "/usr/local/lib",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib64",
    "/usr/local/cuda/lib64",
    "/opt/intel/openvino",
];

/// What is looked for, and where its makers put it.
#[derive(Debug, Clone, Copy)]
pub struct Library {
    /// For people: `OpenVINO`.
    pub name: &'static str,
    /// The file's name up to its version: `libopenvino_c.so`.
    pub file: &'static str,
    /// The environment variable that names the folder; when set, no other place is looked at.
    pub variable: &'static str,
    /// The folder that `pipelines/setup.sh` makes: `.deps/openvino`.
    pub deps: &'static str,
    /// Where the maker's archives and wheels keep libraries, under the folder that is named.
    pub inside: &'static [&'static str],
}

impl Library {
    /// The library's path, of the highest version in the first folder that has one.
    pub fn find(&self) -> Result<PathBuf, BackendError> {
        self.find_in(&self.places())
    }

    fn find_in(&self, places: &[PathBuf]) -> Result<PathBuf, BackendError> {
        let inside =
            |place: &PathBuf| self.inside.iter().find_map(|sub| self.newest(&place.join(sub)));
        places.iter().find_map(inside).ok_or_else(|| BackendError::NoLibrary {
            library: self.name,
            file: self.file,
            variable: self.variable,
            looked: places.to_vec(),
        })
    }

    /// Every folder to look in, best first.
    fn places(&self) -> Vec<PathBuf> {
        if let Some(dir) = env::var_os(self.variable).filter(|dir| !dir.is_empty()) {
            return vec![dir.into()];
        }
        let mut places = beside(self.deps);
        places.extend(env::split_paths(&env::var_os("LD_LIBRARY_PATH").unwrap_or_default()));
        places.extend(SYSTEM.map(PathBuf::from));
        places.retain(|place| place.is_absolute());
        places
    }

    /// The file of the highest version in `folder`.
    fn newest(&self, folder: &Path) -> Option<PathBuf> {
        let entries = fs::read_dir(folder).ok()?;
        entries
            .filter_map(|entry| {
                let name = entry.ok()?.file_name().into_string().ok()?;
                Some((version(name.strip_prefix(self.file)?)?, name))
            })
            .max()
            .map(|(_, name)| folder.join(name))
    }
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

    const SOME: Library = Library {
        name: "Some",
        file: "libsome.so",
        variable: "SOME_DIR",
        deps: ".deps/some",
        inside: &["", "lib"],
    };

    #[test]
    fn the_highest_version_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["libsome.so", "libsome.so.2641", "libsome.so.950", "libsome.so.9999.bak"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let expected = folder.path().join("libsome.so.2641");
        assert_eq!(SOME.find_in(&[folder.path().into()]).unwrap(), expected);
    }

    #[test]
    fn a_missing_library_names_every_place() {
        let places = [PathBuf::from("/nowhere/a"), PathBuf::from("/nowhere/b")];
        let message = SOME.find_in(&places).unwrap_err().to_string();
        for part in ["Some", "libsome.so", "SOME_DIR", "/nowhere/a", "/nowhere/b"] {
            assert!(message.contains(part), "{message}");
        }
    }
}
