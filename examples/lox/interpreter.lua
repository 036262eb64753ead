-- A Lox interpreter in Lua: what interpreter.lox is in Lox, in the same way.

local function class(base)
  local methods = {}
  methods.__index = methods
  return setmetatable(methods, { __index = base })
end

local function Char(text, next) return { text = text, next = next } end
local CharsOf = class()
local function Chars()
  local first = Char("", nil)
  return setmetatable({ first = first, last = first }, CharsOf)
end
function CharsOf:add(text)
  self.last.next = Char(text, nil)
  self.last = self.last.next
  return self
end

-- Digits and letters, with what digits are worth.
local known = nil
local function digit(text, value) known = { text = text, value = value, next = known } end
local function letter(text) known = { text = text, value = nil, next = known } end
for text in ("zqjxkvybgpmwdchslufroatnie"):gmatch(".") do letter(text) end
for value = 9, 0, -1 do digit(tostring(value), value) end
local function find(text)
  local at = known
  while at ~= nil do
    if at.text == text then return at end
    at = at.next
  end
  return nil
end

local function Token(kind, value) return { kind = kind, value = value } end
local function isKeyword(word)
  return word == "and" or word == "else" or word == "false" or word == "fun" or word == "if" or word == "nil"
    or word == "or" or word == "print" or word == "return" or word == "true" or word == "var" or word == "while"
end
local ScannerOf = class()
local function Scanner(at) return setmetatable({ at = at }, ScannerOf) end
function ScannerOf:text()
  if self.at == nil then return nil end
  return self.at.text
end
function ScannerOf:take()
  local text = self.at.text
  self.at = self.at.next
  return text
end
function ScannerOf:token()
  while self:text() == " " do self:take() end
  if self.at == nil then return Token("end", nil) end
  local text = self:take()
  if text == "'" then return self:string() end
  local one = find(text)
  if one == nil then return self:sign(text) end
  if one.value ~= nil then return self:number(one.value) end
  return self:word(text)
end
function ScannerOf:string()
  local value = ""
  while self:text() ~= "'" do value = value .. self:take() end
  self:take()
  return Token("string", value)
end
function ScannerOf:number(value)
  local one = find(self:text())
  while one ~= nil and one.value ~= nil do
    value = value * 10 + one.value
    self:take()
    one = find(self:text())
  end
  return Token("number", value)
end
function ScannerOf:word(value)
  while find(self:text()) ~= nil do value = value .. self:take() end
  if isKeyword(value) then return Token(value, nil) end
  return Token("name", value)
end
function ScannerOf:sign(text)
  local may = text == "=" or text == "!" or text == "<" or text == ">"
  if may and self:text() == "=" then text = text .. self:take() end
  return Token(text, nil)
end

-- Variables, and what a function hands back.
local ScopeOf = class()
local function Scope(outer) return setmetatable({ outer = outer, first = nil }, ScopeOf) end
function ScopeOf:define(name, value) self.first = { name = name, value = value, next = self.first } end
function ScopeOf:cell(name)
  local scope = self
  while scope ~= nil do
    local cell = scope.first
    while cell ~= nil do
      if cell.name == name then return cell end
      cell = cell.next
    end
    scope = scope.outer
  end
  return nil
end
local function Result(value) return { value = value } end

-- Expressions: run(scope) gives a value.
local LiteralOf = class()
local function Literal(value) return setmetatable({ value = value }, LiteralOf) end
function LiteralOf:run(scope) return self.value end
local GetOf = class()
local function Get(name) return setmetatable({ name = name }, GetOf) end
function GetOf:run(scope) return scope:cell(self.name).value end
local SetOf = class()
local function Set(name, value) return setmetatable({ name = name, value = value }, SetOf) end
function SetOf:run(scope)
  local value = self.value:run(scope)
  scope:cell(self.name).value = value
  return value
end
local NegateOf = class()
local function Negate(of) return setmetatable({ of = of }, NegateOf) end
function NegateOf:run(scope) return -self.of:run(scope) end
local NotOf = class()
local function Not(of) return setmetatable({ of = of }, NotOf) end
function NotOf:run(scope) return not self.of:run(scope) end
local function both()
  local of = class()
  return of, function(a, b) return setmetatable({ a = a, b = b }, of) end
end
local AndOf, And = both()
function AndOf:run(scope) return self.a:run(scope) and self.b:run(scope) end
local OrOf, Or = both()
function OrOf:run(scope) return self.a:run(scope) or self.b:run(scope) end
local AddOf, Add = both()
function AddOf:run(scope)
  local a, b = self.a:run(scope), self.b:run(scope)
  if type(a) == "string" then return a .. b end
  return a + b
