-- Settles fast attempts of a session.
--
-- KEYS[1]  base of the queue
-- ARGV[1]  session (16 bytes)
-- ARGV[2]  how many dead fast jobs are kept
-- ARGV[3…] for each attempt four: what became of it, its id (16 bytes), its entry as it is to be kept, and a note:
--          'a' acknowledged (entry and note ignored) · 'g' given back to the head of its lane
--          'r<milliseconds>' to be run again after a delay · 'x' dead (the note says why, a line of JSON)
-- Returns  the ids that were fenced: they are not this session's any more, and nothing of them changed.
local base, session, most, fenced = KEYS[1], ARGV[1], ARGV[2], {}
local run = base .. ':run:' .. session
for i = 3, #ARGV, 4 do
    local act, id, entry = ARGV[i], ARGV[i + 1], ARGV[i + 2]
    if redis.call('HDEL', run, id) == 0 then
        fenced[#fenced + 1] = id
    elseif act == 'g' then
        put('LPUSH', base, entry)
        wake(base)
    elseif act == 'x' then
        bury(base, id, entry, ARGV[i + 3], most)
    elseif act ~= 'a' then
        redis.call('ZADD', base .. ':due', milliseconds() + tonumber(act:sub(2)), entry)
    end
end
return fenced
