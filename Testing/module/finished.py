"""Finished work in the scene and in the session, without computing: a small heart with a known motion, and maps."""

from __future__ import annotations

from small_hearts import AFFINES, heart_labels, heart_motion, heart_series
from small_maps import small_maps

from CardiacMotionLib import pipeline
from CardiacMotionLib.report import MapRun, with_labels
from CardiacMotionLib.scene import add_results, add_series
from CardiacMotionLib.scene.maps import add_map_run


def take_motion(panel, name="Cine"):
    """A motion with strain, selected in the panel: (outcome, results)."""
    affine = AFFINES["oblique"]
    series = heart_series(affine)
    series = series.replace(meta={"name": name})
    cine, _browser = add_series(series, name)
    outcome = pipeline.analyze(series, heart_motion(affine))
    results = add_results(cine, series, outcome.motion, outcome.strain)
    panel.session.take(outcome, results)
    return outcome, results


def take_maps(panel, name="T1 series", registered=True):
    """Maps of a series, selected in the panel: (run, results)."""
    affine = AFFINES["oblique"]
    series, motion = heart_series(affine, times=(0.0, 1.0, 2.0, 3.0)), heart_motion(affine)
    sequence, _browser = add_series(series, name)
    run = MapRun(series, small_maps(affine))
    if registered:
        images = series.replace(frames=motion.warp(series), labels={})
        run = MapRun(series, small_maps(affine, (700.0, 1500.0, 1040.0, 1500.0)), motion, images, small_maps(affine))
    run = with_labels(run, 0, heart_labels())
    results = add_map_run(run, sequence)
    panel.session.takeMaps(run, results)
    return run, results
