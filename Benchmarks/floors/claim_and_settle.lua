-- Settles what a claimer had claimed, and claims anew: the data changes of a fast job's life after its enqueue.
--
-- KEYS[1] the list of entries   KEYS[2] the claimer's running hash: id -> entry
-- ARGV[1] how many to claim     ARGV[2…] ids (16 bytes) whose jobs are done
-- Returns how many were settled, then the entries claimed.
-- Atomic, because a job must never be in no place: it leaves the list and enters the hash in one step.
local reply = {0}
if #ARGV > 1 then
    reply[1] = redis.call('HDEL', KEYS[2], unpack(ARGV, 2))
end
local entries = redis.call('LPOP', KEYS[1], ARGV[1])
if entries then
    local running = {}
    for i = 1, #entries do
        local entry = entries[i]
        running[2 * i - 1] = entry:sub(1, 16)
        running[2 * i] = entry
        reply[i + 1] = entry
    end
    redis.call('HSET', KEYS[2], unpack(running))
end
return reply
