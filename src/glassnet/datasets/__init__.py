"""Data sets: MNIST, CIFAR-10, random data, and a user's own rows with two sides, several classes or numbers."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
