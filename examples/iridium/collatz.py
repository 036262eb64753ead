"""The longest way to 1 from a number below 100,000, 5 times over: halve what is even, triple what is odd and add 1."""


def longest(limit):
    best, most = 0, 0
    for start in range(1, limit):
        number, steps = start, 0
        while number != 1:
            steps += 1
            if number & 1 == 0:
                number >>= 1
            else:
                number = number * 3 + 1
        if steps > most:
            best, most = start, steps
    return best, most


for _ in range(5):
    best, most = longest(100_000)
print("$0 =", best)
print("$1 =", most)
