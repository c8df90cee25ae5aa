# frozen_string_literal: true

# Debian's Sidekiq: one process, its launcher and threads, in a child of this one. The same contract as contract.py:
# workloads W1, W2, W4, W5; an empty Redis at the start and at the end; one line of JSON on standard output.
#
# Sidekiq acknowledges nothing (basic fetch takes a job out of Redis before it runs), so a job is settled when the
# last of Sidekiq's own code around the handler is left: here the outermost server middleware.

require "json"
require "optparse"
require "timeout"
require "sidekiq"
require "sidekiq/api"
require "sidekiq/cli"
require "sidekiq/launcher"

BATCH = 1000
CONCURRENCY = 10
WARM_UP_SAMPLES = 20
PAUSE_BETWEEN_SAMPLES = 0.010
NUMBER_DIGITS = 10
DEFAULT_JOBS = { "W1" => 500_000, "W2" => 100_000, "W4" => 500, "W5" => 500_000 }.freeze
SETTINGS = "1 process, #{CONCURRENCY} threads, hiredis driver; push_bulk by #{BATCH}"
LOSES = "every job that was aboard: fetched jobs are in the process's memory alone"

def now
  Process.clock_gettime(Process::CLOCK_MONOTONIC)
end

# The job.
class Noop
  include Sidekiq::Worker

  def perform(payload)
    Board.current.started(payload[0, NUMBER_DIGITS].to_i)
  end
end

# In the worker: when each job started, how often, and when the last one was settled; told to the parent by a pipe.
# Threads of MRI write to distinct elements; the counter has a lock.
class Board
  class << self
    attr_accessor :current
  end

  def initialize(jobs, pipe, each)
    @starts = Array.new(jobs, 0.0)
    @runs = Array.new(jobs, 0)
    @pipe = pipe
    @each = each # whether to tell of every job, or of all at the end
    @settled = 0
    @lock = Mutex.new
  end

  def started(number)
    @starts[number] = now
    @runs[number] += 1
    @pipe.syswrite([@starts[number]].pack("E")) if @each
  end

  # Outermost middleware: what follows it is the thread's next fetch.
  def call(_worker, _job, _queue)
    yield
  ensure
    @lock.synchronize do
      @settled += 1
      tell_all(now) if @settled == @runs.size && !@each
    end
  end

  private

  def tell_all(settled_at)
    @pipe.write([settled_at, @starts.min, @runs.count(1)].pack("EEQ"))
    @pipe.flush
  end
end

# Starts Sidekiq in a child and lends a pipe that its board writes to; ends the child afterwards.
def with_worker(jobs, each:)
  reader, writer = IO.pipe(binmode: true)
  leash_end, leash = IO.pipe
  child = fork do
    reader.close
    leash.close
    Thread.new { leash_end.read && exit!(1) } # the parent is gone
    run_worker(Board.new(jobs, writer, each))
  end
  writer.close
  yield reader
ensure
  if child
    Process.kill("KILL", child)
    Process.wait(child)
  end
end

def run_worker(board)
  Board.current = board
  $stdout.reopen($stderr)
  Sidekiq.options[:concurrency] = CONCURRENCY
  Sidekiq.options[:queues] = ["default"]
  Sidekiq.redis = { url: REDIS_URL, driver: :hiredis }
  Sidekiq.server_middleware { |chain| chain.prepend(Middleware) }
  Sidekiq::Launcher.new(Sidekiq.options).run
  sleep
end

# Sidekiq makes a middleware anew for each job: this one only finds the board.
class Middleware
  def call(*arguments, &block)
    Board.current.call(*arguments, &block)
  end
end

def payload(number, size)
  format("%0#{NUMBER_DIGITS}d", number).ljust(size - 2, "x")
end

def enqueue(jobs, size)
  (0...jobs).each_slice(BATCH) do |numbers|
    Sidekiq::Client.push_bulk("class" => Noop, "args" => numbers.map { |number| [payload(number, size)] })
  end
end

def check_waiting(jobs)
  waiting = Sidekiq::Queue.new("default").size
  abort "Sidekiq: #{waiting} jobs wait, not #{jobs}" if waiting != jobs
end

