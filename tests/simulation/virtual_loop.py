"""
An event loop without a clock, a kernel or threads: waiting costs nothing, one seed is one order.

When nothing is ready, time jumps to the next timer. Every callback belongs to the `Process` in
whose context it was scheduled, and a stopped process's callbacks are kept until it goes on. So
`kill -9` and SIGSTOP strike between any two steps of a program, which is at any await, and what was
killed runs no `finally`.
"""

import asyncio
import contextvars
import heapq
from collections import deque
from collections.abc import Callable
from typing import Any


class Process:
    """What lives, stops and dies together; callbacks know theirs by their context."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_dead = False
        self.sockets: list[Any] = []
        """Closed by the kernel when the process dies."""
        self._is_stopped = False
        self._kept: deque[asyncio.Handle] = deque()
        self._steps_left = -1
        self._at_last_step: Callable[[], None] = _nothing
        self._context = contextvars.copy_context()
        self._context.run(CURRENT.set, self)

    def spawn(self, loop: "VirtualLoop", main: Callable[[], Any]) -> asyncio.Task[Any]:
        """Starts a coroutine function as a task of this process."""
        loop.processes.append(self)
        return self.context.run(lambda: loop.create_task(main()))

    @property
    def context(self) -> contextvars.Context:
        """A context of this process."""
        return self._context.copy()

    def stop(self) -> None:
        """SIGSTOP: not one step more, until `go_on`."""
        self._is_stopped = True

    def go_on(self, loop: "VirtualLoop") -> None:
        """SIGCONT: takes up everything that came meanwhile; does nothing for the dead."""
        if not self.is_dead:
            self._is_stopped = False
            loop.resume(self._kept)

    def kill(self) -> None:
        """SIGKILL: it never takes another step, and the kernel closes its sockets."""
        if not self.is_dead:
            self.is_dead = self._is_stopped = True
            for socket in self.sockets:
                socket.lose()

    def bury(self, loop: "VirtualLoop") -> None:
        """After the run: lets even the dead clean up what they hold of the real machine."""
        self._is_stopped = False
        self._steps_left = -1
        loop.resume(self._kept)

    def after_steps(self, count: int, strike: Callable[[], None]) -> None:
        """Calls `strike` in place of the step that comes after `count` more of them."""
        self._steps_left, self._at_last_step = count, strike

    def spare(self) -> None:
        """Takes back what `after_steps` planned."""
        self._steps_left = -1

    def may_run(self, handle: asyncio.Handle) -> bool:
        """Whether the callback runs now; else it is kept."""
        if self._steps_left >= 0 and not self._is_stopped:
            if self._steps_left == 0:
                self._steps_left = -1
                self._at_last_step()
            else:
                self._steps_left -= 1
        if self._is_stopped:
            self._kept.append(handle)
        return not self._is_stopped


CURRENT: contextvars.ContextVar[Process | None] = contextvars.ContextVar("process", default=None)
OUTSIDE = contextvars.Context()
"""Of what no process does: the network, people, faults."""


class Stuck(Exception):
    """Nothing is ready and no timer runs: the simulated world waits for ever."""


class VirtualLoop(asyncio.BaseEventLoop):
    """The loop; `listeners` are the servers by the path of their socket."""

    def __init__(self) -> None:
        super().__init__()
        self.listeners: dict[str, Callable[[Any], tuple[Any, Any]]] = {}
        self.processes: list[Process] = []
        """All that ever began."""
        self.tasks: list[asyncio.Task[Any]] = []
        """The same; else what is frozen would be collected as garbage."""
        self.step_count = 0
        self._now_s = 0.0
        self._outside: list[asyncio.TimerHandle] = []

    def time(self) -> float:
        """Virtual seconds since the start."""
        return self._now_s

    def now_ns(self) -> int:
        """Virtual nanoseconds since the start: a monotonic clock for the exchange."""
        return round(self._now_s * 1e9)

    def outside(self, delay_s: float, callback: Callable[..., object], *args: Any) -> None:
        """`call_later` of what belongs to no process and no connection: people and faults."""
        self._outside.append(self.call_later(delay_s, callback, *args, context=OUTSIDE))

    def end_outside(self) -> None:
        """Nobody outside does anything any more."""
        for timer in self._outside:
            timer.cancel()

    def create_task(self, coroutine, **options):  # type: ignore[override]
        """As any loop does."""
        task = super().create_task(coroutine, **options)
        self.tasks.append(task)
        return task

    def resume(self, kept: deque[asyncio.Handle]) -> None:
        """Makes a process's kept callbacks ready again, in their order."""
        self._ready.extend(kept)
        kept.clear()

    def run_in_executor(self, executor: None, function: Callable[..., Any], *args: Any):  # type: ignore[override]
        """A thread's work, done at once in a step of its own."""
        future = self.create_future()
        self.call_soon(_work, future, function, args)
        return future

    async def create_unix_connection(self, protocol_factory, path=None, **options):  # type: ignore[override]
        """Connects to a listener; ConnectionRefusedError where there is none."""
        await asyncio.sleep(0)
        if (listen := self.listeners.get(path)) is None:
            raise ConnectionRefusedError(f"nobody listens at {path}")
        return listen(protocol_factory())

    def _run_once(self) -> None:
        ready, scheduled = self._ready, self._scheduled
        if not ready:
            if not scheduled:
                raise Stuck(f"at {self._now_s:.3f} s")
            self._now_s = max(self._now_s, scheduled[0]._when)
        while scheduled and scheduled[0]._when <= self._now_s:
            timer = heapq.heappop(scheduled)
            timer._scheduled = False
            ready.append(timer)
        if not ready:
            return
        handle = ready.popleft()
        if handle._cancelled:
            return
        self.step_count += 1
        process = handle._context.get(CURRENT)
        if process is None or process.may_run(handle):
            handle._run()

    def _write_to_self(self) -> None:
        """There are no threads to wake it from."""

    def _process_events(self, event_list: object) -> None:
        """There is no selector."""


def _work(future: asyncio.Future[Any], function: Callable[..., Any], args: tuple[Any, ...]) -> None:
    if future.cancelled():
        return
    try:
        future.set_result(function(*args))
    except Exception as error:
        future.set_exception(error)


def _nothing() -> None:
    """No strike is due."""
