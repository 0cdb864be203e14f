"""What a worker process does: it answers calls until nobody is there to ask."""

import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
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
class Opening:
    """The message with which a search begins; the next search's takes its place.

    Attributes:
        path: Where modules are found.
        shared: What functions get as their first argument.
        environment: Environment variables beside those that the process has.
    """

    path: list[str]
    shared: Shared
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Raised:
    """What a call, or the unpacking of the context, raised.

    Attributes:
        message: The error's kind and message; the error itself might not be readable elsewhere.
    """

    message: str


@dataclass(frozen=True)
class Item:
    """One of several results of a call that goes on.

    Attributes:
        value: The result.
    """

    value: Any


def serve() -> None:
    """Answer calls that come in on stdin, one after another; answers go to stdout.

    A message is an `Opening`, whose answer is None, or a function, its arguments after the context
    (None before the first opening), and its keyword arguments. What a generator yields is sent as
    it comes, each as an `Item`; what it returns is the answer.
    """
    answers = os.fdopen(os.dup(1), "wb")
    # Whatever a model prints must not mix with the answers.
    os.dup2(2, 1)
    messages: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, messages), daemon=True).start()
    context: Any = None
    while True:
        # What can't be read here is an answer too, such as a function that isn't installed.
        answer = message = _attempt(cloudpickle.loads, messages.get())
        if isinstance(message, Opening):
            sys.path[:] = message.path
            os.environ.update(message.environment)
            context = _attempt(message.shared.unpack, message.shared.packed)
            answer = context if isinstance(context, Raised) else None
        elif not isinstance(message, Raised):
            fn, args, kwargs = message
            answer = _attempt(_answer, answers, fn, context, *args, **kwargs)
        _send(answers, answer)


def _answer(answers: BinaryIO, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a function, and send what it yields, if it is a generator; return what it returns."""
    given = fn(*args, **kwargs)
    if not isinstance(given, Generator):
        return given
    while True:
        try:
            item = next(given)
        except StopIteration as ended:
            return ended.value
        answers.write(cloudpickle.dumps(Item(item)))
        answers.flush()


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
