"""YouTube Faces, in whichever of its three releases lies below a root.

- Udacity's single frames with 68 points: :mod:`.youtube_udacity`, the one that can be fetched;
- Kaggle's videos with 68 points: :mod:`.youtube_videos`;
- the original frames from Tel Aviv, with boxes only: :mod:`.youtube_original`.
"""

from __future__ import annotations

from pathlib import Path

from zoo.api import DataError, Dataset, OpenDataset, UsageError
from zoo.api.contracts import FetchProgress
from zoo.fetching import fetch_files, is_whole, read_manifest

from .youtube_labels import LICENSE
from .youtube_original import TelAvivFrames
from .youtube_udacity import FOLDERS, MANIFEST, UdacityFrames
from .youtube_videos import KaggleVideos

SOURCE = (
    "https://raw.githubusercontent.com/udacity/P1_Facial_Keypoints/"
    "6e55adc6bd032d9fb1ad41a4c3e68aae847cdf81/data/"
)

TERMS = """\
YouTube Faces, the labelled frames of Udacity's P1_Facial_Keypoints: 4232 images, 250 MB.
The frames come from the YouTube Faces DB (L. Wolf, T. Hassner, I. Maoz: Face Recognition in
Unconstrained Videos with Matched Background Similarity, CVPR 2011), collected for research from
videos on YouTube. They show real people, and the videos belong to those who made them: a licence
of the repository's code is no licence for the frames. By fetching them you take it upon yourself
to use them for research, within the law of your place, and not to pass them on."""


def open_release(root: Path | None, *, frames_per_video: int | None = None) -> OpenDataset:
    """The release below ``root`` (or below its folder ``data``, as in Udacity's repository).

    ``frames_per_video`` thins the Kaggle videos evenly; None keeps every frame. Raises
    :class:`DataError` where no release, or more than one, is recognised, and :class:`UsageError`
    where ``frames_per_video`` is no count or does not apply.
    """
    if root is None:
        raise DataError("youtube_faces needs the folder that holds it: --data ROOT")
    places = (root, root / "data")
    releases = (UdacityFrames, KaggleVideos, TelAvivFrames)
    found = [(kind, place) for place in places for kind in releases if kind.lies_in(place)]
    if not found:
        raise DataError(
            f"{root}: no release of YouTube Faces here. Looked for training_frames_keypoints.csv "
            "or test_frames_keypoints.csv (Udacity), youtube_faces_with_keypoints_full.csv or "
            "..._large.csv (Kaggle) and frame_images_DB (Tel Aviv); `zoo data fetch youtube_faces` "
            "gets the first"
        )
    if len(found) > 1:
        names = " and ".join(f"{kind.__name__} in {place}" for kind, place in found)
        raise DataError(f"{root}: more than one release ({names}); name the folder of one")
    kind, place = found[0]
    if kind is KaggleVideos:
        return KaggleVideos(place, _checked(frames_per_video))
    if frames_per_video is not None:
        raise UsageError(f"frames_per_video thins the Kaggle videos; {place} holds other frames")
    return kind(place)


def _checked(frames_per_video: int | None) -> int | None:
    if frames_per_video is None:
        return None
    if not isinstance(frames_per_video, int) or frames_per_video < 1:
        raise UsageError(f"frames_per_video must be 1 or more, not {frames_per_video!r}")
    return frames_per_video


def fetch(
    root: Path,
    *,
    source: str | None = None,
    jobs: int = 8,
    progress: FetchProgress | None = None,
) -> int:
    """Download the labelled frames of the Udacity release to ``root``, and return how many files
    were missing.

    ``source`` is a mirror's URL or a folder with the same files below it. Every file is verified
    against the manifest; see :func:`.fetching.fetch_files` for what a broken download leaves.
    Raises :class:`DataError`, also where ``root`` holds other data under the same names.
    """
    manifest = read_manifest(MANIFEST)
    for entry in manifest:
        path = root / entry.path
        if entry.path in FOLDERS and path.exists() and not is_whole(path, entry):
            raise DataError(
                f"{path} is not the released file, so this folder holds other data, which a "
                "download would overwrite; name another folder with --data, or move the file away"
            )
    return fetch_files(manifest, root, source or SOURCE, jobs=jobs, progress=progress)


youtube_faces = Dataset(
    open=open_release,
    license=LICENSE,
    reference="https://www.cs.tau.ac.il/~wolf/ytfaces/",
    summary="68 points on frames of celebrities' YouTube videos: Udacity, Kaggle, Tel Aviv",
    terms=TERMS,
    fetch=fetch,
    default_protocol="person",
)
