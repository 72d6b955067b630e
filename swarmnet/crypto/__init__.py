"""Who is who: identities, certificates, join tokens and the channels between peers.

A node is its key, and speaks for no other. Before a peer is authenticated every parser
here is total: any bytes give a counted drop. The room knows nothing of members or rows;
what it seals and what it opens are bytes.
"""
