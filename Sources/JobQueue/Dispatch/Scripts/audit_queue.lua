-- Counts what a queue holds in Redis, and checks its invariants (I6); for doctor, metrics and tests.
--
-- KEYS[1]  base of the queue.   ARGV  the lanes to look at beside those in the rings (none, usually)
-- Returns  {durable waiting, fast waiting, durable quarantined, fast quarantined, fast delayed, fast dead, lanes,
--          faults…}; a fault is a sentence. What is in a key of another type is not counted.
local base = KEYS[1]
local durable, fast, lanes, faults = 0, 0, 0, {}

-- As `try`; a key of another type is a fault, and `otherwise` the answer.
local function look(otherwise, command, key, ...)
    local reply = try(command, key, ...)
    if reply == nil then
        faults[#faults + 1] = 'the key ' .. key .. ' is a ' .. redis.call('TYPE', key).ok
            .. ': ' .. command .. ' cannot read it'
        return otherwise
    end
    return reply
end

for priority = 0, 2 do
    local ring = base .. ':ring:' .. priority
    local seen = {}
    for _, member in ipairs(look({}, 'LRANGE', ring, 0, -1)) do
        local class, lane = member:sub(1, 1), member:sub(2)
        local key = base .. ':' .. class .. ':' .. priority .. ':' .. lane
        lanes = lanes + 1
        if seen[member] then
            faults[#faults + 1] = 'a lane is twice in ' .. ring
        end
        local count = 0
        if class == 'd' then
            count = look(1, 'ZCARD', key)
        elseif class == 'f' then
            count = look(1, 'LLEN', key)
        end
        if count == 0 then
            faults[#faults + 1] = 'an empty lane is in ' .. ring .. ': ' .. member
        end
        if seen[member] then
            count = 0
        end
        seen[member] = true
        if class == 'd' then
            durable = durable + count
        else
            fast = fast + count
        end
    end
end
local quarantined = {d = 0, f = 0}
for _, member in ipairs(look({}, 'ZRANGE', base .. ':quarantine', 0, -1)) do
    local class = member:sub(1, 1)
    if quarantined[class] and (class == 'f' and lane_length(member:sub(2)) or #member == 17) then
        quarantined[class] = quarantined[class] + 1
        if class == 'f' and member:byte(3) ~= crashes_max then
            faults[#faults + 1] = 'a job is in ' .. base .. ':quarantine that was aboard ' .. member:byte(3)
                .. ' crashes'
        end
    else
        faults[#faults + 1] = base .. ':quarantine holds what is neither an id of the ledger nor an entry'
    end
end
local dead = look(0, 'ZCARD', base .. ':dead')
if dead ~= look(dead, 'HLEN', base .. ':graves') then
    faults[#faults + 1] = base .. ':dead and ' .. base .. ':graves differ in length'
end
return {
    durable, fast, quarantined.d, quarantined.f, look(0, 'ZCARD', base .. ':due'), dead, lanes, unpack(faults)
}
