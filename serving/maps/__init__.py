"""The map of the served index, as the page draws it; knows no HTTP."""
