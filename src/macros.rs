//! The engine's macros.

/// Marks a branch that no input reaches. It stops a build with debug assertions, such as tests and fuzzers; in a
/// release it is the given value, or nothing.
///
/// Where the compiler cannot see that an index is in range, the engine writes a fallback instead of a panic. Without
/// this mark a mistake there would silently lose bytes.
macro_rules! never {
    () => {
        debug_assert!(false, "unreachable branch")
    };
    ($fallback:expr) => {{
        never!();
        $fallback
    }};
}

/// Implements `Display` and `Error` by the method `text`, and adds what a buffer that is too small needs.
macro_rules! display {
    ($($error:ident $(: $BufferTooSmall:ident)?),*) => {$(
        impl core::fmt::Display for $error {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(self.text())?;
                $(if let Self::$BufferTooSmall { need } = self {
                    write!(f, ": {need} bytes are needed")?;
                })?
                Ok(())
            }
        }

        impl core::error::Error for $error {}
    )*};
}
