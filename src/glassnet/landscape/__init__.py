"""The surface L(W): networks, losses, derivatives."""
