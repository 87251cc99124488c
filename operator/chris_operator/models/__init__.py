"""The custom resources as pydantic models: the single source of the CRDs and of every parse at the edge."""
