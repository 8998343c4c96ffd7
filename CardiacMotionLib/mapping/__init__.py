"""Parameter mapping: what the sequences measure (``signals``), as functions of T1, T2 and time."""
