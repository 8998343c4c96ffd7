"""A job ends in exactly one way, tells it on the caller's thread, and a cancel takes less than a second."""

import os
import signal
import sys
import threading
import time
from functools import partial

import pytest
import work

from CardiacMotionLib.errors import CardiacMotionError
from CardiacMotionLib.jobs import InlineRunner, Job, ProcessRunner, State, WorkerDiedError


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


until_cancelled = partial(work.until_cancelled, 0.3)


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


def test_work_that_would_end_the_thread_fails():
    job, events = a_job(work.leave)
    job.start()
    assert job.wait(5) is State.FAILED
    assert type(events.seen[-1][1]) is SystemExit


def test_failure_is_handed_over_whole():
    job, events = a_job(work.refuse)
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
    monkeypatch.setattr("CardiacMotionLib.jobs.job.time.monotonic", lambda: now[0])
    job, _ = a_job(lambda progress: progress(0.25, ""), runner=InlineRunner())
    assert job.remaining_seconds() is None
    job.start()
    now[0] += 1
    assert job.remaining_seconds() is None  # too early to judge
    now[0] += 9
    assert job.remaining_seconds() == pytest.approx(30.0)


def test_work_that_a_runner_refuses_was_never_started():
    job, events = a_job(lambda progress: 42, runner=ProcessRunner())
    with pytest.raises(TypeError, match="picklable"):
        job.start()
    assert not job.active
    assert job.runner.process_id is None
    assert events.seen == []


@pytest.fixture(scope="module")
def runner():
    """One process for the tests that do not need their own."""
    runner = ProcessRunner(environment={"OF_THE_WORKER": "only"})
    yield runner
    runner.kill()


