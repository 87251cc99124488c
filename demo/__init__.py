"""The demonstration: a real scan through a real cluster, watched live."""