end
local SubtractOf, Subtract = both()
function SubtractOf:run(scope) return self.a:run(scope) - self.b:run(scope) end
local MultiplyOf, Multiply = both()
function MultiplyOf:run(scope) return self.a:run(scope) * self.b:run(scope) end
local DivideOf, Divide = both()
function DivideOf:run(scope) return self.a:run(scope) / self.b:run(scope) end
local LessOf, Less = both()
function LessOf:run(scope) return self.a:run(scope) < self.b:run(scope) end
local EqualOf, Equal = both()
function EqualOf:run(scope) return self.a:run(scope) == self.b:run(scope) end
local function List(value, next) return { value = value, next = next } end
local CallOf = class()
local function Call(callee, arguments)
  return setmetatable({ callee = callee, arguments = arguments }, CallOf)
end
function CallOf:run(scope)
  local callee = self.callee:run(scope)
  local inner = Scope(callee.scope)
  local parameter = callee.parameters
  local argument = self.arguments
  while argument ~= nil do
    inner:define(parameter.value, argument.value:run(scope))
    parameter = parameter.next
    argument = argument.next
  end
  local result = callee.body:run(inner)
  if result == nil then return nil end
  return result.value
end

-- Statements: run(scope) gives a Result where a function returns, else nil.
local function Function(parameters, body, scope)
  return { parameters = parameters, body = body, scope = scope }
end
local PrintOf = class()
local function Print(value) return setmetatable({ value = value }, PrintOf) end
function PrintOf:run(scope)
  print(self.value:run(scope))
  return nil
end
local EvaluateOf = class()
local function Evaluate(value) return setmetatable({ value = value }, EvaluateOf) end
function EvaluateOf:run(scope)
  self.value:run(scope)
  return nil
end
local ReturnOf = class()
local function Return(value) return setmetatable({ value = value }, ReturnOf) end
function ReturnOf:run(scope) return Result(self.value:run(scope)) end
local VarOf = class()
local function Var(name, value) return setmetatable({ name = name, value = value }, VarOf) end
function VarOf:run(scope)
  scope:define(self.name, self.value:run(scope))
  return nil
end
local FunOf = class()
local function Fun(name, parameters, body)
  return setmetatable({ name = name, parameters = parameters, body = body }, FunOf)
end
function FunOf:run(scope)
  scope:define(self.name, Function(self.parameters, self.body, scope))
  return nil
end
local IfOf = class()
local function If(condition, yes, no)
  return setmetatable({ condition = condition, yes = yes, no = no }, IfOf)
end
function IfOf:run(scope)
  if self.condition:run(scope) then return self.yes:run(scope) end
  if self.no ~= nil then return self.no:run(scope) end
  return nil
end
local WhileOf = class()
local function While(condition, body) return setmetatable({ condition = condition, body = body }, WhileOf) end
function WhileOf:run(scope)
  while self.condition:run(scope) do
    local result = self.body:run(scope)
    if result ~= nil then return result end
  end
  return nil
end
local SequenceOf = class()
local function Sequence(list) return setmetatable({ list = list }, SequenceOf) end
function SequenceOf:run(scope)
  local one = self.list
  while one ~= nil do
    local result = one.value:run(scope)
    if result ~= nil then return result end
    one = one.next
  end
  return nil
end
local BlockOf = class()
local function Block(body) return setmetatable({ body = body }, BlockOf) end
function BlockOf:run(scope) return self.body:run(Scope(scope)) end

local ParserOf = class()
local function Parser(scanner) return setmetatable({ scanner = scanner, token = scanner:token() }, ParserOf) end
function ParserOf:take()
  local token = self.token
  self.token = self.scanner:token()
  return token
end
function ParserOf:accept(kind)
  if self.token.kind ~= kind then return false end
  self:take()
  return true
end
function ParserOf:sequence(stop)
  local first = List(nil, nil)
  local last = first
  while not self:accept(stop) do
    last.next = List(self:statement(), nil)
    last = last.next
  end
  return Sequence(first.next)
end
function ParserOf:ended(value)
  self:take()
  return value
end
function ParserOf:statement()
  if self:accept("print") then return self:ended(Print(self:expression())) end
  if self:accept("return") then return self:ended(Return(self:expression())) end
  if self:accept("var") then
    local name = self:take().value
    self:take()
    return self:ended(Var(name, self:expression()))
  end
  if self:accept("fun") then
    local name = self:take().value
    self:take()
    local parameters = self:list(true)
    self:take()
    return Fun(name, parameters, self:sequence("}"))
  end
  if self:accept("if") then
    local condition = self:expression()
    local yes = self:statement()
    if self:accept("else") then return If(condition, yes, self:statement()) end
    return If(condition, yes, nil)
  end
  if self:accept("while") then
    local condition = self:expression()
    return While(condition, self:statement())
  end
  if self:accept("{") then return Block(self:sequence("}")) end
  return self:ended(Evaluate(self:expression()))
