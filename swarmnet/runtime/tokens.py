"""The join tokens of a cluster, as this node knows them."""

from swarmnet.crypto.certificate import Role
from swarmnet.crypto.token import SECRET_BYTES, Token, TokenBook, Verifier
from swarmnet.errors import Refused
from swarmnet.runtime.standing import Standing


def first_book(standing: Standing) -> TokenBook:
    """Return a book that knows the secrets that this node has made."""
    nothing = bytes(SECRET_BYTES)
    return TokenBook(
        *(
            Verifier.of(role, standing.secrets.get(role, nothing))
            for role in (Role.WORKER, Role.MANAGER)
        )
    )


def token_of(standing: Standing, role: Role) -> Token:
    """Return a token that this node has made.

    Raises:
        Refused: another has made it.
    """
    secret = standing.secrets.get(role)
    name = role.name.lower()
    if secret is None:
        raise Refused(
            f"join token for {name}s: not made on this node: ask the manager that made"
            f" it, or make a new one: swarmnet join-token {name} --rotate"
        )
    return Token(standing.roots[-1].digest, secret)
