"""The module's own self-test, as Slicer runs it, on stand-ins."""

import unittest

import pytest


def test_self_test_passes(slicer):
    slicer.selfTests["CardiacMotion"](msec=1)


def test_a_slicer_without_what_computes_skips_it_and_says_what_is_absent(slicer, monkeypatch):
    monkeypatch.setattr("CardiacMotionPanels.packages.torchVersion", lambda: "")
    with pytest.raises(unittest.SkipTest, match="not installed: torch"):
        slicer.selfTests["CardiacMotion"](msec=1)


def test_a_slicer_without_report_packages_tests_the_rest(slicer, monkeypatch):
    from CardiacMotionPanels import selftest, selftest_sections

    monkeypatch.setattr("CardiacMotionPanels.packages.REPORT", {"a_package_nobody_has": "a-package>=1"})
    monkeypatch.setattr("CardiacMotionLib.report.write_report", lambda *_: pytest.fail("needs the packages"))
    monkeypatch.setattr(selftest, "STEPS", (selftest.panelApplies,))
    monkeypatch.setattr(selftest_sections, "STEPS", (selftest_sections.filesAreExported,))
    slicer.selfTests["CardiacMotion"](msec=1)
