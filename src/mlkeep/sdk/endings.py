"""How the process ends, and what is to be said of the runs that are open then.

A program that just ends has finished its runs; an exception that nobody catches has failed them; Ctrl-C and SIGTERM have
killed them. Nothing is hooked in before there is something to end, and what was hooked in before is called as well.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from types import FrameType, TracebackType

import msgspec

ERROR_TAG = "mlkeep.error"
TRACEBACK_TAG = "mlkeep.traceback"
"""What an exception leaves with the run that it ended."""

MAX_TEXT = 8_000
"""Characters of a tag: the last ones of a traceback are told."""

SIGTERM_WAIT_S = 5
"""How long a process that was told to terminate goes on to say so."""


class Ending(msgspec.Struct, frozen=True):
    """What becomes of the runs that are open: their status, and the tags that say why."""

    status: str
    tags: dict[str, str] = {}


FINISHED = Ending("FINISHED")
KILLED = Ending("KILLED")

End = Callable[[Ending, Callable[[threading.Thread], bool]], None]
"""Says of the open runs of those threads how they have ended."""

Drain = Callable[[float | None], None]
"""Has the server told what it has not been told yet, within so many seconds; None: as many as are set for it."""


def ending_by(error: BaseException) -> Ending:
    """The ending of runs by an exception: KILLED if somebody pressed Ctrl-C, else FAILED."""
    return Ending("KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED", tags_of(error))


def tags_of(error: BaseException) -> dict[str, str]:
    """What is told of an exception: its type and message, and the end of its traceback."""
    kind = type(error)
    name = (
        kind.__qualname__ if kind.__module__ in {"builtins", "__main__"} else f"{kind.__module__}.{kind.__qualname__}"
    )
    try:
        message = str(error)
    except Exception:  # noqa: BLE001 - the code of a class that nobody here knows
        message = "(its message cannot be told)"
    told = "".join(traceback.format_exception(error))
    return {ERROR_TAG: _plain(f"{name}: {message}")[:MAX_TEXT], TRACEBACK_TAG: _plain(told)[-MAX_TEXT:]}


def look_after(end: End) -> None:
    """Have `end` called when the process ends, in whatever way can be known. Called whenever there is something to end."""
    _ends.end = end
    _leave_well()
    if not _ends.is_hooked:
        _ends.is_hooked = True
        _ends.excepthook, sys.excepthook = sys.excepthook, _on_exception
        _ends.threading_hook, threading.excepthook = threading.excepthook, _on_exception_in_thread
    look_after_sigterm()


def leave_by(drain: Drain) -> None:
    """Have `drain` called when the process ends, after the runs were ended. Called whenever there is something to send."""
    _ends.drain = drain
    _leave_well()


def look_after_child() -> None:
    """A forked child has begun to log to what its parent has opened."""
    if _ends.is_child and _ends.is_hooked:
        _leave_well()
        look_after_sigterm()


def look_after_sigterm() -> None:
    """Have SIGTERM end what is open. Only the main thread can see to that, and nobody else must have done so."""
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _on_sigterm)
        _ends.watch_signals()


def is_terminating() -> bool:
    """Whether SIGTERM has come: what is open is being ended."""
    return _ends.terminating.locked()


class _Ends:
    """What this process has hooked in."""

    def __init__(self) -> None:
        self.end: End | None = None
        self.drain: Drain | None = None
        self.is_hooked = self.is_child = False
        self.excepthook: Callable[[type[BaseException], BaseException, TracebackType | None], object] = sys.excepthook
        self.threading_hook: Callable[[threading.ExceptHookArgs], object] = threading.excepthook
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget what belongs to the process, not to the program, as a forked child has to."""
        self.finalized_pid = 0
        self.signal_pipe: tuple[int, int] | None = None
        self.terminating = threading.Lock()

    def call(self, ending: Ending, of: Callable[[threading.Thread], bool]) -> None:
        if self.end is not None:
            self.end(ending, of)

    def leave(self, ending: Ending, within_s: float | None = None) -> None:
        """End everything."""
        self.call(ending, _any)
        if self.drain is not None:
            self.drain(within_s)

    def watch_signals(self) -> None:
        """See signals at once, also while the main thread is in a call that does not return, unless somebody else does."""
        if self.signal_pipe is not None:
            return
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        others = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        if others != -1:
            signal.set_wakeup_fd(others)
            os.close(reading)
            os.close(writing)
            return
        self.signal_pipe = (reading, writing)
        threading.Thread(target=_watch, args=[reading], name="mlkeep-signals", daemon=True).start()

    def terminate(self) -> None:
        """End what is open, then the process. In a thread: the main thread may hold what this needs."""
        if self.terminating.acquire(blocking=False):
            threading.Thread(target=_terminate, name="mlkeep-ending", daemon=True).start()


