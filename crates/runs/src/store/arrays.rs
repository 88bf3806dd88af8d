//! Numbers as safetensors files: named arrays of one element type, little-endian, the same bytes for the same content.
use std::borrow::Cow;
use std::collections::HashMap;

use candle_core::{DType, Tensor};
use safetensors::tensor::{Dtype, SafeTensors, View};

/// A named array's content.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Array {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

/// Named arrays; the file's order is safetensors' own (by element type, then by name), whatever the order here.
pub(super) type Arrays = Vec<(String, Array)>;

impl View for &Array {
    fn dtype(&self) -> Dtype {
        self.dtype
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }
    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

macro_rules! vectors {
    ($($from:ident, $into:ident, $type:ty, $dtype:ident;)*) => {$(
        #[doc = concat!("An array of shape (n) from `", stringify!($type), "` values.")]
        pub(super) fn $from(values: &[$type]) -> Self {
            let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            Self { dtype: Dtype::$dtype, shape: vec![values.len()], bytes }
        }

        #[doc = concat!("The values, when they are `", stringify!($type), "`.")]
        pub(super) fn $into(&self) -> Result<Vec<$type>, String> {
            self.expect(Dtype::$dtype)?;
            let (chunks, _) = self.bytes.as_chunks();
            Ok(chunks.iter().map(|&chunk| <$type>::from_le_bytes(chunk)).collect())
        }
    )*};
}

impl Array {
    vectors! {
        from_f32, to_f32, f32, F32;
        from_f64, to_f64, f64, F64;
    }

    /// An array of shape (n) in the smallest of u8, u16 and u32 that holds every value: class numbers and ranks are small.
    #[expect(clippy::cast_possible_truncation, reason = "the largest value was looked at")]
    pub(super) fn from_compact(values: &[u32]) -> Self {
        let largest = values.iter().copied().max().unwrap_or(0);
        let shape = vec![values.len()];
        if largest <= u32::from(u8::MAX) {
            Self { dtype: Dtype::U8, shape, bytes: values.iter().map(|&value| value as u8).collect() }
        } else if largest <= u32::from(u16::MAX) {
            let bytes = values.iter().flat_map(|&value| (value as u16).to_le_bytes()).collect();
            Self { dtype: Dtype::U16, shape, bytes }
        } else {
            Self { dtype: Dtype::U32, shape, bytes: values.iter().flat_map(|value| value.to_le_bytes()).collect() }
        }
    }

    /// The values of [`Array::from_compact`].
    pub(super) fn to_compact(&self) -> Result<Vec<u32>, String> {
        match self.dtype {
            Dtype::U8 => Ok(self.bytes.iter().map(|&byte| u32::from(byte)).collect()),
            Dtype::U16 => {
                Ok(self.bytes.as_chunks().0.iter().map(|&chunk| u32::from(u16::from_le_bytes(chunk))).collect())
            }
            Dtype::U32 => Ok(self.bytes.as_chunks().0.iter().map(|&chunk| u32::from_le_bytes(chunk)).collect()),
            other => Err(format!("holds {other:?} where whole numbers belong")),
        }
    }

    /// The same array in another shape of equal size.
    pub(super) fn reshaped(mut self, shape: Vec<usize>) -> Self {
        debug_assert_eq!(self.shape.iter().product::<usize>(), shape.iter().product::<usize>());
        self.shape = shape;
        self
    }

    /// (rows, columns) of a matrix.
    pub(super) fn matrix(&self) -> Result<(usize, usize), String> {
        match self.shape[..] {
            [rows, columns] => Ok((rows, columns)),
            _ => Err(format!("has shape {:?} where a matrix belongs", self.shape)),
        }
    }

    /// A tensor's values, bit for bit.
    pub(super) fn from_tensor(tensor: &Tensor) -> candle_core::Result<Self> {
        let flat = tensor.flatten_all()?;
        let array = match tensor.dtype() {
            DType::F32 => Self::from_f32(&flat.to_vec1()?),
            DType::F64 => Self::from_f64(&flat.to_vec1()?),
            DType::U32 => {
                let bytes = flat.to_vec1::<u32>()?.iter().flat_map(|value| value.to_le_bytes()).collect();
                Self { dtype: Dtype::U32, shape: vec![flat.elem_count()], bytes }
            }
            DType::I64 => {
                let bytes = flat.to_vec1::<i64>()?.iter().flat_map(|value| value.to_le_bytes()).collect();
                Self { dtype: Dtype::I64, shape: vec![flat.elem_count()], bytes }
            }
            DType::U8 => Self { dtype: Dtype::U8, shape: vec![flat.elem_count()], bytes: flat.to_vec1()? },
            other => candle_core::bail!("a tensor of {other:?} cannot be kept in a record"),
        };
        Ok(array.reshaped(tensor.dims().to_vec()))
    }

