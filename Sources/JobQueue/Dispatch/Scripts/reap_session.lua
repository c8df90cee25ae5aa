-- Takes back what a session holds: each job returns to the head of its lane.
--
-- KEYS[1]  base of the queue
-- ARGV[1]  session (16 bytes)
-- ARGV[2]  crashes a fast job may have; -1 when the session stopped in order, so that nothing counts as a crash
-- Returns  {hints given back, fast jobs given back, fast jobs dead as poison}.
--          The session can claim nothing more from this queue for an hour.
local base, session, limit = KEYS[1], ARGV[1], tonumber(ARGV[2])
local run = base .. ':run:' .. session
local held, hints, back, dead = redis.call('HGETALL', run), 0, 0, 0
redis.call('SET', base .. ':gone:' .. session, '1', 'EX', 3600)
for i = 1, #held, 2 do
    local id, value = held[i], held[i + 1]
    if value:sub(1, 1) == 'd' then
        local priority, seq, lane = value:match('^d(%d):(%d+):(.*)$')
        local key = base .. ':d:' .. priority .. ':' .. lane
        -- It may be back by its ticket already: then its lane is in the ring.
        if redis.call('ZADD', key, 'NX', seq, id) == 1 and redis.call('ZCARD', key) == 1 then
            redis.call('RPUSH', base .. ':ring:' .. priority, 'd' .. lane)
        end
        hints = hints + 1
    else
        local entry = value:sub(2)
        local crashes = entry:byte(2)
        if limit >= 0 then
            crashes = math.min(crashes + 1, 255)
            entry = entry:sub(1, 1) .. string.char(crashes) .. entry:sub(3)
        end
        if limit >= 0 and crashes > limit then
            redis.call('HSET', base .. ':dead', id, entry)
            dead = dead + 1
        else
            local priority, length = entry:sub(4, 4), entry:byte(6)
            local lane = entry:sub(7, 6 + length)
            if redis.call('LPUSH', base .. ':f:' .. priority .. ':' .. lane, entry) == 1 then
                redis.call('RPUSH', base .. ':ring:' .. priority, 'f' .. lane)
            end
            back = back + 1
        end
    end
end
redis.call('DEL', run)
if hints + back > 0 and redis.call('LLEN', base .. ':wake') == 0 then
    redis.call('RPUSH', base .. ':wake', '1')
end
return {hints, back, dead}
