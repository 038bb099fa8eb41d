-- Places a user by the hash of one header, for one host and one weight: the least that a Lua filter
-- can do.
local SALT, CANARY_BUCKETS = "shop", 5000

--MURMUR3

function envoy_on_request(handle)
  local headers = handle:headers()
  local id = headers:get("x-user-id")
  if id then
    local bucket = math.floor(murmur3(SALT .. ":" .. id) * 10000 / 4294967296)
    headers:replace("x-serin-variant", bucket < CANARY_BUCKETS and "canary" or "stable")
  end
end
