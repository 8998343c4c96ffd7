"""``cardiac-motion repeatability``: files, verdicts, going on, and what cannot be done."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from CardiacMotionLib import Motion
from CardiacMotionLib.cli import repeatability
from CardiacMotionLib.methods import registry

TINY = {"frames": 3, "slices": 2, "rows": 44, "columns": 44, "pixel_mm": 4.0}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Tiny hearts, and registration that contracts the last frame by some 10 %, spline as the noise has it."""
    calls = []

    def register(series, method, *, progress, **_):
        calls.append(method)
        if progress(0.5, "half") is False or len(calls) == register.stops_at:
            raise KeyboardInterrupt
        k, j, i = np.indices(series.shape, dtype=float)
        points = np.stack((i, j, k), -1) @ series.affine[:3, :3].T
        points -= points.mean((0, 1, 2))
        moved = np.zeros((*series.frames.shape, 3), np.float32)
        moved[-1] = -(0.1 + 0.2 * (series.frames.std() % 0.1) * (method == "spline")) * points
        return Motion(moved, series.affine, 0, series.times)

    register.stops_at = 0
    monkeypatch.setattr(registry, "register", register)
    monkeypatch.setattr(repeatability, "STANDARD", TINY)
    return calls, register


def test_a_study_is_written_and_gone_on_with(cardiac_motion, tmp_path, quick):
    calls, register = quick
    asked = ("repeatability", "-o", tmp_path / "out", "--synthetic", "3", "--conditions", "noise,crop", "--no-sample")
    register.stops_at = 4
    stopped = cardiac_motion(*asked)
    assert stopped.code == 130
    assert "the same command goes on" in stopped.err
    assert not (tmp_path / "out" / "repeatability.md").exists()
    register.stops_at = 0
    done = cardiac_motion(*asked, "--json")
    assert done.code == 0, done.err
    assert len(calls) == 3 * 3 * 2 + 1  # base, crop and noise by two methods, and the one that was stopped
    names = {path.rsplit("/", 1)[-1] for path in done.json["files"]}
    assert names == {"repeatability.csv", "agreement.csv", "repeatability.md", "repeatability.png", "bland_altman.png"}
    assert all((tmp_path / "out" / name).stat().st_size > 200 for name in names)
    values = pd.read_csv(tmp_path / "out" / "repeatability.csv")
    assert set(values["method"]) == {"exact", "spline", "demons"}
    assert values["subject"].nunique() == 3
    page = (tmp_path / "out" / "repeatability.md").read_text()
    assert "cardiac-motion repeatability --synthetic 3 --methods spline,demons" in page
    assert "root mean square method" in page
    assert len(done.json["verdicts"]) == 2
    assert isinstance(done.json["verdicts"][0]["holds"], bool)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--methods", "magic"], "unknown method magic"),
        (["--conditions", "weather"], "unknown condition weather"),
        (["--synthetic", "0", "--no-sample"], "no subjects"),
    ],
)
def test_what_cannot_be_done_is_said_at_once(cardiac_motion, tmp_path, quick, arguments, words):
    done = cardiac_motion("repeatability", "-o", tmp_path / "out", *arguments)
    assert done.code == 2
    assert words in done.err
    assert not quick[0]
    assert not (tmp_path / "out").exists()
