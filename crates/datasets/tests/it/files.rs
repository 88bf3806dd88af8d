//! Tests of the user's own sets from `.npy` files.

use std::fs;
use std::path::Path;

use datasets::{Files, TestPart};

/// The bytes of a `.npy` file of version 1.
pub fn npy(kind: &str, shape: &str, numbers: &[u8]) -> Vec<u8> {
    header(&format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"), numbers)
}

fn header(text: &str, numbers: &[u8]) -> Vec<u8> {
    let mut text = text.to_owned();
    text.extend(std::iter::repeat_n(' ', 63 - (10 + text.len()) % 64));
    text.push('\n');
    let length = u16::try_from(text.len()).unwrap().to_le_bytes();
    [b"\x93NUMPY\x01\x00", length.as_slice(), text.as_bytes(), numbers].concat()
}

fn files(folder: &Path, test: TestPart) -> Files {
    Files { folder: folder.to_owned(), images: "x.npy".into(), labels: "y.npy".into(), test }
}

/// Loads a set of these two files, a third of it for testing.
fn load(x: &[u8], y: &[u8]) -> Result<datasets::Dataset, String> {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("x.npy"), x).unwrap();
    fs::write(dir.path().join("y.npy"), y).unwrap();
    let files = files(dir.path(), TestPart::Share(1.0 / 3.0));
    let set = files.load().map_err(|error| error.to_string())?;
    assert_eq!(set.digests, files.digests().unwrap());
    Ok(set)
}

/// Six images of 2 x 5 x 5, pixel = 10 object + channel.
fn pixels() -> Vec<u8> {
    (0..6u8).flat_map(|object| (0..2u8).flat_map(move |channel| [10 * object + channel; 25])).collect()
}

fn labels() -> Vec<u8> {
    npy("|u1", "(6,)", &[0, 1, 0, 1, 0, 1])
}

#[test]
fn every_order_of_axes_comes_out_as_channels_first() {
    let first = load(&npy("|u1", "(6, 2, 5, 5)", &pixels()), &labels()).unwrap();
    let last: Vec<u8> = (0..6u8).flat_map(|object| [10 * object, 10 * object + 1].repeat(25)).collect();
    let last = load(&npy("|u1", "(6, 5, 5, 2)", &last), &labels()).unwrap();
    assert_eq!((first.shape, first.classes, first.train.len(), first.test.len()), ([2, 5, 5], 2, 4, 2));
    assert_eq!((&first.train, &first.test, first.shape), (&last.train, &last.test, last.shape));
    // Every object appears once, with its own label.
    let mut seen: Vec<u8> = Vec::new();
    for part in [&first.train, &first.test] {
        for (image, &label) in part.images.chunks_exact(50).zip(part.labels.iter()) {
            assert_eq!(u32::from(image[0] / 10 % 2), label);
            seen.push(image[0] / 10);
        }
    }
    seen.sort();
    assert_eq!(seen, [0, 1, 2, 3, 4, 5]);
    let shape = |text: &str| load(&npy("|u1", text, &pixels()), &labels()).unwrap().shape;
    assert_eq!(shape("(6, 10, 5)"), [1, 10, 5]);
    assert_eq!(shape("(6, 50)"), [1, 1, 50]);
    assert_eq!(shape("(6, 5, 10, 1)"), [1, 5, 10]);
}

#[test]
fn labels_of_every_width_and_byte_order_are_read() {
    let x = npy("|u1", "(6, 2, 5, 5)", &pixels());
    let wide = |bytes: fn(u8) -> Vec<u8>| [0, 1, 0, 1, 0, 1].into_iter().flat_map(bytes).collect::<Vec<u8>>();
    let expected = load(&x, &labels()).unwrap().train.labels;
    for (kind, numbers) in [
        ("|i1", wide(|n| vec![n])),
        ("<u2", wide(|n| vec![n, 0])),
        (">u2", wide(|n| vec![0, n])),
        ("<i4", wide(|n| vec![n, 0, 0, 0])),
        ("<i8", wide(|n| vec![n, 0, 0, 0, 0, 0, 0, 0])),
        (">i8", wide(|n| vec![0, 0, 0, 0, 0, 0, 0, n])),
    ] {
        for shape in ["(6,)", "(6, 1)"] {
            assert_eq!(load(&x, &npy(kind, shape, &numbers)).unwrap().train.labels, expected, "{kind}");
        }
    }
}

