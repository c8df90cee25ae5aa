"""pgqueuer over asyncpg: one QueueManager in one process."""

import asyncio
import importlib.metadata
import os
import signal
import sys

import asyncpg
import contract
import uvloop
from pgqueuer import PgQueuer
from pgqueuer.queries import Queries

ENQUEUE_BATCH = 1000
DEQUEUE_BATCH = 500


class PGQueuer(contract.PostgresPeer):
    name = "pgqueuer"
    enqueue_jobs, drain_jobs = 200_000, 100_000
    settings = (f"asyncpg and uvloop, one connection, batch_size {DEQUEUE_BATCH}, its autovacuum settings, durable; "
                f"enqueue by {ENQUEUE_BATCH}")
    loses = "nothing: jobs without a heartbeat are picked again after 30 s"
    database = "bench_pgqueuer"

    def version(self):
        return importlib.metadata.version("pgqueuer")

    def ask(self, url, statement):
        async def ask():
            connection = await asyncpg.connect(url)
            try:
                return await connection.fetchval(statement)
            finally:
                await connection.close()

        return asyncio.run(ask())

    def open(self):
        super().open()
        self.loop = uvloop.new_event_loop()
        self.connection = self.loop.run_until_complete(asyncpg.connect(self.database_url))
        self.queries = Queries.from_asyncpg_connection(self.connection)
        self.loop.run_until_complete(self.queries.install())
        self.loop.run_until_complete(self.queries.optimize_autovacuum())

    def close(self):
        self.loop.run_until_complete(self.connection.close())
        super().close()

    def enqueue_many(self, payloads):
        async def enqueue():
            for first in range(0, len(payloads), ENQUEUE_BATCH):
                batch = [payload.encode() for payload in payloads[first : first + ENQUEUE_BATCH]]
                await self.queries.enqueue(["noop"] * len(batch), batch, [0] * len(batch))

        self.loop.run_until_complete(enqueue())

    def enqueue_one(self, payload):
        self.loop.run_until_complete(self.queries.enqueue("noop", payload.encode()))

    def waiting(self):
        return self.loop.run_until_complete(self.connection.fetchval("SELECT count(*) FROM pgqueuer"))

    def is_settled(self):
        # A job's row goes when its outcome is in the log.
        return self.loop.run_until_complete(
            self.connection.fetchval("SELECT NOT EXISTS (SELECT FROM pgqueuer)"))


async def work():
    board = contract.Board.of_environment()
    queue = PgQueuer.from_asyncpg_connection(await asyncpg.connect(os.environ["DATABASE_URL"]))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, queue.shutdown.set)

    @queue.entrypoint("noop")
    async def noop(job):
        board.started(job.payload.decode())

    await queue.run(batch_size=DEQUEUE_BATCH)


if __name__ == "__main__":
    uvloop.run(work()) if sys.argv[1:] == ["--worker"] else contract.run(PGQueuer)
