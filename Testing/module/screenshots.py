"""Pictures of the module for the catalog and the tutorial: ``python Testing/module/screenshots.py [folder]``.

They are taken on the stand-ins, offscreen: the panel as it is clicked through, section by section, on the cine that
ships and on a phantom of a T1 series, and what each layout shows, drawn by VTK from the nodes.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "Testing" / "qt")]

import application  # noqa: E402
import views  # noqa: E402

WIDTH = 460
SECTIONS = ("study", "motion", "review", "strain", "mapping", "export")
COLORS = 256  # of a picture of a panel, which then is a third of its size
PATIENCE_SECONDS = 900


def main(folder: Path) -> None:
    """Click through the module and take every picture."""
    import slicer

    panel = slicer.util.getModuleWidget("CardiacMotion")
    panel.enter()
    panel.parent.show()
    study(panel)
    section(panel, "study", folder)
    motion(panel, folder)
    section(panel, "review", folder)
    section(panel, "strain", folder)
    layouts(panel, folder)
    export(panel, folder)
    slicer.mrmlScene.Clear()
    mapping(panel)
    section(panel, "mapping", folder)
    maps_layout(panel, folder)


def study(panel) -> None:
    """The cine that ships, with its contours."""
    panel.study.ui.loadSampleButton.click()
    settle(panel)


def motion(panel, folder: Path) -> None:
    """The default method, until it is done."""
    section(panel, "motion", folder)  # before: the expected time is then that of any machine
    wait_for(panel.motion.ui.applyButton, panel.motion.run)


def layouts(panel, folder: Path) -> None:
    """What the layouts for review and strain show at end-systole."""
    import CardiacMotionPanels.layout as layout

    from CardiacMotionLib.scene import show_frame

    results = panel.session.current
    show_frame(results.browser, panel.session.outcome.strain.end_systole)
    for number, button, name in (
        (layout.REVIEW, panel.layouts.ui.reviewLayoutButton, "review"),
        (layout.STRAIN, panel.layouts.ui.strainLayoutButton, "strain"),
    ):
        button.click()
        settle(panel)
        models = [results.wall, results.bullseye]
        picture = views.layout_picture(layout.ROWS[number], models=models)
        save(picture, folder / f"layout_{name}.webp")
    save(picture.resize((960, round(picture.height * 960 / picture.width))), folder / "views.png")  # for the catalog
    panel.layouts.ui.userLayoutButton.click()


def mapping(panel) -> None:
    """A phantom of a T1 series, mapped before and after registration."""
    wait_for(panel.mapping.ui.mapSampleButton, panel.mapping.sample)
    settle(panel)
    wait_for(panel.mapping.ui.mapFitButton, panel.mapping.run)


def maps_layout(panel, folder: Path) -> None:
    """What the layout for mapping shows."""
    import CardiacMotionPanels.layout as layout

    panel.layouts.ui.mappingLayoutButton.click()
    settle(panel)
    save(views.layout_picture(layout.ROWS[layout.MAPPING]), folder / "layout_mapping.webp")
    panel.layouts.ui.userLayoutButton.click()


def export(panel, folder: Path) -> None:
    """Everything into a folder that is thrown away."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="study-") as target:
        panel.export.ui.exportFolderButton.directory = target
        wait_for(panel.export.ui.exportButton, panel.export.run)
        said = panel.export.ui.exportStatusLabel
        said.text = said.text.replace(target, "/home/you/Documents")
        panel.export.ui.exportFolderButton.setText("/home/you/Documents")
        section(panel, "export", folder)


# ---------------------------------------------------------------------- taking pictures


def section(panel, name: str, folder: Path) -> None:
    """A picture of one section, the others closed."""
    for other in SECTIONS:
        getattr(panel.ui, f"{other}Section").collapsed = other != name
    settle(panel)
    widget = getattr(panel.ui, f"{name}Section")
    fit(panel.parent)
    take(widget, folder / f"{name}.png")


def fit(widget) -> None:
    """Give a widget its natural height."""
    import slicer

    widget.resize(WIDTH, 10)
    for _ in range(3):  # wrapped labels settle their height in the second pass
        slicer.app.processEvents()
        layout = widget.layout()
        widget.resize(WIDTH, max(layout.totalHeightForWidth(WIDTH), layout.totalMinimumSize().height()))
    slicer.app.processEvents()


def take(widget, path: Path) -> None:
    """Save a picture of a widget."""
    from PIL import Image

    if not widget.grab().save(str(path)):
        raise OSError(f"cannot write {path}")
    save(Image.open(path), path)


def save(image, path: Path) -> None:
    """Save a picture small: .png with as many colors as a panel needs, .webp for views."""
    from PIL import Image

    if path.suffix == ".webp":
        image.save(path, quality=88, method=6)
        print(path, path.stat().st_size // 1000, "KB")
        return
    reduced = image.convert("RGB").quantize(COLORS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    reduced.save(path, optimize=True)
    print(path, path.stat().st_size // 1000, "KB")


def settle(panel) -> None:
    """Let events run and the sections show the state."""
    import slicer

    slicer.app.processEvents()
    panel.session.changed()
    slicer.app.processEvents()


def wait_for(button, run) -> None:
    """Click, and wait until the work has ended."""
    import slicer

    button.click()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while run.running:
        if time.monotonic() > deadline:
            raise TimeoutError(f"not done after {PATIENCE_SECONDS} s: {run.statusLabel.text}")
        slicer.app.processEvents()
        time.sleep(0.01)
    slicer.app.processEvents()
    print(run.statusLabel.text.splitlines()[0])


if __name__ == "__main__":
    application.start()
    application.load_module(ROOT / "CardiacMotion" / "CardiacMotion.py")
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "Resources" / "Screenshots"
    target.mkdir(parents=True, exist_ok=True)
    main(target)
    application.stop()
