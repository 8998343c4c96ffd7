"""What is fitted: the images, how they were made, their times, the regions, and how their motion is taken out."""

from __future__ import annotations

from typing import Any

import slicer
from slicer.i18n import tr as _

from CardiacMotionLib.errors import CardiacMotionError

from . import analysis, packages
from .mapping_times import TimesTable
from .method_options import AUTO, MethodOptions
from .session import Session

WARNING_STYLE = "color: #b3261e;"
NONE = "none"
POLARITIES = ("auto", "magnitude", "signed")


class MapInputs:
    """The upper half of the mapping section."""

    def __init__(self, session: Session, ui: Any):
        self.session, self.ui = session, ui
        self.parameterNode: Any = None
        self.methods: dict[str, Any] = {}
        self._best = NONE
        self.opened = False  # whether the user has seen the section
        self._refused = ""  # why the node that was selected last is no series
        self._showing = False
        self.times = TimesTable(ui, self.session.changed)
        self.options = MethodOptions(
            ui.mapOptionsButton, ui.mapOptionsContainer, ui.mapResetOptionsButton, "mapOptions", session.changed
        )
        words = {"auto": _("found in the images"), "magnitude": _("magnitude images"), "signed": _("signed images")}
        for polarity in POLARITIES:
            ui.mapPolarityComboBox.addItem(words[polarity], polarity)
        ui.mapParametersComboBox.addItem(_("three parameters (A, B, T1)"), 3)
        ui.mapParametersComboBox.addItem(_("two parameters (A, T1): perfect saturation"), 2)
        ui.mapSeriesSelector.connect("currentNodeChanged(vtkMRMLNode*)", self.onSeriesSelected)
        for combo, keep in (
            (ui.mapModelComboBox, self.onModelSelected),
            (ui.mapMethodComboBox, self.onMethodSelected),
            (ui.mapPolarityComboBox, self.onPolaritySelected),
            (ui.mapParametersComboBox, self.onParametersSelected),
        ):
            combo.connect("currentIndexChanged(int)", keep)

    def setParameterNode(self, parameterNode: Any) -> None:
        """Show another parameter node, or none while a scene closes."""
        self.parameterNode = self.options.parameterNode = parameterNode
        self._refused = ""
        self.times.setParameterNode(parameterNode)
        if parameterNode is not None and parameterNode.mapSeries is None and packages.torchVersion():
            found = firstMappingSeries()
            if found is not None:
                parameterNode.mapSeries = found

    def select(self, sequence: Any, segmentation: Any) -> None:
        """Take these images and segmentation, with what the images say of themselves."""
        self.parameterNode.mapSegmentation = segmentation
        self.parameterNode.mapModel = ""
        self.ui.mapSeriesSelector.setCurrentNode(sequence)

    @property
    def model(self) -> str:
        """Name of the chosen model, else of the one that the series says; empty where neither is known."""
        chosen = self.parameterNode.mapModel if self.parameterNode else ""
        return chosen or str(self.times.acquired.values.get("model", ""))

    # ------------------------------------------------------------------ what is shown

    def refresh(self) -> None:
        """Show what the parameter node holds; until images are chosen nothing of the library is loaded for it."""
        if self.parameterNode is None:
            return
        if self.parameterNode.mapSeries is not None or self.opened:
            self._fillLists()
        if not self.methods:
            self.ui.mapTimesTable.visible = self.ui.mapOptionsButton.visible = False
            self._showSettings(set())
            return
        ui, node = self.ui, self.parameterNode
        self._showing = True
        if node.mapSeries is not None and node.mapSeries is not ui.mapSeriesSelector.currentNode():
            ui.mapSeriesSelector.setCurrentNode(node.mapSeries)
        for combo, value in (
            (ui.mapModelComboBox, node.mapModel),
            (ui.mapMethodComboBox, node.mapMethod),
            (ui.mapPolarityComboBox, node.mapPolarity),
            (ui.mapParametersComboBox, node.mapParameters),
        ):
            combo.setCurrentIndex(combo.findData(value))
        self._showing = False
        text, problem = self.describeSeries()
        ui.mapSeriesInfoLabel.text = text
        ui.mapSeriesInfoLabel.setStyleSheet(WARNING_STYLE if problem else "")
        ui.mapSeriesInfoLabel.visible = bool(text)
        series = None if problem else node.mapSeries
        self.times.look(series)
        self.times.show(series, self.model)
        ui.mapModelComboBox.setItemText(0, self._wordsOfSeries())
        ui.mapModelInfoLabel.text = aboutModel(self.model)
        problems = self.options.show(self.methods.get(node.mapMethod))
        ui.mapMethodInfoLabel.text = "\n".join([self.aboutMethod(), *problems])
        self._showSettings(self._settingsTaken())
        for widget in (
            ui.mapSeriesSelector,
            ui.mapModelComboBox,
            ui.mapTimesTable,
            ui.mapSegmentationSelector,
            ui.mapMethodComboBox,
            ui.mapOptionsButton,
            ui.mapCompareCheckBox,
            ui.mapPolarityComboBox,
            ui.mapRobustCheckBox,
            ui.mapParametersComboBox,
            ui.mapT1BloodSpinBox,
            ui.mapPartitionSpinBox,
        ):
            widget.enabled = not self.session.busy

    def _fillLists(self) -> None:
        """List models and methods once torch is there; they are read from the library."""
        if self.methods or not packages.torchVersion():
            return
        from CardiacMotionLib.map_pipeline import choose_method
        from CardiacMotionLib.mapping.models import MODELS, make_model
        from CardiacMotionLib.methods import methods

        self.methods, self._best = methods(), choose_method(AUTO)
        self._showing = True
        self.ui.mapModelComboBox.addItem(_("What the images say"), "")
        for name in MODELS:
            self.ui.mapModelComboBox.addItem(make_model(name).title, name)
        self.ui.mapMethodComboBox.addItem(_("Automatic: the best groupwise method"), AUTO)
        self.ui.mapMethodComboBox.addItem(_("None: the images as they are"), NONE)
        for name, info in self.methods.items():
            self.ui.mapMethodComboBox.addItem(info.title, name)
        self._showing = False

    def _wordsOfSeries(self) -> str:
        said = self.times.acquired.values.get("model")
        if said is None:
            return _("Choose how the images were made")
        return _("As the images say: {model}").format(model=said)

    def _settingsTaken(self) -> set[str]:
        """Names of what can be set of the chosen model."""
        from CardiacMotionLib.mapping.models import MODELS, make_model, settings_of

        if self.model not in MODELS:
            return set()
        taken = set(settings_of(self.model))
        if make_model(self.model).changes_sign:
            taken.add("polarity")
        return taken if self.model == "asl" else {*taken, "robust"}

    def _showSettings(self, taken: set[str]) -> None:
        """Only the settings that the model takes."""
        ui = self.ui
        for name, widgets in (
            ("t1_blood", (ui.mapT1BloodLabel, ui.mapT1BloodSpinBox)),
            ("partition", (ui.mapPartitionLabel, ui.mapPartitionSpinBox)),
            ("parameters", (ui.mapParametersLabel, ui.mapParametersComboBox)),
            ("polarity", (ui.mapPolarityLabel, ui.mapPolarityComboBox)),
            ("robust", (ui.mapRobustCheckBox,)),
        ):
            for widget in widgets:
                widget.visible = name in taken

    def describeSeries(self) -> tuple[str, bool]:
        """(what is selected, False) or (what is wrong with it, True)."""
        series = self.parameterNode.mapSeries if self.parameterNode else None
        if series is None:
            return self._refused, bool(self._refused)
        return describeImages(series)

    def aboutMethod(self) -> str:
        """What the chosen registration does to these images."""
        chosen = self.parameterNode.mapMethod
        name = self._best if chosen == AUTO else chosen
        if name == NONE:
            if chosen == NONE:
                return _("The maps are of the images as acquired.")
            return _("No groupwise method can run here, so the maps will be of the images as acquired.")
        info = self.methods.get(name)
        if info is None:
            return _("This scene asks for the method {name}, which is not installed; choose another.").format(name=name)
        if "groupwise" in info.needs:
            how = _("All images are registered together; the maps lie in their mean shape.")
        else:
            how = _("Each image is registered to that of the longest time, in which the maps lie.")
        return f"{info.title}. {how}" if chosen == AUTO else f"{info.summary} {how}"

    def problem(self) -> str:
        """Why there is nothing to fit, or nothing."""
        text, wrong = self.describeSeries()
        if wrong:
            return text
        if self.parameterNode is None or self.parameterNode.mapSeries is None:
            return _("Select the images of a mapping sequence (Study opens files), or press Sample data.")
        if not self.model:
            return _("Choose how the images were made: they do not say it.")
        method = self.parameterNode.mapMethod
        if method not in (AUTO, NONE, *self.methods):
            return self.aboutMethod()
        return self.times.problem(self.model, self.settings())

    def settings(self) -> dict[str, Any]:
        """What the model takes besides times."""
        from CardiacMotionLib.mapping.models import settings_of

        node = self.parameterNode
        known = {"t1_blood": node.mapT1Blood, "partition": node.mapPartition, "parameters": node.mapParameters}
        return {name: known[name] for name in settings_of(self.model)}

    def request(self) -> Any:
        """What is to be computed, without nodes; raises `CardiacMotionError` for what cannot be."""
        from CardiacMotionLib.map_pipeline import MapRequest, with_acquisition
        from CardiacMotionLib.scene import series_from_nodes

        node = self.parameterNode
        problem = self.problem()
        if problem:
            raise CardiacMotionError(problem)
        ofStudy = node.mapSegmentation is not None and node.mapSegmentation is node.segmentation
        segments = analysis.chosenSegments(node) if ofStudy else None  # whose segments may be mapped by hand
        images = series_from_nodes(node.mapSeries, node.mapSegmentation, segment_labels=segments or None)
        series = with_acquisition(images, self.model, {**self.times.values(self.model), **self.settings()})
        robust = node.mapRobust and self.model != "asl"
        return MapRequest(
            series,
            node.mapMethod,
            polarity=node.mapPolarity,
            robust=robust,
            device=node.device,
            options=self.options.values(),
        )

    # ------------------------------------------------------------------ what the user does

    def onSeriesSelected(self, node: Any = None) -> None:
        """Keep the sequence; a volume that a sequence browser plays stands for its sequence."""
        if self.parameterNode is None or self._showing:
            return
        node, self._refused = self.ui.mapSeriesSelector.currentNode(), ""
        if node is not None and not node.IsA("vtkMRMLSequenceNode"):
            node = self._sequenceOf(node)
        if node is not self.parameterNode.mapSeries:
            self.parameterNode.mapTimes = "{}"  # what was typed was of the other images
            self.parameterNode.mapSeries = node
        self.session.changed()

    def _sequenceOf(self, volume: Any) -> Any:
        from CardiacMotionLib.scene.cines import FILE, cine_kind, to_sequence

        if cine_kind(volume) == FILE:  # its file is not read for a look at it
            self._refused = _(
                "{name} is a single image; select a sequence. If its file holds more, make it a sequence in Study."
            ).format(name=volume.GetName())
            return None
        try:
            return to_sequence(volume)
        except CardiacMotionError as error:
            self._refused = str(error)
            return None

    def onModelSelected(self, index: int) -> None:
        """Keep the model."""
        self._keep("mapModel", self.ui.mapModelComboBox, index)

    def onMethodSelected(self, index: int) -> None:
        """Keep the method."""
        self._keep("mapMethod", self.ui.mapMethodComboBox, index)

    def onPolaritySelected(self, index: int) -> None:
        """Keep whether the images have their sign."""
        self._keep("mapPolarity", self.ui.mapPolarityComboBox, index)

    def onParametersSelected(self, index: int) -> None:
        """Keep the number of parameters."""
        self._keep("mapParameters", self.ui.mapParametersComboBox, index)

    def _keep(self, name: str, combo: Any, index: int) -> None:
        if self.parameterNode is not None and not self._showing and index >= 0:
            setattr(self.parameterNode, name, combo.itemData(index))
            self.session.changed()


