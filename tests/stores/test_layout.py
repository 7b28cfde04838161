from pathlib import Path

from tiny_store import bytes_of, fill, layout


def test_file_count_is_bounded_by_shards(tmp_path: Path) -> None:
    fill(tmp_path)
    shards, arrays = 3, 3 + 1
    assert len(bytes_of(tmp_path)) <= shards * (arrays + 1) + arrays + 4


def test_the_number_of_files_is_known_before_they_are_written(tmp_path: Path) -> None:
    fill(tmp_path)
    copy_of_the_manifest = 1
    assert len(bytes_of(tmp_path)) + copy_of_the_manifest == layout().files
