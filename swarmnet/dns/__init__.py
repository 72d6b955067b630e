"""Names of endpoints, as DNS tells them: what is known, asked and answered.

Pure: who opens sockets hands in what came, and sends what is returned.
"""
