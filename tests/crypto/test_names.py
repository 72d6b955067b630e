"""Whose name a joiner may have: that of a node which has left or died."""

from swarmnet.crypto.certificate import Chain
from swarmnet.crypto.token import Refusal
from tests.crypto.test_authority import Cluster, admit


def test_the_name_of_who_lives_is_in_use() -> None:
    cluster = Cluster()
    assert isinstance(admit(cluster, cluster.identity()), Chain)
    assert admit(cluster, cluster.identity()) is Refusal.NAME_IN_USE


def test_the_name_of_who_has_left_or_died_is_free() -> None:
    cluster = Cluster()
    first = admit(cluster, cluster.identity())
    assert isinstance(first, Chain)
    cluster.authority.is_living = lambda node: node != first.certificate.node
    assert isinstance(admit(cluster, cluster.identity()), Chain)
