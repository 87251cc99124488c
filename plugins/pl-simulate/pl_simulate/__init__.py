"""pl-simulate: test data with a known truth from a real head, a diffusion series or a group of subjects."""

VERSION = "1.0.0"
