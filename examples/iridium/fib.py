"""The 36th Fibonacci number, from its definition: calls."""


def fib(n):
    if n < 2:
        return n
    return fib(n - 1) + fib(n - 2)


print("$0 =", fib(36))
