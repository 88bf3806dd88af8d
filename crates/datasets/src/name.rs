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
    /// Embedded: the UCI optical digits, 8x8, 10 classes.
    #[serde(rename = "digits")]
    Digits,
    /// Synthetic: textured shapes, 3x32x32, 100 classes in 20 super-classes.
    #[serde(rename = "textures")]
    Textures,
}

impl Name {
    /// Every data set: the paper's three first, then the two stand-ins.
    pub const ALL: [Name; 5] = [Name::Mnist, Name::Cifar10, Name::Cifar100, Name::Digits, Name::Textures];

    /// The name as experiment files, the command line and error messages write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Name::Mnist => "mnist",
            Name::Cifar10 => "cifar-10",
            Name::Cifar100 => "cifar-100",
            Name::Digits => "digits",
            Name::Textures => "textures",
        }
    }

    /// Whether this set only stands in for one of the paper's: it needs no file, and a figure made from it must say so.
    pub fn is_stand_in(self) -> bool {
        matches!(self, Name::Digits | Name::Textures)
    }

    /// (C, H, W) of an image.
    pub fn shape(self) -> [usize; 3] {
        match self {
            Name::Mnist => [1, 28, 28],
            Name::Digits => [1, 8, 8],
            Name::Cifar10 | Name::Cifar100 | Name::Textures => [3, 32, 32],
        }
    }

    /// Number of (fine) classes.
    pub fn classes(self) -> usize {
        match self {
            Name::Mnist | Name::Cifar10 | Name::Digits => 10,
            Name::Cifar100 | Name::Textures => 100,
        }
    }

    /// Number of super-classes, for a set that has them.
    pub fn superclasses(self) -> Option<usize> {
        match self {
            Name::Cifar100 | Name::Textures => Some(20),
            Name::Mnist | Name::Cifar10 | Name::Digits => None,
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Name {
    type Err = Error;

    /// Exact names only, as in experiment files.
    fn from_str(text: &str) -> Result<Self, Error> {
        Name::ALL.into_iter().find(|name| name.as_str() == text).ok_or_else(|| Error::UnknownName(text.to_owned()))
    }
}

/// Which labels a network is trained on.
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
        let message = "cifar10".parse::<Name>().unwrap_err().to_string();
        assert!(message.contains("`cifar10`") && message.contains("cifar-10, cifar-100"), "{message}");
    }
}
