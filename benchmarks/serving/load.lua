-- What wrk sends: the lines of a file, one after the other, each with an id and the present time in the places for them.
-- LOAD_BODIES names the file, LOAD_RUN begins every id, LOAD_RESULT is where the result goes.

local templates, sent, second, now = {}, 0, 0, ""
local run = os.getenv("LOAD_RUN")

function init()
  for line in io.lines(os.getenv("LOAD_BODIES")) do
    local head, middle, tail = line:match("^(.-)@ID@(.-)@AT@(.*)$")
    templates[#templates + 1] = { head or line, middle, tail }
  end
  sent = tonumber(os.getenv("LOAD_OFFSET"))
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
end

function request()
  local template, present = templates[sent % #templates + 1], os.time()
  if present ~= second then
    second, now = present, os.date("!%Y-%m-%dT%H:%M:%SZ", present)
  end
  sent = sent + 1
  local body = template[1]
  if template[2] then
    body = body .. run .. sent .. template[2] .. now .. template[3]
  end
  return wrk.format(nil, nil, nil, body)
end

function done(summary, latency)
  local errors = summary.errors
  local file = assert(io.open(os.getenv("LOAD_RESULT"), "w"))
  file:write(string.format(
    '{"requests": %d, "microseconds": %d, "p50_us": %d, "p99_us": %d, "refused": %d, "broken": %d}',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), errors.status,
    errors.connect + errors.read + errors.write + errors.timeout))
  file:close()
end
