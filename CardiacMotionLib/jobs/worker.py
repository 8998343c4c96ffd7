"""The other end of a `ProcessRunner`: calls its parent, does what it is sent, and ends when the parent hangs up."""

from __future__ import annotations

import gc
import os
import pickle
import queue
import sys
import threading
import traceback
from multiprocessing.connection import Client, Connection
from typing import Any

from .runners import State, perform

ADDRESS, KEY, PATHS = "CARDIAC_MOTION_WORKER_ADDRESS", "CARDIAC_MOTION_WORKER_KEY", "CARDIAC_MOTION_WORKER_PATHS"
WORK, CANCEL, PROGRESS, END = "work", "cancel", "progress", "end"


def main() -> None:
    """Do work until the parent hangs up."""
    parent = Client(os.environ.pop(ADDRESS), authkey=bytes.fromhex(os.environ.pop(KEY)))
    sys.path += [path for path in os.environ.pop(PATHS).split(os.pathsep) if path not in sys.path]
    inbox: queue.SimpleQueue[tuple[int, bytes]] = queue.SimpleQueue()
    cancelled: set[int] = set()
    threading.Thread(target=listen, args=(parent, inbox, cancelled), daemon=True).start()
    while True:
        number, pickled = inbox.get()
        parent.send_bytes(result_of(number, pickled, parent, cancelled))
        give_memory_back()


def listen(parent: Connection, inbox: queue.SimpleQueue[tuple[int, bytes]], cancelled: set[int]) -> None:
    """Take work and cancellations; without a parent nobody wants the result."""
    while True:
        try:
            kind, number, content = parent.recv()
        except (EOFError, OSError):
            os._exit(0)
        if kind == WORK:
            inbox.put((number, content))
        else:
            cancelled.add(number)


def result_of(number: int, pickled: bytes, parent: Connection, cancelled: set[int]) -> bytes:
    """Do the work, telling the parent how far it is; returns the message that ends it."""

    def report(fraction: float, text: str) -> bool:
        parent.send((PROGRESS, number, (float(fraction), str(text))))
        return number not in cancelled

    return ending(number, *perform(lambda progress: pickle.loads(pickled)(progress), report))


def ending(number: int, state: State, value: Any) -> bytes:
    """The message that ends work; what cannot be pickled becomes the error that says so."""
    if state is State.FAILED:
        value = portable(value)
    try:
        return pickle.dumps((END, number, (state, value)), protocol=pickle.HIGHEST_PROTOCOL)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        refused = TypeError(f"the result of the work, a {type(value).__name__}, cannot be pickled: {error}")
        return pickle.dumps((END, number, (State.FAILED, refused)))


def portable(error: BaseException) -> BaseException:
    """The same exception with its trace as a note, or a RuntimeError that names it where it cannot be pickled."""
    note = "In the worker process:\n" + "".join(traceback.format_exception(error))
    try:
        copy = pickle.loads(pickle.dumps(error))
    except Exception as reason:  # a class may do anything when it is unpickled
        copy = RuntimeError(f"{type(error).__name__}: {error} (not passed on as it was: {reason})")
    copy.add_note(note)
    return copy


def give_memory_back() -> None:
    """Between two pieces of work a GPU is free for others."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
