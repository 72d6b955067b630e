"""Which links must be made, changed, or go.

A veth pair is there when both of its ends are, the inner one under its alias, or with
its MAC and no alias of ours; of anything less the rest is removed and the pair made
anew. What makes a VXLAN device cannot be changed
(linux/drivers/net/vxlan/vxlan_core.c, vxlan_changelink), so it is made anew too.
"""

from collections.abc import Iterable, Mapping
from re import compile as pattern
from typing import Final

from swarmnet.kernel.links import Kind, Link, is_ours
from swarmnet.kernel.operations import AddLink, ReleaseLink, RemoveLink, SetLink
from swarmnet.kernel.state import Host, Namespace
from swarmnet.kernel.work import Phase, Work

_LEFT_BEHIND: Final = pattern(r"[vg][0-9a-f]{12}\Z")
"""The names of the ports of our pairs, which have no alias yet when they are born."""
OUR_BRIDGE: Final = "swarmnet_gw"
"""The one link with a name of its own that we make among those of others."""
_FALLBACKS: Final = frozenset(
    {
        *("tunl0", "gre0", "gretap0", "erspan0", "ip_vti0"),
        *("ip6_vti0", "sit0", "ip6tnl0", "ip6gre0"),
    }
)
"""What a kernel makes in every namespace (fb_tunnels_only_for_init_net) and keeps."""
NOTHING: Final = Namespace()


def may_remove(link: Link, where: Namespace) -> bool:
    """Return whether a link was made by us, also by one of us that was cut short.

    In a namespace of our own others have no business: all is as if it were.
    """
    if is_ours(link):
        return True
    if link.kind is Kind.VETH and _LEFT_BEHIND.match(link.name):
        return True
    if link.kind is Kind.BRIDGE and link.name == OUR_BRIDGE:
        return True
    return where.is_owned and link.name not in _FALLBACKS


def is_like(link: Link, held: Link) -> bool:
    """Return whether a link is what it should be, as far as that matters."""
    return (
        (link.mac is None or link.mac == held.mac)
        and (link.port is None or link.port == held.port)
        and link.mtu == held.mtu
        and link.is_up == held.is_up
        and link.master == held.master
        and link.alias == held.alias
        and link.has_link_local == held.has_link_local
        and link.is_mute == held.is_mute
    )


def _is_inner(link: Link, held: Link) -> bool:
    """Return whether a link is the inner end of a pair, if the port stands."""
    return held.alias == link.alias or (not is_ours(held) and held.mac == link.mac)


class LinkDifference:
    """Compares the links of namespaces, and of pairs the ends in others too.

    `fresh` are the links, by (namespace, name), that are made anew: nothing stands on
    them.
    """

    __slots__ = (
        "_actual",
        "_desired",
        "_links",
        "_removed",
        "_seen",
        "_work",
        "fresh",
    )

    def __init__(self, work: Work, desired: Host, actual: Host) -> None:
        self._work = work
        self._desired = desired
        self._actual = actual
        self._links: dict[str, Mapping[str, Link]] = {}
        self._removed: dict[tuple[str, str], None] = {}
        self._seen: dict[tuple[str, str], None] = {}
        self.fresh: dict[tuple[str, str], None] = {}

    def compare(self, names: Iterable[str]) -> None:
        """Add what makes the links of some namespaces the desired ones."""
        for name in names:
            space = self._desired.namespaces.get(name, NOTHING)
            for link in space.links.values():
                if link.peer is None:
                    self._compare_single(name, link)
                elif link.master is not None:
                    self._compare_pair(name, link)
                else:
                    there = self._desired.namespaces[link.peer.namespace]
                    speaker = there.links[link.peer.name]
                    self._compare_pair(link.peer.namespace, speaker)
        for name in names:
            self._compare_rest(name, self._actual.namespaces.get(name, NOTHING))

    def _held(self, namespace: str) -> Mapping[str, Link]:
        links = self._links.get(namespace)
        if links is None:
            links = self._actual.namespaces.get(namespace, NOTHING).links
            self._links[namespace] = links
        return links

    def _compare_single(self, namespace: str, link: Link) -> None:
        held = self._held(namespace).get(link.name)
        if held is not None and held.kind is link.kind and held.vxlan == link.vxlan:
            self._change(namespace, link, held)
            return
        if held is not None:
            self._clear(namespace, link.name)
        is_bridge = link.kind is Kind.BRIDGE
        phase = Phase.BRIDGES if is_bridge else Phase.DEVICES
        self._work.add(phase, AddLink(namespace, link))
        self.fresh[namespace, link.name] = None

    def _compare_pair(self, namespace: str, link: Link) -> None:
        peer = link.peer
        assert peer is not None, "it has one"
        if (namespace, link.name) in self._seen:
            return
        self._seen[namespace, link.name] = None
        other = self._desired.namespaces[peer.namespace].links[peer.name]
        held = self._held(namespace).get(link.name)
        held_other = self._held(peer.namespace).get(peer.name)
        if held is not None and held_other is not None:
            is_pair = held.kind is held_other.kind is Kind.VETH
            if is_pair and _is_inner(other, held_other):
                self._change(namespace, link, held)
                self._change(peer.namespace, other, held_other)
                return
        if held is not None:
            self._clear(namespace, link.name)
        space = self._actual.namespaces.get(peer.namespace, NOTHING)
        if held_other is not None and may_remove(held_other, space):
            self._clear(peer.namespace, peer.name)
        self._work.add(Phase.PAIRS, AddLink(namespace, link, other))
        self.fresh[namespace, link.name] = None
        self.fresh[peer.namespace, peer.name] = None

    def _change(self, namespace: str, link: Link, held: Link) -> None:
        if not is_like(link, held):
            self._work.add(Phase.CHANGED, SetLink(namespace, link))

    def _clear(self, namespace: str, name: str) -> None:
        self._removed[namespace, name] = None
        self._work.add(Phase.CLEARED, RemoveLink(namespace, name))

    def _compare_rest(self, namespace: str, space: Namespace) -> None:
        """Remove our links that nobody wants; take strangers out of our bridges."""
        desired = self._desired.namespaces.get(namespace, NOTHING).links
        for name, link in space.links.items():
            if name in desired or (namespace, name) in self._removed:
                continue
            goes = may_remove(link, space)
            # Some, such as those of hardware, no kernel deletes.
            may_stay = not goes or link.kind is Kind.OTHER
            if may_stay and link.master is not None and link.master in desired:
                self._work.add(Phase.RELEASED, ReleaseLink(namespace, name))
            if goes:
                self._work.add(Phase.LINKS_GONE, RemoveLink(namespace, name))
