"""Long work beside a user interface: a `Job` is started, watched and cancelled, and reports on the caller's thread.

No Qt and no Slicer here: whoever owns an event loop calls `Job.poll` from a timer, and every callback runs inside
that call. Where the work runs is the runner's matter: at once (`InlineRunner`), in a thread (`ThreadRunner`) or in a
process of its own (`ProcessRunner`). The work gets plain data and a ``progress`` function; it never touches the scene.
"""

from .job import Job
from .process import ProcessRunner, WorkerDiedError
from .runners import InlineRunner, Progress, Runner, State, ThreadRunner, Work

__all__ = [
    "InlineRunner",
    "Job",
    "ProcessRunner",
    "Progress",
    "Runner",
    "State",
    "ThreadRunner",
    "Work",
    "WorkerDiedError",
]
