"""The product of two matrices of 360 by 360 integers, and the sum of its elements."""


def product(n):
    a = [[17 * (n * i + j) % 1000 for j in range(n)] for i in range(n)]
    b = [[17 * (n * i + j) % 1000 + 1 for j in range(n)] for i in range(n)]
    c = [[0] * n for _ in range(n)]
    total = 0
    for i in range(n):
        row = a[i]
        for j in range(n):
            element = 0
            for k in range(n):
                element += row[k] * b[k][j]
            c[i][j] = element
            total += element
    return total


total = product(360)
print("$0 =", (total + 2**31) % 2**32 - 2**31)
