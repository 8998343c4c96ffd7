"""A job ends in exactly one way, tells it on the caller's thread, and a cancel takes less than a second."""

import threading
import time

import pytest

from CardiacMotionLib.errors import Cancelled, CardiacMotionError
from CardiacMotionLib.jobs import InlineRunner, Job, State


class Events:
    """Records what a job told, and on which thread."""

    def __init__(self):
        self.seen, self.threads = [], set()

    def __getattr__(self, name):
        def record(*arguments):
            self.seen.append((name, *arguments))
            self.threads.add(threading.current_thread())

        return record

    def names(self):
        return [event[0] for event in self.seen]


def a_job(work, **more):
    events = Events()
    job = Job(
        work,
        on_progress=events.progress,
        on_finished=events.finished,
        on_failed=events.failed,
        on_cancelled=events.cancelled,
        **more,
    )
    return job, events


def until_cancelled(progress):
    while progress(0.3, "working"):
        time.sleep(0.005)
    raise Cancelled("stopped")


def test_result_arrives_from_poll_and_not_before():
    job, events = a_job(lambda progress: progress(0.5, "half") and 42, runner=InlineRunner())
    job.start()
    assert events.seen == []
    assert job.poll() is State.FINISHED
    assert events.seen == [("progress", 0.5, "half"), ("finished", 42)]


def test_thread_works_elsewhere_and_reports_here():
    where = []
    job, events = a_job(lambda progress: where.append(threading.current_thread()))
    job.start()
    assert job.wait(5) is State.FINISHED
    assert where[0] is not threading.current_thread()
    assert events.threads == {threading.current_thread()}


def test_failure_is_handed_over_whole():
    def work(progress):
        raise CardiacMotionError("frames are empty")

    job, events = a_job(work)
    job.start()
    assert job.wait(5) is State.FAILED
    assert events.names() == ["progress", "failed"] or events.names() == ["failed"]
    assert str(events.seen[-1][1]) == "frames are empty"


@pytest.mark.parametrize("deaf", [False, True], ids=["a worker that listens", "a worker that does not"])
def test_cancel_is_done_within_a_second(deaf):
    release = threading.Event()
    job, events = a_job((lambda progress: release.wait(5) and "late") if deaf else until_cancelled)
    job.start()
    job.poll(0.05)
    asked = time.monotonic()
    job.cancel()
    assert job.state is State.CANCELLING
    assert job.wait(5) is State.CANCELLED
    assert time.monotonic() - asked < 1.0
    release.set()
    time.sleep(0.05)
    assert job.poll() is State.CANCELLED  # what the deaf worker brings later is dropped
    assert "finished" not in events.names()
    assert events.names()[-1] == "cancelled"


def test_a_result_that_crosses_a_cancel_is_dropped():
    job, events = a_job(lambda progress: 42, runner=InlineRunner())
    job.start()
    job.cancel()
    assert job.poll() is State.CANCELLED
    assert events.names() == ["cancelled"]


def test_callback_may_cancel():
    job, events = a_job(until_cancelled)
    job.on_progress = lambda fraction, text: job.cancel()
    job.start()
    assert job.wait(5) is State.CANCELLED
    assert events.names() == ["cancelled"]


def test_a_job_runs_once():
    job, _ = a_job(lambda progress: None, runner=InlineRunner())
    job.start()
    with pytest.raises(RuntimeError, match="runs once"):
        job.start()


def test_remaining_time_follows_the_pace(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("CardiacMotionLib.jobs.time.monotonic", lambda: now[0])
    job, _ = a_job(lambda progress: progress(0.25, ""), runner=InlineRunner())
    assert job.remaining_seconds() is None
    job.start()
    now[0] += 1
    assert job.remaining_seconds() is None  # too early to judge
    now[0] += 9
    assert job.remaining_seconds() == pytest.approx(30.0)
