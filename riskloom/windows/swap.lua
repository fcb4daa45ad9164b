-- Put a folded base in place, unless somebody else folded the key since; what was appended since stays behind it.
-- KEYS  the key
-- ARGV  the header of the base that was folded, how long the state was then, the folded base
local FENCE = 24
if redis.call('GETRANGE', KEYS[1], FENCE, FENCE + #ARGV[1] - 1) ~= ARGV[1] then return 0 end
local fence = redis.call('GETRANGE', KEYS[1], 0, FENCE - 1)
local since = redis.call('GETRANGE', KEYS[1], ARGV[2], -1)
redis.call('SET', KEYS[1], fence .. ARGV[3] .. since, 'KEEPTTL')
return 1
