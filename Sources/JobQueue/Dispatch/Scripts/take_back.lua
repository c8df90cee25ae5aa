-- Takes back what a session holds: all of it, when the session has ended; or some jobs that it does not know of,
-- because the reply to their claim was lost. Each returns to the head of its lane, or to quarantine.
--
-- KEYS[1]  base of the queue
-- ARGV[1]  session (16 bytes)
-- ARGV[2]  '1' when this is a crash of each fast job (the one too many, and it is dead as poison), else '0'
-- ARGV[3…] ids (16 bytes) to take back, of a session that goes on; none: all, and the session can claim nothing more
--          from this queue for an hour
-- Returns  {hints given back, fast jobs given back, ids of fast jobs dead as poison, joined (16 bytes each)}
local base, session, crashed = KEYS[1], ARGV[1], ARGV[2] == '1'
local run = base .. ':run:' .. session
local held, hints, back, dead = {}, 0, 0, {}
if ARGV[3] then
    for first = 3, #ARGV, 4000 do
        local last = math.min(first + 3999, #ARGV)
        for i, value in ipairs(try('HMGET', run, unpack(ARGV, first, last)) or {}) do
            local id = ARGV[first + i - 1]
            -- Once, though it be named twice.
            if value and redis.call('HDEL', run, id) == 1 then
                held[#held + 1] = id
                held[#held + 1] = value
            end
        end
    end
else
    held = try('HGETALL', run) or {}
    -- First what frees memory: a Redis that has none left refuses a script whose first write takes some.
    if held[1] then
        redis.call('DEL', run)
    end
    redis.call('SET', base .. ':gone:' .. session, '1', 'EX', 3600)
end
for i = 1, #held, 2 do
    local id, value = held[i], held[i + 1]
    local class, entry = value:sub(1, 1), value:sub(2)
    local priority, seq, lane = value:match('^d([012]):(%d+):(.*)$')
    if #id == 16 and value:find('^q%d+$') then
        quarantine(base, 'd' .. id, entry)
        hints = hints + 1
    elseif #id == 16 and priority then
        -- It may be back by its ticket already: then its lane is in the ring.
        put_hint(base, priority, lane, seq, id)
        hints = hints + 1
    elseif class ~= 'f' or not lane_length(entry) then
        put_away(base, id .. value, 'a session held it, and it is neither an id of the ledger nor an entry')
    else
        local crashes = entry:byte(2)
        if crashed then
            crashes = math.min(crashes + 1, 255)
            entry = entry:sub(1, 1) .. string.char(crashes) .. entry:sub(3)
        end
        if crashed and crashes > crashes_max and bury(base, id, entry, '{"reason":"poison"}') then
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
