"""procrastinate: one async worker, many jobs at once, finished jobs deleted."""

import importlib.metadata
import logging
import os
import sys

import contract
import procrastinate
import psycopg
import uvloop

BATCH = 1000
CONCURRENCY = 20


def make_app(connector):
    app = procrastinate.App(connector=connector)

    @app.task(name="noop")
    async def noop(payload):
        board.started(payload)

    return app, noop


class Procrastinate(contract.PostgresPeer):
    name = "procrastinate"
    enqueue_jobs, drain_jobs = 50_000, 4_000
    settings = f"concurrency {CONCURRENCY}, pool of 10, delete_jobs=always, LISTEN on, uvloop; batch_defer by 1000"
    loses = "nothing, but a dead worker's jobs stay 'doing' until a task of the user's retries stalled ones"
    database = "bench_procrastinate"

    def version(self):
        return importlib.metadata.version("procrastinate")

    def ask(self, url, statement):
        with psycopg.connect(url, autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchone()[0] if cursor.description else None

    def open(self):
        super().open()
        app, self.noop = make_app(procrastinate.SyncPsycopgConnector(conninfo=self.database_url))
        self.app = app.open()
        self.app.schema_manager.apply_schema()
        self.watch = psycopg.connect(self.database_url, autocommit=True)

    def close(self):
        self.watch.close()
        self.app.close()
        super().close()

    def enqueue_many(self, payloads):
        for first in range(0, len(payloads), BATCH):
            self.noop.batch_defer(*[{"payload": payload} for payload in payloads[first : first + BATCH]])

    def enqueue_one(self, payload):
        self.noop.defer(payload=payload)

    def waiting(self):
        return self.watch.execute("SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo'").fetchone()[0]

    def is_settled(self):
        return self.watch.execute(
            "SELECT NOT EXISTS (SELECT FROM procrastinate_jobs WHERE status IN ('todo', 'doing'))").fetchone()[0]


async def work():
    connector = procrastinate.PsycopgConnector(conninfo=os.environ["DATABASE_URL"], min_size=4, max_size=10)
    app, _ = make_app(connector)
    async with app.open_async():
        await app.run_worker_async(concurrency=CONCURRENCY, delete_jobs="always")


logging.disable(logging.WARNING)  # it warns of an app in the main module, which matters to its command line alone

if __name__ == "__main__":
    if sys.argv[1:] == ["--worker"]:
        board = contract.Board.of_environment()
        uvloop.run(work())
    else:
        contract.run(Procrastinate)
