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

/// Implements `Debug` and `defmt::Format` by what a host can see of a value: no masking key, no payload, no cookie.
macro_rules! shown {
    (impl[$($generics:tt)*] $Name:ident<$($argument:tt),*> { $($field:ident: $Type:ty = $value:expr),* $(,)? } of $this:ident) => {
        impl<$($generics)*> core::fmt::Debug for $Name<$($argument),*> {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                let $this = self;
                f.debug_struct(stringify!($Name))$(.field(stringify!($field), &$value))*.finish_non_exhaustive()
            }
        }

        #[cfg(feature = "defmt")]
        impl<$($generics)*> defmt::Format for $Name<$($argument),*> {
            fn format(&self, f: defmt::Formatter<'_>) {
                #[derive(defmt::Format)]
                struct $Name {
                    $($field: $Type),*
                }
                let $this = self;
                $Name { $($field: $value),* }.format(f);
            }
        }
    };
}
