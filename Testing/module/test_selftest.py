"""The module's own self-test, as Slicer runs it, on stand-ins."""


def test_self_test_passes(slicer):
    slicer.selfTests["CardiacMotion"](msec=1)
