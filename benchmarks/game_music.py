"""Real, free music to evaluate on: the soundtracks of games that Debian packages.

    python benchmarks/game_music.py [second]

`apt-get download` fetches each package (2.3 GB in all; nothing is installed), its music is unpacked
into .cache/music/first/<package>/, and CSVs of labels are written beside it. Existing packages are
not fetched again. With `second`, another set (2.2 GB) on which a decision is confirmed. Licences:
docs/quality.md; we redistribute none of it.
"""

import csv
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import mutagen

from soundalike.audio.tags.reader import read_tags

MUSIC = Path(__file__).parents[1] / ".cache" / "music"
MIN_SECONDS = 30.0  # shorter files are jingles
FORMATS = {".ogg", ".opus", ".mp3"}

# Package and the folder of its music.
FIRST = {
    "ardentryst": "ardentryst/Music",
    "btanks-data": "btanks/data/tunes",
    "colobot-common-sounds": "colobot/music",
    "drascula-music": "drascula/audio",
    "enigma-data": "enigma/music",
    "fillets-ng-data": "fillets-ng/music",
    "freedroidrpg-data": "sound/music",
    "hedgewars-data": "Data/Music",
    "hyperrogue-music": "hyperrogue/music",
    "marsshooter-data": "marsshooter/audio",
    "naev-data": "snd/music",
    "nexuiz-music": "sound/cdtracks",
    "planetblupi-music-ogg": "planetblupi/music",
    "singularity-music": "singularity/music",
    "supertux-data": "supertux2/music",
    "trackballs-data": "trackballs/music",
    "ufoai-music": "0music/music",
    "unknown-horizons": "audio/music",
    "warzone2100-music": "warzone2100/music",
    "wesnoth-1.16-music": "core/music",
    "widelands-data": "widelands/data/music",
}
SECOND = {
    "asc-music": "asc/music",
    "extremetuxracer-data": "etr/music",
    "flare-game": "fantasycore/music",
    "frozen-bubble-data": "frozen-bubble/snd",
    "lincity-ng-data": "music/default",
    "openarena-088-data": "music",
    "redeclipse-data": "sounds/music",
    "scorched3d-data": "data/music",
    "supertuxkart-data": "data/music",
    "zaz-data": "games/zaz",
}
SETS = {"first": FIRST, "second": SECOND}

# What the packages' own tags and credits call their music, where that is one thing. The others'
# tracks have no style, and are candidates all the same.
STYLES = {
    "wesnoth-1.16-music": "orchestral",  # genre tag "Romantic Classical"
    "widelands-data": "orchestral",
    "singularity-music": "electronic",
    "freedroidrpg-data": "electronic",  # genre tags "ambient" and "dnb", from a netlabel
    "btanks-data": "electronic",
    "naev-data": "electronic",  # genre tag "Electronic"
}


def fetch(package: str, folder: str, target: Path) -> None:
    """Fetch a package's music of at least `MIN_SECONDS`, into the folder `target`."""
    if target.is_dir():
        return
    with tempfile.TemporaryDirectory(dir=MUSIC) as name:
        work = Path(name)
        subprocess.run(["apt-get", "-qq", "download", package], cwd=work, check=True)
        [deb] = work.glob("*.deb")
        subprocess.run(["dpkg-deb", "--extract", deb.name, "."], cwd=work, check=True)
        for archive in list(work.rglob("*.pk3")):  # a zip
            with zipfile.ZipFile(archive) as zipped:
                zipped.extractall(archive.with_suffix(""))
        keep(work, folder, work / "kept")
        (work / "kept").rename(target)


def keep(work: Path, folder: str, kept: Path) -> None:
    """Move the music out, under names without folders."""
    kept.mkdir()
    for path in sorted(work.rglob("*")):
        inside = f"/{path.relative_to(work).as_posix()}"
        if path.suffix.lower() not in FORMATS or f"/{folder}/" not in inside or path.is_symlink():
            continue
        file = mutagen.File(path)
        if file is not None and file.info.length >= MIN_SECONDS:
            inner = inside.split(f"/{folder}/", 1)[1]
            shutil.move(path, kept / re.sub(r"[^\w.-]+", "_", inner))


def write_labels(table: Path, tracks: Path, labels: dict[str, str]) -> None:
    """A CSV: a package's label, the composer whom the tags name (else the package), the package."""
    with table.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "label", "artist", "album"])
        for path in sorted(filter(Path.is_file, tracks.rglob("*"))):
            package = path.relative_to(tracks).parts[0]
            artist = read_tags(path).artist or package
            relative = path.relative_to(tracks).as_posix()
            rows.writerow([relative, labels.get(package, ""), artist, package])


def main(name: str = "first") -> None:
    if shutil.which("apt-get") is None:
        sys.exit("game_music.py needs Debian's apt-get; evaluate music of your own: MUSIC=folder")
    tracks, packages = MUSIC / name, SETS[name]
    tracks.mkdir(parents=True, exist_ok=True)
    for package, folder in packages.items():
        fetch(package, folder, tracks / package)
        print(f"{package}: {len(list((tracks / package).iterdir()))} tracks")
    write_labels(MUSIC / f"{name}.csv", tracks, {package: package for package in packages})
    write_labels(MUSIC / f"{name}-styles.csv", tracks, STYLES)


if __name__ == "__main__":
    main(*sys.argv[1:])
