"""Abstract values, facts and lock states: the lattices that the analysis computes in."""
