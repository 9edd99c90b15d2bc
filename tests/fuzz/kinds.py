"""The kinds of files that the zoo reads: a valid file, its mutators, and commands that read it."""

from __future__ import annotations

import csv
import json
import random
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import mutators
import numpy as np
import onnx
import torch
from mutators import Mutator
from onnx import TensorProto, helper
from PIL import Image
from testing import made_data

import zoo
from zoo.api import LandmarkScheme
from zoo.datasets.synthetic import open_synthetic
from zoo.geometry import FacePlace
from zoo.prediction.onnx_file import IMAGES, POINTS, OnnxFacts
from zoo.runs.catalogue import FILES

FACES = {"people": 12, "videos": 1, "frames": 2, "size": 48}
SETS = tuple(f"dataset.{key}={value}" for key, value in FACES.items())
SMALL = (*SETS, "input_size=32", "augment.resize=33")
OPTIONS = " ".join(f"--set {key}" for key in SETS)


@dataclass(frozen=True)
class Kind:
    name: str
    scene: Callable[[Path], None]
    """Writes valid files into an empty folder."""
    spoiled: str
    """The file that is damaged: a path, or a pattern from which each case takes one file."""
    form: Sequence[Mutator]
    """The mutators of the content. If empty, the name of the file is changed instead."""
    read: tuple[str, ...]
    """Commands that read the file; each case runs one of them in the folder."""
    replaceable: bool = False
    """Whether a command may succeed without the file: it is one of many, or is written again."""
    sound: tuple[int, ...] = (0,)
    """Exit statuses of the commands on valid files: 3 where an audit has findings on so few faces,
    1 or 2 where a long training is refused on purpose for another reason."""
    cases: int = 20
    """The number of cases, out of TOTAL."""

    def spoil(self, folder: Path, rng: random.Random) -> tuple[Path, bool]:
        """Damage the file in a copy of the scene; its path, and whether its content is lost."""
        path = rng.choice(sorted(folder.glob(self.spoiled)))
        if not self.form:
            other = path.rename(path.with_name(rng.choice(mutators.NAMES) + path.suffix))
            return other.relative_to(folder), False
        ruined = rng.random() < 0.08
        ways = mutators.RUIN if ruined else rng.choice((self.form, self.form, mutators.BYTES))
        path.write_bytes(rng.choice(ways)(rng, path.read_bytes()))
        return path.relative_to(folder), ruined


def run(folder: Path) -> None:
    """Two equal runs of a small network, and a picture."""
    trained = zoo.train(
        "timm:test_resnet", sets=SMALL, dataset="synthetic", epochs=1, device="cpu",
        batch_size=8, out=folder / "out",
    )  # fmt: skip
    trained.rename(folder / "run")
    (folder / "out").rmdir()
    shutil.copytree(folder / "run", folder / "other")
    # a record of other data: it is read, and then training again is refused
    text = (folder / "run" / "record.json").read_text()
    fingerprint = json.loads(text)["data"]["fingerprint"]
    (folder / "foreign.json").write_text(text.replace(fingerprint, "0" * len(fingerprint)))
    picture(folder)


def unfinished(folder: Path) -> None:
    """As :func:`run`, but without the record of one run, which therefore can be resumed."""
    run(folder)
    (folder / "run" / "record.json").unlink()


def picture(folder: Path) -> None:
    [face, *_] = open_synthetic(people=1, videos=1, frames=1, size=64).samples()
    image = Image.fromarray(face.image())
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(folder / "face.jpg", exif=exif)
    image.save(folder / "face.png")
    image.save(folder / "face.webp")
    image.save(folder / "face.tiff")


