"""Points of a grid of 600 by 400 that are still near 0 after 250 turns of z = z² + c."""


def near(columns, rows, turns):
    count = 0
    imaginary = -1.0
    for _ in range(rows):
        real = -2.0
        for _ in range(columns):
            x = y = 0.0
            for _ in range(turns):
                xx = x * x
                yy = y * y
                if xx + yy > 4.0:
                    break
                y = x * y
                y = y + y + imaginary
                x = xx - yy + real
            else:
                count += 1
            real += 0.005
        imaginary += 0.005
    return count


print("$0 =", near(600, 400, 250))
