-- Opens a queue, or holds it.
--
-- KEYS[1]  base of the queue     ARGV[1]  'open' or 'paused'
-- Returns  1 when that changed something.
--
-- Nothing is claimed from a queue that is not marked open. So a Redis that lost its memory gives out nothing until the
-- caretaker has told it again which queues are paused.
local base, state = KEYS[1], ARGV[1]
if redis.call('SET', base .. ':state', state, 'GET') == state then
    return 0
end
if state == 'open' and redis.call('LLEN', base .. ':wake') == 0 then
    redis.call('RPUSH', base .. ':wake', '1')
end
return 1
