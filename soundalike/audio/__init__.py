"""Audio files to canonical audio: identity, tags, decoding, resampling, windows."""
