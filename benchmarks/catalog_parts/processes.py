"""Work in a process of its own."""

import multiprocessing
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any


def alone(limit: float | None, function: Callable[..., Any], *arguments: Any) -> Any:
    """The function's answer, from a fresh process: what others loaded and used is none of its memory.

    Raises `TimeoutError` after `limit` seconds, `ChildProcessError` where the process dies, and what it raises.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(sender, function, arguments))
    process.start()
    sender.close()
    try:
        if not receiver.poll(limit):
            raise TimeoutError
        answer = receiver.recv()
    except EOFError:
        process.join()
        raise ChildProcessError(f"its process ended with status {process.exitcode}") from None
    finally:
        process.kill()
        process.join()
    if isinstance(answer, Exception):
        raise answer
    return answer


def _send(sender: Connection, function: Callable[..., Any], arguments: Sequence[Any]) -> None:
    try:
        answer = function(*arguments)
    except Exception as error:
        answer = error
    sender.send(answer)
