-- Counts what a queue holds in Redis, and checks its invariants (I6); for doctor, metrics and tests.
--
-- KEYS[1]  base of the queue.   ARGV  the lanes to look at beside those in the rings (none, usually)
-- Returns  {durable waiting, fast waiting, durable quarantined, fast quarantined, fast delayed, fast dead, lanes,
--          faults…}; a fault is a sentence.
local base = KEYS[1]
local durable, fast, lanes, faults = 0, 0, 0, {}
for priority = 0, 2 do
    local ring = base .. ':ring:' .. priority
    local seen = {}
    for _, member in ipairs(redis.call('LRANGE', ring, 0, -1)) do
        local class, lane = member:sub(1, 1), member:sub(2)
        local key = base .. ':' .. class .. ':' .. priority .. ':' .. lane
        lanes = lanes + 1
        if seen[member] then
            faults[#faults + 1] = 'a lane is twice in ' .. ring
        end
        seen[member] = true
        local count = class == 'd' and redis.call('ZCARD', key) or redis.call('LLEN', key)
        if count == 0 then
            faults[#faults + 1] = 'an empty lane is in ' .. ring
        end
        if class == 'd' then
            durable = durable + count
        else
            fast = fast + count
        end
    end
end
local quarantined = {d = 0, f = 0}
for _, member in ipairs(redis.call('ZRANGE', base .. ':quarantine', 0, -1)) do
    local class = member:sub(1, 1)
    quarantined[class] = quarantined[class] + 1
    if class == 'f' and member:byte(3) ~= crashes_max then
        faults[#faults + 1] = 'a job is in ' .. base .. ':quarantine that was aboard ' .. member:byte(3) .. ' crashes'
    end
end
if redis.call('ZCARD', base .. ':dead') ~= redis.call('HLEN', base .. ':graves') then
    faults[#faults + 1] = base .. ':dead and ' .. base .. ':graves differ in length'
end
return {
    durable, fast, quarantined.d, quarantined.f, redis.call('ZCARD', base .. ':due'),
    redis.call('ZCARD', base .. ':dead'), lanes, unpack(faults)
}
