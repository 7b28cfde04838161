"""Where the decoded crops of a training run may lie, and which of the places they fit into."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

# The GPU's memory; main memory, pinned for a GPU; a mapped file; nowhere as a whole: they are
# decoded when they are read, and kept as far as the memory goes.
Place: TypeAlias = Literal["gpu", "memory", "mapped", "decoding"]
Wanted: TypeAlias = Literal["auto", "gpu", "memory", "mapped", "decoding"]


# What training takes of a GPU's memory: guesses that nobody has measured yet.
CUDA_BYTES, BYTES_A_PX = 2_000_000_000, 1000


def training_bytes(batch_size: int, input_size: tuple[int, int]) -> int:
    """Bytes of a GPU's memory that networks and batches of images (width, height) take."""
    return CUDA_BYTES + BYTES_A_PX * batch_size * input_size[0] * input_size[1]


@dataclass(frozen=True, kw_only=True)
class Room:
    """Bytes that there are for a run's crops."""

    gpu: int | None  # free on the training device; None if that is a CPU
    memory: int  # that the run may keep decoded samples in
    disk: int  # free in the run's folder


@dataclass(frozen=True, kw_only=True)
class Needs:
    """Bytes that a run needs."""

    crops: int  # all crops, decoded
    others: int  # all else that it reads, in main memory
    training: int  # of the GPU's memory, besides the crops


def choose(wanted: Wanted, needs: Needs, room: Room) -> tuple[Place, str]:
    """The place, and why, in words; ValueError where the wanted one has no room.

    By itself a run leaves half of the free disk to others, and keeps crops in main memory only
    where its labels and logits fit beside them.
    """
    rooms: dict[Place, int] = {"memory": room.memory, "mapped": room.disk}
    if room.gpu is not None:
        rooms = {"gpu": room.gpu, **rooms}
    beside = {"gpu": needs.training, "memory": needs.others, "mapped": room.disk // 2}
    if wanted == "decoding":
        return wanted, "as told"
    if wanted != "auto":
        if wanted not in rooms:
            raise ValueError(f"pictures: {wanted}: the device is a CPU; expected memory or mapped")
        if needs.crops > rooms[wanted]:
            raise ValueError(
                f"pictures: {wanted}: decoded crops of {_gb(needs.crops)}, "
                f"and room for {_gb(rooms[wanted])}"
            )
        return wanted, "as told"
    full: list[str] = []
    for place, there in rooms.items():
        told = f"{_gb(needs.crops)} beside {_gb(beside[place])} in {_gb(there)}"
        if needs.crops + beside[place] <= there:
            return place, "; ".join([*full, told])
        full.append(f"not {place}: {told}")
    return "decoding", "; ".join(full)


def _gb(count: int) -> str:
    return f"{count / 1e9:.2f} GB"
