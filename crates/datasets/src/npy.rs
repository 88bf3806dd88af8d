//! Reads `.npy` files (NumPy's format, versions 1 to 3): a magic number, a version, the length of a header, the header as a Python
//! dictionary, the numbers.
//!
//! No crate is used: those that read the format trust the length in the header, or bring a grammar of Python literals
//! along.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::Error;
use crate::check::hex;
use crate::error::printable;

/// Longest header that is read; NumPy's are below 200 bytes.
const HEADER: usize = 1 << 16;
/// Most axes of an array.
const AXES: usize = 8;

/// An array as its file holds it.
#[derive(Debug)]
pub(crate) struct Array {
    /// Type of the numbers as NumPy writes it: `|u1`, `<i8`, ...
    pub(crate) kind: String,
    /// Length of each axis.
    pub(crate) shape: Vec<usize>,
    /// The numbers in row order.
    pub(crate) bytes: Vec<u8>,
    /// SHA-256 of the file.
    pub(crate) sha256: String,
}

/// A file that was read up to its numbers.
struct Begun {
    file: File,
    /// Magic number, version and length of the header.
    head: Vec<u8>,
    /// The header.
    text: Vec<u8>,
    /// First bytes of the numbers.
    rest: Vec<u8>,
    kind: String,
    shape: Vec<usize>,
    /// Bytes of all numbers.
    count: usize,
}

/// Reads the header. No memory is taken before the file is known to be as long as its header says.
fn begin(path: &Path) -> Result<Begun, Error> {
    let refuse = |reason: String| Error::File { path: path.to_owned(), reason };
    let mut file = open(path)?;
    let length = file.metadata().map_err(Error::io("read", path))?.len();
    let mut head = Vec::new();
    file.by_ref().take(12).read_to_end(&mut head).map_err(Error::io("read", path))?;
    let (begin, size) = header(&head).map_err(refuse)?;
    let mut text = head.split_off(begin);
    let missing = (size - text.len().min(size)) as u64;
    file.by_ref().take(missing).read_to_end(&mut text).map_err(Error::io("read", path))?;
    if text.len() < size {
        return Err(refuse(format!("is truncated: its header has {} bytes instead of {size}", text.len())));
    }
    let rest = text.split_off(size);
    let (kind, shape, width) = describe(&text).map_err(refuse)?;
    let count = shape.iter().try_fold(width, |product, &axis| product.checked_mul(axis));
    let count = count.ok_or_else(|| refuse(format!("announces more numbers than there can be: {}", axes(&shape))))?;
    let found = length.saturating_sub((begin + size) as u64);
    if found != count as u64 {
        let fault = if found < count as u64 { "is truncated" } else { "is too long" };
        return Err(refuse(format!(
            "{fault}: {found} bytes of numbers, and {} {kind} are {count} bytes",
            axes(&shape)
        )));
    }
    Ok(Begun { file, head, text, rest, kind, shape, count })
}

/// Returns type and shape of a file's array without reading its numbers.
///
/// # Errors
/// [`Error::File`] with what is wrong and what to do.
pub(crate) fn shape(path: &Path) -> Result<(String, Vec<usize>), Error> {
    begin(path).map(|begun| (begun.kind, begun.shape))
}

/// Reads a file.
///
/// # Errors
/// [`Error::File`] with what is wrong and what to do.
pub(crate) fn read(path: &Path) -> Result<Array, Error> {
    let Begun { file, head, text, rest, kind, shape, count } = begin(path)?;
    let mut hash = Sha256::new();
    hash.update(&head);
    hash.update(&text);
    let mut bytes = Vec::with_capacity(count);
    bytes.extend_from_slice(&rest);
    file.take((count - rest.len()) as u64).read_to_end(&mut bytes).map_err(Error::io("read", path))?;
    if bytes.len() != count {
        return Err(Error::File { path: path.to_owned(), reason: "changed while it was read".into() });
    }
    hash.update(&bytes);
    Ok(Array { kind, shape, bytes, sha256: hex(&hash.finalize()) })
}

/// SHA-256 of a file, hexadecimal, without its content in memory.
pub(crate) fn sha256(path: &Path) -> Result<String, Error> {
    let mut file = open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer).map_err(Error::io("read", path))? {
            0 => return Ok(hex(&hash.finalize())),
            got => hash.update(&buffer[..got]),
        }
    }
}

