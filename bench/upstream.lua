-- What the upstream and the plugins' API say. The model of a request names the play:
--   json               the answer at once
--   events             a stream of 200 events at once
--   paced:200@5        a stream of 200 events, one each 5 ms, each with the time at which it was written
--   loop:3x2@50        3 tool calls in each of 2 answers, then the final one; each answer after 50 ms
-- The API answers at once under /api/, and after 50 ms under /api/@50/. /waited tells for how many microseconds
-- somebody has waited so far, here or there.
local ffi = require 'ffi'
ffi.cdef 'typedef struct { long s; long ns; } moment; int clock_gettime(int, moment *);'

local moment = ffi.new 'moment'
local monotonic = 1

-- Microseconds on the clock that all processes of the machine share (Node's process.hrtime).
local function now()
  ffi.C.clock_gettime(monotonic, moment)
  return tonumber(moment.s) * 1e6 + tonumber(moment.ns) / 1e3
end

-- A text in pieces: what stands before a <NAME>, then NAME, and so on.
local function cut(text)
  local pieces, rest = {}, 1
  for before, name, after in text:gmatch '(.-)<(%u+)>()' do
    table.insert(pieces, before)
    table.insert(pieces, name)
    rest = after
  end
  table.insert(pieces, text:sub(rest))
  return pieces
end

-- The pieces with values for the names. They stay pieces: Lua keeps each text that is made in one table, by a hash of
-- a few of its characters, and thousands that differ in a number alone would make it slow.
local function fill(pieces, values)
  local filled = {}
  for at, piece in ipairs(pieces) do filled[at] = values[piece] or piece end
  return filled
end

-- The answers, each one file of the folder, in pieces.
local function read_all(folder)
  return setmetatable({}, {
    __index = function(texts, name)
      local file = assert(io.open(folder .. name, 'rb'))
      texts[name] = cut(file:read('*a'))
      file:close()
      return texts[name]
    end,
  })
end

local function send_json(pieces)
  ngx.header.content_type = 'application/json'
  ngx.print(pieces)
end

local function send_events(pieces)
  ngx.header.content_type = 'text/event-stream; charset=utf-8'
  ngx.print(pieces)
end

-- How often a text occurs in another.
local function count(text, part)
  local found, at = 0, text:find(part, 1, true)
  while at do
    found, at = found + 1, text:find(part, at + #part, true)
  end
  return found
end

-- How many wait now, since when one does, and for how long one did so far, in microseconds.
local waiting, since, waited = 0, 0, 0

local function wait(milliseconds)
  if milliseconds == 0 then return end
  if waiting == 0 then since = now() end
  waiting = waiting + 1
  ngx.sleep(milliseconds / 1000)
  waiting = waiting - 1
  if waiting == 0 then waited = waited + now() - since end
end

return function(folder)
  local texts = read_all(folder)
  local answered = 0

  local function paced(events, gap)
    ngx.header.content_type = 'text/event-stream; charset=utf-8'
    ngx.print(texts['paced-start.events'])
    for event = 1, events do
      ngx.print(fill(texts['paced.event'], { NUMBER = event, NOW = ('%.1f'):format(now()) }))
      ngx.flush(true)
      wait(gap)
    end
    ngx.print(texts['paced-end.events'])
  end

  -- The kind of stream that a request asks for: with or without usage.
  local function stream(name, body)
    return texts[name .. (body:find('"include_usage":true', 1, true) and '.usage.events' or '.events')]
  end

  -- Answers of a loop have ids of their own, as everywhere.
  local function loop(body, calls, steps, gap)
    wait(gap)
    answered = answered + 1
    local done = count(body, '"role":"tool"') / calls
    local name = done < steps and ('calls-' .. calls) or 'final'
    local serial = { SERIAL = answered }
    if body:find('"stream":true', 1, true) then return send_events(fill(stream(name, body), serial)) end
    send_json(fill(texts[name .. '.json'], serial))
  end

  local function chat()
    ngx.req.read_body()
    local body = ngx.req.get_body_data() or ''
    local model = body:match '"model":"([^"]+)"' or ''
    if model == 'json' then return send_json(texts['final.json']) end
    if model == 'events' then return send_events(stream('events', body)) end
    local events, pace = model:match '^paced:(%d+)@(%d+)$'
    if events then return paced(tonumber(events), tonumber(pace)) end
    local calls, steps, gap = model:match '^loop:(%d+)x(%d+)@(%d+)$'
    if calls then return loop(body, tonumber(calls), tonumber(steps), tonumber(gap)) end
    ngx.status = 404
    send_json '{"error":{"message":"no such play","type":"invalid_request_error"}}'
  end

  local function api()
    wait(tonumber(ngx.var.uri:match '^/api/@(%d+)/') or 0)
    send_json(texts['api.json'])
  end

  return {
    chat = chat,
    api = api,
    waited = function() ngx.print(('%.1f'):format(waited)) end,
  }
end
