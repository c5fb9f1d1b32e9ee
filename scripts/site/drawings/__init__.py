"""Drawings that explain an idea: SVG made by code, of exact geometry, in one visual language.

Filled discs and blue: what is real. Diamonds and orange: what was generated. Grey: noise, and what
is only there to hold the rest. Green: where something should be. Pages ask for them by name, as in
`{{ drawing game }}`.
"""
