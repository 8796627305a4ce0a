"""From a file somebody owns to canonical audio: identity, tags, decode, resample, windows."""
