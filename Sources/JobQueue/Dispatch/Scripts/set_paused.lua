-- Holds a queue or lets it go.
-- KEYS[1]  base of the queue     ARGV[1]  '1' to pause, '0' to resume
-- Returns  1 when that changed something.
local base = KEYS[1]
if ARGV[1] == '1' then
    return redis.call('SET', base .. ':paused', '1', 'NX') and 1 or 0
end
local changed = redis.call('DEL', base .. ':paused')
if changed == 1 and redis.call('LLEN', base .. ':wake') == 0 then
    redis.call('RPUSH', base .. ':wake', '1')
end
return changed
