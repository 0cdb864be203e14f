"""What a worker process does: it answers calls until nobody is there to ask."""

import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO

import cloudpickle


@dataclass(frozen=True)
class Shared:
    """What every worker is given once.

    Attributes:
        packed: The context, as bytes.
        unpack: Turns the bytes into what functions get as their first argument.
    """

    packed: bytes
    unpack: Callable[[bytes], Any]


@dataclass(frozen=True)
class Raised:
    """What a call, or the unpacking of the context, raised.

    Attributes:
        message: The error's kind and message; the error itself might not be readable elsewhere.
    """

    message: str


def serve() -> None:
    """Answer calls that come in on stdin, one after another; answers go to stdout.

    The first message holds the module search path and a `Shared`; every other one a function,
    its arguments after the context, and its keyword arguments.
    """
    answers = os.fdopen(os.dup(1), "wb")
    # Whatever a model prints must not mix with the answers.
    os.dup2(2, 1)
    messages: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, messages), daemon=True).start()
    sys.path[:], shared = cloudpickle.loads(messages.get())
    context = _attempt(shared.unpack, shared.packed)
    _send(answers, context if isinstance(context, Raised) else None)
    while True:
        # What can't be read here is an answer too, such as a function that isn't installed.
        call = _attempt(cloudpickle.loads, messages.get())
        if not isinstance(call, Raised):
            fn, args, kwargs = call
            call = _attempt(fn, context, *args, **kwargs)
        _send(answers, call)


def _listen(calls: BinaryIO, messages: "queue.SimpleQueue[bytes]") -> None:
    """Read messages as they come; whoever sends them has gone when the pipe is closed."""
    while size := calls.read(8):
        messages.put(calls.read(int.from_bytes(size, "big")))
    os.kill(os.getpid(), signal.SIGTERM)


def _attempt(fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    try:
        return fn(*args, **kwargs)
    except Exception as error:
        return Raised(f"{type(error).__name__}: {error}")


def _send(answers: BinaryIO, answer: Any) -> None:
    packed = _attempt(cloudpickle.dumps, answer)
    answers.write(cloudpickle.dumps(packed) if isinstance(packed, Raised) else packed)
    answers.flush()
