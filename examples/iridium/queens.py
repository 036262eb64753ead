"""The ways to put 13 queens on a board of 13 by 13 where none takes another: calls and stack."""

ALL = 8191


def place(columns, left, right):
    if columns == ALL:
        return 1
    ways = 0
    free = ~(columns | left | right) & ALL
    while free:
        lowest = free & -free
        free ^= lowest
        ways += place(columns | lowest, (left | lowest) << 1, (right | lowest) >> 1)
    return ways


print("$0 =", place(0, 0, 0))
