local function Body(x, y, vx, vy, mass) return {x = x, y = y, vx = vx, vy = vy, mass = mass, next = nil} end
function root(n) local r = n; for i = 1, 6 do r = (r + n / r) / 2 end return r end
function advance(first, dt)
  local a = first
  while a do
    local b = a.next
    while b do
      local dx = a.x - b.x
      local dy = a.y - b.y
      local d2 = dx * dx + dy * dy + 0.01
      local mag = dt / (d2 * root(d2))
      a.vx = a.vx - dx * b.mass * mag
      a.vy = a.vy - dy * b.mass * mag
      b.vx = b.vx + dx * a.mass * mag
      b.vy = b.vy + dy * a.mass * mag
      b = b.next
    end
    a = a.next
  end
  a = first
  while a do a.x = a.x + dt * a.vx; a.y = a.y + dt * a.vy; a = a.next end
end
sun = Body(0.0, 0.0, 0.0, 0.0, 40.0)
sun.next = Body(5.0, 0.0, 0.0, 2.5, 0.04)
sun.next.next = Body(9.0, 1.0, 0.1, 2.0, 0.01)
sun.next.next.next = Body(13.0, -2.0, 0.0, 1.6, 0.002)
sun.next.next.next.next = Body(-15.0, 3.0, 0.1, -1.5, 0.002)
for i = 1, 60000 do advance(sun, 0.01) end
print(string.format("%g", sun.x)) print(string.format("%g", sun.next.y))
