"""One run with strain that the tests share: every test gets it without the points of another."""

import pytest

from CardiacMotionLib.scene import Curves, add_results, add_series, find_probes, find_rulers, show_curves, show_frame
from CardiacMotionLib.scene.headless import headless_scene


@pytest.fixture(scope="module")
def shared():
    """The run that tests share, and the scene that it is in."""
    return {}


@pytest.fixture
def run(hearts, shared):
    """(results, motion, strain), with no point of another test; made again where a test put another scene in place."""
    series, motion, strain = hearts["oblique"]
    if shared.get("scene") is not headless_scene().scene:
        shared["scene"] = headless_scene(fresh=True).scene
        shared["results"] = add_results(add_series(series, "Cine")[0], series, motion, strain, name="Run")
    results = shared["results"]
    yield results, motion, strain
    if shared["scene"] is headless_scene().scene:
        for one in [*find_probes(results), *find_rulers(results)]:
            one.remove()
        show_curves(results, strain, Curves())
        show_frame(results.browser, 0)


@pytest.fixture
def scene(request):
    """The scene of the run that a test asks for too, else an empty one."""
    if "run" in request.fixturenames:
        request.getfixturevalue("run")
        return headless_scene().scene
    return headless_scene(fresh=True).scene
