"""pl-register: aligns a T1-weighted head scan to a standard brain and measures how well.

The same input gives the same arrays, bit for bit. ITK and the numerical libraries read the variables below when
they are first imported, so they are set here, before any module of this package imports them.
"""

import os

VERSION = "1.0.0"

DETERMINISTIC = {
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "1",
    "ANTS_RANDOM_SEED": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}
os.environ.update(DETERMINISTIC)
