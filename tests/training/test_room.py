import pytest

from posecache.training.room import Needs, Room, choose, training_bytes

GB = 10**9
NEEDS = Needs(crops=70 * GB, others=11 * GB, training=15 * GB)


@pytest.mark.parametrize(
    ("gpu", "memory", "disk", "place"),
    [
        (85, 0, 0, "gpu"),  # 70 and 15
        (84, 81, 0, "memory"),  # 70 and 11
        (84, 80, 140, "mapped"),  # half of the disk
        (84, 80, 139, "decoding"),
        (None, 81, 140, "memory"),
    ],
)
def test_the_first_place_with_room_is_taken(
    gpu: int | None, memory: int, disk: int, place: str
) -> None:
    on_gpu = None if gpu is None else gpu * GB
    room = Room(gpu=on_gpu, memory=memory * GB, disk=disk * GB)
    assert choose("auto", NEEDS, room)[0] == place


def test_the_reason_says_what_was_too_small() -> None:
    room = Room(gpu=84 * GB, memory=81 * GB, disk=0)
    assert choose("auto", NEEDS, room)[1] == (
        "not gpu: 70.00 GB beside 15.00 GB in 84.00 GB; 70.00 GB beside 11.00 GB in 81.00 GB"
    )


def test_a_place_that_is_told_needs_room_for_the_crops_alone() -> None:
    room = Room(gpu=None, memory=69 * GB, disk=70 * GB)
    assert choose("mapped", NEEDS, room) == ("mapped", "as told")
    assert choose("decoding", NEEDS, room) == ("decoding", "as told")
    with pytest.raises(ValueError, match=r"pictures: memory: .* of 70.00 GB, and room for 69.00"):
        choose("memory", NEEDS, room)
    with pytest.raises(ValueError, match=r"pictures: gpu: the device is a CPU"):
        choose("gpu", NEEDS, room)


def test_training_takes_a_share_of_the_gpu_by_batch_and_input() -> None:
    assert training_bytes(256, (192, 256)) == 2 * GB + 256 * 192 * 256 * 1000
