"""Memory of the walk through a genesis, beside the number of its accounts."""

import tracemalloc
from pathlib import Path

from exposer.genesis.scan import Span
from exposer.genesis.source import Change, Source


def test_memory_does_not_grow_with_the_document(tmp_path: Path) -> None:
    """Walking and rewriting 300,000 accounts takes a few pieces of memory: not 20 bytes for each."""
    path = tmp_path / "d.json"
    with path.open("wb") as stream:
        stream.write(b'{"list": [0')
        for _ in range(12):
            stream.write(b', {"address": "cosmos1qqq", "coins": []}' * 25_000)
        stream.write(b"]}")
    tracemalloc.start()
    with Source(path) as source, (tmp_path / "copy").open("wb") as target:
        runs = source.runs(source.find("list"))
        assert sum(len(run.values) for run in runs) == 300_001
        source.rewrite(target, [Change(Span(0, 0), [b" "])])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 16 << 20
    assert (tmp_path / "copy").read_bytes() == b" " + path.read_bytes()