fn open(path: &Path) -> Result<File, Error> {
    let file = File::open(path).map_err(Error::io("read", path))?;
    // Reading a pipe or a terminal would wait for ever.
    if file.metadata().map_err(Error::io("read", path))?.is_file() {
        return Ok(file);
    }
    Err(Error::File { path: path.to_owned(), reason: "is no plain file".into() })
}

/// Shape as messages show it: `60000 x 28 x 28`.
pub(crate) fn axes(shape: &[usize]) -> String {
    if shape.is_empty() {
        return "a single number".into();
    }
    shape.iter().map(usize::to_string).collect::<Vec<_>>().join(" x ")
}

/// Returns the position and the length of the header, from the first twelve bytes.
fn header(head: &[u8]) -> Result<(usize, usize), String> {
    const WRITE: &str = "write it with numpy.save";
    if head.is_empty() {
        return Err(format!("is empty; {WRITE}"));
    }
    if !head.starts_with(b"\x93NUMPY") {
        let kind = match head {
            [b'P', b'K', ..] => "it is a zip or .npz archive",
            [0x1f, 0x8b, ..] => "it is packed with gzip",
            [0x80, 2..=5, ..] => "it is a Python pickle",
            _ => "it does not begin with \\x93NUMPY",
        };
        return Err(format!("is no .npy file: {kind}; {WRITE}"));
    }
    let (begin, size) = match *head {
        [_, _, _, _, _, _, 1, _, a, b, ..] => (10, usize::from(u16::from_le_bytes([a, b]))),
        [_, _, _, _, _, _, 2 | 3, _, a, b, c, d] => (12, u32::from_le_bytes([a, b, c, d]) as usize),
        [_, _, _, _, _, _, version, ..] if !(1..=3).contains(&version) => {
            return Err(format!("is a .npy file of version {version}; only versions 1 to 3 are read"));
        }
        _ => return Err("is truncated: it ends within its first twelve bytes".into()),
    };
    if size > HEADER {
        return Err(format!("announces a header of {size} bytes, more than {HEADER}; {WRITE}"));
    }
    Ok((begin, size))
}

/// Returns type, shape and bytes of a number, from `{'descr': '|u1', 'fortran_order': False, 'shape': (2, 28, 28), }`.
fn describe(text: &[u8]) -> Result<(String, Vec<usize>, usize), String> {
    let broken = || "has a broken header; write it with numpy.save".to_owned();
    let text = std::str::from_utf8(text).map_err(|_| broken())?;
    let value = |key: &str| {
        let after = text.split_once(&format!("'{key}'")).or_else(|| text.split_once(&format!("\"{key}\"")))?.1;
        Some(after.trim_start().strip_prefix(':')?.trim_start())
    };
    let [kind, order, shape] = ["descr", "fortran_order", "shape"].map(value);
    let (kind, order, shape) = (kind.ok_or_else(broken)?, order.ok_or_else(broken)?, shape.ok_or_else(broken)?);
    if kind.starts_with('[') {
        return Err("holds records of several fields; save one array of numbers".into());
    }
    let quote = kind.chars().next().filter(|c| matches!(c, '\'' | '"')).ok_or_else(broken)?;
    let kind = kind[1..].split_once(quote).ok_or_else(broken)?.0;
    if order.starts_with("True") {
        return Err("is in Fortran order; save numpy.ascontiguousarray(...) of it".into());
    }
    let inside = shape.strip_prefix('(').and_then(|rest| rest.split_once(')')).ok_or_else(broken)?.0;
    let lengths = inside.split(',').map(|n| n.trim().trim_end_matches('L')).filter(|n| !n.is_empty());
    let lengths: Vec<usize> = lengths.map(|n| n.parse().map_err(|_| broken())).collect::<Result<_, _>>()?;
    if lengths.len() > AXES {
        return Err(format!("has {} axes, more than any set of images", lengths.len()));
    }
    let width = match kind.get(1..) {
        Some("u1" | "i1" | "b1") => 1,
        Some("u2" | "i2" | "f2") => 2,
        Some("u4" | "i4" | "f4") => 4,
        Some("u8" | "i8" | "f8") => 8,
        _ => return Err(format!("holds values of type {}, and numbers are needed", printable(kind))),
    };
    Ok((kind.to_owned(), lengths, width))
}
