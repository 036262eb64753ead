local Toggle = {}; Toggle.__index = Toggle
function Toggle.new(state) local t = setmetatable({}, Toggle); t:init(state); return t end
function Toggle:init(state) self.state = state end
function Toggle:value() return self.state end
function Toggle:activate() self.state = not self.state; return self end
local NthToggle = setmetatable({}, Toggle); NthToggle.__index = NthToggle
function NthToggle.new(state, limit) local t = setmetatable({}, NthToggle); t:init(state, limit); return t end
function NthToggle:init(state, limit) Toggle.init(self, state); self.limit = limit; self.count = 0 end
function NthToggle:activate()
  self.count = self.count + 1
  if self.count >= self.limit then Toggle.activate(self); self.count = 0 end
  return self
end
function run(n)
  local toggle, nth, on = Toggle.new(true), NthToggle.new(true, 3), 0
  for i = 1, n do
    if toggle:activate():value() then on = on + 1 end
    if nth:activate():value() then on = on + 1 end
  end
  return on
end
print(run(5000000))
