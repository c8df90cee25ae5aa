-- What people decide of dead fast jobs.
--
-- KEYS[1]  base of the queue
-- ARGV[1]  'retry': run again with a fresh budget · 'discard': thrown away
-- ARGV[2…] ids (16 bytes)
-- Returns  the ids that were dead, and are not any more.
local base, decision, done = KEYS[1], ARGV[1], {}
for i = 2, #ARGV do
    local grave = redis.call('HGET', base .. ':graves', ARGV[i])
    if grave then
        if decision == 'retry' then
            local entry = grave:sub(grave:find('\n', 1, true) + 1)
            put('RPUSH', base, entry:sub(1, 1) .. '\0\0' .. entry:sub(4))
        end
        redis.call('HDEL', base .. ':graves', ARGV[i])
        redis.call('ZREM', base .. ':dead', ARGV[i])
        done[#done + 1] = ARGV[i]
    end
end
if decision == 'retry' and #done > 0 then
    wake(base)
end
return done