end
-- Names or expressions, to the closing parenthesis.
function ParserOf:list(isNames)
  if self:accept(")") then return nil end
  local value
  if isNames then value = self:take().value else value = self:expression() end
  self:accept(",")
  return List(value, self:list(isNames))
end
function ParserOf:expression()
  local left = self:either()
  if self:accept("=") then return Set(left.name, self:expression()) end
  return left
end
function ParserOf:either()
  local left = self:both()
  while self:accept("or") do left = Or(left, self:both()) end
  return left
end
function ParserOf:both()
  local left = self:equality()
  while self:accept("and") do left = And(left, self:equality()) end
  return left
end
function ParserOf:equality()
  local left = self:comparison()
  while true do
    if self:accept("==") then left = Equal(left, self:comparison())
    elseif self:accept("!=") then left = Not(Equal(left, self:comparison()))
    else return left end
  end
end
function ParserOf:comparison()
  local left = self:term()
  while true do
    if self:accept("<") then left = Less(left, self:term())
    elseif self:accept(">") then left = Less(self:term(), left)
    elseif self:accept("<=") then left = Not(Less(self:term(), left))
    elseif self:accept(">=") then left = Not(Less(left, self:term()))
    else return left end
  end
end
function ParserOf:term()
  local left = self:factor()
  while true do
    if self:accept("+") then left = Add(left, self:factor())
    elseif self:accept("-") then left = Subtract(left, self:factor())
    else return left end
  end
end
function ParserOf:factor()
  local left = self:unary()
  while true do
    if self:accept("*") then left = Multiply(left, self:unary())
    elseif self:accept("/") then left = Divide(left, self:unary())
    else return left end
  end
end
function ParserOf:unary()
  if self:accept("-") then return Negate(self:unary()) end
  if self:accept("!") then return Not(self:unary()) end
  local callee = self:primary()
  while self:accept("(") do callee = Call(callee, self:list(false)) end
  return callee
end
function ParserOf:primary()
  local token = self:take()
  if token.kind == "(" then return self:ended(self:expression()) end
  if token.kind == "name" then return Get(token.value) end
  if token.kind == "true" then return Literal(true) end
  if token.kind == "false" then return Literal(false) end
  return Literal(token.value)
end

-- fun fib(n) { if (n < 2) return n; return fib(n - 1) + fib(n - 2); }
local function line0(to)
  to
    :add("f"):add("u"):add("n"):add(" "):add("f"):add("i"):add("b"):add("("):add("n"):add(")"):add(" ")
    :add("{"):add(" "):add("i"):add("f"):add(" "):add("("):add("n"):add(" "):add("<"):add(" "):add("2")
    :add(")"):add(" "):add("r"):add("e"):add("t"):add("u"):add("r"):add("n"):add(" "):add("n"):add(";")
    :add(" "):add("r"):add("e"):add("t"):add("u"):add("r"):add("n"):add(" "):add("f"):add("i"):add("b")
    :add("("):add("n"):add(" "):add("-"):add(" "):add("1"):add(")"):add(" "):add("+"):add(" "):add("f")
    :add("i"):add("b"):add("("):add("n"):add(" "):add("-"):add(" "):add("2"):add(")"):add(";"):add(" ")
    :add("}"):add(" ")
end
-- print fib(23);
local function line1(to)
  to
    :add("p"):add("r"):add("i"):add("n"):add("t"):add(" "):add("f"):add("i"):add("b"):add("("):add("2")
    :add("3"):add(")"):add(";"):add(" ")
end
-- var total = 0;
local function line2(to)
  to
    :add("v"):add("a"):add("r"):add(" "):add("t"):add("o"):add("t"):add("a"):add("l"):add(" "):add("=")
    :add(" "):add("0"):add(";"):add(" ")
end
-- var i = 0;
local function line3(to)
  to
    :add("v"):add("a"):add("r"):add(" "):add("i"):add(" "):add("="):add(" "):add("0"):add(";"):add(" ")