def onnx_model(folder: Path) -> None:
    """A graph of one matrix that predicts two points, with metadata as `zoo export` writes them."""
    size = 32
    nodes = [
        helper.make_node("Cast", [IMAGES], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["pixels", "axes"], ["mean"], keepdims=0),
        helper.make_node("MatMul", ["mean", "matrix"], ["flat"]),
        helper.make_node("Reshape", ["flat", "shape"], [POINTS]),
    ]
    graph = helper.make_graph(
        nodes,
        "model",
        [helper.make_tensor_value_info(IMAGES, TensorProto.UINT8, ["N", size, size, 3])],
        [helper.make_tensor_value_info(POINTS, TensorProto.FLOAT, ["N", 2, 2])],
        [
            helper.make_tensor("axes", TensorProto.INT64, [2], [1, 2]),
            helper.make_tensor("matrix", TensorProto.FLOAT, [3, 4], [0.001] * 12),
            helper.make_tensor("shape", TensorProto.INT64, [3], [-1, 2, 2]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    scheme = LandmarkScheme(name="two", names=("left", "right"), eye_corners=(0, 1))
    facts = OnnxFacts(
        name="made", scheme=scheme, input_size=size, region="frame", faces=FacePlace(0.5, 0.5, 0.5),
        licenses={"code": "MIT"}, record={"epochs": 1}, zoo_version="1",
    )  # fmt: skip
    helper.set_model_props(model, facts.to_metadata())
    onnx.save(model, folder / "model.onnx")


def predicted(folder: Path) -> None:
    onnx_model(folder)
    picture(folder)


def weights(folder: Path) -> None:
    import timm
    from safetensors.torch import save_file

    net = timm.create_model("test_resnet", num_classes=0)
    save_file(net.state_dict(), folder / "own.safetensors")
    torch.save(net.state_dict(), folder / "own.pth")


def recipe(folder: Path) -> None:
    shutil.copy(
        Path(zoo.__file__).parent / "config" / "recipes" / "quick.toml", folder / "own.toml"
    )


def catalogue(folder: Path) -> None:
    entry = f'{{ bytes = 10, sha256 = "{"0" * 64}" }}'
    files = "".join(f'"{name}" = {entry}\n' for name in FILES)
    (folder / "own.toml").write_text(
        '[mine]\nsummary = "a model"\naddress = "https://example.org/mine"\n'
        '[mine.record]\nscheme = "ibug68"\nnme_ioc = 0.05\nparameters = 1000\n'
        f"[mine.files]\n{files}"
    )


def points(folder: Path) -> None:
    with (folder / "points.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", *(f"{axis}{k}" for k in range(68) for axis in "xy")])
        for sample in open_synthetic(**FACES).samples():
            writer.writerow([sample.id, *np.round(sample.points + 1, 2).ravel().tolist()])


def boxes(folder: Path) -> None:
    predicted(folder)
    (folder / "boxes.csv").write_text(
        "image_name,x0,y0,x1,y1,score\nface.png,4,4,60,60,0.9\nelse/face.png,1,2,30,40,0.5\n"
    )


def video(folder: Path) -> None:
    onnx_model(folder)
    frames = [s.image() for s in open_synthetic(people=1, videos=1, frames=5, size=64).samples()]
    for name, codec in (("clip.avi", "MJPG"), ("clip.mp4", "mp4v")):
        size = frames[0].shape[1::-1]
        writer = cv2.VideoWriter(str(folder / name), cv2.VideoWriter.fourcc(*codec), 25, size)
        for frame in frames:
            writer.write(np.ascontiguousarray(frame[..., ::-1]))
        writer.release()


def data(write: Callable[[Path], Path]) -> Callable[[Path], None]:
    """A scene with a data set of a few drawn faces, which ``write`` writes in its format."""

    def scene(folder: Path) -> None:
        made_data.PEOPLE, made_data.FRAMES, before = 4, 2, (made_data.PEOPLE, made_data.FRAMES)
        try:
            write(folder)
        finally:
            made_data.PEOPLE, made_data.FRAMES = before

    return scene


def data_commands(dataset: str) -> tuple[str, ...]:
    return (f"data info {dataset} --data . --json", f"data check {dataset} --data .")


PREDICT = "predict run face.png --detector none --out drawn --device cpu"
RESUME = "train --resume run"
ONNX = "predict model.onnx face.png --detector none --out drawn"

STOPPED = f"--dataset synthetic {OPTIONS} --set loss.nosuch=1 --device cpu --out again"
"""Options of a training that is refused after its configuration, data and network are read."""

KINDS = (
    Kind("config.toml", run, "run/config.toml", mutators.TOML,
         (PREDICT, RESUME, "evaluate run --device cpu", "card run --device cpu"), cases=40),
    Kind("history.csv", run, "run/history.csv", mutators.TEXT,
         (RESUME, "evaluate run --device cpu"), replaceable=True, cases=10),
    Kind("record.json", run, "run/record.json", mutators.JSON,
         ("leaderboard run", "leaderboard run --format html --out board.html", "compare run other",
          "card run --device cpu", "leaderboard run --format json", RESUME), cases=50),
    Kind("record.json to train again", run, "foreign.json", mutators.JSON,
         ("train --from-record foreign.json --device cpu --out again",), sound=(1,), cases=30),
    Kind("state", unfinished, "run/state/last.safetensors", mutators.TENSORS, (RESUME,)),
    Kind("best weights", run, "run/best.safetensors", mutators.TENSORS,
         (PREDICT, "evaluate run --device cpu", "card run --device cpu"), cases=30),
    Kind("predictions", run, "run/predictions/val.npz", mutators.ARRAYS,
         ("evaluate run --from-predictions",), cases=30),
    Kind("predictions beside a record", run, "run/predictions/val.npz", mutators.ARRAYS,
         ("compare run other", "leaderboard run --format html --out board.html", "card run"),
         replaceable=True),
    Kind("ONNX file", predicted, "model.onnx", mutators.ONNX, (ONNX, f"{ONNX} --json"), cases=40),
    Kind("weights of others", weights, "own.safetensors", mutators.TENSORS,
         (f"train timm:test_resnet --weights own.safetensors {STOPPED}",), sound=(2,)),
    Kind("pickled weights", weights, "own.pth", mutators.BYTES,
         (f"train timm:test_resnet --weights own.pth {STOPPED}",), sound=(2,), cases=10),
    Kind("recipe", recipe, "own.toml", mutators.TOML,
         (f"train timm:test_resnet --recipe own.toml {STOPPED}",), sound=(2,), cases=25),
    Kind("catalogue", catalogue, "own.toml", mutators.TOML,
         ("models", "models --json"), replaceable=True, cases=25),
    Kind("points to import", points, "points.csv", mutators.TEXT,
         (f"import other points.csv --dataset synthetic {OPTIONS} --out runs",), cases=25),
    Kind("boxes", boxes, "boxes.csv", mutators.TEXT,
         ("predict model.onnx face.png --detector boxes --set detector.file=boxes.csv",)),
    Kind("pictures", predicted, "face.*", mutators.BYTES,
         ("predict model.onnx {} --detector none --out drawn",), cases=25),
    Kind("names of pictures", predicted, "face.*", (),
         ("predict model.onnx {} --detector none --out drawn",
          "predict model.onnx . --detector none --out drawn --json"), replaceable=True),
    Kind("names of videos", video, "clip.*", (),
         ("predict model.onnx {} --detector none --out drawn",), replaceable=True, cases=10),
    Kind("videos", video, "clip.*", mutators.BYTES,
         ("predict model.onnx {} --detector none --out drawn",), cases=15),
    Kind("landmarks_csv", data(made_data.landmarks_csv), "faces.csv", mutators.TEXT,
         data_commands("landmarks_csv"), sound=(0, 3), cases=25),
    Kind("ibug_pts", data(made_data.ibug_pts), "*/*/0.pts", mutators.TEXT,
         data_commands("ibug_pts"), sound=(0, 3), replaceable=True),
    Kind("wflw", data(made_data.wflw), "list*/*test.txt", mutators.TEXT, data_commands("wflw"),
         sound=(0, 3), replaceable=True),
    Kind("YouTube frames", data(made_data.youtube_frames), "test*.csv", mutators.TEXT,
         data_commands("youtube_faces"), sound=(0, 3), replaceable=True),
    Kind("YouTube table", data(made_data.youtube_videos), "*.csv", mutators.TEXT,
         data_commands("youtube_faces"), sound=(0, 3), replaceable=True),
    Kind("YouTube videos", data(made_data.youtube_videos), "*.npz", mutators.ARRAYS,
         data_commands("youtube_faces"), sound=(0, 3), replaceable=True),
)  # fmt: skip

TOTAL = sum(kind.cases for kind in KINDS)
