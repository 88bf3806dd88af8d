//! Checks a file's structure and SHA-256 in one pass, before any reader sees the file.
//!
//! A reader's own complaint ("failed to fill whole buffer") names neither the file nor the cure, so all that a reader could
//! fail on is looked for here.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::catalogue::{Expected, Format, Source};
use crate::error::{Error, Fault};

/// Layout of a file: a fixed header, then records that begin with labels.
struct Layout {
    /// Big-endian words of an IDX header: magic number, number of objects, further dimensions. Empty for CIFAR.
    header: Vec<u32>,
    /// Bytes of a record.
    record: usize,
    /// Byte i of a record is a label below `classes[i]`.
    classes: Vec<u32>,
}

/// Magic number of an IDX file of bytes with three axes.
const IDX_IMAGES: u32 = 2051;
/// Magic number of an IDX file of bytes with one axis.
const IDX_LABELS: u32 = 2049;

impl Layout {
    fn of(source: &Source, file: &Expected) -> Layout {
        let pixels = source.name.shape().unwrap_or_default().iter().product::<usize>().max(1);
        let [_, height, width] = source.name.shape().unwrap_or_default();
        let classes = words(source.name.classes().unwrap_or_default() as u64);
        let superclasses = words(source.name.superclasses().unwrap_or_default() as u64);
        match source.format {
            Format::Records => Layout { header: vec![], record: 1 + pixels, classes: vec![classes] },
            Format::RecordsWithSuperclass => {
                Layout { header: vec![], record: 2 + pixels, classes: vec![superclasses, classes] }
            }
            Format::Idx if is_labels(file) => Layout {
                header: vec![IDX_LABELS, words(file.size.saturating_sub(8))],
                record: 1,
                classes: vec![classes],
            },
            Format::Idx => Layout {
                header: vec![
                    IDX_IMAGES,
                    words(file.size.saturating_sub(16) / pixels as u64),
                    words(height as u64),
                    words(width as u64),
                ],
                record: pixels,
                classes: vec![],
            },
        }
    }
}

/// Returns `true` for an IDX file of labels.
pub(crate) fn is_labels(file: &Expected) -> bool {
    file.file.contains("labels")
}

fn words(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Checks an unpacked file on disk.
pub(crate) fn file(source: &Source, file: &Expected, path: &Path) -> Result<(), Error> {
    let damaged = |fault| Error::Damaged { name: source.name, path: path.to_owned(), fault };
    let reader = File::open(path).map_err(Error::io("read", path))?;
    let size = reader.metadata().map_err(Error::io("read", path))?.len();
    content(source, file, reader, size).map_err(Error::io("read", path))?.map_err(damaged)
}

/// Checks unpacked bytes that are `size` long. The outer error is the reader's, the inner one the content's.
pub(crate) fn content(
    source: &Source,
    file: &Expected,
    mut reader: impl Read,
    size: u64,
) -> io::Result<Result<(), Fault>> {
    let layout = Layout::of(source, file);
    let mut hash = Sha256::new();

    // The kind of file is checked before its length, so that a pickle is not reported as too long.
    let mut head = vec![0; (4 * layout.header.len()).max(2)];
    let got = read_full(&mut reader, &mut head)?;
    if layout.header.is_empty() && size != file.size && head[0] == 0x80 && (2..=5).contains(&head[1]) {
        return Ok(Err(Fault::Pickle));
    }
    let found: Vec<u32> = head[..got].chunks_exact(4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]])).collect();
    if let (Some(&expected), Some(&found)) = (layout.header.first(), found.first())
        && found != expected
    {
        return Ok(Err(Fault::Magic { found, expected }));
    }
    if size < file.size {
        return Ok(Err(Fault::Truncated { found: size, expected: file.size }));
    }
    if size > file.size {
        return Ok(Err(Fault::TooLong { found: size, expected: file.size }));
    }
    if layout.header.len() > 1 && found != layout.header {
        return Ok(Err(Fault::Header { found: dimensions(&found), expected: dimensions(&layout.header) }));
    }

    let mut reader = if layout.header.is_empty() {
        // The bytes read to recognise the kind of file belong to the first record.
        io::Cursor::new(head).chain(reader)
    } else {
        hash.update(&head);
        io::Cursor::new(vec![]).chain(reader)
    };
    let per_read = (1 << 18) / layout.record.max(1) + 1;
    let mut buffer = vec![0; per_read * layout.record];
    let mut superclass = [None; 256];
    let mut object = 0;
    loop {
        let got = read_full(&mut reader, &mut buffer)?;
        hash.update(&buffer[..got]);
        for record in buffer[..got].chunks(layout.record) {
            if let Err(fault) = labels(&layout.classes, record, object, &mut superclass) {
                return Ok(Err(fault));
            }
            object += 1;
        }
        if got < buffer.len() {
            break;
        }
    }
    let found = hex(&hash.finalize());
    Ok(if found == file.sha256 { Ok(()) } else { Err(Fault::Digest { found, expected: file.sha256.clone() }) })
}

/// Checks the labels at the beginning of a record; two labels are a super-class and a class.
fn labels(classes: &[u32], record: &[u8], object: u64, superclass: &mut [Option<u8>; 256]) -> Result<(), Fault> {
    for (&label, &classes) in record.iter().zip(classes) {
        if u32::from(label) >= classes {
            return Err(Fault::Label { object, label, classes });
        }
    }
    if let (2, &[second, class, ..]) = (classes.len(), record) {
        let first = *superclass[usize::from(class)].get_or_insert(second);
        if first != second {
            return Err(Fault::Superclass { class, first, second, object });
        }
    }
    Ok(())
}

/// Dimensions as messages show them: `60000 x 28 x 28`.
fn dimensions(header: &[u32]) -> String {
    header[1.min(header.len())..].iter().map(u32::to_string).collect::<Vec<_>>().join(" x ")
}

/// Reads until the buffer is full or the input ends.
fn read_full(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(filled)
}

/// SHA-256 of some bytes, hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Bytes in lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // writing to a string cannot fail
        text
    })
}
