-- Put a folded base in place, unless somebody else folded the key since; what was appended since stays behind it.
-- KEYS  the key
-- ARGV  the header of the base that was folded, how long the state was then, the folded base, before which stamp the
--       parcels beside it were folded as well (empty: none were), then for each parcel that was put aside: from which
--       stamp on it is needed, what it is
local FENCE = 24
if redis.call('GETRANGE', KEYS[1], FENCE, FENCE + #ARGV[1] - 1) ~= ARGV[1] then return 0 end
local fence = redis.call('GETRANGE', KEYS[1], 0, FENCE - 1)
local since = redis.call('GETRANGE', KEYS[1], ARGV[2], -1)
redis.call('SET', KEYS[1], fence .. ARGV[3] .. since, 'KEEPTTL')
local beside = KEYS[1] .. ':later'
if ARGV[4] ~= '' then redis.call('ZREMRANGEBYSCORE', beside, '-inf', '(' .. ARGV[4]) end
for place = 5, #ARGV, 2 do redis.call('ZADD', beside, ARGV[place], ARGV[place + 1]) end
-- not a moment longer than the key, or its parcels would meet a key that began anew
if #ARGV > 4 then redis.call('PEXPIRE', beside, redis.call('PTTL', KEYS[1])) end
return 1
