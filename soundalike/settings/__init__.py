"""The settings of a process: environment variables first, then a file, then the defaults.

What must be the same for all processes of a library is kept in its catalog
(soundalike/catalog/library_settings.py), and a setting that a process does not set follows that.
"""

from soundalike.settings.fields import AudioPlace, KindChoice, ModelName, Settings, Windows
from soundalike.settings.file import settings_file
from soundalike.settings.loading import is_loopback, load_settings
from soundalike.settings.origins import Origin, origin_of
from soundalike.settings.values import MUSIC_EXTENSIONS

__all__ = [
    "MUSIC_EXTENSIONS",
    "AudioPlace",
    "KindChoice",
    "ModelName",
    "Origin",
    "Settings",
    "Windows",
    "is_loopback",
    "load_settings",
    "origin_of",
    "settings_file",
]
