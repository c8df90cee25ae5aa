-- What several scripts do with fast jobs' entries (FastEntry.swift says what their bytes are). Put before their text.
local function milliseconds()
    local time = redis.call('TIME')
    return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- An idle worker is woken: the list holds at most one token.
local function wake(base)
    if redis.call('LLEN', base .. ':wake') == 0 then
        redis.call('RPUSH', base .. ':wake', '1')
    end
end

-- Puts an entry into its lane: 'LPUSH' at the head, 'RPUSH' at the end. A lane that was empty joins its ring.
local function put(push, base, entry)
    local priority, length = entry:sub(4, 4), entry:byte(6)
    local lane = entry:sub(7, 6 + length)
    if redis.call(push, base .. ':f:' .. priority .. ':' .. lane, entry) == 1 then
        redis.call('RPUSH', base .. ':ring:' .. priority, 'f' .. lane)
    end
end

-- Keeps an entry among the dead: base:dead has ids by time of death in milliseconds, base:graves their entries, each
-- after a line of JSON that says why. Beyond `most` the oldest go.
local function bury(base, id, entry, note, most)
    redis.call('ZADD', base .. ':dead', milliseconds(), id)
    redis.call('HSET', base .. ':graves', id, note .. '\n' .. entry)
    local over = redis.call('ZCARD', base .. ':dead') - tonumber(most)
    if over > 0 then
        redis.call('HDEL', base .. ':graves', unpack(redis.call('ZRANGE', base .. ':dead', 0, over - 1)))
        redis.call('ZREMRANGEBYRANK', base .. ':dead', 0, over - 1)
    end
end
