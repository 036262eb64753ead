local function class() local c = {}; c.__index = c; return c end
local Load, Add, Swap, Less, Halt = class(), class(), class(), class(), class()
local function make(c, t) return setmetatable(t, c) end
function Load:step(m) m.a = self.n; return self.next end
function Add:step(m) m.a = m.a + self.n; return self.next end
function Swap:step(m) local t = m.a; m.a = m.b; m.b = t; return self.next end
function Less:step(m) if m.a < self.n then return self.to end return self.next end
function Halt:step(m) return nil end
first = make(Load, {n = 0})
top = make(Add, {n = 1})
first.next = top
top.next = make(Swap, {})
top.next.next = make(Add, {n = 2})
top.next.next.next = make(Swap, {})
top.next.next.next.next = make(Less, {n = 1500000, to = top})
top.next.next.next.next.next = make(Halt, {})
function run(at)
  local machine = {a = 0, b = 0, steps = 0}
  while at do at = at:step(machine); machine.steps = machine.steps + 1 end
  return machine
end
done = run(first)
print(done.a + done.b) print(done.steps)
