-- Adds to the pool's counters, once however often it is sent.
--
-- KEYS[1]  {<namespace>}:counters, a hash of counters by name and labels
-- KEYS[2]  {<namespace>}:counted:<process>, the number of the process's last flush; expires after an hour without one
-- ARGV[1]  the flush's number      ARGV[2…]  field, amount, …
-- Returns  1, or 0 when this flush came before.
redis.call('HLEN', KEYS[1])
local last = redis.call('GET', KEYS[2])
if (tonumber(last or '') or -1) >= tonumber(ARGV[1]) then
    return 0
end
for i = 2, #ARGV, 2 do
    -- A counter that is no number is left as it is, and does not stop the others: doctor names it.
    redis.pcall('HINCRBY', KEYS[1], ARGV[i], ARGV[i + 1])
end
redis.call('SET', KEYS[2], ARGV[1], 'EX', 3600)
return 1
