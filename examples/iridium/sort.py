"""Shell's sort of 500,000 pseudo-random integers, and a sum that their order decides."""


def signed(number):
    return (number + 2**31) % 2**32 - 2**31


def numbers(n):
    number, result = 12345, []
    for _ in range(n):
        number = signed(number * 1103515245 + 12345)
        result.append(number >> 8)
    return result


def sort(a):
    gap = len(a) >> 1
    while gap > 0:
        for i in range(gap, len(a)):
            number = a[i]
            j = i
            while j >= gap and a[j - gap] > number:
                a[j] = a[j - gap]
                j -= gap
            a[j] = number
        gap >>= 1


a = numbers(500_000)
sort(a)
total = 0
for number in a:
    total = signed(total * 31 + number)
print("$0 =", total)
