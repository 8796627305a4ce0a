"""The programs that `soundalike up` keeps running: which they are, how they start, end and log."""
