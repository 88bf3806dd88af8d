//! [`Simd`] in AVX-512 and in AVX2 with FMA.
use std::arch::x86_64::*;

use super::simd::Simd;

/// N vectors of bytes as a matrix of 16 rows of N bytes, transposed into N rows of 16: each round of interleaving the first half
/// with the second rotates the bits of a byte's address by one, four rounds exchange row and column.
#[inline(always)]
unsafe fn transpose_bytes<const N: usize>(source: *const u8, target: *mut u8, to: usize) {
    // SAFETY: the caller vouches for the instructions and for what the pointers reach.
    unsafe {
        let mut rows: [__m128i; N] = std::array::from_fn(|i| _mm_loadu_si128(source.add(16 * i).cast()));
        for _ in 0..4 {
            rows = std::array::from_fn(|i| {
                let (first, second) = (rows[i / 2], rows[i / 2 + N / 2]);
                if i % 2 == 0 { _mm_unpacklo_epi8(first, second) } else { _mm_unpackhi_epi8(first, second) }
            });
        }
        for (i, row) in rows.into_iter().enumerate() {
            _mm_storeu_si128(target.add(i * to).cast(), row);
        }
    }
}

/// Sixteen lanes: AVX-512 F, BW, DQ, VL.
#[derive(Clone, Copy)]
pub struct Avx512;

// SAFETY: used only where `Level::Avx512` was detected.
unsafe impl Simd for Avx512 {
    const LANES: usize = 16;
    const CHANNELS: usize = 6;
    const ROWS: usize = 13;
    const TALL: usize = 8;
    type V = __m512;
    type M = __mmask16;

