-- Puts ids of available ledger jobs where workers find them.
--
-- KEYS[1]  base of the queue, `{<namespace>:<queue>}`
-- ARGV     for each job: priority (0 to 2; 'q' when it is quarantined), lane (empty or the family's 16 bytes), seq,
--          id (16 bytes)
-- Returns  how many were not there before. Putting an id twice changes nothing.
--
-- Keys: base:d:<priority>:<lane> is a sorted set of ids by seq; base:ring:<priority> lists the lanes that take turns.
-- Invariant: a lane is in its ring once exactly if it holds jobs.
local base, added = KEYS[1], 0
for i = 1, #ARGV, 4 do
    local priority, lane = ARGV[i], ARGV[i + 1]
    local key = base .. ':d:' .. priority .. ':' .. lane
    if priority == 'q' then
        added = added + quarantine(base, 'd' .. ARGV[i + 3])
    elseif redis.call('ZADD', key, 'NX', ARGV[i + 2], ARGV[i + 3]) == 1 then
        added = added + 1
        if redis.call('ZCARD', key) == 1 then
            redis.call('RPUSH', base .. ':ring:' .. priority, 'd' .. lane)
        end
    end
end
if added > 0 then
    wake(base)
end
return added
