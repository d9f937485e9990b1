//! Row loops compiled for the vectors of newer CPUs too.

/// Defines a function three times, for AVX-512, AVX2 and any CPU, and picks by what the CPU has.
///
/// Plain loops in it become vectors. All three give the same bits, since no product is fused with
/// a sum. What it calls must be `inline(always)`, which `map` and `from_fn` of arrays are not.
macro_rules! vectorised {
    ($(#[$meta:meta])* $vis:vis fn $name:ident ($($arg:ident: $type:ty),* $(,)?) $body:block) => {
        $(#[$meta])*
        $vis fn $name($($arg: $type),*) {
            #[inline(always)]
            fn plain($($arg: $type),*) $body

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2")]
            fn avx2($($arg: $type),*) {
                plain($($arg),*)
            }

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
            fn avx512($($arg: $type),*) {
                plain($($arg),*)
            }

            #[cfg(target_arch = "x86_64")]
            if $crate::frame::vector::has_avx512() {
                // SAFETY: the CPU has all of it, as it just said.
                return unsafe { avx512($($arg),*) };
            } else if std::arch::is_x86_feature_detected!("avx2") {
                // SAFETY: the CPU has AVX2, as it just said.
                return unsafe { avx2($($arg),*) };
            }
            plain($($arg),*)
        }
    };
}

pub(super) use vectorised;

/// AVX-512 as every CPU that is worth it has it.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(super) fn has_avx512() -> bool {
    use std::arch::is_x86_feature_detected as has;
    has!("avx512f") && has!("avx512bw") && has!("avx512dq") && has!("avx512vl")
}
