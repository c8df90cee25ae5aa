-- What people decide of dead fast jobs.
--
-- KEYS[1]  base of the queue
-- ARGV[1]  'retry': run again with a fresh budget · 'discard': thrown away
-- ARGV[2…] ids (16 bytes)
-- Returns  the ids that were dead, and are not any more. One whose entry cannot be read is not retried.
local base, decision, done = KEYS[1], ARGV[1], {}
for i = 2, #ARGV do
    local grave = redis.call('HGET', base .. ':graves', ARGV[i])
    if grave then
        local entry = grave:sub((grave:find('\n', 1, true) or 0) + 1)
        -- What cannot be read cannot be run: it stays.
        if decision == 'discard' or lane_length(entry) then
            redis.call('HDEL', base .. ':graves', ARGV[i])
            try('ZREM', base .. ':dead', ARGV[i])
            if decision == 'retry' then
                put('RPUSH', base, entry:sub(1, 1) .. '\0\0' .. entry:sub(4))
            end
            done[#done + 1] = ARGV[i]
        end
    end
end
if decision == 'retry' and #done > 0 then
    wake(base)
end
return done
