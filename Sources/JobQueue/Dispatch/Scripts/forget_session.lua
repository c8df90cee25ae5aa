-- Forgets a session.
-- KEYS[1]  {<namespace>}:sessions     KEYS[2]  {<namespace>}:caretaker     ARGV[1]  session (16 bytes)
-- A key of another type than ours is left as it is.
redis.pcall('ZREM', KEYS[1], ARGV[1])
if redis.pcall('GET', KEYS[2]) == ARGV[1] then
    redis.call('DEL', KEYS[2])
end
return 1
