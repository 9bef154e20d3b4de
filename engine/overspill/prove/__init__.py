"""Proof: what the functions of the kernel claim, shown by solvers for all integers. The extra `prove`; the one door of z3."""
