-- Claims jobs for a session: families take turns, higher priorities first.
--
-- KEYS[1]  base of the queue
-- ARGV[1]  session (16 bytes)      ARGV[2]  how many at most
-- ARGV[3…] ids (16 bytes) whose attempts are settled: they leave the session's running set first
-- Returns  {'gone'} when the session was reaped: it must not go on.
--          Else {state, next_due_ms, quarantined, durable ids joined (16 bytes each), damaged, fast entry, fast entry,
--          …} where state is 'paused', 'closed' (Redis lost its memory, and was not told of the queue yet), 'damaged'
--          (admit says when), 'more' (there is more to claim) or 'empty'; next_due_ms is how long until the next
--          delayed fast job is due, -1 when there is none; quarantined is how many jobs wait to be run alone
--          (claim_quarantined.lua gives those); damaged is an array of the keys that are of another type than they
--          ought to be, empty when all is well: they were passed over.
--
-- Keys: base:run:<session> maps id to what puts the job back: 'd<priority>:<seq>:<lane>' or 'f<entry>'.
-- Atomic, because a job must never be in no place: it leaves its lane and enters the running set in one step.
local base, session, wanted = KEYS[1], ARGV[1], tonumber(ARGV[2])
local run = base .. ':run:' .. session
local refusal = admit(base, session, 3)
if refusal then
    return refusal
end

local damaged = {}
local function damage(key)
    damaged[#damaged + 1] = key
end

-- Delayed fast jobs whose time has come join their lanes.
local next_due = -1
local first_due = try('ZRANGE', base .. ':due', 0, 0, 'WITHSCORES')
if not first_due then
    damage(base .. ':due')
elseif first_due[2] then
    local now = milliseconds()
    next_due = tonumber(first_due[2]) - now
    if next_due <= 0 then
        local due = redis.call('ZRANGEBYSCORE', base .. ':due', '-inf', now, 'LIMIT', 0, 1000)
        redis.call('ZREM', base .. ':due', unpack(due))
        for _, entry in ipairs(due) do
            put('RPUSH', base, entry)
        end
        first_due = redis.call('ZRANGE', base .. ':due', 0, 0, 'WITHSCORES')
        next_due = first_due[2] and math.max(0, tonumber(first_due[2]) - now) or -1
    end
end

local quarantined = try('ZCARD', base .. ':quarantine')
if not quarantined then
    damage(base .. ':quarantine')
end
local durable, running, reply = {}, {}, {'empty', next_due, quarantined or 0, '', damaged}
local left = wanted
for priority = 0, 2 do
    local ring = base .. ':ring:' .. priority
    local lanes = try('LLEN', ring)
    if not lanes then
        damage(ring)
        lanes = 0
    end
    while left > 0 and lanes > 0 do
        local member = redis.call('LPOP', ring)
        lanes = lanes - 1
        local class, lane = member:sub(1, 1), member:sub(2)
        local key = base .. ':' .. class .. ':' .. priority .. ':' .. lane
        -- A lane that is alone takes all that is wanted; else each takes one and goes to the end of the ring.
        local turn = lanes == 0 and left or 1
        local popped
        if class == 'd' then
            popped = try('ZPOPMIN', key, turn)
            for i = 1, popped and #popped or 0, 2 do
                if #popped[i] == 16 then
                    durable[#durable + 1] = popped[i]
                    running[#running + 1] = popped[i]
                    running[#running + 1] = 'd' .. priority .. ':' .. popped[i + 1] .. ':' .. lane
                else
                    put_away(base, popped[i], 'it was among the ids of ledger jobs, and is none')
                end
            end
            left = left - (popped and #popped / 2 or 0)
        else
            popped = try('LPOP', key, turn)
            for _, entry in ipairs(popped or {}) do
                local length = lane_length(entry)
                if length then
                    reply[#reply + 1] = entry
                    running[#running + 1] = entry:sub(7 + length, 22 + length)
                    running[#running + 1] = 'f' .. entry
                else
                    put_away_entry(base, entry)
                end
            end
            left = left - (popped and #popped or 0)
        end
        -- A lane of another type leaves the ring: it holds no jobs.
        if popped == nil then
            damage(key)
        elseif redis.call('EXISTS', key) == 1 then
            redis.call('RPUSH', ring, member)
            lanes = lanes + 1
        end
    end
    if lanes > 0 then
        reply[1] = 'more'
    end
end
for first = 1, #running, 4000 do
    redis.call('HSET', run, unpack(running, first, math.min(first + 3999, #running)))
end
reply[4] = table.concat(durable)
-- Whoever takes the last token and leaves jobs behind wakes the next.
if reply[1] == 'more' and #running > 0 then
    wake(base)
end
return reply
