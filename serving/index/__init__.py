"""The served index: opened, verified, searched, swapped on publication; independent of HTTP."""
