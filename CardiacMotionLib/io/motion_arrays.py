"""A motion as arrays in one file (.npz): bit-exact and quick, with its field, labels and samples.

What `Motion.save` and `Motion.load` do for such a name.
"""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from ..continuous import ContinuousField
from ..errors import CardiacMotionError
from ..motion import Motion, known_reference
from ..whole_files import writing

FIELD = "field."  # before the names of the field's arrays
LABELS, SAMPLES = "labels", "samples"  # names of the labels, and of the samples' displacements


def write_motion_arrays(motion: Motion, path: Path) -> Path:
    """Write all that a motion knows as ``.npz``, compressed; raises `CardiacMotionError` where that cannot be."""
    network: dict[str, Any] = {} if motion.field is None else motion.field.arrays()
    beside: dict[str, Any] = {} if motion.labels is None else {LABELS: motion.labels}
    if motion.samples:
        beside[SAMPLES] = np.stack([sample.displacement for sample in motion.samples])
    with writing(path) as temporary:
        np.savez_compressed(
            temporary,
            displacement=motion.displacement,
            affine=motion.affine,
            reference=motion.stored_reference,
            times=motion.times if motion.timed else np.zeros(0),
            provenance=json.dumps(motion.provenance),
            **beside,
            **{FIELD + name: value for name, value in network.items()},
        )
    return path


def read_motion_arrays(path: Path) -> Motion:
    """Read what `write_motion_arrays` wrote; raises `CardiacMotionError` for a file that is something else."""
    try:
        with np.load(path, allow_pickle=False) as data:
            times = data["times"] if data["times"].size else None
            network = {name.removeprefix(FIELD): data[name] for name in data.files if name.startswith(FIELD)}
            affine, reference = data["affine"], known_reference(data["reference"])
            drawn = data[SAMPLES] if SAMPLES in data.files else ()
            return Motion(
                data["displacement"],
                affine,
                reference,
                times,
                json.loads(str(data["provenance"])),
                field=ContinuousField.from_arrays(network) if network else None,
                labels=data[LABELS] if LABELS in data.files else None,
                samples=[Motion(one, affine, reference, times) for one in drawn],
            )
    except CardiacMotionError as error:
        raise CardiacMotionError(f"{path}: {error}") from error
    except (OSError, EOFError, KeyError, ValueError, TypeError, BadZipFile, zlib.error) as error:
        raise CardiacMotionError(
            f"{path} is not a motion file: expected a .seq.nrrd or .npz saved by Motion.save"
        ) from error
