local Pair = {}; Pair.__index = Pair
function Pair.new(a, b) local t = setmetatable({}, Pair); t.a = a; t.b = b; return t end
local Empty = {}; Empty.__index = Empty
function run(n)
  local last
  for i = 0, n - 1 do
    last = Pair.new(i, Pair.new(i, nil))
    setmetatable({}, Empty)
  end
  return last.b.a
end
print(run(5000000))
