//! Every kernel for every architecture, as NVRTC's assembler sees it; no device is needed.
use gstmgdsam2::cuda::{CudaError, nvrtc};

/// Turing to Blackwell, Jetsons and Hopper included.
const ARCHITECTURES: [u32; 12] = [75, 80, 86, 87, 88, 89, 90, 100, 103, 110, 120, 121];
const KERNELS: [&str; 33] = [
    "squash",
    "fit_alpha",
    "fit_cells",
    "fit_slopes",
    "fit_mean",
    "fit_offset",
    "lines_gather",
    "lines_measure",
    "lines_fit",
    "lines_average",
    "lines_of_samples",
    "guess_measure",
    "guess_gather",
    "guess_settle",
    "guess_spread",
    "composite_gray",
    "composite_gray16",
    "composite_packed",
    "composite_packed_estimated",
    "composite_a420",
    "composite_a420_estimated",
    "mask_enlarge",
    "mask_fill",
    "gate_open",
    "gate_widen",
    "gate_soften",
    "gate_apply",
    "find_not_finite",
    "glance",
    "steady_change",
    "steady_settle",
    "steady_share",
    "steady_draw",
];

/// What the assembler says of one kernel.
#[derive(Debug, PartialEq)]
struct Usage {
    registers: u32,
    shared_bytes: u32,
    stack_and_spill_bytes: u32,
}

#[test]
fn every_kernel_compiles_for_every_architecture_without_spills() {
    println!("registers, bytes of shared memory:");
    for arch in ARCHITECTURES {
        let cubin = match nvrtc::compile(arch) {
            Ok(cubin) => cubin,
            Err(error @ CudaError::NoCompiler { .. }) => return println!("skipped: {error}"),
            Err(error) => panic!("{error}"),
        };
        assert_eq!(&cubin.code[..4], b"\x7fELF");
        print!("sm_{arch:<4}");
        for kernel in KERNELS {
            let usage = usage(&cubin.log, kernel);
            print!(" {kernel} {} {}", usage.registers, usage.shared_bytes);
            assert_eq!(usage.stack_and_spill_bytes, 0, "{kernel} on sm_{arch}: {}", cubin.log);
            // Two blocks of 256 threads fit beside each other.
            assert!(usage.registers <= 128, "{kernel} on sm_{arch}: {usage:?}");
        }
        println!();
    }
}

#[test]
fn an_architecture_that_does_not_exist_is_an_error_that_names_it() {
    match nvrtc::compile(1) {
        Err(CudaError::NoCompiler { .. }) => println!("skipped: no NVRTC"),
        Err(error @ CudaError::Compile { .. }) => assert!(error.to_string().contains("sm_1")),
        other => panic!("{other:?}"),
    }
}

/// `Compiling entry function 'squash' for 'sm_90'`, then `0 bytes stack frame, 0 bytes spill
/// stores, 0 bytes spill loads` and `Used 64 registers, used 1 barriers, 5120 bytes smem`.
fn usage(log: &str, kernel: &str) -> Usage {
    let (_, after) = log.split_once(&format!("entry function '{kernel}'")).expect(log);
    let of_kernel = after.split("entry function").next().unwrap();
    let before = |what: &str| {
        let numbers = of_kernel.split(what).take(of_kernel.matches(what).count());
        numbers.map(|text| text.rsplit(' ').next().unwrap().parse::<u32>().unwrap()).sum::<u32>()
    };
    let bytes = |what: &str| before(&format!(" bytes {what}"));
    Usage {
        registers: before(" registers"),
        shared_bytes: bytes("smem"),
        stack_and_spill_bytes: bytes("stack frame") + bytes("spill stores") + bytes("spill loads"),
    }
}
