-- MurmurHash3, x86, 32 bits, seed 0, of a text.
local bit = require("bit")
local band, bor, bxor = bit.band, bit.bor, bit.bxor
local lshift, rshift, rol = bit.lshift, bit.rshift, bit.rol
local byte = string.byte

-- The lower 32 bits of a product: a number holds 53, so one factor is cut into halves.
local function multiply(a, b)
  local low = band(a, 0xffff)
  local high = rshift(a, 16)
  return band(low * b + lshift(band(high * b, 0xffff), 16), 0xffffffff)
end

local function murmur3(text)
  local hash, size = 0, #text
  local whole = size - size % 4
  for at = 1, whole, 4 do
    local a, b, c, d = byte(text, at, at + 3)
    local k = bor(a, lshift(b, 8), lshift(c, 16), lshift(d, 24))
    k = multiply(rol(multiply(k, 0xcc9e2d51), 15), 0x1b873593)
    hash = multiply(rol(bxor(hash, k), 13), 5) + 0xe6546b64
    hash = band(hash, 0xffffffff)
  end
  local a, b, c = byte(text, whole + 1, size)
  if a then
    local k = bor(a, lshift(b or 0, 8), lshift(c or 0, 16))
    hash = bxor(hash, multiply(rol(multiply(k, 0xcc9e2d51), 15), 0x1b873593))
  end
  hash = bxor(hash, size)
  hash = multiply(bxor(hash, rshift(hash, 16)), 0x85ebca6b)
  hash = multiply(bxor(hash, rshift(hash, 13)), 0xc2b2ae35)
  hash = bxor(hash, rshift(hash, 16))
  return hash % 4294967296
end
