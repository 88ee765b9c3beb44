"""Files of Debian packages, for the scripts in this folder: installed ones, or unpacked without installing."""

import subprocess
from pathlib import Path


def unpacked(package: str, file: str, folder: Path) -> Path:
    """The path of a package's file or directory, such as `usr/share/backgrounds`: the installed one, or that of the
    package downloaded by apt-get and unpacked in `folder`, which needs no root."""
    installed = Path("/") / file
    if subprocess.run(["dpkg", "-s", package], capture_output=True).returncode == 0 and installed.exists():
        return installed
    folder.mkdir(parents=True, exist_ok=True)
    if not list(folder.glob(f"{package}_*.deb")):
        subprocess.run(["apt-get", "download", package], cwd=folder, check=True)
    archive = sorted(folder.glob(f"{package}_*.deb"))[-1]
    subprocess.run(["dpkg-deb", "-x", archive, folder / package], check=True)
    return folder / package / file
