"""Follows values through a class: `machine` is what a run keeps, `containers` what dicts and lists do,
`calls` what is known of code that is not read; `run` goes through statements, expressions and the project's
code."""
