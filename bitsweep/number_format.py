"""The spelling of numbers in paths and tables."""

from decimal import Decimal


def spell_number(value: float) -> str:
    """Return the one spelling of a number in paths: `3e-4`, `0.0003` and `3.0e-4` are all `3e-4`."""
    decimal = Decimal(repr(float(value))).normalize()
    sign, digits, exponent = decimal.as_tuple()
    mantissa = str(digits[0]) + ("." + "".join(map(str, digits[1:])) if len(digits) > 1 else "")
    return f"{'-' * sign}{mantissa}e{exponent + len(digits) - 1}"