#[test]
fn a_test_part_of_its_own_keeps_the_order_of_the_files() {
    let dir = tempfile::tempdir().unwrap();
    let test = TestPart::Files { images: "tx.npy".into(), labels: "ty.npy".into() };
    let write = |name: &str, bytes: Vec<u8>| fs::write(dir.path().join(name), bytes).unwrap();
    write("x.npy", npy("|u1", "(6, 2, 5, 5)", &pixels()));
    write("y.npy", labels());
    write("tx.npy", npy("|u1", "(2, 2, 5, 5)", &pixels()[..100]));
    write("ty.npy", npy("|u1", "(2,)", &[1, 0]));
    let files = files(dir.path(), test);
    let set = files.load().unwrap();
    assert_eq!((&set.train.images[..], &set.test.labels[..]), (&pixels()[..], &[1, 0][..]));
    assert_eq!(set.digests.iter().map(|d| d.file.as_str()).collect::<Vec<_>>(), ["x.npy", "y.npy", "tx.npy", "ty.npy"]);
    write("tx.npy", npy("|u1", "(2, 5, 10)", &pixels()[..100]));
    let message = files.load().unwrap_err().to_string();
    assert!(message.contains("tx.npy has images of 1 x 5 x 10, and those for training are 2 x 5 x 5"), "{message}");
    write("tx.npy", npy("|u1", "(2, 2, 5, 5)", &pixels()[..100]));
    write("ty.npy", npy("|u1", "(2,)", &[1, 2]));
    let message = files.load().unwrap_err().to_string();
    assert!(message.contains("ty.npy has label 2 in the test part"), "{message}");
}

#[test]
fn every_damage_is_a_sentence_that_names_the_file() {
    let good = npy("|u1", "(6, 2, 5, 5)", &pixels());
    let x = |bytes: Vec<u8>| load(&bytes, &labels()).unwrap_err();
    let y = |bytes: Vec<u8>| load(&good, &bytes).unwrap_err();
    let cases = [
        (x(vec![]), "x.npy is empty; write it with numpy.save"),
        (x(b"PK\x03\x04 and so on".to_vec()), "x.npy is no .npy file: it is a zip or .npz archive"),
        (x(b"\x80\x04pickle".to_vec()), "it is a Python pickle"),
        (x(b"hello".to_vec()), "does not begin with \\x93NUMPY"),
        (x(good[..9].to_vec()), "is truncated: it ends within its first twelve bytes"),
        (x(good[..40].to_vec()), "is truncated: its header has 30 bytes instead of 118"),
        (x(good[..good.len() - 1].to_vec()), "is truncated: 299 bytes of numbers, and 6 x 2 x 5 x 5 |u1 are 300 bytes"),
        (x([good.clone(), vec![0]].concat()), "is too long: 301 bytes"),
        (x(b"\x93NUMPY\x07\x00\x10\x00 {}          ".to_vec()), "version 7; only versions 1 to 3"),
        (x(b"\x93NUMPY\x02\x00\xff\xff\xff\xff".to_vec()), "announces a header of 4294967295 bytes"),
        (x(npy("<f4", "(6, 2, 5, 5)", &[0; 1200])), "images are bytes from 0 to 255; save (255 * x).round()"),
        (x(npy("<i8", "(6, 50)", &[0; 2400])), "save them as \"uint8\""),
        (x(npy("|O", "(6, 50)", &[0; 300])), "holds values of type |O, and numbers are needed"),
        (x(npy("|u1", "()", &[0])), "is a single number"),
        (x(npy("|u1", "(0, 50)", &[])), "there is no pixel in it"),
        (x(npy("|u1", "(6, 1, 2, 5, 5)", &pixels())), "images are (N, C, H, W)"),
        (x(npy("|u1", "(4294967296, 4294967296, 4294967296)", &[])), "announces more numbers than there can be"),
        (x(npy("|u1", "(99999999999, 28, 28)", &[])), "is truncated: 0 bytes"),
        (x(npy("|u1", "(6, -50)", &pixels())), "has a broken header"),
        (x(header("{'descr': '|u1', 'fortran_order': True, 'shape': (6, 50), }", &pixels())), "is in Fortran order"),
        (x(header("{'descr': [('r', '|u1')], 'fortran_order': False, 'shape': (6,), }", &[])), "records of several"),
        (x(header("{}", &[])), "has a broken header"),
        (y(npy("|u1", "(5,)", &[0, 1, 0, 1, 0])), "y.npy has 5 labels, and "),
        (y(npy("<f8", "(6,)", &[0; 48])), "labels are whole numbers; save them as \"int64\""),
        (y(npy("|u1", "(6, 2)", &[0; 12])), "labels are one number an object"),
        (y(npy("|i1", "(6,)", &[0, 1, 255, 0, 1, 1])), "has a negative label: object 2"),
        (y(npy(">i2", "(6,)", &[0, 0, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0])), "has a negative label: object 1"),
        (y(npy("<u4", "(6,)", &[255; 24])), "has label 4294967295: object 0; there can be 100000 classes"),
        (y(npy("|u1", "(6,)", &[1, 2, 1, 2, 1, 2])), "has no training object of class 0"),
        (y(npy("|u1", "(6,)", &[0; 6])), "has one class"),
    ];
    for (message, part) in cases {
        assert!(message.contains(part) && !message.contains('\n'), "{part}: {message}");
    }
    let missing = files(Path::new("nowhere"), TestPart::Share(0.5)).load().unwrap_err().to_string();
    assert!(missing.starts_with("cannot read nowhere/x.npy: "), "{missing}");
    let folder = files(Path::new("."), TestPart::Share(0.5));
    let folder = Files { images: ".".into(), ..folder }.load().unwrap_err().to_string();
    assert!(folder.ends_with("is no plain file"), "{folder}");
}
