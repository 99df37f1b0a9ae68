-- For wrk: posts one body over and over. Arguments: file of the body, headers as "name: value".
function init(arguments)
  local file = assert(io.open(arguments[1], 'rb'))
  wrk.method, wrk.body = 'POST', file:read('*a')
  file:close()
  for at = 2, #arguments do
    local name, value = arguments[at]:match('^([^:]+): (.*)$')
    wrk.headers[name] = value
  end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"seconds":%f,"failed":%d,"p50":%f,"p99":%f}\n',
    summary.requests, summary.duration / 1e6,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000
  ))
end
