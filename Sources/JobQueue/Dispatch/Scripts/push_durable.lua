-- Puts ids of available ledger jobs where workers find them.
--
-- KEYS[1]  base of the queue, `{<namespace>:<queue>}`
-- ARGV     for each job: priority (0 to 2; 'q' when it is quarantined), lane (empty or the family's 16 bytes), seq,
--          id (16 bytes)
-- Returns  how many were not there before. Putting an id twice changes nothing.
--
-- Keys: base:d:<priority>:<lane> is a sorted set of ids by seq; base:ring:<priority> lists the lanes that take turns.
-- Invariant: a lane is in its ring once exactly if it holds jobs.
-- Where lane or ring are of another type the job is passed over: the reconciler tries again, and doctor names the key.
local base, added, known = KEYS[1], 0, {}
for i = 1, #ARGV, 4 do
    local priority, lane = ARGV[i], ARGV[i + 1]
    if priority == 'q' then
        added = added + (quarantine(base, 'd' .. ARGV[i + 3]) or 0)
    else
        local new = put_hint(base, priority, lane, ARGV[i + 2], ARGV[i + 3])
        added = added + (new or 0)
        if new == 0 then
            known[priority .. lane] = true
        end
    end
end
-- What was there already should be in its ring. Should that have lost a lane, it joins again.
for name in pairs(known) do
    local ring, member = base .. ':ring:' .. name:sub(1, 1), 'd' .. name:sub(2)
    if try('LPOS', ring, member) == false then
        redis.call('RPUSH', ring, member)
        added = added + 1
    end
end
if added > 0 then
    wake(base)
end
return added