end
-- while (i < 200000) {
local function line4(to)
  to
    :add("w"):add("h"):add("i"):add("l"):add("e"):add(" "):add("("):add("i"):add(" "):add("<"):add(" ")
    :add("2"):add("0"):add("0"):add("0"):add("0"):add("0"):add(")"):add(" "):add("{"):add(" ")
end
-- if (i - total > 3) total = total - i * 2; else total = total + i / 2;
local function line5(to)
  to
    :add("i"):add("f"):add(" "):add("("):add("i"):add(" "):add("-"):add(" "):add("t"):add("o"):add("t")
    :add("a"):add("l"):add(" "):add(">"):add(" "):add("3"):add(")"):add(" "):add("t"):add("o"):add("t")
    :add("a"):add("l"):add(" "):add("="):add(" "):add("t"):add("o"):add("t"):add("a"):add("l"):add(" ")
    :add("-"):add(" "):add("i"):add(" "):add("*"):add(" "):add("2"):add(";"):add(" "):add("e"):add("l")
    :add("s"):add("e"):add(" "):add("t"):add("o"):add("t"):add("a"):add("l"):add(" "):add("="):add(" ")
    :add("t"):add("o"):add("t"):add("a"):add("l"):add(" "):add("+"):add(" "):add("i"):add(" "):add("/")
    :add(" "):add("2"):add(";"):add(" ")
end
-- i = i + 1;
local function line6(to)
  to
    :add("i"):add(" "):add("="):add(" "):add("i"):add(" "):add("+"):add(" "):add("1"):add(";"):add(" ")
end
-- }
local function line7(to)
  to
    :add("}"):add(" ")
end
-- print total;
local function line8(to)
  to
    :add("p"):add("r"):add("i"):add("n"):add("t"):add(" "):add("t"):add("o"):add("t"):add("a"):add("l")
    :add(";"):add(" ")
end
-- fun counter() {
local function line9(to)
  to
    :add("f"):add("u"):add("n"):add(" "):add("c"):add("o"):add("u"):add("n"):add("t"):add("e"):add("r")
    :add("("):add(")"):add(" "):add("{"):add(" ")
end
-- var n = 0;
local function line10(to)
  to
    :add("v"):add("a"):add("r"):add(" "):add("n"):add(" "):add("="):add(" "):add("0"):add(";"):add(" ")
end
-- fun next() { n = n + 1; return n; }
local function line11(to)
  to
    :add("f"):add("u"):add("n"):add(" "):add("n"):add("e"):add("x"):add("t"):add("("):add(")"):add(" ")
    :add("{"):add(" "):add("n"):add(" "):add("="):add(" "):add("n"):add(" "):add("+"):add(" "):add("1")
    :add(";"):add(" "):add("r"):add("e"):add("t"):add("u"):add("r"):add("n"):add(" "):add("n"):add(";")
    :add(" "):add("}"):add(" ")
end
-- return next;
local function line12(to)
  to
    :add("r"):add("e"):add("t"):add("u"):add("r"):add("n"):add(" "):add("n"):add("e"):add("x"):add("t")
    :add(";"):add(" ")
end
-- }
local function line13(to)
  to
    :add("}"):add(" ")
end
-- var next = counter();
local function line14(to)
  to
    :add("v"):add("a"):add("r"):add(" "):add("n"):add("e"):add("x"):add("t"):add(" "):add("="):add(" ")
    :add("c"):add("o"):add("u"):add("n"):add("t"):add("e"):add("r"):add("("):add(")"):add(";"):add(" ")
end
-- while (next() < 100000 and i != 0) i = i - 1;
local function line15(to)
  to
    :add("w"):add("h"):add("i"):add("l"):add("e"):add(" "):add("("):add("n"):add("e"):add("x"):add("t")
    :add("("):add(")"):add(" "):add("<"):add(" "):add("1"):add("0"):add("0"):add("0"):add("0"):add("0")
    :add(" "):add("a"):add("n"):add("d"):add(" "):add("i"):add(" "):add("!"):add("="):add(" "):add("0")
    :add(")"):add(" "):add("i"):add(" "):add("="):add(" "):add("i"):add(" "):add("-"):add(" "):add("1")
    :add(";"):add(" ")
end
-- print i;
local function line16(to)
  to
    :add("p"):add("r"):add("i"):add("n"):add("t"):add(" "):add("i"):add(";"):add(" ")
end
-- print 'done' + '.' == 'done.' or nil;
local function line17(to)
  to
    :add("p"):add("r"):add("i"):add("n"):add("t"):add(" "):add("'"):add("d"):add("o"):add("n"):add("e")
    :add("'"):add(" "):add("+"):add(" "):add("'"):add("."):add("'"):add(" "):add("="):add("="):add(" ")
    :add("'"):add("d"):add("o"):add("n"):add("e"):add("."):add("'"):add(" "):add("o"):add("r"):add(" ")
    :add("n"):add("i"):add("l"):add(";"):add(" ")
end

local source = Chars()
line0(source) line1(source) line2(source) line3(source) line4(source) line5(source)
line6(source) line7(source) line8(source) line9(source) line10(source) line11(source)
line12(source) line13(source) line14(source) line15(source) line16(source) line17(source)
Parser(Scanner(source.first.next)):sequence("end"):run(Scope(nil))
