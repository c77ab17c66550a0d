"""Patches and presets: merged as in memory, to the byte, right for each layout, and never past a path by mistake."""

import copy
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from json_documents import documents, styles, values, write

from exposer.errors import BadInputError
from exposer.genesis import presets
from exposer.genesis.patch import patch
from exposer.genesis.source import Source

GENESIS: dict[str, Any] = {
    "chain_id": "c-1",
    "app_state": {
        "gov": {"params": {"voting_period": "172800s", "empty": {}}, "x.y": {"z": 1}},
        "list": [{"a": 1}, {"a": 2}],
    },
}


def patched(path: Path, *wishes: tuple[str, Any]) -> bytes:
    """The bytes of a genesis with a patch."""
    with Source(path) as source, path.with_suffix(".new").open("w+b") as target:
        source.rewrite(target, patch(source, wishes))
        target.seek(0)
        return target.read()


def merged(document: Any, wish: Any) -> Any:
    """What a deep merge in memory makes of a document: the reference."""
    if not (isinstance(document, dict) and document and isinstance(wish, Mapping)):
        return wish
    return {key: merged(value, wish[key]) if key in wish else value for key, value in document.items()}


@st.composite
def patches(draw: st.DrawFn, document: dict[str, Any]) -> dict[str, Any]:
    """A patch that names only what the document has."""
    keys = draw(st.lists(st.sampled_from(sorted(document)), unique=True)) if document else []
    result: dict[str, Any] = {}
    for key in keys:
        inner = document[key]
        result[key] = draw(patches(inner)) if isinstance(inner, dict) and inner and draw(st.booleans()) else None
        if result[key] is None:
            result[key] = draw(values.filter(lambda value: not isinstance(value, dict)))
    return result


@given(document=documents, style=styles, data=st.data())
def test_a_patch_is_the_merge_in_memory(document: dict[str, Any], style: str, data: st.DataObject) -> None:
    """For any document and patch the result is that of the reference, in the same order."""
    wish = data.draw(patches(document))
    with tempfile.TemporaryDirectory() as directory:
        result = json.loads(patched(write(Path(directory) / "g.json", document, style), *wish.items()))

    assert result == merged(document, wish)
    assert list(result) == list(document)


@given(document=documents, style=styles, data=st.data())
def test_all_other_bytes_stay(document: dict[str, Any], style: str, data: st.DataObject) -> None:
    """Before and behind a value that is replaced not one byte changes, whatever the style of the file is."""
    if not document:
        return
    key = data.draw(st.sampled_from(sorted(document)))
    with tempfile.TemporaryDirectory() as directory:
        path = write(Path(directory) / "g.json", document, style)
        before = path.read_bytes()
        after = patched(path, (key, "patched"))
        with Source(path) as source:
            span = source.members(source.root)[key]

    assert after == before[: span.start] + b'"patched"' + before[span.end :]


def test_a_written_value_looks_like_its_neighbours(tmp_path: Path) -> None:
    """A patch of an indented file is what the encoder would have written, had the value been there."""
    path = write(tmp_path / "g.json", GENESIS)
    wish = {"a": [1, {"b": []}]}
    expected = copy.deepcopy(GENESIS)
    expected["app_state"]["gov"]["params"]["empty"] = wish

    assert patched(path, ("app_state", {"gov": {"params": {"empty": wish}}})) == write(path, expected).read_bytes()


@pytest.mark.parametrize(
    ("wish", "place", "value"),
    [
        (("app_state.gov.params.voting_period", "20s"), ("gov", "params", "voting_period"), "20s"),
        (("app_state", {"gov.params": {"voting_period": "9s"}}), ("gov", "params", "voting_period"), "9s"),
        (("app_state.gov.x.y.z", 2), ("gov", "x.y", "z"), 2),
        (("app_state.list.1.a", 5), ("list", 1, "a"), 5),
        (("app_state.list", []), ("list",), []),
        (("app_state.gov.params.empty", {"k": 1}), ("gov", "params", "empty"), {"k": 1}),
        (("app_state.gov.params", {}), ("gov", "params", "voting_period"), "172800s"),
    ],
)
def test_dotted_paths_reach_names_and_numbers(tmp_path: Path, wish: tuple[str, Any], place: Any, value: Any) -> None:
    """A path leads through names and array elements; a name with a dot in it is found whole; an empty object merges."""
    found = json.loads(patched(write(tmp_path / "g.json", GENESIS), wish))["app_state"]
    for part in place:
        found = found[part]

    assert found == value


