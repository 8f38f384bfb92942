"""The parts of ../holdfast_client.py. Section numbers in comments are those of doc/protocol.md."""
