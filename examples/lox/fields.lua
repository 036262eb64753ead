function run(n)
  local p = {x = 1, y = 2, z = 3}
  for i = 1, n do
    p.x = p.y + p.z
    p.y = p.x - p.z
    p.z = p.x - p.y
  end
  return p.x + p.y + p.z
end
print(run(10000000))
