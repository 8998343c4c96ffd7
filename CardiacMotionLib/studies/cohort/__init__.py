"""Registration, strain, maps and report of many subjects, on many processes, and what the groups have in common.

``design`` says who and how, ``description`` reads that from TOML; ``work`` is one subject by one method, ``measures``
its numbers, ``records`` the file that says it is done; ``run`` does all of them, ``summary`` makes tables of the
records.
"""

from .description import read_cohort
from .design import Cohort, Member, MethodChoice, Settings, make_cohort
from .records import Record
from .run import Finished, run_cohort
from .summary import Summary, summarize

__all__ = [
    "Cohort",
    "Finished",
    "Member",
    "MethodChoice",
    "Record",
    "Settings",
    "Summary",
    "make_cohort",
    "read_cohort",
    "run_cohort",
    "summarize",
]
