//! Hand-written f32 kernels for one thread, chosen at run time: AVX-512, AVX2 with FMA, portable.
//!
//! Slices in, slices out: this crate knows no tensors and no automatic differentiation. The candle operations that call it are
//! in `twoscale::ops`. All `unsafe` code of the workspace is here.
//!
//! | module | computes |
//! |---|---|
//! | [`features`] | LeNet's convolutions: convolution + bias + ReLU + 2x2 max-pool, fused, with gradients |
//! | [`conv2d`] | convolutions with stride and padding, with gradients |
//! | [`batch_norm`] | batch normalisation, with an optional ReLU behind it, with gradients |
//! | [`average_pool`] | global average pooling |
//! | [`dense`], [`sparse`] | matrix products of dense layers; the same for inputs that are mostly zeros |
//! | [`softmax`] | soft-max cross-entropy with its derivatives |
//! | [`elementwise`] | sums and masks |
//!
//! A kernel is one function generic over a small trait of vector instructions (`simd.rs`), instantiated for each [`Level`].
//! Public functions check lengths, indices and the level, and panic where they do not fit: safe code cannot make a kernel read
//! or write out of bounds. The README of this crate has commands that run the tests with
//! debug assertions, under AddressSanitizer and under Miri.
//!
//! ```
//! use kernels::conv2d::{Shape, forward};
//! let shape = Shape { images: 1, inputs: 1, height: 3, width: 3, outputs: 1, side: 3, stride: 1, padding: 1 };
//! let (x, w) = ([1.0; 9], [1.0; 9]);
//! let mut y = [0.0; 9];
//! forward(kernels::selected(), &shape, &x, &w, &mut y);
//! assert_eq!(y, [4.0, 6.0, 4.0, 6.0, 9.0, 6.0, 4.0, 6.0, 4.0]); // pixels under the kernel
//! ```
use std::sync::atomic::{AtomicU8, Ordering};

pub mod average_pool;
pub mod batch_norm;
pub mod conv2d;
pub mod convolution;
pub mod dense;
pub mod elementwise;
pub mod features;
mod gradient;
mod layout;
mod scratch;
mod simd;
pub mod softmax;
pub mod sparse;
#[cfg(test)]
mod testing;
#[cfg(target_arch = "x86_64")]
mod x86;

/// The instructions that the kernels use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Level {
    /// Plain Rust, eight lanes at a time.
    Portable = 1,
    /// AVX2 with FMA.
    Avx2 = 2,
    /// AVX-512 F, BW, DQ, VL.
    Avx512 = 3,
}

impl Level {
    /// All levels, the slowest first.
    pub const ALL: [Level; 3] = [Level::Portable, Level::Avx2, Level::Avx512];

    /// `portable`, `avx2` or `avx512`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Level::Portable => "portable",
            Level::Avx2 => "avx2",
            Level::Avx512 => "avx512",
        }
    }

    /// True if this processor has the instructions.
    #[must_use]
    pub fn is_available(self) -> bool {
        match self {
            Level::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => {
                Level::Avx2.is_available()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
            }
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }

    /// Panics where this processor lacks the level's instructions. Safe functions call this before they run a kernel.
    pub(crate) fn require(self) {
        assert!(self.is_available(), "this processor lacks the instructions of the {} kernels", self.name());
    }

    /// f32 values in a vector: images in a block of the convolutions.
    #[must_use]
    pub fn lanes(self) -> usize {
        if self == Level::Avx512 { 16 } else { 8 }
    }
}

/// A level whose instructions this processor lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this processor cannot run the {} kernels; leave the choice to the library, or take `portable`", .0.name())]
pub struct Unavailable(pub Level);

/// 0: not yet chosen; else a [`Level`].
static SELECTED: AtomicU8 = AtomicU8::new(0);

