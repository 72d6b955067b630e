"""What the doctor says of the agent is what the agent does."""

from swarmnet.doctor import firewall, storage
from swarmnet.kernel.firewall import OURS
from swarmnet.runtime import store


def test_the_doctor_means_the_same_table_and_the_same_room() -> None:
    assert firewall.OURS == OURS
    assert storage.FREE_BYTES_MIN == store.FREE_BYTES_MIN
