-- What several scripts do with fast jobs' entries (FastEntry.swift says what their bytes are). Put before their text,
-- after a line that says how many crashes a job may be aboard: `local crashes_max = …`.
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

-- Puts a job among those that are run alone. base:quarantine is a sorted set of 'd<id>' and 'f<entry>' by when they
-- came, in milliseconds. Returns 1, or 0 when it was there: then it keeps its place.
local function quarantine(base, member, since)
    return redis.call('ZADD', base .. ':quarantine', 'NX', since or milliseconds(), member)
end

-- Puts an entry into its lane: 'LPUSH' at the head, 'RPUSH' at the end. A lane that was empty joins its ring. An entry
-- that was aboard too many crashes goes to quarantine instead.
local function put(push, base, entry)
    if entry:byte(2) >= crashes_max then
        quarantine(base, 'f' .. entry)
        return
    end
    local priority, length = entry:sub(4, 4), entry:byte(6)
    local lane = entry:sub(7, 6 + length)
    if redis.call(push, base .. ':f:' .. priority .. ':' .. lane, entry) == 1 then
        redis.call('RPUSH', base .. ':ring:' .. priority, 'f' .. lane)
    end
end

-- How each claim begins: what is settled leaves the session's running set (ARGV from `first` on); then nil if the
-- session may claim, else the reply that says why it may not.
local function admit(base, session, first)
    for i = first, #ARGV, 4000 do
        redis.call('HDEL', base .. ':run:' .. session, unpack(ARGV, i, math.min(i + 3999, #ARGV)))
    end
    if redis.call('EXISTS', base .. ':gone:' .. session) == 1 then
        return {'gone'}
    end
    local state = redis.call('HGET', base .. ':state', 'is')
    if state ~= 'open' then
        return {state or 'closed', -1, 0, ''}
    end
    return nil
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
