"""Experiments that are not the paper's, one file each: to be made with the same machine."""
