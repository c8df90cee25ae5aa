-- Settles fast attempts of a session.
--
-- KEYS[1]  base of the queue
-- ARGV[1]  session (16 bytes)
-- ARGV[2]  how many attempts are acknowledged: done, nothing of them is kept
-- ARGV[3…] their ids (16 bytes)
-- then     for each other attempt four: what became of it, its id, its entry as it is to be kept, and a note:
--          'g' given back to the head of its lane · 'r<milliseconds>' to be run again after a delay
--          'x' dead (the note says why, a line of JSON)
-- Returns  the ids that were fenced: they are not this session's any more, and nothing of them changed. (What a live
--          session holds nobody takes from it: acknowledgements are fenced all, or not at all.) All are, when the
--          session's running set is a key of another type.
local base, session, acknowledged, fenced = KEYS[1], ARGV[1], tonumber(ARGV[2]), {}
local run = base .. ':run:' .. session
local last = 2 + acknowledged
local is_whole = try('HLEN', run)
if acknowledged > 0 and (not is_whole or redis.call('EXISTS', base .. ':gone:' .. session) == 1) then
    for i = 3, last do
        fenced[#fenced + 1] = ARGV[i]
    end
else
    for first = 3, last, 4000 do
        redis.call('HDEL', run, unpack(ARGV, first, math.min(first + 3999, last)))
    end
end
for i = last + 1, #ARGV, 4 do
    local act, id, entry = ARGV[i], ARGV[i + 1], ARGV[i + 2]
    if not is_whole or redis.call('HDEL', run, id) == 0 then
        fenced[#fenced + 1] = id
    elseif act == 'g' then
        put('LPUSH', base, entry)
        wake(base)
    elseif act == 'x' then
        if not bury(base, id, entry, ARGV[i + 3]) then
            put_off(base, entry, mending)
        end
    else
        put_off(base, entry, tonumber(act:sub(2)))
    end
end
return fenced
