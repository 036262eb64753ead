local Tree = {}; Tree.__index = Tree
function newTree(depth)
  local t = setmetatable({}, Tree); t.depth = depth
  if depth > 0 then t.left = newTree(depth - 1); t.right = newTree(depth - 1) end
  return t
end
function Tree:check() if self.left == nil then return 1 end return 1 + self.left:check() + self.right:check() end
long = newTree(14)
total = 0
for i = 1, 100 do total = total + newTree(13):check() end
print(total); print(long:check())
