"""PyTorch's side of the torch and triton engines; imported only where one of them works."""
