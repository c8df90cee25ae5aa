"""What every Python peer is put through, and how it answers: the workloads, the checks, the one line of JSON.

Not a queue and not a load generator of its own: a peer says how it enqueues, how its worker is started, and when all is
settled (`Peer`); this file does the rest, the same for all.

1. A peer starts from an empty store and leaves it empty; a store with keys in it is refused.
2. Handlers write into a board, a file that parent and workers map: when each job started, and how often. That is how
   "every job exactly once" is checked, and how latency is measured (CLOCK_MONOTONIC is one clock for all processes).
3. Results on standard output, everything else on standard error, a bound on the time of all.
"""

import argparse
import json
import math
import mmap
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

PAUSE_BETWEEN_SAMPLES = 0.010
POLL_RUNNING, POLL_SETTLED = 0.050, 0.002
WARM_UP_SAMPLES = 20
WORKER_STOP_SECONDS = 10
LATENCY_SAMPLES = 500
PAYLOAD_BYTES = {"W1": 100, "W2": 80, "W3": 80, "W4": 80, "W5": 80}
NUMBER_DIGITS = 10


class Failed(Exception):
    """A check that did not hold; the message says which."""


class Board:
    """When each job's handler started, and how often: shared by mapping one file."""

    def __init__(self, path: str, jobs: int, create: bool = False):
        if create:
            with open(path, "wb") as file:
                file.truncate(jobs * 9)
        with open(path, "r+b") as file:
            memory = memoryview(mmap.mmap(file.fileno(), 0))
        self.jobs = jobs
        self.starts = memory[: jobs * 8].cast("d")
        self.runs = memory[jobs * 8 : jobs * 9]

    @classmethod
    def of_environment(cls) -> "Board":
        """In the worker: the board of the benchmark that started it, and whose end is this process' end too."""
        threading.Thread(target=end_with_leash, args=(int(os.environ["BENCH_LEASH"]),), daemon=True).start()
        return cls(os.environ["BENCH_BOARD"], int(os.environ["BENCH_JOBS"]))

    def started(self, payload: str) -> None:
        """What a no-op handler does."""
        number = int(payload[:NUMBER_DIGITS])
        self.starts[number] = time.monotonic()
        self.runs[number] += 1

    def not_run(self) -> int:
        return bytes(self.runs).count(0)

    def check(self) -> None:
        runs = bytes(self.runs)
        once = runs.count(1)
        if once != self.jobs:
            raise Failed(f"{once} of {self.jobs} jobs ran exactly once; {runs.count(0)} never ran")


def end_with_leash(leash_end: int) -> None:
    os.read(leash_end, 1)
    os._exit(1)


class Peer:
    """One job queue. Subclasses say how; `run` in this file says what."""

    name = "?"
    workloads = ()  # those that apply
    enqueue_jobs, drain_jobs = 50_000, 10_000  # by default: what takes it some seconds
    settings = ""  # in words, for the result
    loses = ""  # what a crash of the worker loses

    def __init__(self, redis_url: str, database_url: str):
        self.redis_url, self.database_url = redis_url, database_url

    def version(self) -> str:
        raise NotImplementedError

    def open(self) -> None:
        """Connects to the store, refuses one that is in use, makes what the peer needs there."""

    def close(self) -> None:
        """Takes away what is left in the store."""

    def enqueue_many(self, payloads: list) -> None:
        """Enqueues all, in the fastest documented way."""
        raise NotImplementedError

    def enqueue_one(self, payload: str) -> None:
        raise NotImplementedError

    def worker_command(self) -> list:
        """The worker process; it is started with BENCH_… (see Board), REDIS_URL and DATABASE_URL set."""
        return [sys.executable, os.path.abspath(sys.argv[0]), "--worker"]

    def worker_environment(self) -> dict:
        """Settings that the peer takes from the environment."""
        return {}

    def waiting(self) -> int:
        """How many jobs wait in the store."""
        raise NotImplementedError

    def is_settled(self) -> bool:
        """Whether the store holds no job that waits or runs, as far as the peer records that."""
        raise NotImplementedError

    def data_bytes(self) -> int:
        """How many bytes the store's data take."""
        raise NotImplementedError


