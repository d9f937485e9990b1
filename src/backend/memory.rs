//! Freed memory, back to the system.

/// Returns what was freed between blocks that are still in use: a graph's weights, which glibc
/// would keep for later.
pub(super) fn give_back_freed_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: no arguments that could be wrong; glibc locks its heaps itself.
    unsafe {
        libc::malloc_trim(0);
    }
}
