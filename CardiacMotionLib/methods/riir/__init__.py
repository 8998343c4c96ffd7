"""Recurrent inference: a small network that learned how to improve a motion step by step (paper 004)."""
