-- Takes back what a session holds: all of it, when the session has ended; or some jobs that it does not know of,
-- because the reply to their claim was lost. Each returns to the head of its lane, or to quarantine.
--
-- KEYS[1]  base of the queue
-- ARGV[1]  session (16 bytes)
-- ARGV[2]  '1' when this is a crash of each fast job (the one too many, and it is dead as poison), else '0'
-- ARGV[3]  how many dead fast jobs are kept
-- ARGV[4…] ids (16 bytes) to take back, of a session that goes on; none: all, and the session can claim nothing more
--          from this queue for an hour
-- Returns  {hints given back, fast jobs given back, ids of fast jobs dead as poison, joined (16 bytes each)}
local base, session, crashed, most = KEYS[1], ARGV[1], ARGV[2] == '1', ARGV[3]
local run = base .. ':run:' .. session
local held, hints, back, dead = {}, 0, 0, {}
if ARGV[4] then
    for first = 4, #ARGV, 4000 do
        local last = math.min(first + 3999, #ARGV)
        for i, value in ipairs(redis.call('HMGET', run, unpack(ARGV, first, last))) do
            if value then
                held[#held + 1] = ARGV[first + i - 1]
                held[#held + 1] = value
            end
        end
        redis.call('HDEL', run, unpack(ARGV, first, last))
    end
else
    held = redis.call('HGETALL', run)
    redis.call('SET', base .. ':gone:' .. session, '1', 'EX', 3600)
    redis.call('DEL', run)
end
for i = 1, #held, 2 do
    local id, value = held[i], held[i + 1]
    local class = value:sub(1, 1)
    if class == 'q' then
        quarantine(base, 'd' .. id, value:sub(2))
        hints = hints + 1
    elseif class == 'd' then
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
        if crashed then
            crashes = math.min(crashes + 1, 255)
            entry = entry:sub(1, 1) .. string.char(crashes) .. entry:sub(3)
        end
        if crashed and crashes > crashes_max then
            bury(base, id, entry, '{"reason":"poison"}', most)
            dead[#dead + 1] = id
        else
            put('LPUSH', base, entry)
            back = back + 1
        end
    end
end
if hints + back > 0 then
    wake(base)
end
return {hints, back, table.concat(dead)}
