-- A session's heartbeat, and the election of the caretaker, by Redis' clock.
--
-- KEYS[1]  {<namespace>}:sessions, a sorted set of sessions by when their lease ends, in milliseconds
-- KEYS[2]  {<namespace>}:caretaker, the session that looks after the queue now; expires
-- KEYS[3]  {<namespace>}:generation, missing after Redis lost its memory
-- KEYS[4]  {<namespace>}:deaths, a sorted set of workers' deaths by when they were noted (note_death.lua)
-- ARGV[1]  session (16 bytes)     ARGV[2]  lease in milliseconds     ARGV[3]  the caretaker's lease in milliseconds
-- ARGV[4]  '1' to register, '0' to go on
-- ARGV[5]  '1' if the session can be the caretaker, '0' if it lacks the ledger
-- ARGV[6]  the time of the session's heartbeat before, as it was returned; '' for none
-- Returns  {status, caretaker, generation, time, death, death, …}: status 1, or 0 when the session is not known
--          (reaped, or Redis lost its memory); caretaker 1 or 0; generation '' when Redis has none; time in
--          microseconds; the deaths that were noted since the heartbeat before. What follows the generation is missing
--          with status 0.
-- The caretaker is an economy, not a safety: everything it does is safe when two do it.
-- A key of another type than ours is left as it is, for doctor to name, and stops no worker: without the sessions each
-- is known, without the caretaker's key each is one, without the generation Redis counts as alive.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local session = ARGV[1]
local generation = try('GET', KEYS[3])
generation = generation == nil and '0' or generation or ''
local lease_ends = now + tonumber(ARGV[2])
if ARGV[4] == '1' then
    try('ZADD', KEYS[1], lease_ends, session)
-- Nothing has changed: it has no such session, or had this very time. (nil: the key is of another type.)
elseif try('ZADD', KEYS[1], 'XX', 'CH', lease_ends, session) == 0 and not redis.call('ZSCORE', KEYS[1], session) then
    return {0, 0, generation}
end
local micros = time[1] * 1000000 + time[2]
local deaths = ARGV[6] ~= '' and try('ZRANGEBYSCORE', KEYS[4], '(' .. ARGV[6], '+inf') or {}
local function reply(is_caretaker)
    return {1, is_caretaker, generation, micros, unpack(deaths)}
end
local holder = try('GET', KEYS[2])
if ARGV[5] ~= '1' then
    if holder == session then
        redis.call('DEL', KEYS[2])
    end
    return reply(0)
end
if holder == nil then
    return reply(1)
end
if holder and holder ~= session then
    return reply(0)
end
redis.call('SET', KEYS[2], session, 'PX', ARGV[3])
return reply(1)
