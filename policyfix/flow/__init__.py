"""Follows values through a class. Each of these goes on from the one before:

`machine` is what a run keeps, `containers` what dicts and lists do, `calls` what is known of code that is
not read, `narrowing` what tests say of values, `expressions` what attributes, names and operators give,
`functions` how the project's own functions, decorators and classes are called, `run` the statements.
"""
