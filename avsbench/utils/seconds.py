"""Which moment of a second its frame shows, as AVSBench's preprocessing takes it."""

from fractions import Fraction

INSTANT = Fraction(15, 16)  # of a second, or of the slot that a mask stands for
