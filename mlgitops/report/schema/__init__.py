"""The form of what `--format json` prints, once: it types the reports and is published.

`version` counts changes that break readers: a key that is gone, or that means something else. A
new key breaks none, but the schema, which allows no others, changes with it.
"""
