-- Settles fast attempts of a session.
--
-- KEYS[1]  base of the queue
-- ARGV[1]  session (16 bytes)
-- ARGV[2…] for each attempt three: what became of it, its id (16 bytes), and its entry as it is to be kept:
--          'a' acknowledged (entry ignored) · 'g' given back to the head of its lane
--          'r<milliseconds>' to be run again after a delay · 'x' dead
-- Returns  the ids that were fenced: they are not this session's any more, and nothing of them changed.
local base, session, fenced = KEYS[1], ARGV[1], {}
local run = base .. ':run:' .. session
for i = 2, #ARGV, 3 do
    local act, id, entry = ARGV[i], ARGV[i + 1], ARGV[i + 2]
    if redis.call('HDEL', run, id) == 0 then
        fenced[#fenced + 1] = id
    elseif act == 'g' then
        local priority, length = entry:sub(4, 4), entry:byte(6)
        local lane = entry:sub(7, 6 + length)
        if redis.call('LPUSH', base .. ':f:' .. priority .. ':' .. lane, entry) == 1 then
            redis.call('RPUSH', base .. ':ring:' .. priority, 'f' .. lane)
        end
        if redis.call('LLEN', base .. ':wake') == 0 then
            redis.call('RPUSH', base .. ':wake', '1')
        end
    elseif act == 'x' then
        redis.call('HSET', base .. ':dead', id, entry)
    elseif act ~= 'a' then
        local time = redis.call('TIME')
        local due = time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(act:sub(2))
        redis.call('ZADD', base .. ':due', due, entry)
    end
end
return fenced
