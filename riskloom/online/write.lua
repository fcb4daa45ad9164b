-- Writes the rows of one view, all or none, and leaves alone what holds at a later time.
-- KEYS: the entities. ARGV: seconds to live (0: for ever), the number of features, the field of the event time, the
-- fields of the features; then, for each entity, its event time and its values. Returns how many rows were written.
local seconds_to_live, features, time_field = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]

local instants = {}

-- Microseconds of a Timestamp message; a time before 1970 is older than any that is written here.
local function instant(blob)
  local known = instants[blob]
  if known then return known end
  local parts, place = {0, 0}, 1
  while place <= #blob do
    local field = bit.rshift(string.byte(blob, place), 3)
    local number, weight, length = 0, 1, 0
    repeat
      place, length = place + 1, length + 1
      local byte = string.byte(blob, place)
      number = number + bit.band(byte, 127) * weight
      weight = weight * 128
    until byte < 128
    parts[field] = length < 10 and number or -1
    place = place + 1
  end
  local microseconds = parts[1] * 1000000 + parts[2] / 1000
  instants[blob] = microseconds
  return microseconds
end

local call = {'HSET', '', time_field, ''}
for feature = 1, features do
  call[3 + 2 * feature] = ARGV[3 + feature]
end

local written, place = 0, 3 + features
for _, key in ipairs(KEYS) do
  local at = ARGV[place + 1]
  local held = redis.call('HGET', key, time_field)
  if not held or held == at or instant(held) <= instant(at) then
    call[2], call[4] = key, at
    for feature = 1, features do
      call[4 + 2 * feature] = ARGV[place + 1 + feature]
    end
    redis.call(unpack(call, 1, 4 + 2 * features))
    if seconds_to_live > 0 then
      redis.call('EXPIRE', key, seconds_to_live)
    end
    written = written + 1
  end
  place = place + 1 + features
end
return written
