//! The scores of each protocol: their order, what they are called, and how each is computed.
use super::args::Protocol;

/// One score.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its name in JSON and CSV.
    pub key: &'static str,
    /// Its name in tables.
    pub title: &'static str,
    /// Whether more is better.
    pub rises: bool,
    /// How it is computed, and after whom.
    pub convention: &'static str,
}

const fn up(key: &'static str, title: &'static str, convention: &'static str) -> Column {
    Column { key, title, rises: true, convention }
}

const fn down(key: &'static str, title: &'static str, convention: &'static str) -> Column {
    Column { key, title, rises: false, convention }
}

const SOD: [Column; 14] = [
    up("f_max", "maxF", "mean over pictures of each one's best F, beta2 0.3 (MGD-SAM2's test.py)"),
    up(
        "f_max_of_mean_curve",
        "maxF-set",
        "best F of the mean curve of all pictures (PySODMetrics)",
    ),
    up("f_mean", "meanF", "mean F over 256 thresholds (PySODMetrics)"),
    up("f_adaptive", "adpF", "F at twice the prediction's mean (PySODMetrics)"),
    up("weighted_f_beta2_1_0", "wF-1.0", "weighted F with beta2 1.0 (Margolin 2014, PySODMetrics)"),
    up("weighted_f_beta2_0_3", "wF-0.3", "weighted F with beta2 0.3 (MGD-SAM2's test.py)"),
    up("e_max", "maxE", "mean over pictures of each one's best E"),
    up(
        "e_max_of_mean_curve",
        "maxE-set",
        "best E of the mean curve of all pictures (PySODMetrics)",
    ),
    up("e_mean", "meanE", "mean E over 256 thresholds (PySODMetrics)"),
    up("e_adaptive", "adpE", "E at twice the prediction's mean (PySODMetrics)"),
    up("s_measure", "S", "structure measure, alpha 0.5 (PySODMetrics)"),
    down("mae", "MAE", "mean absolute error of the min-max normalised prediction (PySODMetrics)"),
    up("mba", "mBA", "mean boundary accuracy over five widths (CascadePSP)"),
    up("boundary_iou", "BIoU", "boundary IoU, 0.02 of the diagonal (Cheng 2021)"),
];

const HCE: Column =
    down("hce", "HCE", "human correction effort in clicks, relaxed by 5 pixels (DIS' authors)");

const DAVIS: [Column; 7] = [
    up("j_and_f", "J&F", "mean of J's and F's means over objects (DAVIS 2017 toolkit)"),
    up("j_mean", "J-mean", "intersection over union"),
    up("j_recall", "J-recall", "share of frames with J above 0.5"),
    down("j_decay", "J-decay", "J of the first quarter less that of the last"),
    up("f_mean", "F-mean", "boundary F within 0.008 of the diagonal"),
    up("f_recall", "F-recall", "share of frames with F above 0.5"),
    down("f_decay", "F-decay", "F of the first quarter less that of the last"),
];

const MATTING: [Column; 6] = [
    down("mad", "MAD", "mean absolute difference x 1e3 (RobustVideoMatting, as all below)"),
    down("mse", "MSE", "mean squared difference x 1e3"),
    down("grad", "Grad", "gradient error / 1e3, sigma 1.4"),
    down("conn", "Conn", "connectivity error / 1e3, steps of 0.1"),
    down(
        "dtssd",
        "dtSSD",
        "root mean squared difference in change x 1e2; a first frame counts as 0",
    ),
    down("mad_unknown", "MAD-unk", "MAD where true alpha is in between, and 10 pixels around"),
];

/// The scores of `protocol`, the most quoted first.
pub fn columns(protocol: Protocol) -> Vec<Column> {
    match protocol {
        Protocol::Sod => SOD.to_vec(),
        Protocol::Dis => [&SOD[..], &[HCE]].concat(),
        Protocol::Davis => DAVIS.to_vec(),
        Protocol::Matting => MATTING.to_vec(),
    }
}
