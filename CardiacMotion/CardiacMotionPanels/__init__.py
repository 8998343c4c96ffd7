"""The panels of the CardiacMotion module: what the user sees and clicks. No numerics.

The package lies beside ``CardiacMotion.py`` in the source tree and in the installed ``qt-scripted-modules`` folder
alike, and Slicer puts exactly that folder on the path. Its name carries the module's name because every extension's
folder is on the same path: a package called ``panels`` would be found by, or hide, somebody else's.

A panel is a plain Python object that holds widgets. Nothing is stored on a widget: PythonQt refuses new attributes
there.
"""