class RedisPeer(Peer):
    """A peer whose store is Redis."""

    workloads = ("W1", "W2", "W4", "W5")

    def open(self) -> None:
        import redis

        self.redis = redis.Redis.from_url(self.redis_url)
        if (keys := self.redis.dbsize()) != 0:
            raise Failed(f"--redis must name an empty database: this one has {keys} keys")

    def close(self) -> None:
        self.redis.flushdb()

    def data_bytes(self) -> int:
        info = self.redis.info("memory")
        return info["used_memory"] - info["mem_clients_normal"] - info["mem_aof_buffer"]


class PostgresPeer(Peer):
    """A peer whose store is PostgreSQL: it gets a database of its own. Subclasses know a driver."""

    workloads = ("W1", "W3", "W4")
    database = "?"

    def ask(self, url: str, statement: str):
        """Runs one statement outside a transaction; the first value of its first row, or None."""
        raise NotImplementedError

    def open(self) -> None:
        parts = urllib.parse.urlsplit(self.database_url)
        self.administration_url = self.database_url
        self.database_url = parts._replace(path=f"/{self.database}").geturl()
        self.drop()
        self.ask(self.administration_url, f"CREATE DATABASE {self.database} TEMPLATE template0 ENCODING 'UTF8'")

    def close(self) -> None:
        self.drop()

    def drop(self) -> None:
        self.ask(self.administration_url, f"DROP DATABASE IF EXISTS {self.database} WITH (FORCE)")


def make_payload(number: int, size: int) -> str:
    """A text that is `size` bytes as JSON, quotation marks included, and begins with the job's number."""
    return f"{number:0{NUMBER_DIGITS}d}".ljust(size - 2, "x")


