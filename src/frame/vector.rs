//! Row loops compiled for the vectors of newer CPUs too.

/// Defines a function twice, once for AVX2, and picks by what the CPU has.
///
/// Plain loops in it become vectors. Nothing in it may depend on the instruction set: both give
/// the same bits, since no product is fused with a sum. What it calls must be `inline(always)`.
macro_rules! vectorised {
    ($(#[$meta:meta])* $vis:vis fn $name:ident $(<const $n:ident: usize>)?
        ($($arg:ident: $type:ty),* $(,)?) $body:block) => {
        $(#[$meta])*
        $vis fn $name $(<const $n: usize>)? ($($arg: $type),*) {
            #[inline(always)]
            fn plain $(<const $n: usize>)? ($($arg: $type),*) $body

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2")]
            fn avx2 $(<const $n: usize>)? ($($arg: $type),*) {
                plain $(::<$n>)? ($($arg),*)
            }

            #[cfg(target_arch = "x86_64")]
            if std::arch::is_x86_feature_detected!("avx2") {
                // SAFETY: the CPU has AVX2, as it just said.
                return unsafe { avx2 $(::<$n>)? ($($arg),*) };
            }
            plain $(::<$n>)? ($($arg),*)
        }
    };
}

pub(super) use vectorised;
