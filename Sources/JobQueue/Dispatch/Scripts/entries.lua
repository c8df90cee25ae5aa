-- What several scripts do with keys and with fast jobs' entries (FastEntry.swift says what their bytes are). Put before
-- their text, after three lines of numbers: `local crashes_max = …`, how many crashes a job may be aboard,
-- `local dead_max = …`, how many dead fast jobs a queue keeps, and `local entry_version = …`, the format that is read.
--
-- Nothing here trusts what a key holds: an entry that cannot be read, or a key of another type, stops no other job. An
-- error in the middle of a script would: what was popped before it is in no place then.
local function milliseconds()
    local time = redis.call('TIME')
    return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- As redis.call; nil when the key is of another type than the command's, and nothing has changed.
local function try(...)
    local reply = redis.pcall(...)
    if type(reply) == 'table' and reply.err then
        if reply.err:find('WRONGTYPE', 1, true) then
            return nil
        end
        error(reply, 0)
    end
    return reply
end

-- An idle worker is woken: the list holds at most one token.
local function wake(base)
    if try('LLEN', base .. ':wake') == 0 then
        redis.call('RPUSH', base .. ':wake', '1')
    end
end

-- How long an entry's lane is; nil when the bytes before its kind are not as this version writes them.
local function lane_length(entry)
    local version, _, _, priority, _, length = entry:byte(1, 6)
    local is_ours = version == entry_version and length and priority >= 48 and priority <= 50
    if is_ours and (length == 0 or length == 16) and #entry >= 24 + length then
        return length
    end
    return nil
end

-- Keeps an entry among the dead: base:dead has ids by time of death in milliseconds, base:graves their entries, each
-- after a line of JSON that says why. Beyond `dead_max` the oldest go. Returns false when one of the two is of another
-- type: nothing was kept.
local function bury(base, id, entry, note)
    if not try('HSET', base .. ':graves', id, note .. '\n' .. entry) then
        return false
    end
    if not try('ZADD', base .. ':dead', milliseconds(), id) then
        redis.call('HDEL', base .. ':graves', id)
        return false
    end
    local over = redis.call('ZCARD', base .. ':dead') - dead_max
    if over > 0 then
        redis.call('HDEL', base .. ':graves', unpack(redis.call('ZRANGE', base .. ':dead', 0, over - 1)))
        redis.call('ZREMRANGEBYRANK', base .. ':dead', 0, over - 1)
    end
    return true
end

-- Keeps bytes that nobody can use among the dead, as they are, for a person to see: under the first 16 bytes of their
-- SHA-1, since no id can be read from them. Should there be no place among the dead, in the list base:unreadable.
local function put_away(base, bytes, why)
    local id = redis.sha1hex(bytes):sub(1, 32):gsub('%x%x', function(hex)
        return string.char(tonumber(hex, 16))
    end)
    local note = '{"reason":"undecodable","error":{"type":"UnreadableEntry","message":"' .. why .. '"}}'
    if not bury(base, id, bytes, note) then
        redis.call('RPUSH', base .. ':unreadable', bytes)
    end
end

-- Puts an entry away that lane_length cannot read.
local function put_away_entry(base, entry)
    local version, why = entry:byte(1), 'the entry is cut, or damaged'
    if version and version ~= entry_version then
        why = 'the entry has format version ' .. version .. ', and this chorewheel reads version ' .. entry_version
    end
    put_away(base, entry, why)
end

-- Who waits for the next delayed entry is told when one was put in that is due at `due`, and first.
local function wake_for(base, due)
    if tonumber(redis.call('ZRANGE', base .. ':due', 0, 0, 'WITHSCORES')[2]) == due then
        wake(base)
    end
end

-- Puts an entry among the delayed ones: base:due is a sorted set of entries by due time in milliseconds.
local function put_off(base, entry, delay)
    local due = milliseconds() + delay
    if try('ZADD', base .. ':due', due, entry) then
        wake_for(base, due)
    else
        put_away(base, entry, 'the list of delayed jobs is a key of another type')
    end
end

-- How long an entry waits whose place is a key of another type, until that is looked at again.
local mending = 15000

-- Puts a job among those that are run alone. base:quarantine is a sorted set of 'd<id>' and 'f<entry>' by when they
-- came, in milliseconds. Returns 1; 0 when it was there: then it keeps its place; nil when the key is of another type.
local function quarantine(base, member, since)
    return try('ZADD', base .. ':quarantine', 'NX', since or milliseconds(), member)
end

-- A lane that was empty joins its ring. Returns false when the ring is of another type.
local function join_ring(base, priority, member)
    return try('RPUSH', base .. ':ring:' .. priority, member) ~= nil
end

-- Puts a ledger job's id into its lane. Returns 1; 0 when it was there; nil when lane or ring are of another type: then
-- it is not in, and the reconciler tries again.
local function put_hint(base, priority, lane, seq, id)
    local key = base .. ':d:' .. priority .. ':' .. lane
    local added = try('ZADD', key, 'NX', seq, id)
    if added == 1 and redis.call('ZCARD', key) == 1 and not join_ring(base, priority, 'd' .. lane) then
        redis.call('ZREM', key, id)
        return nil
    end
    return added
end

-- Puts an entry into its lane: 'LPUSH' at the head, 'RPUSH' at the end. One that was aboard too many crashes goes to
-- quarantine instead; one whose place is of another type waits; one that cannot be read is put away.
local function put(push, base, entry)
    local length = lane_length(entry)
    if not length then
        return put_away_entry(base, entry)
    end
    if entry:byte(2) >= crashes_max then
        if not quarantine(base, 'f' .. entry) then
            put_off(base, entry, mending)
        end
        return
    end
    local priority, lane = entry:sub(4, 4), entry:sub(7, 6 + length)
    local key = base .. ':f:' .. priority .. ':' .. lane
    local count = try(push, key, entry)
    if count == 1 and not join_ring(base, priority, 'f' .. lane) then
        redis.call('DEL', key)
        count = nil
    end
    if not count then
        put_off(base, entry, mending)
    end
end

-- How each claim begins: what is settled leaves the session's running set (ARGV from `first` on); then nil if the
-- session may claim, else the reply that says why it may not: 'damaged', with the key's name, when the session's
-- running set or the queue's state is not what it ought to be.
local function admit(base, session, first)
    local run = base .. ':run:' .. session
    if not try('HLEN', run) then
        return {'damaged', -1, 0, '', {run}}
    end
    for i = first, #ARGV, 4000 do
        redis.call('HDEL', run, unpack(ARGV, i, math.min(i + 3999, #ARGV)))
    end
    if redis.call('EXISTS', base .. ':gone:' .. session) == 1 then
        return {'gone'}
    end
    local state = try('HGET', base .. ':state', 'is')
    if state == 'open' then
        return nil
    end
    if state == nil or (state and state ~= 'paused') then
        return {'damaged', -1, 0, '', {base .. ':state'}}
    end
    return {state or 'closed', -1, 0, '', {}}
end
