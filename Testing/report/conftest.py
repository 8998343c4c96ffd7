from pathlib import Path

import pytest

import CardiacMotionLib as cm


@pytest.fixture(scope="session")
def a_subject():
    """A small heart whose motion is known."""
    return cm.phantom("cine", 3, frames=6, slices=6, rows=64, columns=64, pixel_mm=2.2, thickness_mm=12.0)


@pytest.fixture(scope="session")
def its_strain(a_subject):
    return cm.strain(a_subject.motion, a_subject.series.labels[0])


@pytest.fixture(scope="session")
def a_page(a_subject, its_strain, tmp_path_factory) -> Path:
    from CardiacMotionLib.report import write_report

    quality = cm.evaluate(a_subject.motion, a_subject.series)
    path = tmp_path_factory.mktemp("report") / "report.html"
    return write_report(a_subject.series, a_subject.motion, its_strain, quality, path)
