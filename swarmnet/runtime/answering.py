"""What a member is told that asks us something."""

from collections.abc import Mapping

from swarmnet.errors import Refused
from swarmnet.ids import NodeId, Scope
from swarmnet.runtime.doctor.answers import QUESTIONS, answer_probe
from swarmnet.runtime.explaining import Explaining
from swarmnet.runtime.life import Life
from swarmnet.runtime.views import Views


async def answer_member(
    life: Life, peer: NodeId, question: Mapping[str, object]
) -> object:
    """Return the answer to a question as `inquiring` has them.

    Raises:
        Refused: it cannot be answered here.
    """
    match question:
        case {"ask": "network", "network": str(text)}:
            views = Views(life)
            known = views.find_network(text)
            if not views.is_attached(known.id):
                raise Refused(f"network {text[:60]}: this node takes no part in it")
            return views.network_whole(known)
        case {"ask": "explain", "what": str(what), "network": str(text)}:
            return await Explaining(life).explain_inside(what, Scope(_id(text)))
        case {"ask": str(ask)} if ask in QUESTIONS:
            return await answer_probe(life, peer, question)
        case _:
            raise Refused("a question that this version does not know: update it")


def _id(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise Refused(f"network {text[:60]}: no id") from None
