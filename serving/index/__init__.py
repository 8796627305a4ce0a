"""The served index: open, verify, swap, search, follow what is published. Knows no HTTP."""
