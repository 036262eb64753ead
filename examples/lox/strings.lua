function run(n)
  local found = 0
  for i = 1, n do
    local s = ""
    for j = 1, 20 do s = s .. "word " end
    if s == "word word word word word word word word word word word word word word word word word word word word " then found = found + 1 end
  end
  return found
end
print(run(100000))