    /// The reverse of [`Array::from_tensor`], on the CPU.
    pub(super) fn to_tensor(&self) -> Result<Tensor, String> {
        let device = &candle_core::Device::Cpu;
        let shape = self.shape.clone();
        let tensor = match self.dtype {
            Dtype::F32 => Tensor::from_vec(self.to_f32()?, shape, device),
            Dtype::F64 => Tensor::from_vec(self.to_f64()?, shape, device),
            Dtype::I64 => {
                let values = self.bytes.as_chunks().0.iter().map(|&chunk| i64::from_le_bytes(chunk)).collect();
                Tensor::from_vec::<_, i64>(values, shape, device)
            }
            Dtype::U8 => Tensor::from_vec(self.bytes.clone(), shape, device),
            Dtype::U32 => Tensor::from_vec(self.to_compact()?, shape, device),
            other => return Err(format!("holds {other:?}, which no tensor of ours has")),
        };
        tensor.map_err(|error| error.to_string())
    }

    fn expect(&self, dtype: Dtype) -> Result<(), String> {
        if self.dtype == dtype { Ok(()) } else { Err(format!("holds {:?} where {dtype:?} belongs", self.dtype)) }
    }
}

/// The bytes of a file of `arrays`. `note` is its one entry of metadata: safetensors writes several in no stable order.
pub(super) fn encode(arrays: &Arrays, note: (&str, &str)) -> Result<Vec<u8>, String> {
    let metadata = HashMap::from([(note.0.to_owned(), note.1.to_owned())]);
    let views = arrays.iter().map(|(name, array)| (name.as_str(), array));
    safetensors::serialize(views, Some(metadata)).map_err(|error| error.to_string())
}

/// A file's arrays by name, and the metadata entry `note`.
pub(super) fn decode(bytes: &[u8], note: &str) -> Result<(HashMap<String, Array>, String), String> {
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|error| error.to_string())?;
    let text = metadata.metadata().as_ref().and_then(|map| map.get(note)).cloned();
    let text = text.ok_or_else(|| format!("no `{note}` in its header"))?;
    let file = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
    let arrays = file.iter().map(|(name, view)| {
        let array = Array { dtype: view.dtype(), shape: view.shape().to_vec(), bytes: view.data().to_vec() };
        (name.to_owned(), array)
    });
    Ok((arrays.collect(), text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compact_numbers_keep_their_values_in_the_smallest_type() {
        for (values, dtype) in
            [(vec![0, 255], Dtype::U8), (vec![256, 3], Dtype::U16), (vec![65_536], Dtype::U32), (vec![], Dtype::U8)]
        {
            let array = Array::from_compact(&values);
            assert_eq!(array.dtype, dtype);
            assert_eq!(array.to_compact().as_ref(), Ok(&values));
        }
    }

    #[test]
    fn a_file_has_the_same_bytes_whatever_the_order_of_its_arrays() {
        let one = ("b".to_owned(), Array::from_f32(&[1.0, f32::NAN]));
        let two = ("a".to_owned(), Array::from_f64(&[-0.0]));
        let forward = encode(&vec![one.clone(), two.clone()], ("key", "k")).expect("encodes");
        let backward = encode(&vec![two, one], ("key", "k")).expect("encodes");
        assert_eq!(forward, backward);
        let (arrays, note) = decode(&forward, "key").expect("decodes");
        assert_eq!(note, "k");
        assert_eq!(arrays["a"].to_f64().expect("f64")[0].to_bits(), (-0.0_f64).to_bits());
        assert!(arrays["b"].to_f64().is_err(), "element types are not converted silently");
    }

    #[test]
    fn tensors_come_back_bit_for_bit() {
        let tensor = Tensor::from_vec(vec![1.5_f32, -0.0, f32::MIN_POSITIVE / 2.0], (3, 1), &candle_core::Device::Cpu);
        let tensor = tensor.expect("tensor");
        let back = Array::from_tensor(&tensor).expect("kept").to_tensor().expect("comes back");
        assert_eq!(back.dims(), [3, 1]);
        let bits = |t: &Tensor| -> Vec<u32> {
            let flat = t.flatten_all().and_then(|flat| flat.to_vec1::<f32>()).expect("values");
            flat.into_iter().map(f32::to_bits).collect()
        };
        assert_eq!(bits(&back), bits(&tensor));
        let count = Tensor::new(-3_i64, &candle_core::Device::Cpu).expect("a number alone");
        let back = Array::from_tensor(&count).expect("kept").to_tensor().expect("comes back");
        assert_eq!(back.to_scalar::<i64>().expect("a number alone"), -3);
    }
}