def aboutModel(name: str) -> str:
    """The equation of a model and where it is from; nothing for an unknown one."""
    from CardiacMotionLib.mapping.models import MODELS, formula_of

    return formula_of(name) if name in MODELS else ""


def describeImages(sequence: Any) -> tuple[str, bool]:
    """(number, size and spacing of the images in one line, False), or (what is wrong, True)."""
    count = sequence.GetNumberOfDataNodes()
    first = sequence.GetNthDataNode(0) if count else None
    if first is None:
        return _("This sequence is empty; select one with images."), True
    if not first.IsA("vtkMRMLScalarVolumeNode") or first.GetImageData() is None:
        return _("This sequence holds {kind}, not images.").format(kind=first.GetNodeTagName()), True
    if count < 2:
        return _("This sequence has one image; a map needs several, under different preparations."), True
    size, spacing = first.GetImageData().GetDimensions(), first.GetSpacing()
    return _("{count} images of {i} x {j} x {k} voxels, {x:.2f} x {y:.2f} x {z:.2f} mm").format(
        count=count, i=size[0], j=size[1], k=size[2], x=spacing[0], y=spacing[1], z=spacing[2]
    ), False


def firstMappingSeries() -> Any:
    """The first sequence of images in the scene that says how it was acquired, or None."""
    from CardiacMotionLib.scene import acquisition_of
    from CardiacMotionLib.scene.run_nodes import RUN

    for node in slicer.util.getNodesByClass("vtkMRMLSequenceNode"):
        if node.GetAttribute(RUN) is None and not describeImages(node)[1] and acquisition_of(node, files=False).values:
            return node
    return None
