"""Celery over Redis, set up for many short tasks as its guide to optimising says."""

import importlib.metadata
import os
import sys

import celery
import contract

app = celery.Celery("celery_peer", broker=os.environ.get("REDIS_URL"))
app.conf.update(
    task_ignore_result=True, worker_prefetch_multiplier=128, worker_send_task_events=False, task_send_sent_event=False,
    worker_enable_remote_control=False, broker_connection_retry_on_startup=True, worker_hijack_root_logger=False)

board = contract.Board.of_environment() if "BENCH_BOARD" in os.environ else None  # the worker's


@app.task(name="noop")
def noop(payload):
    board.started(payload)


class Celery(contract.RedisPeer):
    name = "Celery"
    enqueue_jobs, drain_jobs = 20_000, 10_000
    settings = ("pool 'solo', prefetch multiplier 128; results, events, gossip, mingle and heartbeat off; "
                "enqueue one by one (there is no bulk), by one producer")
    loses = "tasks that began (acknowledged early, the default); what was prefetched returns after an hour"

    def version(self):
        return importlib.metadata.version("celery")

    def open(self):
        super().open()
        app.conf.broker_url = self.redis_url
        self.producer = app.amqp.Producer(app.connection_for_write().default_channel)

    def enqueue_many(self, payloads):
        for payload in payloads:
            noop.apply_async((payload,), producer=self.producer)

    def enqueue_one(self, payload):
        noop.apply_async((payload,), producer=self.producer)

    def worker_command(self):
        return [sys.executable, "-m", "celery", "-A", "celery_peer", "worker", "--loglevel", "WARNING",
                "--without-gossip", "--without-mingle", "--without-heartbeat", "--pool", "solo"]

    def waiting(self):
        return self.redis.llen("celery")

    def is_settled(self):
        return self.redis.llen("celery") == 0 and self.redis.hlen("unacked") == 0


if __name__ == "__main__":
    contract.run(Celery)
