-- Says whether a worker without a supervisor may withdraw from ordinary jobs, to run those of quarantine alone: one
-- worker a queue at a time, and only while there are any. So a suspect does not stop the whole pool.
--
-- KEYS[1]  base of the queue     ARGV[1]  session (16 bytes)     ARGV[2]  for how long, in milliseconds
-- Returns  1 when the session has the turn, or has it for longer now; 0: let others, or there is nothing to do it for.
--
-- Keys: base:turn is the session whose turn it is; expires. An economy, not a safety: each of two that have it runs its
-- job alone all the same.
local turn, session = KEYS[1] .. ':turn', ARGV[1]
local holder = redis.pcall('GET', turn)
-- (A key of another type is nobody's turn: doctor names it.)
if type(holder) == 'table' or holder and holder ~= session then
    return 0
end
if redis.call('EXISTS', KEYS[1] .. ':quarantine') == 0 then
    redis.call('DEL', turn)
    return 0
end
redis.call('SET', turn, session, 'PX', ARGV[2])
return 1
