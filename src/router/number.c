/* SPDX-License-Identifier: Apache-2.0 */
#include "router/number.h"

#include <math.h>

/*
 * A decimal is digits * 10^exponent with at most 17 digits that count. For exponents that
 * occur in practice everything is done in exact integers of 128 bits: conversion is one
 * division (or multiplication) by a power of five that fits 64 bits, rounded once. What is
 * beyond that goes through strtod() and printf(), which are exact too, and slow.
 *
 * Eisel and Lemire's algorithm needs no division but a table of 650 powers and a second way
 * for the cases it cannot decide; with 10 numbers in an event the difference is not seen.
 */
#define DIGITS_MAX 17
#define EXACT_DIGITS 15 /* any decimal this short is the shortest of its binary64 */
#define EXACT_POWER 27  /* 5^27 is the last power of five below 2^63 */
#define EXPONENT_MAX 400

typedef unsigned __int128 wide;

static const uint64_t powers_of_five[EXACT_POWER + 1] = {
    1,
    5,
    25,
    125,
    625,
    3125,
    15625,
    78125,
    390625,
    1953125,
    9765625,
    48828125,
    244140625,
    1220703125,
    6103515625,
    30517578125,
    152587890625,
    762939453125,
    3814697265625,
    19073486328125,
    95367431640625,
    476837158203125,
    2384185791015625,
    11920928955078125,
    59604644775390625,
    298023223876953125,
    1490116119384765625,
    7450580596923828125,
};

