-- Forgets a session.
-- KEYS[1]  {<namespace>}:sessions     KEYS[2]  {<namespace>}:caretaker     ARGV[1]  session (16 bytes)
redis.call('ZREM', KEYS[1], ARGV[1])
if redis.call('GET', KEYS[2]) == ARGV[1] then
    redis.call('DEL', KEYS[2])
end
return 1
