function sum(n)
  local total = 0.0
  local i = 0.0
  while i < n do
    if i - total > 3 then total = total - i * 2 else total = total + i / 2 end
    i = i + 1
  end
  return total
end
print(sum(30000000))
