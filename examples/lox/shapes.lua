local function class(base) local c = setmetatable({}, base); c.__index = c; return c end
local Shape = {}; Shape.__index = Shape
function Shape:area() return 0 end
function Shape:scaled(k) return self:area() * k end
local Square, Rectangle, Circle, Triangle = class(Shape), class(Shape), class(Shape), class(Shape)
function Square:area() return self.a * self.a end
function Rectangle:area() return self.a * self.b end
function Circle:area() return self.r * self.r * 3 end
function Triangle:area() return self.a * self.h / 2 end
local list
for i = 0, 99 do
  list = {shape = setmetatable({a = i}, Square), next = list}
  list = {shape = setmetatable({a = i, b = 2}, Rectangle), next = list}
  list = {shape = setmetatable({r = i}, Circle), next = list}
  list = {shape = setmetatable({a = i, h = 4}, Triangle), next = list}
end
function run(n)
  local total = 0
  for i = 1, n do
    local node = list
    while node do total = total + node.shape:scaled(2); node = node.next end
  end
  return total
end
print(string.format("%g", run(10000)))
