-- Enqueues fast jobs of one lane.
--
-- KEYS[1]  base of the queue
-- ARGV[1]  priority      ARGV[2]  lane (empty or the family's 16 bytes)
-- ARGV[3]  delay in milliseconds, 0 for now
-- ARGV[4]  the digest of its idempotency key, or of the id that its caller gave it; or empty (then ARGV[5] is
--          ignored). Only with a single entry
-- ARGV[5]  32 bytes: the entry's id (16) and its payload's digest (16)
-- ARGV[6]  how long the key is kept, in milliseconds
-- ARGV[7…] entries (FastEntry.swift)
-- Returns  '' when enqueued; else what the key holds: the first job's id and its payload's digest. Nothing is enqueued.
--
-- Keys: base:f:<priority>:<lane> lists entries; base:due is a sorted set of entries by due time in milliseconds.
local base, priority, lane, delay = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])
if ARGV[4] ~= '' then
    local known = redis.call('GET', base .. ':key:' .. ARGV[4])
    if known then
        return known
    end
end
-- Last: a key that is kept without its job would answer for it.
local function keep_key()
    if ARGV[4] ~= '' then
        redis.call('SET', base .. ':key:' .. ARGV[4], ARGV[5], 'PX', ARGV[6])
    end
    return ''
end
if delay > 0 then
    local due = milliseconds() + delay
    for i = 7, #ARGV do
        redis.call('ZADD', base .. ':due', due, ARGV[i])
    end
    wake_for(base, due)
    return keep_key()
end
local key = base .. ':f:' .. priority .. ':' .. lane
local before = redis.call('LLEN', key)
if before == 0 then
    -- A ring of another type is an error before anything is put in.
    redis.call('LLEN', base .. ':ring:' .. priority)
end
for first = 7, #ARGV, 4000 do
    redis.call('RPUSH', key, unpack(ARGV, first, math.min(first + 3999, #ARGV)))
end
if before == 0 then
    redis.call('RPUSH', base .. ':ring:' .. priority, 'f' .. lane)
end
wake(base)
return keep_key()
