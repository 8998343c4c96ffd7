"""Parameter mapping: what the sequences measure (``signals``), and the maps that a fit makes of it (``fit``).

From images to maps: ``acquisition`` (what the fit is told), ``models`` (signal equations with their derivatives),
``start`` and ``polarity`` (where the fit begins, and the sign that magnitude images hide), ``fitting`` (least squares
of all pixels at once), ``pixels`` (all of that for some pixels), ``maps`` (the result), ``perfusion`` (arterial spin
labeling, which is computed and not fitted), ``ecv`` (what two T1 maps give).
"""
