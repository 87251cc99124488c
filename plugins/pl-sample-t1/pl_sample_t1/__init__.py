"""pl-sample-t1: a real head scan to begin with, and what is known to be true about it."""

VERSION = "1.0.0"
