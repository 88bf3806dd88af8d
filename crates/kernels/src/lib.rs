//! Hand-written single-thread f32 kernels, chosen at run time: AVX-512, AVX2 with FMA, portable.
//!
//! Each kernel is written once, generic over a small vector trait (`simd.rs`), and instantiated for each [`Level`].
//! The convolutions hold a batch as blocks of as many images as a vector has lanes (`layout.rs`), so that every loop
//! vectorises whatever the number of channels; their gradients use that of the four outputs under a 2x2 max-pool only one
//! carries a gradient (`gradient.rs`). A dense layer whose inputs are mostly zeros, as those of MNIST are, skips them
//! (`sparse.rs`). Nothing here knows tensors: slices in, slices out. The candle operations that
//! call them are in `twoscale::ops`.
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

    /// Whether this processor has the instructions.
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

    /// Refuses a level that this processor lacks: the way from safe code to the level's instructions.
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
/// `TWOSCALE_KERNELS` (`avx512`, `avx2` or `portable`; read once) asks for another. A level that the processor lacks or
/// an unknown name is passed over.
#[must_use]
pub fn selected() -> Level {
    match SELECTED.load(Ordering::Relaxed) {
        1 => Level::Portable,
        2 => Level::Avx2,
        3 => Level::Avx512,
        _ => {
            let wanted = std::env::var("TWOSCALE_KERNELS").ok();
            let best = Level::ALL.into_iter().rfind(|level| level.is_available()).unwrap_or(Level::Portable);
            let level = wanted
                .and_then(|name| Level::ALL.into_iter().find(|level| level.name() == name && level.is_available()))
                .unwrap_or(best);
            SELECTED.store(level as u8, Ordering::Relaxed);
            level
        }
    }
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

/// The name of the [`selected`] level, as it belongs into a record of a run.
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
                    unsafe { $kernel::<$crate::x86::Avx512>($($argument),*) }
                }
                #[target_feature(enable = "avx2,fma")]
                #[allow(clippy::too_many_arguments)]
                unsafe fn avx2($($argument: $type),*) $(-> $result)? {
                    unsafe { $kernel::<$crate::x86::Avx2>($($argument),*) }
                }
                match level {
                    $crate::Level::Avx512 => return unsafe { avx512($($argument),*) },
                    $crate::Level::Avx2 => return unsafe { avx2($($argument),*) },
                    $crate::Level::Portable => {}
                }
            }
            let _ = level;
            unsafe { $kernel::<$crate::simd::Portable>($($argument),*) }
        }
    };
}
pub(crate) use dispatch;
