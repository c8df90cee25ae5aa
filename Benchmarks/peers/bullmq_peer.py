"""BullMQ for Python: one Worker in one process, on asyncio."""

import asyncio
import importlib.metadata
import os
import signal
import sys

import contract
import uvloop

BATCH = 1000
QUEUE = "default"


class BullMQ(contract.RedisPeer):
    name = "BullMQ for Python"
    enqueue_jobs, drain_jobs = 100_000, 20_000
    settings = "concurrency 50, removeOnComplete, uvloop and hiredis; addBulk by 1000"
    loses = "nothing: a stalled job is found after 30 to 60 s and run again"

    def version(self):
        return importlib.metadata.version("bullmq")

    def open(self):
        super().open()
        from bullmq import Queue

        self.loop = uvloop.new_event_loop()

        async def make():
            return Queue(QUEUE, {"connection": self.redis_url})

        self.queue = self.loop.run_until_complete(make())

    def close(self):
        self.loop.run_until_complete(self.queue.close())
        super().close()

    def enqueue_many(self, payloads):
        async def add():
            for first in range(0, len(payloads), BATCH):
                await self.queue.addBulk([
                    {"name": "noop", "data": payload, "opts": {"removeOnComplete": True}}
                    for payload in payloads[first : first + BATCH]])

        self.loop.run_until_complete(add())

    def enqueue_one(self, payload):
        self.loop.run_until_complete(self.queue.add("noop", payload, {"removeOnComplete": True}))

    def waiting(self):
        return self.redis.llen(f"bull:{QUEUE}:wait")

    def is_settled(self):
        return self.redis.llen(f"bull:{QUEUE}:wait") == 0 and self.redis.llen(f"bull:{QUEUE}:active") == 0


async def work():
    from bullmq import Worker

    board = contract.Board.of_environment()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)

    async def noop(job, token):
        board.started(job.data)

    worker = Worker(QUEUE, noop, {"connection": os.environ["REDIS_URL"], "concurrency": 50})
    await stop.wait()
    await worker.close()


if __name__ == "__main__":
    uvloop.run(work()) if sys.argv[1:] == ["--worker"] else contract.run(BullMQ)
