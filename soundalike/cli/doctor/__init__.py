"""`soundalike doctor`: checks the installation, and advises on what is missing."""

from soundalike.cli.doctor.command import doctor

__all__ = ["doctor"]
