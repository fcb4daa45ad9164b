-- Write the whole state of a key over what is there.
-- KEYS  the key
-- ARGV  the blob, milliseconds it is kept, then for each parcel beside it: from which stamp on it is needed, what it is
local beside = KEYS[1] .. ':later'
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('DEL', beside)
for place = 3, #ARGV, 2 do redis.call('ZADD', beside, ARGV[place], ARGV[place + 1]) end
if #ARGV > 2 then redis.call('PEXPIRE', beside, ARGV[2]) end
