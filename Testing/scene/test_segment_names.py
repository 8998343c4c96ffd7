"""Which segment is which structure."""

import pytest

from CardiacMotionLib import CardiacMotionError
from CardiacMotionLib.scene import match_segments
from CardiacMotionLib.scene.segment_names import choose_segments, label_of_name


def segmentation(scene, *names):
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Heart")
    for number, name in enumerate(names):
        node.GetSegmentation().AddEmptySegment(f"s{number}", name)
    return node


@pytest.mark.parametrize(
    "name",
    [
        "RV",
        "rv",
        "right ventricle",
        "Right Ventricle",
        "RV blood pool",
        "RightVentricle",
        "RV_cavity",
        "RV endo",
        "right ventricular cavity",
        "RVBP",
    ],
)
def test_names_of_the_right_ventricle(name):
    assert label_of_name(name) == 1


@pytest.mark.parametrize(
    "name",
    [
        "Myo",
        "myocardium",
        "LV wall",
        "LV_myo",
        "left ventricular myocardium",
        "LVM",
        "LV muscle",
        "epi",
        "LV epicardium",
        "MYO (ED)",
        "LVMyo",
    ],
)
def test_names_of_the_myocardium(name):
    assert label_of_name(name) == 2


@pytest.mark.parametrize(
    "name",
    [
        "LV",
        "left ventricle",
        "LV blood pool",
        "cavity",
        "endo",
        "LV-cavity",
        "LVBP",
        "Blood pool",
        "LeftVentricle",
        "LV lumen",
    ],
)
def test_names_of_the_cavity(name):
    assert label_of_name(name) == 3


@pytest.mark.parametrize(
    "name",
    [
        "Segment_1",
        "left atrium",
        "LA",
        "RV wall",
        "RV myocardium",
        "right atrium",
        "Aorta",
        "papillary muscle",
        "pericardium",
        "LV scar",
        "liver",
        "",
    ],
)
def test_names_of_something_else(name):
    assert label_of_name(name) is None


def test_a_usual_segmentation(scene):
    node = segmentation(scene, "RV blood pool", "LV wall", "LV", "Left atrium", "RV wall")
    assert match_segments(node) == {"s0": 1, "s1": 2, "s2": 3}


def test_terminology_is_read_when_the_name_says_nothing(scene):
    node = segmentation(scene, "Segment_1", "Segment_2", "RV")
    for identity, meaning in (("s0", "Myocardium"), ("s1", "Left ventricle")):
        category = "Segmentation category and type~SCT^123037004^Anatomical Structure"
        entry = f"{category}~SCT^0^{meaning}~^^~Anatomic codes~^^~^^"
        node.GetSegmentation().GetSegment(identity).SetTag("TerminologyEntry", entry)
    assert match_segments(node) == {"s0": 2, "s1": 3, "s2": 1}


def test_mapping_wins_over_names(scene):
    node = segmentation(scene, "LV", "inner", "RV")
    assert match_segments(node, {"LV": "LV myocardium", "inner": 3}) == {"s0": 2, "s1": 3, "s2": 1}
    assert match_segments(node, {"s0": 2}) == {"s0": 2, "s2": 1}


def test_two_claimants_are_refused_unless_one_has_the_very_name(scene):
    with pytest.raises(
        CardiacMotionError,
        match=r"'LV' and 'cavity' .* both look like the LV cavity; rename one, or pass segment_labels",
    ):
        match_segments(segmentation(scene, "LV", "cavity", "Myo"))
    assert match_segments(segmentation(scene, "LV", "LV cavity", "Myo")) == {"s1": 3, "s2": 2}


@pytest.mark.parametrize("names", [("LV", "RV"), ("Segment_1",), ()])
def test_no_myocardium_is_refused(scene, names):
    with pytest.raises(CardiacMotionError, match="looks like the LV myocardium; rename it to 'LV myocardium'"):
        match_segments(segmentation(scene, *names))


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"nobody": 2}, "has no such segments; its segments are Myo, LV"),
        ({"Myo": 7}, "use 'RV' \\(1\\)"),
        ({"Myo": "muscle"}, "use 'RV' \\(1\\)"),
        ({"Myo": 2, "LV": 2}, "maps two segments to LV myocardium"),
    ],
)
def test_mappings_that_cannot_be(scene, mapping, message):
    with pytest.raises(CardiacMotionError, match=message):
        match_segments(segmentation(scene, "Myo", "LV"), mapping)


def test_a_segment_is_left_out_when_its_structure_is_said_not_to_be_there(scene):
    node = segmentation(scene, "Myo", "LV", "RV")
    assert match_segments(node, {"RV": 0}) == {"s0": 2, "s1": 3}


@pytest.mark.parametrize(
    ("choices", "matched"),
    [
        ({}, {"s0": 2, "s1": 3, "s2": 1}),
        ({"RV": None}, {"s0": 2, "s1": 3}),
        ({"LV cavity": "s3"}, {"s0": 2, "s3": 3, "s2": 1}),
        ({"RV": "s3", "LV myocardium": "s1", "LV cavity": "s0"}, {"s3": 1, "s1": 2, "s0": 3}),
        ({"RV": "deleted"}, {"s0": 2, "s1": 3, "s2": 1}),
    ],
)
def test_what_the_user_chose_goes_before_the_names(scene, choices, matched):
    node = segmentation(scene, "Myo", "LV", "RV", "Segment_4")
    assert match_segments(node, choose_segments(node, choices)) == matched


def test_one_segment_cannot_be_two_structures(scene):
    node = segmentation(scene, "Myo", "LV")
    with pytest.raises(CardiacMotionError, match="'LV' was chosen for"):
        choose_segments(node, {"LV cavity": "s1", "RV": "s1"})
