"""pl-denoise: takes the noise out of a diffusion series by MP-PCA, whole or slab by slab with the same bits.

The numerical libraries read the variables below when they are first imported, so they are set here, before any
module of this package imports them: with more threads, or another processor's kernels, a sum may be taken in another
order. Workers may be on different nodes, so all of them take the kernels that every x86 processor since 2013 has.
"""

import os

VERSION = "1.0.0"

DETERMINISTIC = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_CORETYPE": "Haswell",
}
os.environ.update(DETERMINISTIC)
