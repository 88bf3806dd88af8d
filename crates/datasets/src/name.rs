//! The names of the data sets, as experiment files and the command line write them.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Error;

/// The data sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Name {
    /// MNIST, 28x28, 10 classes.
    #[serde(rename = "mnist")]
    Mnist,
    /// CIFAR-10, 3x32x32, 10 classes.
    #[serde(rename = "cifar-10")]
    Cifar10,
    /// CIFAR-100, 3x32x32, 100 classes in 20 super-classes.
    #[serde(rename = "cifar-100")]
    Cifar100,
    /// UCI optical digits, embedded in the program, 8x8, 10 classes.
    #[serde(rename = "digits")]
    Digits,
    /// Synthetic textured shapes, 3x32x32, 100 classes in 20 super-classes.
    #[serde(rename = "textures")]
    Textures,
    /// The user's own set, from `.npy` files that the experiment file names.
    #[serde(rename = "files")]
    Files,
}

/// Facts about a set, known before anything is read.
struct Facts {
    name: &'static str,
    title: &'static str,
    stand_in: bool,
    /// Shape (C, H, W) and the number of classes; `None` where the files decide.
    size: Option<([usize; 3], usize)>,
    superclasses: Option<usize>,
}

impl Name {
    /// Every set that is known by its name alone: the paper's three, then the two stand-ins. [`Name::Files`] is not among them.
    pub const ALL: [Name; 5] = [Name::Mnist, Name::Cifar10, Name::Cifar100, Name::Digits, Name::Textures];

    fn facts(self) -> Facts {
        let facts = |name, title, size| Facts { name, title, stand_in: false, size, superclasses: None };
        match self {
            Name::Mnist => facts("mnist", "MNIST", Some(([1, 28, 28], 10))),
            Name::Cifar10 => facts("cifar-10", "CIFAR-10", Some(([3, 32, 32], 10))),
            Name::Cifar100 => {
                Facts { superclasses: Some(20), ..facts("cifar-100", "CIFAR-100", Some(([3, 32, 32], 100))) }
            }
            Name::Digits => Facts { stand_in: true, ..facts("digits", "UCI digits", Some(([1, 8, 8], 10))) },
            Name::Textures => Facts {
                stand_in: true,
                superclasses: Some(20),
                ..facts("textures", "synthetic textures", Some(([3, 32, 32], 100)))
            },
            Name::Files => facts("files", "own data", None),
        }
    }

    /// The name as experiment files, the command line and error messages write it.
    pub fn as_str(self) -> &'static str {
        self.facts().name
    }

    /// The name printed on a figure.
    pub fn title(self) -> &'static str {
        self.facts().title
    }

    /// Returns `true` for a set that stands in for one of the paper's: it needs no file, and a figure made from it must say so.
    pub fn is_stand_in(self) -> bool {
        self.facts().stand_in
    }

    /// Shape (C, H, W) of an image; `None` where the files decide.
    pub fn shape(self) -> Option<[usize; 3]> {
        self.facts().size.map(|(shape, _)| shape)
    }

    /// Number of (fine) classes; `None` where the files decide.
    pub fn classes(self) -> Option<usize> {
        self.facts().size.map(|(_, classes)| classes)
    }

    /// Number of super-classes, for a set that has them.
    pub fn superclasses(self) -> Option<usize> {
        self.facts().superclasses
    }

    /// The names of the sets for which `wanted` holds, as a list in a sentence.
    pub(crate) fn listed(wanted: impl Fn(Name) -> bool) -> String {
        let names: Vec<&str> = Name::ALL.into_iter().filter(|name| wanted(*name)).map(Name::as_str).collect();
        names.join(", ")
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Name {
    type Err = Error;

    /// Accepts exact names only, as in experiment files.
    fn from_str(text: &str) -> Result<Self, Error> {
        Name::ALL.into_iter().find(|name| name.as_str() == text).ok_or_else(|| Error::UnknownName(text.to_owned()))
    }
}

/// The labels that a network is trained on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Labels {
    /// The classes.
    #[default]
    Fine,
    /// The super-classes, as classes of their own.
    Coarse,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back_and_a_misspelt_one_lists_the_known() {
        for name in Name::ALL {
            assert_eq!(name.to_string().parse::<Name>().unwrap(), name);
        }
        assert!("files".parse::<Name>().is_err(), "a set of files is named in an experiment file alone");
        let message = "cifar10".parse::<Name>().unwrap_err().to_string();
        assert!(message.contains("`cifar10`") && message.contains("cifar-10, cifar-100"), "{message}");
    }
}
