//! What full TensorRT says where neither it nor a GPU is.
#![cfg(feature = "tensorrt-enterprise")]
#![allow(clippy::unwrap_used)]
use gstmgdsam2::backend::tensorrt::library;
use gstmgdsam2::engines::{self, BackendChoice, Request};

fn refused(request: Request) -> String {
    let folder = tempfile::tempdir().unwrap();
    let backend = BackendChoice::TensorRt;
    let request = Request { backend, cache: Some(folder.path().into()), ..request };
    engines::build(&request, &mut |_| ()).unwrap_err().to_string()
}

#[test]
fn it_compiles_for_no_gpu_but_the_one_that_is_here() {
    let message = refused(Request { targets: vec!["90".into()], ..Request::default() });
    assert!(message.contains("for the GPU that is here"), "{message}");
}

#[test]
fn its_missing_libraries_are_named() {
    let folder = tempfile::tempdir().unwrap();
    // SAFETY: no other test of this file reads the environment.
    unsafe { std::env::set_var(library::DIR_VARIABLE, folder.path()) };
    let runtime = library::load().unwrap_err().to_string();
    assert!(runtime.contains("no TensorRT library (libnvinfer.so*)"), "{runtime}");
    let parser = library::load_parser().unwrap_err().to_string();
    assert!(parser.contains("libnvonnxparser.so*"), "{parser}");
}
