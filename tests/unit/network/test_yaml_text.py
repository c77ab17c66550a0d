import io

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from sample import examples

from exposer.network.yaml_text import to_yaml

SCALARS = st.none() | st.booleans() | st.integers() | st.text()
DATA = st.dictionaries(
    st.text(),
    st.recursive(
        SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=8
    ),
    max_size=4,
)
TRAPS = [
    "yes",
    "No",
    "on",
    "~",
    "null",
    "1e3",
    "0x1f",
    "0o14",
    "012",
    "1_000",
    "12:30",
    "2001-01-01",
    ".5",
    "=",
    "<<",
    "",
    "a: b",
]


@settings(deadline=None, max_examples=examples(60, 2000))
@given(st.lists(DATA, min_size=1, max_size=3))
def test_both_versions_read_what_was_written(documents: list[dict[str, object]]) -> None:
    """YAML 1.1, as kubectl and PyYAML read it, and YAML 1.2 give the very documents back."""
    text = to_yaml(*documents)

    assert list(yaml.safe_load_all(text)) == documents
    assert list(YAML(typ="safe", pure=True).load_all(io.BytesIO(text))) == documents


def test_words_that_are_no_text_to_some_are_quoted() -> None:
    """Booleans, numbers, times and nothing of either version stay text, also in one that nobody tested."""
    lines = to_yaml({"values": TRAPS}).decode().splitlines()[1:]

    assert lines == [f'  - "{trap}"' for trap in TRAPS]


def test_text_of_several_lines_is_shown_as_lines() -> None:
    """A script or a JSON document can be read where it stands; what a reader would not see is quoted."""
    assert to_yaml({"a": "one\n  two\n"}) == b"a: |\n  one\n    two\n"
    assert to_yaml({"a": "one \ntwo\n"}) == b'a: "one \\ntwo\\n"\n'