static const double powers_of_ten[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                       1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                       1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* What is being read: digits after the 18th that counts are only counted. */
struct reading {
    uint64_t digits;
    int count;    /* in digits, from the first that is not 0 */
    int64_t tail; /* powers of ten that are missing: zeroes held back, digits dropped */
    bool dropped; /* one of the dropped ones was not 0 */
};

static void read_digit(struct reading *reading, int digit)
{
    if (reading->count > DIGITS_MAX) {
        reading->dropped |= digit != 0;
        reading->tail++;
        return;
    }
    reading->digits = reading->digits * 10 + (unsigned)digit;
    reading->count += reading->digits != 0;
}

static void drop_zeroes(struct reading *reading)
{
    while (reading->digits && reading->digits % 10 == 0) {
        reading->digits /= 10;
        reading->count--;
        reading->tail++;
    }
}

static int64_t read_exponent(const char *at, const char *end)
{
    int64_t exponent = 0;

    if (at == end)
        return 0;
    bool negative = at[1] == '-';
    for (at += 1 + (at[1] == '-' || at[1] == '+'); at < end; at++)
        if (exponent < 1000000)
            exponent = exponent * 10 + (*at - '0');
    return negative ? -exponent : exponent;
}

/* value * 2^power, where the lowest bit of value stands for all that is below it. The result
 * is a normal number: powers of two up to 2^128 or so. */
static double round_wide(wide value, int power)
{
    int bits = 128 - (value >> 64 ? __builtin_clzll((uint64_t)(value >> 64))
                                  : 64 + __builtin_clzll((uint64_t)value));

    if (bits <= 53)
        return ldexp((double)(uint64_t)value, power);
    int shift = bits - 53;
    wide rest = value & (((wide)1 << shift) - 1), half = (wide)1 << (shift - 1);
    uint64_t mantissa = (uint64_t)(value >> shift);
    if (rest > half || (rest == half && (mantissa & 1)))
        mantissa++;
    union {
        double value;
        uint64_t bits;
    } scale = {.bits = (uint64_t)(1023 + power + shift) << 52};
    return (double)mantissa * scale.value;
}

static double convert_exactly(uint64_t digits, int exponent)
{
    if (digits <= UINT64_C(1) << 53 && exponent >= -22 && exponent <= 22)
        return exponent < 0 ? (double)digits / powers_of_ten[-exponent]
                            : (double)digits * powers_of_ten[exponent];
    if (exponent >= 0)
        return round_wide((wide)digits * powers_of_five[exponent], exponent);
    /* Both sides have their top bit at 63, so that the quotient has 63 or 64 bits. */
    uint64_t five = powers_of_five[-exponent];
    int up = __builtin_clzll(digits), five_up = __builtin_clzll(five);
    wide dividend = (wide)(digits << up) << 63;
    uint64_t divisor = five << five_up;
    wide quotient = dividend / divisor;
    bool inexact = quotient * divisor != dividend;
    return round_wide(quotient << 1 | inexact, exponent + five_up - up - 64);
}

static double convert(uint64_t digits, int exponent)
{
    char text[48];

    if (exponent >= -EXACT_POWER && exponent <= EXACT_POWER)
        return convert_exactly(digits, exponent);
    (void)snprintf(text, sizeof text, "%lue%d", (unsigned long)digits, exponent);
    return strtod(text, NULL);
}

bool number_parse(struct text text, struct number *ret)
{
    struct reading reading = {0};
    const char *at = text.at, *end = text.at + text.len;
    bool negative = *at == '-', in_fraction = false;

    for (at += negative; at < end; at++) {
        if (*at == '.') {
            in_fraction = true;
            continue;
        }
        if (*at < '0' || *at > '9')
            break;
        reading.tail -= in_fraction;
        read_digit(&reading, *at - '0');
    }
    *ret = (struct number){0};
    drop_zeroes(&reading);
    if (reading.digits == 0)
        return true; /* of zeroes there is one */
    int64_t exponent = reading.tail + read_exponent(at, end);
    if (reading.dropped || reading.count > DIGITS_MAX || exponent > EXPONENT_MAX ||
        exponent < -EXPONENT_MAX)
        return false;
    double value = convert(reading.digits, (int)exponent);
    if (value == 0 || isinf(value))
        return false;
    *ret = (struct number){negative ? -value : value, reading.digits, (int)exponent, reading.count};
    return true;
}

/* The shortest decimal that is read back as that value, of two digits at least as in Java. */
static bool is_shortest_printed(const struct number *number)
{
    char text[40];
    double value = fabs(number->value);

    for (int digits = 2; digits <= DIGITS_MAX; digits++) {
        (void)snprintf(text, sizeof text, "%.*e", digits - 1, value);
        if (strtod(text, NULL) == value)
            break;
    }
    struct number shortest;
    return number_parse(text_of(text), &shortest) && shortest.digits == number->digits &&
           shortest.exponent == number->exponent;
}

/*
 * The value is mantissa * 2^power, which is scaled / 2^down in units of 10^exponent. It is
 * the shortest decimal of its binary64 if it is the nearest of its length, and the two
 * neighbours that are one digit shorter are out of the binary64's reach, half a unit of the
 * mantissa.
 */
static bool is_shortest_exactly(const struct number *number, uint64_t mantissa, int down)
{
    uint64_t five = powers_of_five[-number->exponent];
    wide scaled = (wide)mantissa * five, half = (wide)1 << (down - 1);
    wide rest = scaled & (((wide)1 << down) - 1);
    uint64_t nearest = (uint64_t)(scaled >> down);

    nearest += rest > half || (rest == half && (nearest & 1));
    if (nearest != number->digits)
        return false;
    for (int up = 0; up <= 1; up++) {
        wide shorter = (wide)(number->digits / 10 * 10 + (up ? 10 : 0)) << down;
        wide distance = 2 * (shorter > scaled ? shorter - scaled : scaled - shorter);
        if (distance < five || (distance == five && !(mantissa & 1)))
            return false;
    }
    return true;
}

bool number_is_comparable(const struct number *number)
{
    union {
        double value;
        uint64_t bits;
    } real = {number->value};
    uint64_t fraction = real.bits & ((UINT64_C(1) << 52) - 1);
    int power = (int)(real.bits >> 52 & 0x7ff) - 1075;
    int down = -power + number->exponent;

    bool is_normal = power > -1075 + 60;
    if (number->digit_count <= EXACT_DIGITS && is_normal)
        return true;
    /* A power of two reaches less far down than up; with these shifts 128 bits suffice. */
    if (fraction == 0 || !is_normal || number->exponent >= 0 || number->exponent < -EXACT_POWER ||
        down < 1 || down > 64)
        return is_shortest_printed(number);
    return is_shortest_exactly(number, fraction | UINT64_C(1) << 52, down);
}
