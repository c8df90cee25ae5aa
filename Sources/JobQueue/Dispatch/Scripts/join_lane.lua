-- Ends the transaction that pushes many fast jobs: RPUSH of their entries to their lane, then this. What push_fast.lua
-- does by itself is done by two commands here: decision 13 says why. Sent whole each time, so it stands alone.
--
-- KEYS[1]  base of the queue
-- ARGV[1]  priority      ARGV[2]  lane (empty or the family's 16 bytes)      ARGV[3]  how many entries were pushed
-- Returns  '' when they are enqueued; an error when lane or ring are of another type: then none is.
local base, priority, lane = KEYS[1], ARGV[1], ARGV[2]
local key = base .. ':f:' .. priority .. ':' .. lane
local length = redis.pcall('LLEN', key)
if type(length) == 'table' then
    return length
end
if length == tonumber(ARGV[3]) then
    -- The lane was empty: all that it holds came with this transaction, and would be found by nobody without the ring.
    local joined = redis.pcall('RPUSH', base .. ':ring:' .. priority, 'f' .. lane)
    if type(joined) == 'table' then
        redis.call('DEL', key)
        return joined
    end
end
-- As `wake` in entries.lua.
if redis.pcall('LLEN', base .. ':wake') == 0 then
    redis.call('RPUSH', base .. ':wake', '1')
end
return ''