class TestProcess:
    @staticmethod
    def run(runner, do, seconds=30):
        job, events = a_job(do, runner=runner)
        job.start()
        job.wait(seconds)
        return job.state, events

    @staticmethod
    def started(runner, do):
        """(job, events) of work that has reported."""
        job, events = a_job(do, runner=runner)
        job.start()
        deadline = time.monotonic() + 30
        while not events.seen and time.monotonic() < deadline:
            job.poll(0.01)
        return job, events

    def test_the_result_comes_back(self, runner):
        state, events = self.run(runner, partial(work.double, 21))
        assert state is State.FINISHED
        assert events.seen[-1] == ("finished", 42)
        assert events.threads == {threading.current_thread()}

    def test_one_process_does_one_work_after_the_other(self, runner):
        first, second = (self.run(runner, work.who)[1].seen[-1][1] for _ in range(2))
        assert first == second == runner.process_id != os.getpid()

    def test_what_is_printed_disturbs_nothing(self, runner):
        assert self.run(runner, work.speak)[1].seen[-1] == ("finished", "clean")

    def test_it_has_its_own_variables(self, runner):
        assert self.run(runner, partial(work.variable, "OF_THE_WORKER"))[1].seen[-1] == ("finished", "only")
        assert "OF_THE_WORKER" not in os.environ
        assert self.run(runner, partial(work.variable, "CARDIAC_MOTION_WORKER_KEY"))[1].seen[-1][1] is None

    def test_an_error_keeps_its_class_and_says_where_it_was_raised(self, runner):
        state, events = self.run(runner, work.refuse)
        error = events.seen[-1][1]
        assert state is State.FAILED
        assert type(error) is CardiacMotionError
        assert str(error) == "frames are empty"
        assert "work.py" in error.__notes__[0]

    def test_an_error_that_does_not_travel_is_named(self, runner):
        error = self.run(runner, work.fail_oddly)[1].seen[-1][1]
        assert type(error) is RuntimeError
        assert str(error).startswith("Odd: one and two")

    def test_a_result_that_does_not_travel_is_an_error(self, runner):
        error = self.run(runner, work.a_lock)[1].seen[-1][1]
        assert type(error) is TypeError
        assert "a lock, cannot be pickled" in str(error)

    def test_a_result_that_does_not_arrive_is_an_error_and_the_worker_stays(self, runner):
        state, events = self.run(runner, work.answer_oddly)
        process = runner.process_id
        assert state is State.FAILED
        assert "cannot be read here (TypeError" in str(events.seen[-1][1])
        assert self.run(runner, partial(work.double, 4))[1].seen[-1][1] == 8
        assert runner.process_id == process

    @pytest.mark.parametrize("fraction", [0.0, 0.5, 0.99])
    def test_a_worker_that_listens_is_cancelled_and_stays(self, runner, fraction):
        job, events = self.started(runner, partial(work.until_cancelled, fraction))
        process = runner.process_id
        asked = time.monotonic()
        job.cancel()
        assert job.wait(5) is State.CANCELLED
        assert time.monotonic() - asked < 1.0
        assert events.names()[-1] == "cancelled"
        assert runner.process_id == process
        assert self.run(runner, partial(work.double, 1))[1].seen[-1] == ("finished", 2)

    def test_a_cancel_before_the_process_is_there(self):
        runner = ProcessRunner()
        job, events = a_job(partial(work.until_cancelled, 0.0), runner=runner)
        job.start()
        job.cancel()
        assert job.wait(5) is State.CANCELLED
        assert events.names() == ["cancelled"]
        runner.kill()

    def test_a_worker_that_does_not_listen_is_ended_and_the_next_work_gets_another(self, runner):
        job, _events = self.started(runner, work.deaf)
        process = runner.process_id
        asked = time.monotonic()
        job.cancel()
        assert job.wait(5) is State.CANCELLED
        assert time.monotonic() - asked < 1.0
        assert runner.wait(0)
        assert gone(process)
        assert self.run(runner, work.who)[1].seen[-1][1] != process

    @pytest.mark.skipif(os.name != "posix", reason="signals")
    def test_its_children_end_with_it(self, runner, tmp_path):
        job, _events = self.started(runner, partial(work.with_a_child, tmp_path / "child"))
        job.cancel()
        job.wait(5)
        assert gone(int((tmp_path / "child").read_text()))

    @pytest.mark.skipif(os.name != "posix", reason="a shell as the launcher")
    def test_behind_a_launcher_it_works_and_ends_like_without(self):
        runner = ProcessRunner(["/bin/sh", "-c", '"$0" "$@"; exit $?', sys.executable])
        worker = self.run(runner, work.who)[1].seen[-1][1]
        launcher = runner.process_id
        assert worker != launcher
        runner.kill()
        assert gone(worker)
        assert gone(launcher)

    @pytest.mark.skipif(os.name != "posix", reason="signals")
    def test_a_worker_ended_from_outside_says_so(self, runner):
        job, events = self.started(runner, work.deaf)
        process = runner.process_id
        os.kill(process, signal.SIGKILL)
        assert job.wait(5) is State.FAILED
        error = events.seen[-1][1]
        assert isinstance(error, WorkerDiedError)
        assert "SIGKILL" in str(error)
        assert gone(process)

    def test_a_worker_that_dies_is_quoted(self, runner):
        state, events = self.run(runner, work.die)
        assert state is State.FAILED
        assert "ended with status 3" in str(events.seen[-1][1])
        assert "the last straw" in str(events.seen[-1][1])
        assert self.run(runner, partial(work.double, 4))[1].seen[-1] == ("finished", 8)

    def test_an_interpreter_that_cannot_import_the_library_is_quoted(self):
        runner = ProcessRunner([sys.executable, "-c", "raise SystemExit('no library here')"])
        state, events = self.run(runner, partial(work.double, 1))
        assert state is State.FAILED
        assert "no library here" in str(events.seen[-1][1])

    def test_an_interpreter_that_is_not_there_is_named(self):
        with pytest.raises(CardiacMotionError, match="cannot start nobody-has-this"):
            Job(partial(work.double, 1), ProcessRunner(["nobody-has-this"])).start()

    @pytest.mark.skipif(os.name != "posix", reason="signals")
    def test_a_killed_worker_leaves_no_zombie(self):
        runner = ProcessRunner()
        self.run(runner, work.who)
        process = runner.process_id
        runner.kill()
        assert gone(process)
        assert runner.process_id is None

    @pytest.mark.skipif(os.name != "posix", reason="signals")
    def test_a_worker_ends_with_its_parent(self):
        import subprocess

        program = (
            f"import sys; sys.path[:0] = {sys.path!r}\n"
            "import os, time, work\n"
            "from CardiacMotionLib.jobs import *\n"
            "job = Job(work.deaf, ProcessRunner()); job.start()\n"
            "while job.poll(0.01) and not job._progress[0]: pass\n"
            "print(job.runner.process_id, flush=True); os.kill(os.getpid(), 9)"
        )
        said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
        deadline = time.monotonic() + 5
        while not gone(int(said.stdout)) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert gone(int(said.stdout))


def gone(process):
    """Whether there is no process, not even a zombie, of this number (a child of nobody is reaped by the system)."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    status = f"/proc/{process}/stat"
    deadline = time.monotonic() + 2
    while os.path.exists(status) and time.monotonic() < deadline:  # noqa: PTH110
        time.sleep(0.01)
    return not os.path.exists(status)  # noqa: PTH110
