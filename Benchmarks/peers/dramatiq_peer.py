"""Dramatiq over Redis: one process of the `dramatiq` command, many threads, a large prefetch."""

import importlib.metadata
import os
import sys

import contract
import dramatiq
from dramatiq.brokers.redis import RedisBroker

THREADS, PREFETCH = "32", "1000"

is_worker = "BENCH_BOARD" in os.environ  # which imports this module
if is_worker:
    dramatiq.set_broker(RedisBroker(url=os.environ["REDIS_URL"]))
    board = contract.Board.of_environment()


def noop(payload):
    board.started(payload)


class Dramatiq(contract.RedisPeer):
    name = "Dramatiq"
    enqueue_jobs, drain_jobs = 50_000, 50_000
    settings = f"1 process, {THREADS} threads, prefetch {PREFETCH}, no results; enqueue one by one (there is no bulk)"
    loses = "nothing: what a dead worker held is requeued by another's maintenance, after heartbeat_timeout (60 s)"

    def version(self):
        return importlib.metadata.version("dramatiq")

    def open(self):
        super().open()
        self.broker = RedisBroker(url=self.redis_url)
        dramatiq.set_broker(self.broker)
        self.actor = dramatiq.actor(noop)

    def enqueue_many(self, payloads):
        for payload in payloads:
            self.actor.send(payload)

    def enqueue_one(self, payload):
        self.actor.send(payload)

    def worker_command(self):
        program = os.path.join(os.path.dirname(sys.executable), "dramatiq")
        return [program, "--processes", "1", "--threads", THREADS, "dramatiq_peer"]

    def worker_environment(self):
        return {"dramatiq_queue_prefetch": PREFETCH}

    def waiting(self):
        return self.redis.llen("dramatiq:default")

    def is_settled(self):
        # Bodies are in this hash until their message is acknowledged.
        return self.redis.hlen("dramatiq:default.msgs") == 0


if __name__ == "__main__":
    contract.run(Dramatiq)
elif is_worker:
    dramatiq.actor(noop)
