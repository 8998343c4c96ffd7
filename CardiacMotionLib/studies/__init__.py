"""Many subjects in one run: who they are, and what is done with them.

``subjects`` says whom: people of data sets, and synthetic ones. ``agreement`` says how well measurements agree.
"""
