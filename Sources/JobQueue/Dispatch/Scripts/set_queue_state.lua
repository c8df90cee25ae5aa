-- Opens a queue, or holds it.
--
-- KEYS[1]  base of the queue     ARGV[1]  'open' or 'paused'     ARGV[2]  version, from the ledger; it only grows
-- Returns  1 when that changed something; 0 when it was so already, or a newer word came before.
--
-- Keys: base:state is a hash: is ('open' or 'paused'), version.
-- Nothing is claimed from a queue that is not marked open. So a Redis that lost its memory gives out nothing until the
-- caretaker has told it again which queues are paused.
local base, state, version = KEYS[1], ARGV[1], tonumber(ARGV[2])
local known = redis.call('HMGET', base .. ':state', 'is', 'version')
local newest = known[2] and tonumber(known[2])
if newest and (newest > version or (newest == version and known[1] == state)) then
    return 0
end
-- The version is noted even where the state stays: an older word that comes late must not be taken for news.
redis.call('HSET', base .. ':state', 'is', state, 'version', version)
if known[1] == state then
    return 0
end
if state == 'open' then
    wake(base)
end
return 1
