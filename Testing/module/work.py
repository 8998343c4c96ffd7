"""Work for the tests of jobs: functions that a worker process can import."""

import os
import subprocess
import sys
import time

from CardiacMotionLib.errors import Cancelled, CardiacMotionError


def double(value, progress):
    progress(0.5, "half")
    return 2 * value


def speak(progress):
    """Prints what would corrupt a result that travels over the standard output."""
    print("stray", flush=True)
    os.write(1, b"\x80\x05more\xff")
    subprocess.run([sys.executable, "-c", "print('from a child')"], check=True)
    return "clean"


def refuse(progress):
    raise CardiacMotionError("frames are empty")


class Odd(Exception):  # noqa: N818
    """Cannot be unpickled: its arguments are not those of its constructor."""

    def __init__(self, first, second):
        super().__init__(f"{first} and {second}")


def answer_oddly(progress):
    """What can be packed, but not unpacked."""
    return Odd("one", "two")


def leave(progress):
    raise SystemExit("a library that ends the program")


def fail_oddly(progress):
    raise Odd("one", "two")


def until_cancelled(fraction, progress):
    while progress(fraction, "working"):
        time.sleep(0.005)
    raise Cancelled("stopped")


def deaf(progress):
    progress(0.3, "working")
    time.sleep(30)


def with_a_child(path, progress):
    """A process of its own that nobody told to stop; its number is in ``path``."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)"])
    path.write_text(str(child.pid))
    progress(0.5, "working")
    child.wait()


def die(progress):
    progress(0.4, "working")
    print("the last straw", flush=True)
    os._exit(3)


def who(progress):
    return os.getpid()


def a_lock(progress):
    import threading

    return threading.Lock()


def variable(name, progress):
    return os.environ.get(name)
