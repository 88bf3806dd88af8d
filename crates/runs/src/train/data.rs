//! Data set of one run: limited, scaled and augmented as its specification says.
use std::sync::Arc;

use candle_core::{Device, Tensor};
use datasets::{Dataset, Split};

use super::augmentation::{Change, changes};
use super::input::Scaling;
use experiment::spec::{Augmentation, DataSpec};

/// A data set with the choices of a [`DataSpec`] applied. Sharing is cheap, since the images are those of the data set.
#[derive(Clone, Debug)]
pub struct RunData {
    dataset: Arc<Dataset>,
    scaling: Scaling,
    augmentation: Option<Augmentation>,
    train: usize,
    test: usize,
}

impl RunData {
    /// Limits the sets and prepares the scaling. `dataset` already has the labels of `spec`.
    #[must_use]
    pub fn new(spec: &DataSpec, dataset: Arc<Dataset>) -> Self {
        let limit = |split: &Split, most: Option<usize>| split.labels.len().min(most.unwrap_or(usize::MAX));
        let (train, test) = (limit(&dataset.train, spec.train), limit(&dataset.test, spec.test));
        let pixels: usize = dataset.shape.iter().product();
        let scaling = Scaling::new(spec.input, &dataset.train.images[..train * pixels], dataset.shape, dataset.white);
        Self { dataset, scaling, augmentation: spec.augmentation, train, test }
    }

    /// The data set.
    #[must_use]
    pub fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    /// Training objects.
    #[must_use]
    pub fn train_objects(&self) -> usize {
        self.train
    }

    /// Test objects.
    #[must_use]
    pub fn test_objects(&self) -> usize {
        self.test
    }

    /// The training objects at these positions, as one batch.
    #[must_use]
    pub fn train_batch(&self, indices: &[u32]) -> Batch<'_> {
        let labels = indices.iter().map(|&index| self.dataset.train.labels[index as usize]).collect();
        Batch { data: self, split: &self.dataset.train, indices: indices.to_vec(), labels, changes: Vec::new() }
    }

    /// The training objects at these positions as the batch of step `step` (from 0) of a run of seed `seed`: with the random changes
    /// of the specification.
    #[must_use]
    pub fn augmented_batch(&self, indices: &[u32], seed: u64, step: usize) -> Batch<'_> {
        let mut batch = self.train_batch(indices);
        if let Some(augmentation) = &self.augmentation {
            batch.changes = changes(augmentation, self.dataset.shape, indices.len(), seed, step);
        }
        batch
    }

    /// The whole training set in order, in batches of `size` and a smaller last one.
    pub fn train_in_order(&self, size: usize) -> impl Iterator<Item = Batch<'_>> {
        self.in_order(&self.dataset.train, self.train, size)
    }

    /// The whole test set in order, in batches of `size` and a smaller last one.
    pub fn test_in_order(&self, size: usize) -> impl Iterator<Item = Batch<'_>> {
        self.in_order(&self.dataset.test, self.test, size)
    }

    fn in_order<'a>(&'a self, split: &'a Split, objects: usize, size: usize) -> impl Iterator<Item = Batch<'a>> {
        (0..objects).step_by(size.max(1)).map(move |begin| {
            let range = begin..objects.min(begin + size);
            let labels = split.labels[range.clone()].to_vec();
            let indices = range.map(|index| u32::try_from(index).unwrap_or(u32::MAX)).collect();
            Batch { data: self, split, indices, labels, changes: Vec::new() }
        })
    }
}

/// Some objects of one set. Tensors are made when asked for, which the fake trainer never does.
#[derive(Clone, Debug)]
pub struct Batch<'a> {
    data: &'a RunData,
    split: &'a Split,
    indices: Vec<u32>,
    labels: Vec<u32>,
    /// Random changes, one an object; none where the images stay as they are.
    changes: Vec<Change>,
}

impl Batch<'_> {
    /// Number of objects.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Tells whether the batch is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Positions of the objects in their set.
    #[must_use]
    pub fn indices(&self) -> &[u32] {
        &self.indices
    }

    /// Classes of the objects.
    #[must_use]
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// Classes of the objects as a tensor (N) of u32.
    ///
    /// # Errors
    /// Fails when the tensor cannot be made.
    pub fn label_tensor(&self) -> candle_core::Result<Tensor> {
        Tensor::from_slice(&self.labels, self.labels.len(), &Device::Cpu)
    }

    /// Images of the objects, scaled, as a tensor (N, C, H, W). The pixels go straight from the data set's bytes into the vector
    /// that becomes the tensor.
    ///
    /// # Errors
    /// Fails when the tensor cannot be made.
    pub fn inputs(&self) -> candle_core::Result<Tensor> {
        let scaling = &self.data.scaling;
        let image = scaling.image_len();
        let shape = self.data.dataset.shape;
        let side = self.data.augmentation.map_or(0, |augmentation| augmentation.cutout);
        let mut values = Vec::with_capacity(self.len() * image);
        let mut moved = vec![0; if self.changes.is_empty() { 0 } else { image }];
        for (position, &index) in self.indices.iter().enumerate() {
            let begin = index as usize * image;
            let pixels = &self.split.images[begin..begin + image];
            if let Some(change) = self.changes.get(position) {
                change.window(pixels, shape, &mut moved);
                scaling.append(&moved, &mut values);
                change.cut(side, shape, &mut values[position * image..]);
            } else {
                scaling.append(pixels, &mut values);
            }
        }
        let [channels, height, width] = shape;
        Tensor::from_vec(values, (self.len(), channels, height, width), &Device::Cpu)
    }
}