_ends = _Ends()


def _at_exit() -> None:
    """A program that ends without ending its runs has finished them: nothing tells how it was left."""
    if is_terminating():
        time.sleep(2 * SIGTERM_WAIT_S)  # the process dies before
    _ends.leave(FINISHED)


def _on_exception(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    try:
        _ends.excepthook(kind, error, trace)
    finally:
        if _is_last_word():
            _ends.call(ending_by(error), _goes_with_main_thread)


def _on_exception_in_thread(args: threading.ExceptHookArgs) -> None:
    """A thread that fails has failed the runs that it started, and no others."""
    try:
        _ends.threading_hook(args)
    finally:
        if args.exc_value is not None and args.thread is not None:
            thread = args.thread
            _ends.call(ending_by(args.exc_value), lambda one: one is thread)


def _is_last_word() -> bool:
    """Whether an exception that is being told of ends the program.

    It does not at a prompt, nor where a program tells of it and goes on: then the program is still on the stack.
    """
    if hasattr(sys, "ps1") or sys.flags.interactive or sys.flags.inspect:
        return False
    frame: FrameType | None = sys._getframe()  # noqa: SLF001 - the documented way to look at the stack
    while frame is not None:
        if frame.f_code.co_name == "<module>":
            return False
        frame = frame.f_back
    return threading.current_thread() is threading.main_thread()


def _goes_with_main_thread(thread: threading.Thread) -> bool:
    """Whether what a thread has begun ends with the main thread: others go on as long as they have something to do."""
    return thread is threading.main_thread() or thread.daemon or not thread.is_alive()


def _any(thread: threading.Thread) -> bool:  # noqa: ARG001 - all of them
    return True


def _on_sigterm(signum: int, frame: FrameType | None) -> None:  # noqa: ARG001 - what a handler is given
    _ends.terminate()
    while frame is not None:
        if frame.f_globals.get("__name__", "").startswith("mlkeep."):
            return  # it may hold what is needed now: it goes on until the process dies
        frame = frame.f_back
    time.sleep(2 * SIGTERM_WAIT_S)  # the program is over


def _watch(reading: int) -> None:
    while signals := os.read(reading, 64):
        if signal.SIGTERM in signals and signal.getsignal(signal.SIGTERM) is _on_sigterm:
            _ends.terminate()


def _terminate() -> None:
    ending = threading.Thread(target=_ends.leave, args=[KILLED, SIGTERM_WAIT_S], name="mlkeep-ends", daemon=True)
    ending.start()
    ending.join(SIGTERM_WAIT_S + 0.5)
    # Python lets only the main thread do this, which may never come back.
    ctypes.CDLL(None).signal(int(signal.SIGTERM), None)
    os.kill(os.getpid(), signal.SIGTERM)


def _leave_well() -> None:
    # What is registered last is called first: before a database in this process is closed.
    atexit.unregister(_at_exit)
    atexit.register(_at_exit)
    multiprocessing, process = sys.modules.get("multiprocessing.util"), sys.modules.get("multiprocessing.process")
    if multiprocessing is None or process is None or process.parent_process() is None:
        return
    if _ends.finalized_pid != os.getpid():  # children of `multiprocessing` leave without what `atexit` has been told
        _ends.finalized_pid = os.getpid()
        multiprocessing.Finalize(None, _at_end_of_child, exitpriority=0)


def _at_end_of_child() -> None:
    """The child's exception, if it has one, is being handled by whoever calls this."""
    error = sys.exc_info()[1]
    is_well = error is None or (isinstance(error, SystemExit) and not error.code)
    _ends.leave(FINISHED if error is None or is_well else ending_by(error))


def _plain(text: str) -> str:
    """Text that every server can keep."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "backslashreplace").decode()


def _begin_anew_in_child() -> None:
    """Signals of a forked child are not told to its parent, and its parent's runs are not its own to end."""
    pipe = _ends.signal_pipe
    _ends.is_child = True
    _ends.begin_anew()
    if pipe is not None:
        if (others := signal.set_wakeup_fd(-1)) != pipe[1]:
            signal.set_wakeup_fd(others)
        for end in pipe:
            os.close(end)
    if signal.getsignal(signal.SIGTERM) is _on_sigterm:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


os.register_at_fork(after_in_child=_begin_anew_in_child)