def test_a_name_that_is_there_as_it_is_written_wins(tmp_path: Path) -> None:
    """Where a name with a dot and a path would both fit, it is the name."""
    path = write(tmp_path / "g.json", {"a": {"b": 1}, "a.b": 2})

    assert json.loads(patched(path, ("a.b", 3))) == {"a": {"b": 1}, "a.b": 3}


def test_the_later_wish_wins(tmp_path: Path) -> None:
    """A preset gives way to the user's patch, also where that replaces what the preset is inside of."""
    path = write(tmp_path / "g.json", GENESIS)
    inner = ("app_state.gov.params.voting_period", "20s")

    assert b'"5s"' in patched(path, inner, ("app_state.gov.params", {"voting_period": "5s"}))
    assert json.loads(patched(path, inner, ("app_state.gov", 1)))["app_state"]["gov"] == 1


@pytest.mark.parametrize(
    ("wishes", "told"),
    [
        ([("app_state.gov.params.voting_perod", "2s")], r"no app_state\.gov\.params\.voting_perod; .*'voting_period'"),
        ([("app_state", {"gov": {"parms": 1}})], r"no app_state\.gov\.parms; did you mean 'params'"),
        ([("app_state.list.2.a", 1)], r"no app_state\.list\.2\.a"),
        ([("app_state.list.00", 1)], r"no app_state\.list\.00"),
        ([("app_state.list.99999999999999999999", 1)], r"no app_state\.list\.9999"),
        ([("app_state.list." + "9" * 5000, 1)], r"no app_state\.list\.9999"),
        ([("chain_id.x", 1)], r"no chain_id\.x; there is: nothing"),
        ([("app_state.gov", 1), ("app_state.gov.params.voting_period", "1s")], "is replaced, and .* as well"),
    ],
)
def test_a_path_that_is_not_there_is_refused(tmp_path: Path, wishes: list[tuple[str, Any]], told: str) -> None:
    """A misspelt parameter would pass silently and have no effect; it is an error that names path and cure."""
    with pytest.raises(BadInputError, match=f"GENESIS_PATCH: .*{told}"):
        patched(write(tmp_path / "g.json", GENESIS), *wishes)


TWINS: dict[str, Any] = {
    "chain_id": "c-1",
    "consensus": {"params": {"block": {"max_gas": "-1"}}},
    "app_state": {
        "consensus": None,
        "gov": {
            "voting_params": None,
            "tally_params": None,
            "other": None,
            "other_params": None,
            "params": {"voting_period": "1h", "quorum": "0.3"},
        },
        "own": None,
        "auth": {"params": {"a": 2}, "accounts": [{"pub_key": None, "address": "a"}]},
    },
}


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        (
            ("app_state.gov.voting_params", {"voting_period": "9s"}),
            r"gov\.voting_params is null.* write to app_state\.gov\.params",
        ),
        (
            ("app_state", {"gov": {"tally_params": {"quorum": "0.1", "veto_threshold": "0.3"}}}),
            r"write to app_state\.gov\.params",
        ),
        (("app_state.gov.voting_params.voting_period", "9s"), r"it is read from app_state\.gov\.params\.voting_period"),
        (
            ("app_state.consensus", {"params": {"block": {}}}),
            r"app_state\.consensus is null.* write to consensus\.params",
        ),
        (("app_state.gov.voting_params", {"voting_perod": "9s"}), r"is null.* write to app_state\.gov\.params$"),
        (("app_state.gov.tally_params", {"veto": "0.1"}), r"is null.* write to app_state\.gov\.params$"),
        (("app_state.gov.tally_params", {}), r"is null.* write to app_state\.gov\.params$"),
        (("app_state.gov.voting_params", ["9s"]), r"write to app_state\.gov\.params$"),
        (("app_state.gov.voting_params", "9s"), r"write to app_state\.gov\.params$"),
        (("app_state.gov.voting_params", False), r"write to app_state\.gov\.params$"),
        (("app_state.gov.voting_params.voting_perod", "9s"), r"params is null.* write to app_state\.gov\.params$"),
        (("app_state.consensus.params.block.max_gas", "5"), r"it is read from consensus\.params\.block\.max_gas$"),
        (("app_state.consensus.block.max_gas", "5"), r"it is read from consensus\.params\.block\.max_gas$"),
        (("app_state.consensus.params.blok", "5"), r"app_state\.consensus is null.* write to consensus\.params$"),
        (("app_state.consensus", []), r"app_state\.consensus is null.* write to consensus\.params$"),
        (("consensus_params", {"block": {"max_gas": "5"}}), r"no consensus_params; it is read from consensus\.params$"),
        (("consensus_params.block.max_gas", "5"), r"it is read from consensus\.params\.block\.max_gas"),
    ],
)
def test_a_place_that_nobody_reads_is_refused(tmp_path: Path, wish: tuple[str, Any], told: str) -> None:
    """What is written where an SDK reads no more has no effect; the place that it reads is named."""
    with pytest.raises(BadInputError, match=f"GENESIS_PATCH: .*{told}"):
        patched(write(tmp_path / "g.json", TWINS), wish)