/// The level that the kernels run at: the best that the processor has, unless [`force`] or the environment variable
/// `TWOSCALE_KERNELS` (`avx512`, `avx2` or `portable`; read once) asks for another. A level that the processor lacks and
/// an unknown name are ignored.
#[must_use]
pub fn selected() -> Level {
    match SELECTED.load(Ordering::Relaxed) {
        1 => Level::Portable,
        2 => Level::Avx2,
        3 => Level::Avx512,
        _ => {
            let level = choose(std::env::var("TWOSCALE_KERNELS").ok().as_deref());
            SELECTED.store(level as u8, Ordering::Relaxed);
            level
        }
    }
}

/// The level of this name, if there is one that the processor has; else the best that it has.
fn choose(wanted: Option<&str>) -> Level {
    let available = || Level::ALL.into_iter().filter(|level| level.is_available());
    available().find(|level| Some(level.name()) == wanted).or(available().next_back()).unwrap_or(Level::Portable)
}

/// Makes all kernels of the process run at `level` from now on. For comparisons; results of different levels differ in
/// the last bits.
///
/// # Errors
/// When the processor lacks the instructions.
pub fn force(level: Level) -> Result<(), Unavailable> {
    if !level.is_available() {
        return Err(Unavailable(level));
    }
    SELECTED.store(level as u8, Ordering::Relaxed);
    Ok(())
}

/// Name of the [`selected`] level, for the record of a run.
#[must_use]
pub fn name() -> &'static str {
    selected().name()
}

/// Defines a function with a first argument `level: Level` that runs the generic kernel `$kernel::<S>` with the
/// instructions of that level.
macro_rules! dispatch {
    ($(#[$doc:meta])* $visibility:vis fn $name:ident = $kernel:ident($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)?) => {
        $(#[$doc])*
        #[allow(clippy::too_many_arguments)]
        $visibility unsafe fn $name(level: $crate::Level, $($argument: $type),*) $(-> $result)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
                #[allow(clippy::too_many_arguments)]
                unsafe fn avx512($($argument: $type),*) $(-> $result)? {
                    // SAFETY: the caller vouches for what the kernel asks for.
                    unsafe { $kernel::<$crate::x86::Avx512>($($argument),*) }
                }
                #[target_feature(enable = "avx2,fma")]
                #[allow(clippy::too_many_arguments)]
                unsafe fn avx2($($argument: $type),*) $(-> $result)? {
                    // SAFETY: as above.
                    unsafe { $kernel::<$crate::x86::Avx2>($($argument),*) }
                }
                debug_assert!(level.is_available(), "instructions of this processor");
                match level {
                    // SAFETY: the caller vouches for the level's instructions and for what the kernel asks for.
                    $crate::Level::Avx512 => return unsafe { avx512($($argument),*) },
                    // SAFETY: as above.
                    $crate::Level::Avx2 => return unsafe { avx2($($argument),*) },
                    $crate::Level::Portable => {}
                }
            }
            let _ = level;
            // SAFETY: as above.
            unsafe { $kernel::<$crate::simd::Portable>($($argument),*) }
        }
    };
}
pub(crate) use dispatch;

#[cfg(test)]
mod tests {
    use super::{Level, choose, selected};

    #[test]
    fn a_name_chooses_its_level_and_anything_else_the_best() {
        let best = Level::ALL.into_iter().rfind(|level| level.is_available());
        for level in Level::ALL {
            let expected = if level.is_available() { Some(level) } else { best };
            assert_eq!(Some(choose(Some(level.name()))), expected);
        }
        assert_eq!(Some(choose(None)), best);
        assert_eq!(Some(choose(Some("mmx"))), best);
    }

    /// Run in a process of its own by the test below.
    #[test]
    #[ignore = "prints the level for another test"]
    fn print_the_selected_level() {
        println!("selected: {}", selected().name());
    }

    #[test]
    #[cfg_attr(miri, ignore = "starts a process")]
    fn the_environment_variable_chooses_the_level_of_a_process() {
        for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
            let mut command = std::process::Command::new(std::env::current_exe().expect("a path of this test"));
            command.args(["--exact", "tests::print_the_selected_level", "--ignored", "--nocapture"]);
            let output = command.env("TWOSCALE_KERNELS", level.name()).output().expect("this test can be started");
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(text.contains(&format!("selected: {}", level.name())), "{level:?}: {text}");
        }
    }
}
