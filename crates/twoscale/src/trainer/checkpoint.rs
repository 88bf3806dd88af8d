//! Content of a checkpoint and of a record, and its restoration.
use candle_core::{DType, Device, Tensor};

use super::Trainer;
use crate::loss::Kept;
use crate::models::Buffer;
use crate::{Error, Result};

impl Trainer {
    /// Weights, running statistics, scales and momentum, by name, in a stable order: the content of a checkpoint. A trainer of the same
    /// specification that restores it goes on to the same bits.
    ///
    /// After the parameters of the model (`fc1.weight`, ...), its running statistics (`bn.running_mean`, ...) and the parameters of the
    /// scales (`R1`, `R2`, ... or `R`, `Rs`, f64) come `log-norm` and `initial-log-norm`
    /// (f64), with momentum `velocity.NAME` for each of the parameters, and `steps` (i64).
    ///
    /// # Errors
    /// Fails when a tensor cannot be copied.
    pub fn state(&self) -> Result<Vec<(String, Tensor)>> {
        let mut state = self.weights()?;
        state.push(("initial-log-norm".into(), Tensor::new(self.loss.kept().initial_log_norm, &Device::Cpu)?));
        for (parameter, velocity) in self.model.parameters().iter().zip(self.optimiser.velocities()) {
            state.push((velocity_name(&parameter.name()), velocity.as_detached_tensor().copy()?));
        }
        for (parameter, velocity) in self.loss.scales().parameters().iter().zip(self.optimiser.scale_velocities()) {
            state.push((velocity_name(&parameter.name), Tensor::new(*velocity, &Device::Cpu)?));
        }
        state.push(("steps".into(), Tensor::new(self.loss.kept().steps as i64, &Device::Cpu)?));
        Ok(state)
    }

    /// Weights, running statistics and scales alone, and the `log-norm` by which the network's logits are divided: the content of
    /// `model.safetensors` in a record.
    ///
    /// # Errors
    /// Fails when a tensor cannot be copied.
    pub fn weights(&self) -> Result<Vec<(String, Tensor)>> {
        let mut weights = Vec::new();
        for parameter in self.model.parameters() {
            // A copy: steps to come change the variable in place.
            weights.push((parameter.name(), parameter.var.as_detached_tensor().copy()?));
        }
        for buffer in self.model.buffers() {
            weights.push((buffer.name.clone(), buffer.var.as_detached_tensor().copy()?));
        }
        for parameter in self.loss.scales().parameters() {
            weights.push((parameter.name.clone(), parameter.var.as_detached_tensor().copy()?));
        }
        weights.push(("log-norm".into(), Tensor::new(self.current_log_norm()?, &Device::Cpu)?));
        Ok(weights)
    }

    /// Takes over a [`Trainer::state`]. On an error the trainer may hold a part of it and must not be used.
    ///
    /// # Errors
    /// Fails when a tensor is missing, unknown, or has another shape or type.
    pub fn restore(&mut self, state: &[(String, Tensor)]) -> Result<()> {
        let expected = self.state()?;
        if let Some((unknown, _)) = state.iter().find(|(name, _)| !expected.iter().any(|(own, _)| own == name)) {
            return Err(Error::Setting(format!(
                "checkpoint holds `{unknown}`, which this run does not have: it is of another specification; delete it to begin anew"
            )));
        }
        let get = |name: &str, shape: &[usize], dtype: DType| find(state, name, shape, dtype);
        self.set_variables(state)?;
        for (parameter, velocity) in self.model.parameters().iter().zip(self.optimiser.velocities()) {
            let stored = get(&velocity_name(&parameter.name()), velocity.dims(), velocity.dtype())?;
            velocity.set(&stored.to_device(velocity.device())?)?;
        }
        for (position, parameter) in self.loss.scales().parameters().iter().enumerate() {
            let velocity = get(&velocity_name(&parameter.name), &[], DType::F64)?.to_scalar()?;
            self.optimiser.set_scale_velocity(position, velocity);
        }
        let steps: i64 = get("steps", &[], DType::I64)?.to_scalar()?;
        let steps = u64::try_from(steps).map_err(|_| {
            Error::Setting(format!("checkpoint: {steps} steps: the file is damaged; delete it to begin anew"))
        })?;
        let number = |name: &str| -> Result<f64> { Ok(get(name, &[], DType::F64)?.to_scalar()?) };
        *self.loss.kept() =
            Kept { log_norm: number("log-norm")?, initial_log_norm: number("initial-log-norm")?, steps };
        Ok(())
    }

    /// Takes over [`Trainer::weights`], to evaluate a network that was trained before. Training cannot go on from there: momentum and
    /// R(α⁰) are not part of the weights.
    ///
    /// # Errors
    /// Fails when a tensor is missing, or has another shape or type.
    pub fn load_weights(&mut self, weights: &[(String, Tensor)]) -> Result<()> {
        self.set_variables(weights)?;
        let log_norm = find(weights, "log-norm", &[], DType::F64)?.to_scalar()?;
        *self.loss.kept() = Kept { log_norm, initial_log_norm: log_norm, steps: 0 };
        Ok(())
    }

    /// Sets parameters, running statistics and scales.
    fn set_variables(&self, state: &[(String, Tensor)]) -> Result<()> {
        let get = |name: &str, shape: &[usize], dtype: DType| find(state, name, shape, dtype);
        for parameter in self.model.parameters() {
            let var = &parameter.var;
            var.set(&get(&parameter.name(), var.dims(), var.dtype())?.to_device(var.device())?)?;
        }
        for Buffer { name, var } in self.model.buffers() {
            var.set(&get(name, var.dims(), var.dtype())?.to_device(var.device())?)?;
        }
        for parameter in self.loss.scales().parameters() {
            parameter.var.set(&get(&parameter.name, &[], DType::F64)?)?;
        }
        Ok(())
    }
}

fn velocity_name(parameter: &str) -> String {
    format!("velocity.{parameter}")
}

fn find(state: &[(String, Tensor)], name: &str, shape: &[usize], dtype: DType) -> Result<Tensor> {
    let Some((_, tensor)) = state.iter().find(|(own, _)| own == name) else {
        return Err(Error::Setting(format!(
            "checkpoint lacks `{name}`: it is of another specification, or damaged; delete it to begin anew"
        )));
    };
    if tensor.dims() != shape || tensor.dtype() != dtype {
        return Err(Error::Setting(format!(
            "checkpoint: `{name}` is {:?} of shape {:?}, this run needs {dtype:?} of shape {shape:?}; delete it to begin anew",
            tensor.dtype(),
            tensor.dims()
        )));
    }
    Ok(tensor.clone())
}
