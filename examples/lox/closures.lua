function adder(n) local function add(x) return x + n end return add end
function counter() local n = 0; local function next() n = n + 1; return n end return next end
function run(n)
  local total, next = 0, counter()
  for i = 0, n - 1 do total = adder(i)(next()) - total end
  return total
end
print(run(5000000))
