"""The population prior of the network (paper 000): one fit a subject, all from the same weights, and their mean.

``subjects`` are the hearts, ``fits`` one subject's fit and its file, ``build`` makes priors of them.
"""

from .build import Population, build_prior, fit_population, make_prior
from .fits import DEFAULTS, NOT_OF_THE_FIT, Recipe
from .subjects import ROTATION, PhantomSubject, Subject, phantom_subjects

__all__ = [
    "DEFAULTS",
    "NOT_OF_THE_FIT",
    "ROTATION",
    "PhantomSubject",
    "Population",
    "Recipe",
    "Subject",
    "build_prior",
    "fit_population",
    "make_prior",
    "phantom_subjects",
]
