-- The filter's job in Lua, as far as Lua can do it: rollouts by host and path, testers, ids from a
-- cookie or the query, the hash and the mark. It has no documents, counts nothing and proves
-- nothing.
local MARK = "x-serin-variant"

-- host -> list of {path, rollout}, the longest path first.
local ROLLOUTS = {
--ROLLOUTS
}

--MURMUR3

local function find(headers)
  local host = headers:get(":authority") or ""
  local found = ROLLOUTS[host]
  if not found then
    host = string.gsub(string.gsub(string.lower(host), ":%d+$", ""), "%.$", "")
    found = ROLLOUTS[host]
  end
  local below = host
  while not found do
    local dot = string.find(below, ".", 1, true)
    if not dot then
      found = ROLLOUTS["*"]
      break
    end
    below = string.sub(below, dot + 1)
    found = ROLLOUTS["*." .. below]
  end
  if not found then return nil end
  local target = headers:get(":path") or ""
  local question = string.find(target, "?", 1, true)
  local path = question and string.sub(target, 1, question - 1) or target
  for _, entry in ipairs(found) do
    local prefix = entry[1]
    local size = #prefix
    if prefix == "/" or (string.sub(path, 1, size) == prefix
        and (#path == size or string.byte(path, size + 1) == 47)) then
      return entry[2], question and string.sub(target, question + 1) or ""
    end
  end
end

local function cookie(headers, name)
  local sent = headers:get("cookie")
  if not sent then return nil end
  for pair in string.gmatch(sent, "[^;]+") do
    local key, value = string.match(pair, "^%s*(.-)=(.-)%s*$")
    if key == name then return value end
  end
end

local function decode(text)
  if not string.find(text, "%", 1, true) then return text end
  return (string.gsub(text, "%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

local function parameter(query, name)
  for pair in string.gmatch(query, "[^&]+") do
    local key, value = string.match(pair, "^([^=]*)=?(.*)$")
    if decode(key) == name then return decode(value) end
  end
end

local function choose(headers, rollout, query)
  local said = headers:get(rollout.tester)
  if said == "canary" or said == "stable" then return said end
  local id = cookie(headers, rollout.cookie)
  if not id or id == "" then id = parameter(query, rollout.query) end
  if not id or id == "" or #id > 256 then return "stable" end
  local bucket = math.floor(murmur3(rollout.salt .. ":" .. id) * 10000 / 4294967296)
  return bucket < rollout.weight and "canary" or "stable"
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local rollout, query = find(headers)
  if rollout then
    headers:replace(MARK, choose(headers, rollout, query))
  elseif headers:get(MARK) then
    headers:remove(MARK)
  end
end