class Worker:
    """The peer's worker process, in a process group of its own."""

    running = None  # the one there is

    def __init__(self, peer: Peer, board: str, jobs: int):
        leash_end, self.leash = os.pipe()  # never written to: it closes when this process ends, however it ends
        environment = dict(
            os.environ, BENCH_LEASH=str(leash_end), BENCH_BOARD=board, BENCH_JOBS=str(jobs),
            REDIS_URL=peer.redis_url or "", DATABASE_URL=peer.database_url or "",
            PYTHONPATH=os.path.dirname(os.path.abspath(__file__)), PYTHONDONTWRITEBYTECODE="1",
            **peer.worker_environment())
        self.process = subprocess.Popen(
            peer.worker_command(), env=environment, stdin=subprocess.DEVNULL, stdout=sys.stderr,
            cwd=os.path.dirname(board), start_new_session=True, pass_fds=(leash_end,))
        os.close(leash_end)
        Worker.running = self

    def check_alive(self) -> None:
        if self.process.poll() is not None:
            raise Failed(f"the worker ended by itself, status {self.process.returncode}")

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(WORKER_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        self.kill()
        self.process.wait()

    def kill(self) -> None:
        """Ends whatever is left of its group: children that outlive it would disturb the next program."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def wait_until(condition, worker: Worker, pause: float) -> None:
    while not condition():
        worker.check_alive()
        time.sleep(pause)


def percentile(ordered: list, share: float) -> float:
    return ordered[max(math.ceil(share * len(ordered)), 1) - 1]


def enqueue_rate(peer: Peer, jobs: int, payloads: list, directory: str) -> dict:
    start = time.monotonic()
    peer.enqueue_many(payloads)
    seconds = time.monotonic() - start
    if (waiting := peer.waiting()) != jobs:
        raise Failed(f"{waiting} jobs wait, not {jobs}")
    return {"settled": 0, "seconds": seconds, "per_second": round(jobs / seconds)}


def drain(peer: Peer, jobs: int, payloads: list, directory: str) -> dict:
    peer.enqueue_many(payloads)
    board = Board(os.path.join(directory, "board"), jobs, create=True)
    worker = Worker(peer, os.path.join(directory, "board"), jobs)
    try:
        wait_until(lambda: board.not_run() == 0, worker, POLL_RUNNING)
        wait_until(peer.is_settled, worker, POLL_SETTLED)
        settled = time.monotonic()
    finally:
        worker.stop()
    board.check()
    seconds = settled - min(board.starts)
    return {"settled": jobs, "seconds": seconds, "per_second": round(jobs / seconds)}


def latency(peer: Peer, jobs: int, payloads: list, directory: str) -> dict:
    samples = jobs + WARM_UP_SAMPLES
    payloads += [make_payload(number, len(payloads[0]) + 2) for number in range(jobs, samples)]
    board = Board(os.path.join(directory, "board"), samples, create=True)
    worker = Worker(peer, os.path.join(directory, "board"), samples)
    latencies = []
    begun = time.monotonic()
    try:
        for number, payload in enumerate(payloads):
            time.sleep(PAUSE_BETWEEN_SAMPLES)
            start = time.monotonic()
            peer.enqueue_one(payload)
            wait_until(lambda: board.runs[number] > 0, worker, 0.0005)
            latencies.append(board.starts[number] - start)
        wait_until(peer.is_settled, worker, POLL_SETTLED)
    finally:
        worker.stop()
    board.check()
    seconds = time.monotonic() - begun
    ordered = sorted(latencies[WARM_UP_SAMPLES:])
    return {
        "settled": jobs, "seconds": seconds, "per_second": round(jobs / seconds),
        "p50_ms": round(percentile(ordered, 0.50) * 1e3, 4), "p99_ms": round(percentile(ordered, 0.99) * 1e3, 4),
        "max_ms": round(ordered[-1] * 1e3, 4)}


def memory(peer: Peer, jobs: int, payloads: list, directory: str) -> dict:
    before = peer.data_bytes()
    result = enqueue_rate(peer, jobs, payloads, directory)
    time.sleep(0.5)  # buffers of clients and of the append-only file shrink
    return result | {"bytes_per_job": round((peer.data_bytes() - before) / jobs, 1)}


WORKLOADS = {"W1": enqueue_rate, "W2": drain, "W3": drain, "W4": latency, "W5": memory}


def end_at_limit(signal_number, frame):
    """Tries to end in order; an event loop may swallow that, so a second signal ends all."""

    def end_now(signal_number, frame):
        if Worker.running:
            Worker.running.kill()
        os._exit(124)

    signal.signal(signal.SIGALRM, end_now)
    signal.alarm(WORKER_STOP_SECONDS + 5)
    raise Failed("the time limit is over (--limit-seconds)")


def run(peer_class) -> None:
    """The peer's command line; ends the process."""
    parser = argparse.ArgumentParser(description=f"{peer_class.name}: {peer_class.settings}")
    parser.add_argument("--workload", required=True, choices=peer_class.workloads)
    parser.add_argument("--jobs", type=int, help="how many; default by peer and workload")
    parser.add_argument("--payload-bytes", type=int, help="of each, as JSON; 100 for W1, else 80")
    parser.add_argument("--redis", help="URL of a private, empty Redis")
    parser.add_argument("--database", help="URL of a private PostgreSQL; the program makes a database of its own")
    parser.add_argument("--limit-seconds", type=int, default=300)
    options = parser.parse_args()
    store = "redis" if issubclass(peer_class, RedisPeer) else "database"
    if getattr(options, store) is None:
        parser.error(f"--{store} is required")
    default_jobs = {"W4": LATENCY_SAMPLES, "W2": peer_class.drain_jobs, "W3": peer_class.drain_jobs}
    jobs = options.jobs if options.jobs is not None else default_jobs.get(options.workload, peer_class.enqueue_jobs)
    size = options.payload_bytes or PAYLOAD_BYTES[options.workload]
    if jobs < 1 or size < NUMBER_DIGITS + 2:
        parser.error(f"--jobs must be at least 1, --payload-bytes at least {NUMBER_DIGITS + 2}")

    signal.signal(signal.SIGALRM, end_at_limit)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.alarm(options.limit_seconds)
    peer = peer_class(options.redis, options.database)
    try:
        peer.open()
        try:
            payloads = [make_payload(number, size) for number in range(jobs)]
            with tempfile.TemporaryDirectory(prefix="bench-") as directory:
                figures = WORKLOADS[options.workload](peer, jobs, payloads, directory)
        finally:
            peer.close()
            signal.alarm(0)
    except Failed as failure:
        sys.exit(f"{peer.name}: {failure}")
    head = {"program": peer.name, "version": peer.version(), "workload": options.workload, "jobs": jobs}
    tail = {"payload_bytes": size, "settings": peer.settings, "loses": peer.loses}
    print(json.dumps(head | figures | tail))