def test_consensus_parameters_before_sdk_050_are_named_too(tmp_path: Path) -> None:
    """The other way round it is the old place that is read."""
    with pytest.raises(BadInputError, match=r"it is read from consensus_params\.block\.max_gas"):
        patched(
            write(tmp_path / "g.json", {"consensus_params": {"block": {}}}), ("consensus.params.block.max_gas", "5")
        )


@pytest.mark.parametrize(
    ("wish", "place"),
    [
        (("app_state.auth.accounts.0.pub_key", {"@type": "/a"}), ("auth", "accounts", 0, "pub_key")),
        (("app_state.gov.other", {"unknown": 1}), ("gov", "other")),
        (("app_state.gov.other", "text"), ("gov", "other")),
        (("app_state.own", {"params": {"a": 1}}), ("own",)),
        (("app_state.gov.other_params", {"unknown": 1}), ("gov", "other_params")),
        (("app_state.gov.tally_params", None), ("gov", "tally_params")),
    ],
)
def test_null_without_a_twin_may_become_anything(tmp_path: Path, wish: tuple[str, Any], place: Any) -> None:
    """What has no living counterpart beside it is there to be filled."""
    found = json.loads(patched(write(tmp_path / "g.json", TWINS), wish))["app_state"]
    for part in place:
        found = found[part]

    assert found == wish[1]


LAYOUTS: dict[str, dict[str, Any]] = {
    "before 0.47": {
        "consensus_params": {"evidence": {"max_age_duration": "172800000000000"}},
        "app_state": {
            "gov": {"deposit_params": {"max_deposit_period": "1h"}, "voting_params": {"voting_period": "1h"}},
            "staking": {"params": {"unbonding_time": "1814400s"}},
        },
    },
    "0.47": {
        "consensus_params": {"evidence": {"max_age_duration": "172800000000000"}},
        "app_state": {
            "gov": {"voting_params": None, "params": {"max_deposit_period": "1h", "voting_period": "1h"}},
            "staking": {"params": {"unbonding_time": "1814400s"}},
        },
    },
    "0.50": {
        "consensus": {"params": {"evidence": {"max_age_duration": "172800000000000"}}},
        "app_state": {
            "gov": {
                "params": {"max_deposit_period": "1h", "voting_period": "2h", "expedited_voting_period": "1h"},
            },
            "staking": {"params": {"unbonding_time": "1814400s"}},
        },
    },
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_presets_fit_each_layout(tmp_path: Path, layout: str) -> None:
    """Every period that a layout has is set, no other key appears, and expedited voting stays the shorter one."""
    path = write(tmp_path / "g.json", LAYOUTS[layout])
    with Source(path) as source:
        wishes = list(presets.wishes(source, presets.PRESETS))
    result = json.loads(patched(path, *wishes))
    flat, before = leaves(result), leaves(LAYOUTS[layout])

    assert flat.keys() == before.keys()
    assert not {"1h", "2h", "1814400s", "172800000000000"} & set(flat.values())
    if layout == "0.50":
        assert flat["app_state.gov.params.voting_period"] > flat["app_state.gov.params.expedited_voting_period"]


def leaves(document: Any, at: str = "") -> dict[str, Any]:
    """Dotted path -> value."""
    if not isinstance(document, dict):
        return {at: document}
    return {
        path: value
        for key, inner in document.items()
        for path, value in leaves(inner, f"{at}.{key}".lstrip(".")).items()
    }


@pytest.mark.parametrize(("name", "told"), [("fast", "there are fast-governance, "), ("fast-governance", "nothing of")])
def test_a_preset_that_is_none_or_has_no_effect_is_refused(tmp_path: Path, name: str, told: str) -> None:
    """Unknown names are answered with the known ones, and no preset is silently without effect."""
    with Source(write(tmp_path / "g.json", {"app_state": {}})) as source, pytest.raises(BadInputError, match=told):
        list(presets.wishes(source, [name]))
