"""The primes below 250,000, counted: the sieve of Eratosthenes, 200 times over."""


def primes(n):
    struck = [0] * n
    candidate = 2
    while candidate * candidate < n:
        if not struck[candidate]:
            for multiple in range(candidate * candidate, n, candidate):
                struck[multiple] = 1
        candidate += 1
    count = n - 2
    for number in range(n):
        count -= struck[number]
    return count


for _ in range(200):
    count = primes(250_000)
print("$0 =", count)