    #[inline(always)]
    unsafe fn splat(x: f32) -> __m512 {
        // SAFETY: the caller vouches for the instructions; no memory is touched.
        unsafe { _mm512_set1_ps(x) }
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> __m512 {
        // SAFETY: the caller vouches for the instructions and for what the pointers reach.
        unsafe { _mm512_loadu_ps(p) }
    }
    #[inline(always)]
    unsafe fn store(p: *mut f32, v: __m512) {
        // SAFETY: the caller vouches for the instructions and for what the pointers reach.
        unsafe { _mm512_storeu_ps(p, v) }
    }
    #[inline(always)]
    unsafe fn load_part(p: *const f32, n: usize, fill: f32) -> __m512 {
        // SAFETY: the caller vouches for the instructions and for what the pointers reach.
        unsafe { _mm512_mask_loadu_ps(_mm512_set1_ps(fill), (1u16 << n) - 1, p) }
    }
    #[inline(always)]
    unsafe fn store_part(p: *mut f32, n: usize, v: __m512) {
        // SAFETY: the caller vouches for the instructions and for what the pointers reach.
        unsafe { _mm512_mask_storeu_ps(p, (1u16 << n) - 1, v) }
    }
    #[inline(always)]
    unsafe fn fma(a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: the caller vouches for the instructions; no memory is touched.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    unsafe fn add(a: __m512, b: __m512) -> __m512 {
        // SAFETY: the caller vouches for the instructions; no memory is touched.
        unsafe { _mm512_add_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn sub(a: __m512, b: __m512) -> __m512 {
        // SAFETY: the caller vouches for the instructions; no memory is touched.
        unsafe { _mm512_sub_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn mul(a: __m512, b: __m512) -> __m512 {
        // SAFETY: the caller vouches for the instructions; no memory is touched.
        unsafe { _mm512_mul_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn max(a: __m512, b: __m512) -> __m512 {
        // SAFETY: the caller vouches for the instructions; no memory is touched.
        unsafe { _mm512_max_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn le(a: __m512, b: __m512) -> __mmask16 {
        // SAFETY: the caller vouches for the instructions; no memory is touched.
        unsafe { _mm512_cmp_ps_mask::<_CMP_LE_OQ>(a, b) }
    }
    #[inline(always)]
    unsafe fn gt_or_nan(a: __m512, b: __m512) -> __mmask16 {
        // SAFETY: the caller vouches for the instructions; no memory is touched.
        unsafe { _mm512_cmp_ps_mask::<_CMP_GT_OQ>(a, b) | _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(a, a) }
    }
    #[inline(always)]
    unsafe fn select(m: __mmask16, yes: __m512, no: __m512) -> __m512 {
        // SAFETY: the caller vouches for the instructions; no memory is touched.
        unsafe { _mm512_mask_mov_ps(no, m, yes) }
    }
    #[inline(always)]
    unsafe fn round(a: __m512) -> __m512 {
        // SAFETY: the caller vouches for the instructions; no memory is touched.
        unsafe { _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a) }
    }
    #[inline(always)]
    unsafe fn exp2_integer(a: __m512) -> __m512 {
        // SAFETY: the caller vouches for the instructions; no memory is touched.
        unsafe {
            let exponent = _mm512_add_epi32(_mm512_cvtps_epi32(a), _mm512_set1_epi32(127));
            _mm512_castsi512_ps(_mm512_slli_epi32::<23>(exponent))
        }
    }
    #[inline(always)]
    unsafe fn nonzero(a: __m512) -> u32 {
        // SAFETY: the caller vouches for the instructions; no memory is touched.
        unsafe { u32::from(_mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(a, _mm512_setzero_ps())) }
    }
    #[inline(always)]
    unsafe fn store_bytes(p: *mut u8, v: __m512) {
        // SAFETY: the caller vouches for the instructions and for what the pointers reach.
        unsafe { _mm_storeu_si128(p.cast(), _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(v))) }
    }
    #[inline(always)]
    unsafe fn sum(v: __m512) -> f32 {
        // SAFETY: the caller vouches for the instructions; no memory is touched.
        unsafe { _mm512_reduce_add_ps(v) }
    }
    #[inline(always)]
    unsafe fn largest(v: __m512) -> f32 {
        // SAFETY: the caller vouches for the instructions; no memory is touched.
        unsafe {
            // max() loses a NaN in its first operand, so a NaN anywhere is put back.
            let nan = _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(v, v);
            if nan != 0 { f32::NAN } else { _mm512_reduce_max_ps(v) }
        }
    }
    #[inline(always)]
    unsafe fn transpose(source: *const f32, from: usize, target: *mut f32, to: usize) {
        // SAFETY: the caller vouches for the instructions and for what the pointers reach.
        unsafe {
            let d = |v| _mm512_castps_pd(v);
            let s = |v| _mm512_castpd_ps(v);
            let mut r = [_mm512_setzero_ps(); 16];
            let mut t = r;
            for (i, r) in r.iter_mut().enumerate() {
                *r = _mm512_loadu_ps(source.add(i * from));
            }
            for i in 0..8 {
                t[2 * i] = _mm512_unpacklo_ps(r[2 * i], r[2 * i + 1]);
                t[2 * i + 1] = _mm512_unpackhi_ps(r[2 * i], r[2 * i + 1]);
            }
            for k in (0..16).step_by(4) {
                r[k] = s(_mm512_unpacklo_pd(d(t[k]), d(t[k + 2])));
                r[k + 1] = s(_mm512_unpackhi_pd(d(t[k]), d(t[k + 2])));
                r[k + 2] = s(_mm512_unpacklo_pd(d(t[k + 1]), d(t[k + 3])));
                r[k + 3] = s(_mm512_unpackhi_pd(d(t[k + 1]), d(t[k + 3])));
            }
            for i in 0..4 {
                t[i] = _mm512_shuffle_f32x4::<0x88>(r[i], r[i + 4]);
                t[i + 4] = _mm512_shuffle_f32x4::<0xdd>(r[i], r[i + 4]);
                t[i + 8] = _mm512_shuffle_f32x4::<0x88>(r[i + 8], r[i + 12]);
                t[i + 12] = _mm512_shuffle_f32x4::<0xdd>(r[i + 8], r[i + 12]);
            }
            for i in 0..8 {
                let (low, high) = (t[i], t[i + 8]);
                _mm512_storeu_ps(target.add(i * to), _mm512_shuffle_f32x4::<0x88>(low, high));
                _mm512_storeu_ps(target.add((i + 8) * to), _mm512_shuffle_f32x4::<0xdd>(low, high));
            }
        }
    }
    #[inline(always)]
    unsafe fn transpose_bytes(source: *const u8, target: *mut u8, to: usize) {
        // SAFETY: the caller vouches for the instructions and for what the pointers reach.
        unsafe { transpose_bytes::<16>(source, target, to) }
    }
}

/// Eight lanes: AVX2 and FMA.
#[derive(Clone, Copy)]
pub struct Avx2;

#[inline(always)]
unsafe fn first(n: usize) -> __m256i {
    // SAFETY: the caller vouches for the instructions; no memory is touched.
    unsafe { _mm256_cmpgt_epi32(_mm256_set1_epi32(n as i32), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)) }
}

// SAFETY: used only where `Level::Avx2` (or above) was detected.
unsafe impl Simd for Avx2 {
    const LANES: usize = 8;
    const CHANNELS: usize = 2;
    const ROWS: usize = 6;
    const TALL: usize = 4;
    type V = __m256;
    type M = __m256;

    #[inline(always)]
    unsafe fn splat(x: f32) -> __m256 {
        // SAFETY: the caller vouches for the instructions; no memory is touched.
        unsafe { _mm256_set1_ps(x) }
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> __m256 {
        // SAFETY: the caller vouches for the instructions and for what the pointers reach.
        unsafe { _mm256_loadu_ps(p) }
    }
    #[inline(always)]
    unsafe fn store(p: *mut f32, v: __m256) {
        // SAFETY: the caller vouches for the instructions and for what the pointers reach.
        unsafe { _mm256_storeu_ps(p, v) }
    }
    #[inline(always)]
    unsafe fn load_part(p: *const f32, n: usize, fill: f32) -> __m256 {
        // SAFETY: the caller vouches for the instructions and for what the pointers reach.
        unsafe {
            let m = first(n);
            _mm256_blendv_ps(_mm256_set1_ps(fill), _mm256_maskload_ps(p, m), _mm256_castsi256_ps(m))
        }
    }
    #[inline(always)]
    unsafe fn store_part(p: *mut f32, n: usize, v: __m256) {
        // SAFETY: the caller vouches for the instructions and for what the pointers reach.
        unsafe { _mm256_maskstore_ps(p, first(n), v) }
    }
    #[inline(always)]
    unsafe fn fma(a: __m256, b: __m256, c: __m256) -> __m256 {
        // SAFETY: the caller vouches for the instructions; no memory is touched.
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    unsafe fn add(a: __m256, b: __m256) -> __m256 {
        // SAFETY: the caller vouches for the instructions; no memory is touched.
        unsafe { _mm256_add_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn sub(a: __m256, b: __m256) -> __m256 {
        // SAFETY: the caller vouches for the instructions; no memory is touched.
        unsafe { _mm256_sub_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn mul(a: __m256, b: __m256) -> __m256 {
        // SAFETY: the caller vouches for the instructions; no memory is touched.
        unsafe { _mm256_mul_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn max(a: __m256, b: __m256) -> __m256 {
        // SAFETY: the caller vouches for the instructions; no memory is touched.
        unsafe { _mm256_max_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn le(a: __m256, b: __m256) -> __m256 {
        // SAFETY: the caller vouches for the instructions; no memory is touched.
        unsafe { _mm256_cmp_ps::<_CMP_LE_OQ>(a, b) }
    }
    #[inline(always)]
    unsafe fn gt_or_nan(a: __m256, b: __m256) -> __m256 {
        // SAFETY: the caller vouches for the instructions; no memory is touched.
        unsafe { _mm256_or_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(a, b), _mm256_cmp_ps::<_CMP_UNORD_Q>(a, a)) }
    }
    #[inline(always)]
    unsafe fn select(m: __m256, yes: __m256, no: __m256) -> __m256 {
        // SAFETY: the caller vouches for the instructions; no memory is touched.
        unsafe { _mm256_blendv_ps(no, yes, m) }
    }
    #[inline(always)]
    unsafe fn round(a: __m256) -> __m256 {
        // SAFETY: the caller vouches for the instructions; no memory is touched.
        unsafe { _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a) }
    }
    #[inline(always)]
    unsafe fn exp2_integer(a: __m256) -> __m256 {
        // SAFETY: the caller vouches for the instructions; no memory is touched.
        unsafe {
            let exponent = _mm256_add_epi32(_mm256_cvtps_epi32(a), _mm256_set1_epi32(127));
            _mm256_castsi256_ps(_mm256_slli_epi32::<23>(exponent))
        }
    }
    #[inline(always)]
    unsafe fn nonzero(a: __m256) -> u32 {
        // SAFETY: the caller vouches for the instructions; no memory is touched.
        unsafe { _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_NEQ_UQ>(a, _mm256_setzero_ps())) as u32 }
    }
    #[inline(always)]
    unsafe fn store_bytes(p: *mut u8, v: __m256) {
        // SAFETY: the caller vouches for the instructions and for what the pointers reach.
        unsafe {
            let i = _mm256_cvtps_epi32(v);
            let words = _mm_packs_epi32(_mm256_castsi256_si128(i), _mm256_extracti128_si256::<1>(i));
            _mm_storel_epi64(p.cast(), _mm_packus_epi16(words, words));
        }
    }
    #[inline(always)]
    unsafe fn sum(v: __m256) -> f32 {
        // SAFETY: the caller vouches for the instructions; no memory is touched.
        unsafe {
            let v = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
            let v = _mm_add_ps(v, _mm_movehl_ps(v, v));
            _mm_cvtss_f32(_mm_add_ss(v, _mm_shuffle_ps::<1>(v, v)))
        }
    }
    #[inline(always)]
    unsafe fn largest(v: __m256) -> f32 {
        // SAFETY: the caller vouches for the instructions; no memory is touched.
        unsafe {
            // max() loses a NaN in its first operand, so a NaN anywhere is put back.
            if _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_UNORD_Q>(v, v)) != 0 {
                return f32::NAN;
            }
            let v = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
            let v = _mm_max_ps(v, _mm_movehl_ps(v, v));
            _mm_cvtss_f32(_mm_max_ss(v, _mm_shuffle_ps::<1>(v, v)))
        }
    }
    #[inline(always)]
    unsafe fn transpose(source: *const f32, from: usize, target: *mut f32, to: usize) {
        // SAFETY: the caller vouches for the instructions and for what the pointers reach.
        unsafe {
            let mut r = [_mm256_setzero_ps(); 8];
            let mut t = r;
            for (i, r) in r.iter_mut().enumerate() {
                *r = _mm256_loadu_ps(source.add(i * from));
            }
            for i in 0..4 {
                t[2 * i] = _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]);
                t[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
            }
            for k in [0, 4] {
                r[k] = _mm256_shuffle_ps::<0x44>(t[k], t[k + 2]);
                r[k + 1] = _mm256_shuffle_ps::<0xee>(t[k], t[k + 2]);
                r[k + 2] = _mm256_shuffle_ps::<0x44>(t[k + 1], t[k + 3]);
                r[k + 3] = _mm256_shuffle_ps::<0xee>(t[k + 1], t[k + 3]);
            }
            for i in 0..4 {
                _mm256_storeu_ps(target.add(i * to), _mm256_permute2f128_ps::<0x20>(r[i], r[i + 4]));
                _mm256_storeu_ps(target.add((i + 4) * to), _mm256_permute2f128_ps::<0x31>(r[i], r[i + 4]));
            }
        }
    }
    #[inline(always)]
    unsafe fn transpose_bytes(source: *const u8, target: *mut u8, to: usize) {
        // SAFETY: the caller vouches for the instructions and for what the pointers reach.
        unsafe { transpose_bytes::<8>(source, target, to) }
    }
}
