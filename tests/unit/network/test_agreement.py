from exposer.network.agreement import Holder, splits


def test_pods_that_hold_one_genesis_agree() -> None:
    """Equal digests are no split, nor are chains with one each; a pod that says nothing decides nothing."""
    assert not splits(
        [Holder("a-1", "a", "x"), Holder("a-1", "b", "x"), Holder("a-1", "c", None), Holder("b-1", "d", "y")]
    )


def test_a_split_names_both_digests_their_pods_and_the_cure() -> None:
    """The genesis that most pods hold is to be kept, whichever pod is asked first; each pod hears of the others'."""
    (split,) = splits([Holder("a-1", "g-0", "x" * 64), Holder("a-1", "v-0", "y" * 64), Holder("a-1", "v-1", "y" * 64)])

    assert list(split.holders.items()) == [("y" * 64, ("v-0", "v-1")), ("x" * 64, ("g-0",))]
    assert f"{'y' * 64} in v-0, v-1; {'x' * 64} in g-0" in str(split)
    assert "keep the genesis that most pods hold: restore the volume of g-0 from a backup, or delete it" in str(split)
    assert split.of("g-0") == "another genesis than other pods: xxxxxxxx here, yyyyyyyy in v-0, v-1"
    assert split.of("v-2") == ""
    assert split.to_json()["genesis_sha256"] == split.holders


def test_no_pod_is_called_the_stray_one_where_nobody_can_tell() -> None:
    """One against one: the cure says whose volume to keep, and names no pod to delete."""
    (split,) = splits([Holder("a-1", "g-0", "x"), Holder("a-1", "v-0", "y")])

    assert "keep the genesis of the pods whose volumes were not lost" in str(split)
    assert "--force" not in str(split)
