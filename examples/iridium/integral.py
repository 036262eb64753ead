"""π as the integral of 4 / (1 + x²) from 0 to 1, in 50,000,000 steps."""


def integral(steps, width):
    total = 0.0
    middle = width / 2.0
    for _ in range(steps):
        total += 4.0 / (middle * middle + 1.0)
        middle += width
    return total * width


print("f0 =", integral(50_000_000, 0.00000002))
