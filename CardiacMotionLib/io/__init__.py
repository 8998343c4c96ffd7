"""Files in and out: images with labels, motions, and the sample data.

Reading: `read_series`, `read_map`, `read_t1`. Writing: `write_series`, `write_values`, `write_volume`, `write_labels`,
`write_segmentation`, `write_map`, `write_displacement_itk`; motions as Slicer's transform sequences in `motion_files`,
as arrays in `motion_arrays`. `convert` goes from one format to another. Packages for single formats (nibabel, pynrrd,
pydicom, SimpleITK) are loaded when a file of that format is met.
"""

from .convert import convert
from .itk_files import write_displacement_itk
from .labels import attach_labels
from .map_files import MapFile, read_map, read_t1, write_map, write_maps
from .motion_files import read_motion_sequence, write_motion_sequence
from .read import read_series
from .sample import make_sample, sample_series
from .write import write_labels, write_segmentation, write_series, write_values, write_volume

__all__ = [
    "MapFile",
    "attach_labels",
    "convert",
    "make_sample",
    "read_map",
    "read_motion_sequence",
    "read_series",
    "read_t1",
    "sample_series",
    "write_displacement_itk",
    "write_labels",
    "write_map",
    "write_maps",
    "write_motion_sequence",
    "write_segmentation",
    "write_series",
    "write_values",
    "write_volume",
]
