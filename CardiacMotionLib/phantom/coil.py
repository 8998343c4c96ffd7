"""The receiving coil: it lies on the chest, so that what is near it is brighter."""

from __future__ import annotations

import torch
from torch import Tensor

from .artefacts import bias_field
from .examination import Examination

DEPTH = 40.0  # mm


def sensitivity(exam: Examination, strength: float) -> Tensor:
    """Sensitivity (K, J, I) of a coil on the chest, 1 in the middle of the heart, and slow waves.

    It falls by ``strength`` of its logarithm every `DEPTH` mm to the back, and half as fast to one side.
    """
    if not strength:
        return torch.ones(exam.grid.shape, device=exam.device)
    to_patient = torch.as_tensor(exam.person.to_patient, dtype=torch.float32, device=exam.device)
    right, front, _ = (exam.acquisition.centers @ to_patient[:3, :3].T + to_patient[:3, 3]).unbind(-1)
    side = float(exam.rng("coil").uniform(-0.5, 0.5))
    fall = torch.exp(strength * (front + side * right) / DEPTH).reshape(exam.grid.shape)
    return fall * bias_field(exam.grid.shape, 0.3 * strength, exam.generator("coil"), exam.device)
