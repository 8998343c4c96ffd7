"""Maps as files: values, place, unit and what is measured come back; Slicer opens them."""

import numpy as np
import pytest

from CardiacMotionLib import CardiacMotionError
from CardiacMotionLib.io import read_map, write_map
from CardiacMotionLib.io.quantities import quantity_of, unit_code

AFFINE = np.array([[0.0, -1.4, 0.0, 20.0], [1.4, 0.0, 0.0, -35.0], [0.0, 0.0, 8.0, 60.0], [0.0, 0.0, 0.0, 1.0]])


def a_map():
    values = np.random.default_rng(0).uniform(200, 2000, (2, 5, 6)).astype(np.float32)
    values[0, 1, 2] = np.nan
    return values


@pytest.mark.parametrize(("name", "unit"), [("T1", "ms"), ("T1_SD", "ms"), ("perfusion", "mL/g/min"), ("R2", "1")])
def test_a_map_comes_back_with_unit_and_place(tmp_path, name, unit):
    values = a_map()
    found = read_map(write_map(values, AFFINE, tmp_path / "anything.nrrd", name, unit))
    assert (found.name, found.unit) == (name, unit)
    np.testing.assert_array_equal(found.values, values)
    np.testing.assert_allclose(found.affine, AFFINE)


def test_header_has_the_codes_and_the_unit_of_the_format(tmp_path):
    nrrd = pytest.importorskip("nrrd")
    header = nrrd.read_header(str(write_map(a_map(), AFFINE, tmp_path / "T1.nrrd", "T1", "ms")))
    assert header["sample units"].strip('"') == "ms"
    assert header["CardiacMotion.quantity"] == "CodeValue:113063|CodingSchemeDesignator:DCM|CodeMeaning:T1"
    assert header["CardiacMotion.unit_code"] == "CodeValue:ms|CodingSchemeDesignator:UCUM|CodeMeaning:millisecond"


def test_codes_are_those_of_the_standard():
    """Against the dictionary of pydicom."""
    concepts = pytest.importorskip("pydicom.sr._concepts_dict").concepts
    known = {(scheme, value) for scheme, names in concepts.items() for entry in names.values() for value in entry}
    for code in (*map(quantity_of, ("T1", "T2", "T1_SD", "perfusion")), *map(unit_code, ("ms", "%", "1"))):
        assert (code.scheme, code.value) in known, code
    assert quantity_of("T2*").scheme.startswith("99")


def test_a_file_of_another_program_is_named_by_its_file(tmp_path):
    nrrd = pytest.importorskip("nrrd")
    nrrd.write(str(tmp_path / "my_T1.nrrd"), a_map().transpose())
    found = read_map(tmp_path / "my_T1.nrrd")
    assert (found.name, found.unit) == ("my_T1", "")


def test_what_is_no_map_is_refused(tmp_path):
    with pytest.raises(CardiacMotionError, match=r"'T1\.nii\.gz'; use a name ending in \.nrrd"):
        write_map(a_map(), AFFINE, tmp_path / "T1.nii.gz", "T1", "ms")
    with pytest.raises(CardiacMotionError, match=r"map T1 must have shape \(K, J, I\), got \(5, 6\)"):
        write_map(a_map()[0], AFFINE, tmp_path / "T1.nrrd", "T1", "ms")
    with pytest.raises(CardiacMotionError, match=r"expected a map as \.nrrd"):
        read_map(tmp_path)
    with pytest.raises(CardiacMotionError, match="no such file"):
        read_map(tmp_path / "none.nrrd")
