//! The sigmoid of a row of logits.

/// Logits beyond this are nearer to 0 or 1 than to the next 8-bit step: ln(254.5 / 0.5).
const SATURATED: f32 = 6.232_448;

/// `alpha = sigmoid(logits)` within 1e-5; exactly 0 or 1 where the sigmoid is within 0.5/255 of it.
pub(super) fn sigmoid_row(logits: &[f32], alpha: &mut [f32]) {
    for (alpha, &logit) in alpha.iter_mut().zip(logits) {
        let near = 0.5 + 0.5 * tanh(0.5 * logit.clamp(-SATURATED, SATURATED));
        let low = if logit <= -SATURATED { 0.0 } else { near };
        *alpha = if logit >= SATURATED { 1.0 } else { low };
    }
}

/// Lambert's continued fraction to its seventh term; 1e-5 up to |x| = SATURATED / 2.
fn tanh(x: f32) -> f32 {
    let x2 = x * x;
    let above = x * (135_135.0 + x2 * (17_325.0 + x2 * (378.0 + x2)));
    let below = 135_135.0 + x2 * (62_370.0 + x2 * (3_150.0 + x2 * 28.0));
    above / below
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sigmoid_is_within_1e_5_and_exact_at_the_ends() {
        let logits: Vec<f32> = (-160_000..=160_000).map(|i| i as f32 / 10_000.0).collect();
        let mut alpha = vec![0.0; logits.len()];
        sigmoid_row(&logits, &mut alpha);
        for (&logit, &alpha) in logits.iter().zip(&alpha) {
            let exact = 1.0 / (1.0 + (-f64::from(logit)).exp());
            match exact * 255.0 {
                v if v > 254.5 + 1e-4 => assert_eq!(alpha, 1.0, "logit {logit}"),
                v if v < 0.5 - 1e-4 => assert_eq!(alpha, 0.0, "logit {logit}"),
                _ if (exact * 255.0 - 254.5).abs() < 1e-4 || (exact * 255.0 - 0.5).abs() < 1e-4 => {
                }
                _ => assert!((f64::from(alpha) - exact).abs() < 1e-5, "logit {logit}: {alpha}"),
            }
        }
    }
}
