//! The published files: names, sizes, SHA-256 digests and addresses of the downloadable sets.
//!
//! A [`Catalogue`] is plain data that a [`crate::Cache`] carries, so that tests send small made-up sets through the same code.
//! A further set in a known [`Format`] needs a variant of [`Name`] and an entry in [`Catalogue::official`].

use crate::Name;

/// The downloadable sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalogue {
    /// A source for each set.
    pub sources: Vec<Source>,
}

/// Files and addresses of one set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The set.
    pub name: Name,
    /// Folder below the data folder, as the official archive unpacks it.
    pub folder: String,
    /// The files that are read, training part first.
    pub files: Vec<Expected>,
    /// Format of the files.
    pub format: Format,
    /// Form in which the files are published.
    pub packing: Packing,
    /// Addresses (ending in `/`) below which the downloads lie; tried in order.
    pub mirrors: Vec<String>,
}

/// Format of a set's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Four IDX files, as of MNIST: training images, training labels, test images, test labels. The names of the files of labels
    /// contain `labels`.
    Idx,
    /// Records of one byte, the class, and the pixels (C, H, W), as of CIFAR-10. The last file is the test part.
    Records,
    /// Records of two bytes, super-class and class, and the pixels (C, H, W), as of CIFAR-100. The last file is the test part.
    RecordsWithSuperclass,
}

/// A file as published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Name of the file.
    pub file: String,
    /// Length in bytes.
    pub size: u64,
    /// SHA-256, hexadecimal.
    pub sha256: String,
    /// The same file packed with gzip, where the packed file is the published one.
    pub packed: Option<Packed>,
}

/// A gzip file as published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// Name of the file.
    pub file: String,
    /// Length in bytes.
    pub size: u64,
    /// SHA-256, hexadecimal.
    pub sha256: String,
}

/// Form in which the files of a set are published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packing {
    /// Every file by itself, as its [`Expected::packed`].
    Gzip,
    /// All files in one `.tar.gz`.
    Archive {
        /// Name of the archive.
        file: String,
        /// Length of the archive in bytes, as published: a download stops at the first byte beyond.
        size: u64,
        /// Further small files of the archive that are kept (names of the classes). No digest is published for these files and
        /// nothing reads them: they are neither checked nor required.
        extras: Vec<String>,
    },
}

impl Catalogue {
    /// The sets as their authors publish them.
    pub fn official() -> Catalogue {
        Catalogue { sources: vec![mnist(), cifar10(), cifar100()] }
    }

    /// The source of a set; `None` for a set without published files.
    pub fn source(&self, name: Name) -> Option<&Source> {
        self.sources.iter().find(|source| source.name == name)
    }
}

impl Source {
    /// Names of the files to download.
    pub fn downloads(&self) -> Vec<String> {
        match &self.packing {
            Packing::Gzip => self.files.iter().map(|f| f.published().to_owned()).collect(),
            Packing::Archive { file, .. } => vec![file.clone()],
        }
    }

    /// Path of a file below the data folder, with `/`.
    pub(crate) fn below(&self, file: &str) -> String {
        format!("{}/{file}", self.folder)
    }
}

impl Expected {
    /// Name under which this file is published.
    pub fn published(&self) -> &str {
        self.packed.as_ref().map_or(&self.file, |p| &p.file)
    }
}

fn mnist() -> Source {
    // Columns: (name without .gz, bytes unpacked, SHA-256 unpacked, bytes packed, SHA-256 packed)
    let files = [
        (
            "train-images-idx3-ubyte",
            47_040_016,
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            9_912_422,
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        ),
        (
            "train-labels-idx1-ubyte",
            60_008,
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            28_881,
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        ),
        (
            "t10k-images-idx3-ubyte",
            7_840_016,
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            1_648_877,
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        ),
        (
            "t10k-labels-idx1-ubyte",
            10_008,
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            4_542,
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        ),
    ];
    Source {
        name: Name::Mnist,
        folder: "mnist".into(),
        files: files
            .into_iter()
            .map(|(file, size, sha256, packed_size, packed_sha256)| Expected {
                file: file.into(),
                size,
                sha256: sha256.into(),
                packed: Some(Packed { file: format!("{file}.gz"), size: packed_size, sha256: packed_sha256.into() }),
            })
            .collect(),
        format: Format::Idx,
        packing: Packing::Gzip,
        // The authors' own page has refused downloads for years; these two addresses carry the files byte for byte.
        mirrors: vec![
            "https://ossci-datasets.s3.amazonaws.com/mnist/".into(),
            "https://storage.googleapis.com/cvdf-datasets/mnist/".into(),
        ],
    }
}

fn cifar10() -> Source {
    let digests = [
        ("data_batch_1.bin", "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5"),
        ("data_batch_2.bin", "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed"),
        ("data_batch_3.bin", "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67"),
        ("data_batch_4.bin", "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48"),
        ("data_batch_5.bin", "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add"),
        ("test_batch.bin", "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b"),
    ];
    Source {
        name: Name::Cifar10,
        folder: "cifar-10-batches-bin".into(),
        files: digests.into_iter().map(|(file, sha256)| plain(file, 10_000 * 3_073, sha256)).collect(),
        format: Format::Records,
        packing: Packing::Archive {
            file: "cifar-10-binary.tar.gz".into(),
            size: 170_052_171,
            extras: vec!["batches.meta.txt".into()],
        },
        mirrors: cifar_mirrors(),
    }
}

fn cifar100() -> Source {
    Source {
        name: Name::Cifar100,
        folder: "cifar-100-binary".into(),
        files: vec![
            plain("train.bin", 50_000 * 3_074, "f31298fc616915fa142368359df1c4ca2ae984d6915ca468b998a5ec6aeebf29"),
            plain("test.bin", 10_000 * 3_074, "d8b1e6b7b3bee4020055f0699b111f60b1af1e262aeb93a0b659061746f8224a"),
        ],
        format: Format::RecordsWithSuperclass,
        packing: Packing::Archive {
            file: "cifar-100-binary.tar.gz".into(),
            size: 168_513_733,
            extras: vec!["fine_label_names.txt".into(), "coarse_label_names.txt".into()],
        },
        mirrors: cifar_mirrors(),
    }
}

fn plain(file: &str, size: u64, sha256: &str) -> Expected {
    Expected { file: file.into(), size, sha256: sha256.into(), packed: None }
}

fn cifar_mirrors() -> Vec<String> {
    vec![
        "https://www.cs.toronto.edu/~kriz/".into(),
        // A third party's copy: every byte is checked against the digests above, whoever delivers it.
        "https://mindspore-website.obs.cn-north-4.myhuaweicloud.com/notebook/datasets/".into(),
    ]
}
