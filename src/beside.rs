//! Folders near the plugin and the program, where libraries lie that come with them.
use std::path::{Path, PathBuf};
use std::{env, fs};

/// `deps` in the folder of the plugin and in all folders above it, then so of the program, then in
/// the source tree; whether they are there or not.
pub fn beside(deps: &str) -> Vec<PathBuf> {
    let source_tree = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = [own_file(), env::current_exe().ok()];
    let folders = files.iter().flatten().flat_map(|file| file.ancestors().skip(1));
    let mut places = Vec::new();
    for folder in folders.chain([source_tree]) {
        let place = folder.join(deps);
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn own_file_is_the_test_program() {
        assert_eq!(own_file().unwrap(), env::current_exe().unwrap());
    }

    #[test]
    fn the_folder_of_the_file_comes_first_and_the_source_tree_is_one() {
        let places = beside(".deps/some");
        let own = own_file().unwrap();
        assert_eq!(places[0], own.parent().unwrap().join(".deps/some"));
        assert!(places.contains(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".deps/some")));
    }
}
