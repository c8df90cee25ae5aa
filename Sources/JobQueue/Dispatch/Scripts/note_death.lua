-- Notes that a worker died and that its jobs were given back: for the log lines of the other workers, which hear of it
-- with their next heartbeat (beat.lua), and for /metrics.
--
-- KEYS[1]  {<namespace>}:deaths, a sorted set of the newest deaths by when they were noted, in microseconds; expires
--          after an hour without one
-- KEYS[2]  {<namespace>}:recovery, a hash: last_ms and max_ms, how long it took from a death until the jobs were back
-- ARGV[1]  session (16 bytes)     ARGV[2]  jobs given back     ARGV[3]  recovery in milliseconds
-- ARGV[4]  how many deaths are kept
-- Returns  1.
-- For watching, not for truth. Noted twice, it is told twice.
local time = redis.call('TIME')
redis.call('ZADD', KEYS[1], time[1] * 1000000 + time[2], ARGV[1] .. ARGV[2] .. ':' .. ARGV[3])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - tonumber(ARGV[4]))
redis.call('EXPIRE', KEYS[1], 3600)
redis.call('HSET', KEYS[2], 'last_ms', ARGV[3])
if tonumber(ARGV[3]) >= tonumber(redis.call('HGET', KEYS[2], 'max_ms') or 0) then
    redis.call('HSET', KEYS[2], 'max_ms', ARGV[3])
end
return 1
