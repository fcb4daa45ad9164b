-- What lies under keys, all as of one moment, and of the parcels beside them those that are needed then.
-- KEYS  the keys
-- ARGV  the stamp as of which they are read, unless one of their fences is later
local DIGITS, UNTIL_BEGINS, UNTIL_ENDS = 16, 48, 63

local stamp, answer, parcels = ARGV[1], {}, {}
local found = redis.call('MGET', unpack(KEYS))
for place = 1, #KEYS do
  answer[place] = found[place] or ''
  local held = answer[place]:sub(1, DIGITS)
  if held > stamp then stamp = held end
end
if not stamp:match('^%d+$') then return {answer, parcels} end -- no stamp at all: the caller looks
for place = 1, #KEYS do
  local blob = answer[place]
  if #blob >= UNTIL_ENDS and stamp > blob:sub(UNTIL_BEGINS, UNTIL_ENDS) then
    local beside = KEYS[place] .. ':later'
    local needed = redis.call('ZRANGEBYSCORE', beside, '-inf', '(' .. stamp)
    local after = redis.call('ZRANGEBYSCORE', beside, stamp, '+inf', 'LIMIT', 0, 1)
    parcels[#parcels + 1] = {place - 1, after[1] or '', needed}
  end
end
return {answer, parcels}
