"""Gradient descent with a learned regularization, from coarse to fine: what recurrent inference is compared with."""

from ..learned_method import learned_method

METHOD = learned_method(
    __package__,
    title="Gradient descent network (GraDIRN)",
    summary="Steps down the gradient of the similarity, kept smooth by a network; the other iterative baseline.",
    citation="Qiu et al. 2022 (MICCAI, Embedding Gradient-Based Optimization in Image Registration Networks)",
)
