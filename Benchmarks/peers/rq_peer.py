"""RQ, with one SimpleWorker, which runs jobs in its own process. (The ordinary one forks for every job.)"""

import importlib.metadata
import os
import sys

import contract

BATCH = 1000
board = contract.Board.of_environment() if "BENCH_BOARD" in os.environ else None  # the worker's


def noop(payload):
    """The job."""
    board.started(payload)


class RQ(contract.RedisPeer):
    name = "RQ"
    enqueue_jobs, drain_jobs = 50_000, 5_000
    settings = "SimpleWorker (no fork a job), results and failures not kept, enqueue_many in pipelines of 1000"
    loses = "the job aboard: it is moved to the failed jobs by a later cleanup, and runs again only if it has retries"

    def version(self):
        return importlib.metadata.version("rq")

    def open(self):
        super().open()
        from rq import Queue
        from rq.registry import StartedJobRegistry

        self.queue = Queue("default", connection=self.redis)
        self.started = StartedJobRegistry(queue=self.queue)

    def job(self, payload):
        from rq import Queue

        return Queue.prepare_data("rq_peer.noop", args=(payload,), result_ttl=0, failure_ttl=0)

    def enqueue_many(self, payloads):
        for first in range(0, len(payloads), BATCH):
            self.queue.enqueue_many([self.job(payload) for payload in payloads[first : first + BATCH]])

    def enqueue_one(self, payload):
        self.queue.enqueue("rq_peer.noop", payload, result_ttl=0, failure_ttl=0)

    def waiting(self):
        return self.queue.count

    def is_settled(self):
        return self.queue.count == 0 and self.started.get_job_count(cleanup=False) == 0


def work():
    import redis
    from rq import Queue, SimpleWorker

    connection = redis.Redis.from_url(os.environ["REDIS_URL"])
    SimpleWorker([Queue("default", connection=connection)], connection=connection).work(logging_level="WARNING")


if __name__ == "__main__":
    work() if sys.argv[1:] == ["--worker"] else contract.run(RQ)
