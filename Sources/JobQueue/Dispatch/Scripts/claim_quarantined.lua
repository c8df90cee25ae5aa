-- Claims one job that is to be run alone: it was aboard as many crashes as are forgiven. Called by a session that holds
-- no other job: whatever is aboard when the process dies is held against this one.
--
-- KEYS[1]  base of the queue
-- ARGV[1]  session (16 bytes)
-- ARGV[2…] ids (16 bytes) whose attempts are settled: they leave the session's running set first
-- Returns  as claim_jobs.lua, with at most one job; quarantined is how many are left.
--
-- Keys: base:run:<session> maps id to what puts the job back: 'q<milliseconds>', when it came to quarantine, for a
-- durable one.
-- Atomic for the reason that claim_jobs.lua gives.
local base, session = KEYS[1], ARGV[1]
local run = base .. ':run:' .. session
local refusal = admit(base, session, 2)
if refusal then
    return refusal
end
local popped = try('ZPOPMIN', base .. ':quarantine')
if not popped then
    return {'empty', -1, 0, '', {base .. ':quarantine'}}
end
local left = redis.call('ZCARD', base .. ':quarantine')
local reply = {left > 0 and 'more' or 'empty', -1, left, '', {}}
local member = popped[1]
local length = member and lane_length(member:sub(2))
if member and member:sub(1, 1) == 'd' and #member == 17 then
    reply[4] = member:sub(2)
    redis.call('HSET', run, reply[4], 'q' .. popped[2])
elseif length and member:sub(1, 1) == 'f' then
    local entry = member:sub(2)
    reply[6] = entry
    redis.call('HSET', run, entry:sub(7 + length, 22 + length), 'f' .. entry)
elseif member then
    put_away(base, member, 'it was among the quarantined jobs, and is none')
end
return reply
