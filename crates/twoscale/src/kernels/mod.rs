//! Hand-written single-thread f32 kernels, chosen at run time: AVX-512, AVX2 with FMA, portable.
