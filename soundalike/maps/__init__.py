"""The map: positions of the tracks in two dimensions, where near ones sound alike."""