def data_bytes
  info = Sidekiq.redis { |redis| redis.info("memory") }
  info["used_memory"].to_i - info["mem_clients_normal"].to_i - info["mem_aof_buffer"].to_i
end

def enqueue_rate(jobs, size)
  start = now
  enqueue(jobs, size)
  seconds = now - start
  check_waiting(jobs)
  { settled: 0, seconds: seconds, per_second: (jobs / seconds).round }
end

def drain(jobs, size)
  enqueue(jobs, size)
  check_waiting(jobs)
  report = with_worker(jobs, each: false) { |pipe| pipe.read(24) }
  abort "Sidekiq: the worker ended by itself" unless report
  settled_at, first_start, once = report.unpack("EEQ")
  abort "Sidekiq: #{once} of #{jobs} jobs ran exactly once" if once != jobs
  seconds = settled_at - first_start
  { settled: jobs, seconds: seconds, per_second: (jobs / seconds).round }
end

def latency(jobs, size)
  begun = now
  samples = jobs + WARM_UP_SAMPLES
  latencies = with_worker(samples, each: true) do |pipe|
    Array.new(samples) do |number|
      sleep PAUSE_BETWEEN_SAMPLES
      start = now
      Noop.perform_async(payload(number, size))
      report = pipe.read(8) or abort "Sidekiq: the worker ended by itself"
      report.unpack1("E") - start
    end
  end
  ordered = latencies.drop(WARM_UP_SAMPLES).sort
  rank = ->(share) { (ordered[[(share * jobs).ceil, 1].max - 1] * 1e3).round(4) }
  { settled: jobs, seconds: now - begun, per_second: (jobs / (now - begun)).round,
    p50_ms: rank.call(0.5), p99_ms: rank.call(0.99), max_ms: rank.call(1.0) }
end

def memory(jobs, size)
  before = data_bytes
  result = enqueue_rate(jobs, size)
  sleep 0.5 # buffers of clients and of the append-only file shrink
  result.merge(bytes_per_job: ((data_bytes - before) / jobs.to_f).round(1))
end

options = { limit: 300 }
OptionParser.new do |parser|
  parser.banner = "Sidekiq: #{SETTINGS}"
  parser.on("--workload W", DEFAULT_JOBS.keys) { |value| options[:workload] = value }
  parser.on("--jobs N", Integer) { |value| options[:jobs] = value }
  parser.on("--payload-bytes N", Integer) { |value| options[:size] = value }
  parser.on("--redis URL") { |value| options[:redis] = value }
  parser.on("--database URL", "ignored: the same words are said to every peer")
  parser.on("--limit-seconds N", Integer) { |value| options[:limit] = value }
end.parse!
%i[workload redis].each { |name| abort "--#{name} is required" unless options[name] }

workload = options[:workload]
jobs = options[:jobs] || DEFAULT_JOBS[workload]
size = options[:size] || (workload == "W1" ? 100 : 80)
abort "--jobs must be at least 1" if jobs < 1
REDIS_URL = options[:redis]
# Debian's redis-rb would print a warning at each fetch, which costs a tenth of the rate.
Redis.silence_deprecations = true
Sidekiq.logger = Sidekiq::Logger.new($stderr, level: Logger::ERROR)
Sidekiq.redis = { url: REDIS_URL, driver: :hiredis }
keys = Sidekiq.redis(&:dbsize)
abort "Sidekiq: --redis must name an empty database: this one has #{keys} keys" if keys != 0

begin
  figures = Timeout.timeout(options[:limit]) do
    case workload
    when "W1" then enqueue_rate(jobs, size)
    when "W2" then drain(jobs, size)
    when "W4" then latency(jobs, size)
    when "W5" then memory(jobs, size)
    end
  end
rescue Timeout::Error
  abort "Sidekiq: the time limit is over (--limit-seconds)"
ensure
  Sidekiq.redis(&:flushdb)
end
head = { program: "Sidekiq", version: "#{Sidekiq::VERSION} (Ruby #{RUBY_VERSION})", workload: workload, jobs: jobs }
puts JSON.generate(head.merge(figures, payload_bytes: size, settings: SETTINGS, loses: LOSES))
