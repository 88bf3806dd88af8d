//! Networks that the benchmark trains.
use datasets::Name;
use twoscale::loss::LossSpec;
use twoscale::models::{ModelKind, ModelSpec};
use twoscale::optimiser::OptimiserSpec;
use twoscale::options::LossOptions;

use experiment::spec::{DataSpec, Decay, Input, LastBatch, RunSpec, Schedule};

/// Networks of the paper, with the two-scale loss of η = 0.01, R(α) over the dense layers and the gradient through it. The optimiser
/// is SGD: without momentum for the MLP and LeNet-5, with the figures' momentum and weight decay, but without ASAM, whose step is two
/// passes, for the wide residual networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Network {
    /// 784-100-10 on MNIST.
    Mlp,
    /// LeNet-5 on CIFAR-10.
    LeNet10,
    /// LeNet-5 on CIFAR-100.
    LeNet100,
    /// LeNet-5 with 20 and 50 channels and 500 hidden units on CIFAR-10, pixels in [0, 1].
    WideLeNet10,
    /// LeNet-5 with 20 and 50 channels and 500 hidden units on CIFAR-100, pixels in [0, 1].
    WideLeNet100,
    /// WRN-16-8 on CIFAR-10.
    WideResNet,
    /// WRN-10-1 on CIFAR-100, the network of figures 1 and 2 at the scale `reduced`.
    SmallWideResNet,
}

impl Network {
    /// Specification of a whole run of the paper.
    pub fn spec(self) -> RunSpec {
        let wide = || ModelSpec { channels: [20, 50], hidden: vec![500], ..ModelSpec::lenet5() };
        let (set, input, model, steps, test_every) = match self {
            Self::Mlp => (Name::Mnist, Input::Unit, ModelSpec::mlp([100]), 1000, 100),
            Self::LeNet10 => (Name::Cifar10, Input::Half, ModelSpec::lenet5(), 20_000, 2000),
            Self::LeNet100 => (Name::Cifar100, Input::Half, ModelSpec::lenet5(), 50_000, 2000),
            Self::WideLeNet10 => (Name::Cifar10, Input::Unit, wide(), 20_000, 2000),
            Self::WideLeNet100 => (Name::Cifar100, Input::Unit, wide(), 50_000, 2000),
            Self::WideResNet => (Name::Cifar10, Input::Half, ModelSpec::wide_resnet(16, 8), 78_000, 390),
            Self::SmallWideResNet => (Name::Cifar100, Input::Half, ModelSpec::wide_resnet(10, 1), 936, 78),
        };
        let sgd = OptimiserSpec::sgd(0.1);
        let optimiser = match model.kind {
            ModelKind::WideResNet => sgd.with_momentum(0.9).with_weight_decay(5e-4),
            _ => sgd,
        };
        RunSpec {
            data: DataSpec { input, ..DataSpec::of(set) },
            model,
            loss: LossSpec::two_scale([0.01]),
            loss_options: LossOptions::default(),
            optimiser,
            schedule: Schedule { steps, batch: 128, test_every, last_batch: LastBatch::Drop, decay: Decay::None },
            seed: 1,
        }
    }

    /// Numbers of (training, test) objects of the data set, as published.
    pub fn objects(self) -> (usize, usize) {
        (if self == Self::Mlp { 60_000 } else { 50_000 }, 10_000)
    }
}
