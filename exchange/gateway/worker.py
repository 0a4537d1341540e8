"""
A process beside the exchange's for work that takes longer than a commit.

It is started by the first call, ends with the exchange however that ends, and when something kills
it another takes its place: what it does is pure or read-only, so doing it again is safe.
"""

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from exchange.domain.reasons import Reason, Refused

Result = TypeVar("Result")
ATTEMPTS = 2


class Worker:
    """One process; calls wait for each other."""

    def __init__(self, begin: Callable[..., None] | None = None, *arguments: Any) -> None:
        """`begin(*arguments)` runs in each new process before its first call."""
        self._begin = (begin, arguments)
        self._pool = self._new_pool()

    async def run(self, work: Callable[..., Result], *arguments: Any) -> Result:
        """
        The result of a call in the process.

        Refuses with `overload`, to be asked again, where the process is killed twice over it.
        """
        for _ in range(ATTEMPTS):
            pool = self._pool
            try:
                return await asyncio.get_running_loop().run_in_executor(pool, work, *arguments)
            except BrokenProcessPool:
                if self._pool is pool:
                    pool.shutdown(wait=False, cancel_futures=True)
                    self._pool = self._new_pool()
        raise Refused(Reason.OVERLOAD, ATTEMPTS, ATTEMPTS)

    def close(self) -> None:
        """Ends the process without waiting for what it still does."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _new_pool(self) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(1, context, _start, self._begin)


def _start(begin: Callable[..., None] | None, arguments: tuple[Any, ...]) -> None:
    """Ctrl-C is for the exchange, which then ends its worker; its death ends the worker too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if begin is not None:
        begin(*arguments)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(0)
