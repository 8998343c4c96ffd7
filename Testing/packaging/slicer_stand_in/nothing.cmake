# Packaging is not tested here.
