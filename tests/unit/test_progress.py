"""What a step's last run says, and which of them tells why a pod is no further."""

from pathlib import Path

from exposer.progress import Progress, last_failure, tell_failure, write_progress


def test_the_run_that_began_last_decides(tmp_path: Path) -> None:
    """A failure is why a pod is no further only while no step has begun since, whatever became of that one."""
    assert last_failure(tmp_path) is None
    write_progress(tmp_path, Progress("init-build-images", "failed", 100.0, 101.0, 3, "CODE_REPO: no"))
    assert last_failure(tmp_path) == Progress("init-build-images", "failed", 100.0, 101.0, 3, "CODE_REPO: no")
    write_progress(tmp_path, Progress("init-genesis", "running", 200.0))
    assert last_failure(tmp_path) is None
    write_progress(tmp_path, Progress("init-genesis", "done", 200.0, 201.0, 0))
    assert last_failure(tmp_path) is None


def test_what_people_are_told() -> None:
    """The step, its code where it is known, and its reason where there is one."""
    assert tell_failure("s", 3, "no") == "s failed with exit code 3: no"
    assert tell_failure("s", None, "") == "s failed"
