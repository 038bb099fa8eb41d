-- Asks `serin serve-assign` which side a request is on, and leaves the answer in txn.serin_variant;
-- without an answer in time that is unset, and HAProxy's own weights decide.

local endpoint = os.getenv("SERIN_ASSIGN") or "http://127.0.0.1:7317"
-- What is slower than that is as good as dead: the request waits for it.
local timeout_ms = 250
-- After a failure one request asks in this time, so that a dead endpoint does not slow all of them.
local pause_s = 2

local failed = false
local paused_until = 0

core.register_action("serin", { "http-req" }, function(txn)
    if failed then
        if core.now().sec < paused_until then
            return
        end
        paused_until = core.now().sec + pause_s
    end
    local headers = txn.http:req_get_headers()
    -- A sub-request has no body, and a connection of its own.
    for _, name in ipairs({
        "connection", "content-length", "expect", "host", "keep-alive", "te", "trailer",
        "transfer-encoding", "upgrade",
    }) do
        headers[name] = nil
    end
    local scheme = txn.f:ssl_fc() == 1 and "https" or "http"
    local host = txn.f:req_fhdr("host") or ""
    local target = txn.f:path() or "/"
    local query = txn.f:query()
    if query ~= nil and query ~= "" then
        target = target .. "?" .. query
    end
    headers["x-original-url"] = { [0] = scheme .. "://" .. host .. target }
    headers["x-real-ip"] = { [0] = txn.f:src() }

    local answer = core.httpclient():get({
        url = endpoint .. "/v1/decide/original",
        headers = headers,
        timeout = timeout_ms,
    })
    if answer == nil or answer.status ~= 200 then
        failed = true
        paused_until = core.now().sec + pause_s
        return
    end
    failed = false
    local variant = answer.headers["x-serin-variant"]
    if variant ~= nil then
        txn:set_var("txn.serin_variant", variant[0])
    end
    -- A new id, or a choice to remember.
    local cookie = answer.headers["set-cookie"]
    if cookie ~= nil then
        txn:set_var("txn.serin_cookie", cookie[0])
    end
end)
