"""Kernels for GPUs in Triton, and the session that launches them; imported only where an engine needs them."""
