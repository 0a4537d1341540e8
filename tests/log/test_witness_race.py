"""Stopping while the witness is being written: the two writes come one after the other."""

import asyncio
import threading

from exchange.log import EpochBarrier, LogName, LogSettings, open_log


async def test_a_cancelled_witness_is_finished_before_the_next_one_begins(tmp_path):
    settings = LogSettings(data_dir=tmp_path, name=LogName("test"))
    barrier = EpochBarrier("node", bytes(16), "build", bytes(32), 1)
    async with open_log(settings) as log:
        async for _ in log.frames():
            pass
        appender = await log.take_over(barrier, is_genesis=True)
        await appender.append([b"\x92\x90\x90"])
        write, gate, running = log._file.write, threading.Event(), []

        def slowly(head):
            running.append(head.seq)
            assert len(running) == 1, "two at once"
            gate.wait(5)
            write(head)
            running.pop()

        log._file.write = slowly
        first = asyncio.create_task(log.write_witness())
        await asyncio.sleep(0.05)
        for _ in range(2):
            # A failing group cancels its tasks, and so does whoever cleans up after it.
            first.cancel()
            await asyncio.sleep(0.05)
            assert not first.done(), "the thread still writes"
        gate.set()
        await asyncio.wait([first])
        assert first.cancelled()
        await log.write_witness()
