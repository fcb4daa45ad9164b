-- Count an event once, atomically: stamp it, append its records, advance the fences, and give what was there before.
-- KEYS  the event's key, then each key touched
-- ARGV  the clock's fence, the latest stamp a fence may have, the earliest stamp that is not too early,
--       seconds and milliseconds an event's key is kept, then for each key touched: its record stamped with the clock
--       (empty: only read), what a new key begins with, milliseconds it is kept
-- The answer: the outcome, the stamp, what lay under each key, and of the parcels beside keys those that the stamp needs
-- Stamps are compared as text of one length: Lua's numbers are exact to 2^53 only, so nothing is computed with them.
local DIGITS, FENCE, STAMP_AND_CHECKSUM, RESIDUE = 16, 24, 12, 0x2144DF1C
local UNTIL_BEGINS, UNTIL_ENDS = 48, 63

local function checksum(text)
  local crc = bit.bnot(RESIDUE)
  for place = 1, #text do
    crc = bit.bxor(crc, text:byte(place))
    for _ = 1, 8 do
      crc = bit.bxor(bit.rshift(crc, 1), bit.band(0xEDB88320, -bit.band(crc, 1)))
    end
  end
  return bit.bnot(crc)
end

local function restamped(record, stamp)
  local body = record:sub(1, -STAMP_AND_CHECKSUM - 1) .. struct.pack('<I8', tonumber(stamp))
  return body .. struct.pack('<I4', bit.tobit(checksum(body)) % 0x100000000)
end

-- what waited beside the blobs until the stamp came, with what it waits for next
local function with_parcels(answer)
  local parcels, stamp = {}, answer[2]
  for place = 2, #KEYS do
    local blob = answer[place + 1]
    if #blob >= UNTIL_ENDS and stamp > blob:sub(UNTIL_BEGINS, UNTIL_ENDS) then
      local beside = KEYS[place] .. ':later'
      local needed = redis.call('ZRANGEBYSCORE', beside, '-inf', '(' .. stamp)
      local after = redis.call('ZRANGEBYSCORE', beside, stamp, '+inf', 'LIMIT', 0, 1)
      parcels[#parcels + 1] = {place - 2, after[1] or '', needed}
    end
  end
  answer[#KEYS + 2] = parcels
  return answer
end

local found = redis.call('MGET', unpack(KEYS))
local accepted = found[1]
local fence, answer = ARGV[1], {'counted', ''}
for place = 2, #KEYS do
  local blob = found[place] or ''
  answer[place + 1] = blob
  local held = blob:sub(1, FENCE)
  if held > fence then fence = held end
end
local stamp = fence:sub(1, DIGITS)
answer[2] = stamp
if stamp > ARGV[2] or not stamp:match('^%d+$') then -- too late for a clock, or no stamp at all: the caller looks
  answer[1], answer[2], answer[#KEYS + 2] = 'ahead', ARGV[1]:sub(1, DIGITS), {}
  return answer
end
if accepted then
  -- whole seconds have ten digits, so adding to them is exact
  local until_second = string.format('%010d', tonumber(accepted:sub(1, 10)) + tonumber(ARGV[4]))
  if stamp < until_second .. accepted:sub(11) then
    answer[1], answer[2] = 'duplicate', accepted
    return with_parcels(answer)
  end
end
if stamp < ARGV[3] then
  answer[1], answer[#KEYS + 2] = 'future', {}
  return answer
end
redis.call('SET', KEYS[1], stamp, 'PX', ARGV[5])
for place = 2, #KEYS do
  local first = 3 * place
  local record, blob = ARGV[first], answer[place + 1]
  if record == '' and blob ~= '' then -- in place, as most of a blob stays what it is
    redis.call('SETRANGE', KEYS[place], 0, fence)
    redis.call('PEXPIRE', KEYS[place], ARGV[first + 2])
  else
    if record ~= '' and fence ~= ARGV[1] then record = restamped(record, stamp) end
    local content = blob == '' and ARGV[first + 1] or blob:sub(FENCE + 1)
    redis.call('SET', KEYS[place], fence .. content .. record, 'PX', ARGV[first + 2])
  end
end
return with_parcels(answer)
