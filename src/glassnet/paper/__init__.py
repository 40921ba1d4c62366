"""Everything about "How glassy are neural networks?" (2024): numbers, scales, experiments, claims, figures."""
