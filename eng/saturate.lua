-- For eng/saturate and eng/soak: what is asked, by MODE of the environment; counts the statuses of the answers and prints them with the percentiles.
local mode = os.getenv("MODE")
local paths = { "/samples?limit=20", "/models", "/system", "/training-runs?limit=20", "/samples?status=queued" }
local threads = {}
local key = os.getenv("KEY") ~= "" and os.getenv("KEY") or nil
local n = 0

function setup(thread)
    table.insert(threads, thread)
end

function init(args)
    statuses = {}
end

function request()
    n = n + 1
    if mode == "read" then
        return wrk.format("GET", paths[n % #paths + 1], { ["X-Api-Key"] = key })
    end
    local headers = { ["Content-Type"] = "application/json", Prefer = mode == "draw" and "wait=50" or nil, ["X-Api-Key"] = key }
    return wrk.format("POST", "/samples", headers, string.format('{"count": 1, "sampler": "ddim", "steps": 2, "seed": %d}', n))
end

function response(status)
    statuses[status] = (statuses[status] or 0) + 1
end

function done(summary, latency)
    local all = {}
    for _, thread in ipairs(threads) do
        for status, count in pairs(thread:get("statuses")) do
            all[status] = (all[status] or 0) + count
        end
    end
    local parts, bad = {}, 0
    for status, count in pairs(all) do
        table.insert(parts, string.format("%d × %d", count, status))
        if status >= 500 then bad = bad + count end
    end
    table.sort(parts)
    local errors = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
    print(string.format("answers: %s; %d without an answer", table.concat(parts, ", "), errors))
    print(string.format("per second: %.0f; milliseconds: median %.1f, p95 %.1f, p99 %.1f, p99.9 %.1f, worst %.1f", summary.requests / summary.duration * 1e6,
        latency:percentile(50) / 1000, latency:percentile(95) / 1000, latency:percentile(99) / 1000, latency:percentile(99.9) / 1000, latency.max / 1000))
    print("bad: " .. (bad + errors))
end
