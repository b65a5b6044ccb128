"""The miniature world: a benchmark of coloured shapes, made the way TIA2 was made, small enough to ship.

A grammar of prompts, a renderer, an exact judge, a tiny Stable Diffusion, simulated annotators and four tiny reward
models. Nothing here is imported by the rest of the library except as data.

Example:
    >>> from tia2.miniworld.grammar import parse
    >>> parse("two red circles").count
    2
"""
